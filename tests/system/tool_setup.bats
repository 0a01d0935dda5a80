#!/usr/bin/env bats
# cubby init, migrate, check and config; and the command line as a whole.

load tool

setup() {
    note_test_alone
    home=$BATS_TEST_TMPDIR/home
    conf=$BATS_TEST_TMPDIR/cubby.conf
    database=$home/cubby.db
    keys=$home/keys.json
    settings
    export CUBBY_CONF=$conf
}

mode() { stat -c %a "$1"; }

sum() { sha256sum "$database" "$keys"; }

# found TEXT REMEDY: check fails, and one of its lines has both.
found() {
    tool 1 check
    grep -F -- "$1" <<<"$stderr" | grep -qF -- "$2" || fail "no line says \"$1\" and \"$2\": $stderr"
    tool 1 check --json
    same "$(of .ok)" false
    [ "$(of '.problems | length')" -ge 1 ] || fail 'no problems'
}

# found_alone TEXT REMEDY: and nothing else is found.
found_alone() {
    found "$1" "$2"
    same "$(of '.problems | length')" 1
}

# ---- init

@test "init: makes directory, database and keys for their owner alone, whatever the umask" {
    for mask in 000 022 077; do
        rm -rf "$home"
        (umask "$mask" && "$TOOL" init >"$BATS_TEST_TMPDIR/said")
        same "$(mode "$home") $(mode "$database") $(mode "$keys")" '700 600 600'
        same "$(find "$home" -type f | wc -l)" 2
        same "$(grep -c '^made ' "$BATS_TEST_TMPDIR/said")" 3
    done
    tool 0 check
    same "${output##*$'\n'}" 'all in order'
    # 32 random bytes, another key each time.
    same "$(jq -r '.keys | length' "$keys")" 1
    same "$(jq -r '.keys[0] | .kty + " " + .alg' "$keys")" 'oct HS256'
    same "$(jq -j '.keys[0].k' "$keys" | wc -c)" 43
    first=$(jq -r '.keys[0].k + .keys[0].kid' "$keys")
    rm -rf "$home"
    tool 0 init
    [ "$first" != "$(jq -r '.keys[0].k + .keys[0].kid' "$keys")" ] || fail 'the same key again'
    case $output in *"$(jq -r '.keys[0].k' "$keys")"*) fail 'shows the key' ;; esac
}

@test "init: there is no account, so that no name and password lets anybody in" {
    tool 0 init
    same "$(sqlite3 "$database" 'SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM tokens)')" '0|0'
    for name in admin root cubby test; do
        for word in "$name" admin password Password1!; do
            cgi token POST '' "{\"username\":\"$name\",\"password\":\"$word\"}"
            same "$name $word $code" "$name $word 401"
        done
    done
}

@test "init: a second time keeps everything as it is" {
    tool 0 init
    new_user ann
    before=$(sum)
    tool 0 init
    same "$(grep -c '^kept ' <<<"$output")" 2
    same "$(sum)" "$before"
    # Only what is missing is made.
    rm "$keys"
    tool 0 init
    same "$(grep '^made ' <<<"$output")" "made   $keys"
    login ann
    same "$code" 200
}

@test "init: goes on where an earlier one was interrupted" {
    # What it leaves behind at each point: a directory, an empty database, a draft of the keys.
    mkdir -m 700 "$home"
    : >"$database"
    chmod 600 "$database"
    echo '{"keys":[{"k":"half' >"$keys.new-1"
    tool 0 init
    tool 0 check
    new_user ann
    same "$code" 200
}

@test "init: goes on where one was killed while it wrote the database" {
    mkdir -m 700 "$home"
    : >"$database"
    # More than fits into its cache goes into the file before the commit.
    sqlite3 "$database" 'PRAGMA cache_size = 1' BEGIN 'CREATE TABLE half (a)' \
        'WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO half SELECT randomblob(3000) FROM n' \
        '.shell kill -9 $PPID' >/dev/null 2>&1 || true
    chmod 600 "$database"*
    [ -s "$database" ]
    [ -s "$database-journal" ]
    tool 0 init
    case $output in *"made   $database"*) ;; *) fail 'not made' ;; esac
    tool 0 check
    [ ! -e "$database-journal" ] || fail 'the journal stays'
}

@test "init: killed where it gives directory and files to their owner, the next one gives them" {
    owner=$(is_root && echo 4242 || id -u):$(is_root && echo 4243 || id -g)
    for call in '?fchown,?fchownat:signal=KILL:when=1' 'fsync:signal=KILL:when=1' 'fsync:signal=KILL:when=2' '?open,openat:signal=KILL:when=8' \
        '?rename,?renameat,?renameat2:signal=KILL:when=1' '?link,?linkat:signal=KILL:when=1'; do
        rm -rf "$home"*
        strace -f -qq -o /dev/null -e "inject=$call" "$TOOL" init --owner "$owner" >/dev/null 2>&1 || true
        [ ! -s "$keys" ] || fail "$call: it was not killed"
        tool 0 init --owner "$owner"
        same "$(stat -c '%u:%g' "$home" "$database" "$keys" | sort -u)" "$owner"
        same "$(mode "$home") $(mode "$database") $(mode "$keys")" '700 600 600'
        tool 0 migrate
    done
    # An empty file with a second name may be another's: it is left alone.
    rm -rf "$home"*
    mkdir -m 700 "$home"
    : >"$BATS_TEST_TMPDIR/anothers"
    ln "$BATS_TEST_TMPDIR/anothers" "$database"
    run "$TOOL" init --owner "$(id -u):$(is_root && echo 4243 || id -g)"
    same "$(stat -c %u:%g "$BATS_TEST_TMPDIR/anothers")" "$(id -u):$(id -g)"
}

@test "init: killed at any moment, the next one makes it whole" {
    for delay in 0.000 0.001 0.002 0.003 0.004 0.006 0.008 0.012; do
        rm -rf "$home"
        timeout -s KILL "$delay" "$TOOL" init >/dev/null 2>&1 || true
        # Never half a key file or a database of half the tables.
        [ ! -e "$keys" ] || jq -e '.keys[0].k' "$keys" >/dev/null
        tool 0 init
        tool 0 check
    done
}

@test "init: eight at once make one installation" {
    for i in 1 2 3 4 5 6 7 8; do
        "$TOOL" init >"$BATS_TEST_TMPDIR/said.$i" 2>&1 &
        began
    done
    wait_all
    tool 0 init
    tool 0 check
    same "$(jq '.keys | length' "$keys")" 1
    new_user ann
    same "$code" 200
}

@test "init --owner: what is made belongs to the user, also by number and with a group" {
    if is_root; then
        for owner in nobody 65534:65534 nobody:www-data; do
            rm -rf "$home"
            tool 0 init --owner "$owner"
            case $owner in *www-data) group=www-data ;; *) group=nogroup ;; esac
            same "$(stat -c %U:%G "$home" "$database" "$keys" | sort -u)" "nobody:$group"
        done
        rm -rf "$home"
        tool 0 init
        case $output in *'made as root'*) ;; *) fail 'no word of root' ;; esac
    else
        tool 0 init --owner "$(id -un)"
        same "$(stat -c %U "$database")" "$(id -un)"
        rm -rf "$home"
        tool 1 init --owner root
    fi
    rm -rf "$home"
    tool 1 init --owner no-such-user
    said 'there is no user no-such-user'
    tool 1 init --owner "$(id -un):no-such-group"
    said 'there is no group no-such-group'
    [ ! -e "$home" ] || fail 'made something'
}

@test "init --owner: in a folder of root's, where the owner could not write to the database, nothing is made" {
    is_root || return 0
    local owner content
    # Made by hand, as a new volume of a container, a new file system, and with the keys of another machine.
    for content in '' lost+found keys.json; do
        rm -rf "$home"
        mkdir -m 755 "$home"
        [ -z "$content" ] || echo '{}' >"$home/$content"
        for owner in nobody www-data:nogroup 4242; do
            tool 1 init --owner "$owner"
            said "$home belongs to root"
            said "chown $owner $home, then run this again"
            tool 1 init --owner "$owner" --json
            same "$(ls -A "$home")" "$content"
        done
    done
    # What it says to do is what helps.
    rm "$keys"
    eval "$(grep -o 'chown [^,]*' <<<"$stderr")"
    tool 0 init --owner 4242
    same "$(stat -c %u "$home" "$database" "$keys" | sort -u)" 4242
    tool 0 gc
    # The folder that counts is the one in which SQLite makes its journal, and one of many files is nobody's to give away.
    mv "$home" "$home.there"
    mkdir -m 755 "$home" "$home.linked"
    ln -s "$home.linked/real.db" "$database"
    tool 1 init --owner nobody
    said "$database: a symbolic link to $home.linked/real.db, where nothing is"
    : >"$home.linked/real.db"
    tool 1 init --owner nobody
    said "chown nobody $home.linked, then"
    : >"$home.linked/another"
    tool 1 init --owner nobody
    said "$home.linked belongs to root"
    said 'it holds other files: name a folder that is the database'
    same "$(ls -A "$home" "$home.linked" | tr '\n' ' ')" "$home: cubby.db  $home.linked: another real.db "
    # An installation that is there stays as it is, and is told by check.
    rm -r "$home"
    mv "$home.there" "$home"
    chown root "$home"
    chmod 755 "$home"
    tool 0 init --owner 4242
    same "$output" "kept   $database
kept   $keys"
    # Root's programs may have a folder of root's, and keys may lie in one.
    rm -r "$home"
    mkdir -m 700 "$home"
    tool 0 init --owner root
    rm -r "$home"
    mkdir -m 755 "$home" "$home/keys"
    install -d -m 700 -o nobody "$home/data"
    database=$home/data/cubby.db keys=$home/keys/keys.json
    settings
    tool 0 init --owner nobody
    tool 0 gc
}

@test "init: says what is in the way, and leaves it" {
    echo file >"$home"
    tool 1 init
    said "$home: "
    same "$(cat "$home")" file
    rm "$home"
    mkdir -p "$database"
    tool 1 init
    said "$database"
    rm -rf "$home"
    # A text is no database: it stays, and check tells it.
    mkdir -m 700 "$home"
    echo 'no database at all, but somebody may want it' >"$database"
    chmod 600 "$database"
    tool 0 init
    same "$(cat "$database")" 'no database at all, but somebody may want it'
    found "$database: " 'restore a backup'
}

# ---- migrate

@test "migrate: up to date is nothing to do, and a missing database is told" {
    tool 1 migrate
    said 'cubby init'
    [ ! -e "$home" ] || fail 'made something'
    tool 0 init
    before=$(sum)
    tool 0 migrate
    case $output in *'nothing to do'*) ;; *) fail 'no word' ;; esac
    same "$(sum)" "$before"
}

@test "migrate: a newer schema is refused, by the programs too, and nothing is changed" {
    tool 0 init
    new_user ann
    query 'PRAGMA user_version = 99'
    before=$(sum)
    tool 1 migrate
    said 'schema 99'
    said 'install the newer version'
    found_alone 'schema 99' 'install the newer version'
    store k 1
    same "$code" 500
    cgi health GET
    same "$code" 503
    same "$(sum)" "$before"
}

@test "migrate: a migration that fails leaves the database as it was" {
    tool 0 init
    # The number of the first schema on the tables of the last.
    query 'PRAGMA user_version = 1'
    before=$(query .dump)
    found_alone 'schema 1' 'cubby migrate'
    tool 1 migrate
    same "$(query .dump)" "$before"
    same "$(query 'PRAGMA user_version')" 1
}

# ---- check

@test "check: says of missing files that init makes them" {
    found "$database: " 'cubby init'
    found "$keys: " 'cubby init'
}

@test "check: modes of the files and of their directory" {
    tool 0 init
    chmod 644 "$keys"
    found_alone "$keys: " "chmod 600 $keys"
    chmod 600 "$keys"
    chmod 660 "$database"
    found_alone "$database: " "chmod 600 $database"
    chmod 600 "$database"
    chmod 777 "$home"
    found "$home: " "chmod go-w $home"
    chmod 700 "$home"
    # What it says, mends it.
    tool 0 check
}

@test "check: others who may change the settings" {
    tool 0 init
    # root, whom they could lead anywhere, obeys them no more, and looks at nothing else
    mode_found() {
        if is_root; then
            found "$@"
            same "$(of '.problems | length')" 2
            same "$(of '.problems[1].problem | contains("could lead root")')" true
        else
            found_alone "$@"
        fi
    }
    chmod 666 "$conf"
    mode_found "$conf: others than its owner may change the settings (mode 666)" "chmod go-w $conf"
    chmod 644 "$conf"
    tool 0 check
    mkdir "$BATS_TEST_TMPDIR/etc"
    cp "$conf" "$BATS_TEST_TMPDIR/etc/cubby.conf"
    CUBBY_CONF=$BATS_TEST_TMPDIR/etc/cubby.conf
    chmod 777 "$BATS_TEST_TMPDIR/etc"
    mode_found "$BATS_TEST_TMPDIR/etc: others than its owner" "chmod go-w $BATS_TEST_TMPDIR/etc"
    chmod 1777 "$BATS_TEST_TMPDIR/etc"
    tool 0 check
    chmod 755 "$BATS_TEST_TMPDIR/etc"
    if is_root; then
        # a group that has others in it
        chgrp www-data "$CUBBY_CONF"
        chmod 660 "$CUBBY_CONF"
        mode_found "$CUBBY_CONF: others than its owner" 'chmod go-w'
        # a file system that takes no writes, and a container's volume, are changed by nobody whatever the mode says; a
        # mount that lets no writes through for this process alone is
        chmod 777 "$BATS_TEST_TMPDIR/etc"
        mkdir "$BATS_TEST_TMPDIR/memory"
        # shellcheck disable=SC2016 # of the inner shell
        run --separate-stderr unshare --mount --pid --fork --mount-proc sh -ec 'result() { echo "$?"; }
            mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && "$3" check || result; umount "$1"
            mount -t tmpfs tmpfs "$2" && mkdir -m 777 "$2/etc" && cp -p "$1/cubby.conf" "$2/etc" && mount --bind "$2/etc" "$1" && umount "$2"
            "$3" check || result
            mount -o remount,ro,bind "$1" && "$3" check && result
            mount -o remount,ro "$1" && "$3" check && result' sh "$BATS_TEST_TMPDIR/etc" "$BATS_TEST_TMPDIR/memory" "$TOOL"
        same "$(grep -x '[01]' <<<"$output" | tr '\n' ' ')" '1 1 0 0 '
        tool 1 check
    fi
}

@test "settings that lead to one file are refused before one of them is written" {
    tool 0 init
    new_user ann
    before=$(sum)
    ln -s keys.json "$home/link"
    for log in "$keys" "$home/./keys.json" "$home/link" "$database" "$database-journal" "$home/../home/cubby.db-hashes" "$conf"; do
        settings "log = $log"
        same_conf=$(cat "$conf")
        for words in check 'key list' init 'check --json'; do
            # shellcheck disable=SC2086 # words
            tool 1 $words
            said "$conf: "
        done
        tool 1 doctor http://127.0.0.1:1
        case $stderr in *'lead to the same file'* | *'is a file that is made beside'*) ;; *) fail "$log" ;; esac
        login ann 'Wrong1-pass'
        same "$code" 500
        same "$(sum)" "$before"
        same "$(cat "$conf")" "$same_conf"
        grep -qF "log " "$BATS_TEST_TMPDIR/log"
        [ ! -e "$database-journal" ]
        [ ! -s "$database-hashes" ]
    done
    grep -q "lead to the same file, $keys" "$BATS_TEST_TMPDIR/log"
    settings
    login ann
    same "$code" 200
}

@test "check: a log that can't be written" {
    tool 0 init
    mkdir "$home/folder"
    mkfifo "$home/pipe"
    for log in "$home/folder" "$home/pipe" "$home/none/log" "$keys/log"; do
        settings "log = $log"
        found_alone "$log: the log can't be written" 'set log to a file'
    done
    for log in "$home/log" /dev/null; do
        settings "log = $log"
        tool 0 check
    done
    [ ! -e "$home/log" ] || fail 'the check has made the log'
}

@test "check: database, key file and settings that may be executed" {
    tool 0 init
    for file in "$database" "$keys"; do
        chmod 700 "$file"
        found_alone "$file: it may be executed, which nobody needs (mode 700)" "chmod 600 $file"
        chmod 710 "$file"
        found_alone "$file: others than its owner may use it (mode 710)" "chmod 600 $file"
        chmod 600 "$file"
    done
    for mode in 744 654 645; do
        chmod "$mode" "$conf"
        tool 0 check
        said "warning: $conf: it may be executed, which nobody needs (mode $mode); chmod a-x $conf"
    done
    chmod 644 "$conf"
    tool 0 check
    case $stderr in *executed*) fail "$stderr" ;; esac
}

@test "check: owners that differ, and an owner who cannot reach the files" {
    tool 0 init
    if is_root; then
        chown nobody "$keys"
        found "$keys: belongs to another user than $database" 'chown'
        chown nobody "$database" "$home"
        tool 0 check
        # What root's programs made beside it keeps others from logging in or exporting.
        for companion in -journal -hashes -transfers; do
            : >"$database$companion"
            found_alone "$database$companion: belongs to another user than $database" 'chown it'
            rm "$database$companion"
        done
        # A folder that was there before, and stayed root's.
        chown root "$home"
        chmod 755 "$home"
        found "$home: the owner of $database may not write here" 'chown it'
        chown nobody "$home"
        chmod 700 "$home"
        chmod 711 "$BATS_TEST_TMPDIR"
        mkdir -m 700 "$BATS_TEST_TMPDIR/closed"
        mv "$home" "$BATS_TEST_TMPDIR/closed/home"
        home=$BATS_TEST_TMPDIR/closed/home
        database=$home/cubby.db
        keys=$home/keys.json
        settings
        found "$database: its owner may not enter the directories above it" 'chmod a+x'
    else
        chmod 000 "$home"
        found "$database: " ''
        chmod 700 "$home"
    fi
    # No regular file
    rm -f "$keys"
    mkdir "$keys"
    found "$keys: not a regular file" ''
}

# weak KEYS-JSON: a key file that check finds fault with; the programs let nobody in.
weak() {
    printf '%s' "$1" >"$keys"
    found_alone "$keys: " 'cubby init'
    case $stderr in *AAAA*) fail 'shows a key' ;; esac
    login ann
    same "$code" 500
}

@test "check: keys that are short, of another kind, doubled, none, or no JSON" {
    tool 0 init
    new_user ann
    good=$(cat "$keys")
    key=$(jq -c '.keys[0]' "$keys")
    weak "$(jq -c '.keys[0].k = "AAAA"' <<<"$good")"
    weak "$(jq -c '.keys[0].k = ("A" * 42)' <<<"$good")" # 31 bytes
    weak "$(jq -c '.keys[0].k = ""' <<<"$good")"
    weak "$(jq -c 'del(.keys[0].k)' <<<"$good")"
    weak "$(jq -c '.keys[0].kty = "RSA"' <<<"$good")"
    weak "$(jq -c '.keys[0].alg = "HS512"' <<<"$good")"
    weak '{"keys":[]}'
    weak '{}'
    weak ''
    weak "${good%?????}"
    # A bad second key is told with its number.
    printf '%s' "{\"keys\":[$key,{\"kty\":\"oct\",\"kid\":\"b\",\"k\":\"AAAA\"}]}" >"$keys"
    found_alone 'key 2' 'cubby init'
    printf '%s' "$good" >"$keys"
    tool 0 check
}

@test "check: a database that is cut, scribbled over, or of another making" {
    tool 0 init
    new_user ann
    for i in 1 2 3 4 5 6 7 8; do
        store "k$i" "\"$(printf 'v%.0s' $(seq 3000))\""
    done
    cp "$database" "$BATS_TEST_TMPDIR/good"
    truncate -s 20000 "$database"
    found "$database: " 'restore a backup'
    cp "$BATS_TEST_TMPDIR/good" "$database"
    dd if=/dev/urandom of="$database" bs=4096 seek=3 count=3 conv=notrunc status=none
    found "$database: " 'restore a backup'
    printf 'this is no database, whatever its name says' >"$database"
    found "$database: " 'restore a backup'
    cp "$BATS_TEST_TMPDIR/good" "$database"
    query 'DROP TABLE items'
    found "$database: " 'restore a backup'
    cp "$BATS_TEST_TMPDIR/good" "$database"
    query 'INSERT INTO items SELECT 999, key, version, size, created_at, updated_at, expires_at, value FROM items LIMIT 1'
    found "$database: " 'cubby gc --recount'
    cp "$BATS_TEST_TMPDIR/good" "$database"
    chmod 600 "$database"
    tool 0 check
}

@test "check: a journal other than the settings say, and migrate mends it" {
    tool 0 init
    new_user ann
    tool 0 check
    query 'PRAGMA journal_mode = wal' >/dev/null
    found "$database: its journal is wal, the settings say rollback" 'cubby migrate'
    tool 0 migrate
    tool 0 check
    echo 'journal = wal' >>"$conf"
    found_alone 'its journal is rollback, the settings say wal' 'cubby migrate'
    # What it names as the other way.
    found_alone 'its journal is rollback, the settings say wal' 'journal = rollback'
    tool 0 migrate
    same "$(query 'PRAGMA journal_mode')" wal
    tool 0 check
    store k 1
    tool 0 check
}

# ---- settings

@test "config: without a file the defaults hold, and they are those of the sample" {
    sample=$root/common/settings/cubby.conf.sample
    : >"$conf"
    tool 0 config
    # In the sample the state directory is a mark that installing fills.
    state=$(sed -n 's|^database = \(.*\)/cubby\.db$|\1|p' <<<"$output")
    diff <(sort <<<"$output") <(sed -n 's/^#\([a-z_]* =\)/\1/p' "$sample" | sed "s|@STATEDIR@|$state|" | sort)
    # Uncommented as it is, it is a file that may be used.
    sed -e 's/^#\([a-z_]* =\)/\1/' -e "s|@STATEDIR@|$state|" "$sample" >"$conf"
    before=$output
    tool 0 config
    same "$output" "$before"
    # Each setting, or group of them, has its words above it.
    awk '/^$/ { told = 0 } /^#[a-z_]* =/ && !told { print; bad = 1 } /^# / { told = 1 } END { exit bad }' "$sample"
    # What config prints is a file of settings again.
    echo 'token_lifetime = 5' >"$conf"
    tool 0 config
    printf '%s\n' "$output" >"$conf"
    before=$output
    tool 0 config
    same "$output" "$before"
    tool 0 config --json
    same "$(of '.token_lifetime')" 5
}

@test "config: blanks, comments, empty lines and ends of line of other systems are no trouble" {
    printf '\n  # comment\r\n\ttoken_lifetime=7\r\n   body_timeout   =   9   \n\n#x\nlog =' >"$conf"
    tool 0 config
    case $output in *'token_lifetime = 7'*) ;; *) fail 'not taken' ;; esac
    case $output in *'body_timeout = 9'*) ;; *) fail 'not taken' ;; esac
}

# bad LINE WORDS: refused with file and line, by the tool and by every program (in its log).
bad() {
    printf '# one\n\n%s\n' "$1" >"$conf"
    tool 1 config
    said "$conf:3: "
    said "$2"
}

@test "config: unknown names, bad values and bad lines are refused with file and line" {
    bad 'databse = /x' 'unknown setting "databse"'
    bad 'DATABASE = /x' 'unknown setting'
    bad '= 5' 'unknown setting'
    bad 'token_lifetime' 'not of the form name = value'
    bad 'database = relative/path' 'must be an absolute path'
    bad 'database =' 'must be an absolute path'
    bad 'password_method = md5' 'must be one of'
    # Of each number: no number, none, below, above, far above.
    while read -r name; do
        for value in '' x 1.5 -1 0x10 '1 2' 9999999999999999 99999999999999999999999999; do
            bad "$name = $value" "$name must be a whole number from"
        done
    done < <(CUBBY_CONF=/dev/null "$TOOL" config | sed -n 's/^\([a-z_]*\) = [0-9]*$/\1/p')
    printf 'token_lifetime = 1\ntoken_lifetime = 2\n' >"$conf"
    tool 1 config
    said "$conf:2: token_lifetime is set twice"
    printf 'max_body_bytes = 2000\nmax_value_bytes = 3000\n' >"$conf"
    tool 1 config
    said 'max_body_bytes must not be below max_value_bytes'
    printf 'password_method = bcrypt\npassword_cost = 30\n' >"$conf"
    tool 1 config
    said 'password_cost'
}

@test "config: a bad file stops every program with 500, and the cause is in the log alone" {
    echo 'databse = /x' >"$conf"
    for program in "$PROGRAMS"/*; do
        name=${program##*/}
        run --separate-stderr env -i CUBBY_CONF="$conf" REQUEST_METHOD=GET "$program"
        case $output in
        *databse*) fail "$name shows the cause" ;;
        esac
        # A GET may be refused before settings are read; whatever needs them is 500 or 503.
        case $output in
        'Status: 405 '*) ;;
        'Status: 500 '* | 'Status: 503 '*) said "$conf:1: unknown setting \"databse\"" ;;
        *) fail "$name: $output" ;;
        esac
    done
}

@test "config: CUBBY_CONF and -c name the file, -c counts more, and one that is missing is told" {
    echo 'token_lifetime = 11' >"$conf"
    echo 'token_lifetime = 12' >"$conf.other"
    tool 0 config
    case $output in *'token_lifetime = 11'*) ;; *) fail 'CUBBY_CONF' ;; esac
    tool 0 -c "$conf.other" config
    case $output in *'token_lifetime = 12'*) ;; *) fail '-c' ;; esac
    tool 1 -c "$conf.none" config
    said "$conf.none: "
    CUBBY_CONF=$conf.none tool 1 check
    said "$conf.none: "
    if ! is_root; then
        chmod 000 "$conf"
        tool 1 config
        said "$conf: "
    fi
}

@test "config: CUBBY_CONF counts for the programs, and nothing a client sends does" {
    tool 0 init
    settings 'token_lifetime = 123'
    new_user ann
    same "$(jq .data.expires_in <<<"$body")" 123
    run env -i REQUEST_METHOD=GET HTTP_CUBBY_CONF="$conf" QUERY_STRING="CUBBY_CONF=$conf" "$PROGRAMS/health"
    case $output in *'"database":"ok"'*) [ -e /usr/local/etc/cubby/cubby.conf ] || fail 'a header became a setting' ;; esac
}

# ---- the command line

@test "usage: help for the whole and for each command, on standard output" {
    for words in --help -h; do
        tool 0 $words
        same "$stderr" ''
        for name in init migrate check config; do
            grep -q "^  $name " <<<"$output" || fail "no word of $name"
        done
    done
    tool 0 --version
    [[ $output =~ ^cubby\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail 'no version'
    # Every command that is listed has help of its own, and needs no settings for it.
    while read -r name; do
        CUBBY_CONF=/nowhere tool 0 $name --help
        case $output in "usage: cubby [-c CONF] $name"*) ;; *) fail "help of $name" ;; esac
    done < <("$TOOL" --help | sed -nE 's/^  ([a-z]+( [a-z]+)?)  .*/\1/p')
}

@test "usage: wrong words are told, with status 2, and nothing is done" {
    tool 2
    tool 2 nonsense
    said nonsense
    for words in 'init more' 'init --owner' 'init --nonsense' 'migrate x' 'check x' 'check --json=yes' 'config --x' \
        '-c' '-x init' 'key' 'key nonsense'; do
        tool 2 $words
        [ -n "$stderr" ] || fail "no word for: $words"
        same "$output" ''
    done
    [ ! -e "$home" ] || fail 'made something'
}

@test "usage: a full or closed standard output is an error" {
    tool 0 init
    run -1 bash -c '"$TOOL" config >/dev/full'
    run -1 bash -c '"$TOOL" check --json >/dev/full'
    # also when it was noticed long before the end, and other things failed since
    new_user ann
    run -1 bash -c '"$TOOL" user keys ann >/dev/full'
    same "$output" 'cubby: standard output: No space left on device'
    for i in $(seq 60); do
        store "some/rather/long/key/to/fill/a/buffer/$i" "$i"
    done
    for words in 'user keys ann' 'user keys ann --json' 'user list' 'export'; do
        run bash -c "\"\$TOOL\" $words >/dev/full"
        same "$status" 1
        case $output in *'No space left on device'*) ;; *) fail "$words" ;; esac
    done
    run -1 bash -c '"$TOOL" --help >/dev/full'
}
