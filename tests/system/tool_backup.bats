#!/usr/bin/env bats
# cubby backup and restore: a consistent copy while programs write, and back again.

load tool
load pages

setup() {
    note_test_alone
    installation
    copy=$BATS_TEST_TMPDIR/copy.db
}

# What lies in the installation's folder, but for the places for hashing.
beside() { find "$home" -mindepth 1 ! -name '*-hashes' ! -name '*-transfers' -printf '%f\n' | sort | paste -sd' '; }

# The old state is there, to the byte, and nothing lies beside it.
untouched() {
    cmp "$database" "$BATS_TEST_TMPDIR/before"
    same "$(beside)" 'cubby.db keys.json'
}

@test "backup: a verified copy for its maker alone, and nothing beside" {
    new_user ann
    store k '{"a":1.0}'
    tool 0 backup "$copy" --json
    same "$(of '[.verified, .bytes == '"$(stat -c %s "$copy")"'] | @csv')" 'true,true'
    same "$(stat -c %a "$copy")" 600
    same "$(sqlite3 "$copy" 'PRAGMA integrity_check; SELECT value FROM items')" 'ok
{"a":1.0}'
    same "$(find "$BATS_TEST_TMPDIR" -maxdepth 1 -name 'copy*')" "$copy"
}

@test "backup: the page's line for cron makes a copy for the day of the week, with its sum" {
    new_user ann
    line=$(typed www/docs/operating.md 'Backup' text)
    [[ $line == '15 3 * * *  www-data  '* ]] || fail "$line"
    line=${line#*www-data  }
    has_part() { case $line in *"$1"*) ;; *) fail "no $1 in: $line" ;; esac; }
    has_part 'cd /var/backups/cubby '
    has_part '/usr/local/sbin/cubby '
    mkdir "$BATS_TEST_TMPDIR/backups"
    # cron makes a percent sign a line break unless it is escaped.
    line=${line//'\%'/%}
    line=${line//\/var\/backups\/cubby/$BATS_TEST_TMPDIR/backups}
    line=${line//\/usr\/local\/sbin\/cubby/$TOOL}
    # On one day, whatever the day is.
    mkdir "$BATS_TEST_TMPDIR/day"
    printf '#!/bin/sh\nexec /bin/date -d 2026-01-05T03:15 "$@"\n' >"$BATS_TEST_TMPDIR/day/date"
    chmod 755 "$BATS_TEST_TMPDIR/day/date"
    for _ in 1 2; do
        env -i CUBBY_CONF="$CUBBY_CONF" PATH="$BATS_TEST_TMPDIR/day:/usr/bin:/bin" sh -c "$line"
    done
    cd "$BATS_TEST_TMPDIR/backups"
    same "$(ls | wc -l)" 2
    sha256sum -c --quiet ./*.db.sha256
    same "$(sqlite3 ./*.db 'SELECT username FROM users')" ann
}

@test "backup: never over a file without leave, never over what belongs to the installation" {
    tool 1 backup "$BATS_TEST_TMPDIR"
    said "$BATS_TEST_TMPDIR: not a regular file, but a folder"
    tool 1 backup "$BATS_TEST_TMPDIR/none/copy.db"
    said "$BATS_TEST_TMPDIR/none: there is no such folder"
    tool 1 export "$BATS_TEST_TMPDIR/none/all.jsonl"
    said "$BATS_TEST_TMPDIR/none: there is no such folder"
    tool 1 backup "$keys/copy.db"
    said "$keys"
    echo precious >"$copy"
    tool 3 backup "$copy"
    same "$(cat "$copy")" precious
    tool 0 backup "$copy" --yes
    sqlite3 "$copy" 'SELECT 1 FROM users' >/dev/null
    for own in "$database" "$keys" "$database-journal"; do
        tool 1 backup "$own" --yes
        said 'installation'
    done
    ln -s "$database" "$home/link"
    tool 1 backup "$home/link" --yes
    # By whatever name: what SQLite would take for a journal it deletes.
    ln -s "$home" "$BATS_TEST_TMPDIR/way"
    cd "$home"
    for own in cubby.db-journal ./cubby.db-wal "$home/../home/cubby.db-shm" "$BATS_TEST_TMPDIR/way/cubby.db-journal" cubby.db-hashes cubby.db-transfers; do
        tool 1 backup "$own" --yes
        said 'installation'
        tool 1 export "$own" --yes
        said 'installation'
    done
    tool 0 backup cubby.db-monday --yes
    cd - >/dev/null
    mkdir "$BATS_TEST_TMPDIR/folder"
    tool 1 backup "$BATS_TEST_TMPDIR/folder" --yes
    tool 1 backup "$BATS_TEST_TMPDIR/none/copy.db"
    tool 2 backup
    tool 0 check
}

@test "restore: a backup that has lost its store_id gets one, and text that is no UTF-8 is shown as JSON" {
    new_user ann
    tool 0 backup "$copy"
    sqlite3 "$copy" "DELETE FROM meta; UPDATE users SET gender = CAST(x'ff41' AS TEXT)"
    tool 0 restore "$copy" --yes
    same "$(query "SELECT length(value) FROM meta WHERE name = 'store_id'")" 32
    tool 0 user list --json
    printf '%s' "$output" | iconv -f UTF-8 -t UTF-8 >/dev/null || fail 'no UTF-8'
    same "$(of '.[0].gender')" '?A'
}

@test "restore: a pipe is refused, not waited for" {
    mkfifo "$copy"
    run --separate-stderr timeout 20 "$TOOL" restore "$copy" --yes
    same "$status" 1
    said 'not a regular file'
}

@test "restore: where the last flush fails, nobody knows what the disk has, and the old database stays beside it" {
    new_user ann
    tool 0 backup "$copy"
    store k 1
    cp "$database" "$BATS_TEST_TMPDIR/before"
    strace -qq -y -o "$BATS_TEST_TMPDIR/trace" -e trace=fdatasync "$TOOL" restore "$copy" --yes >/dev/null
    # What ends the journal, once the database is flushed, is the commit.
    place=$(($(grep -n 'cubby.db>' "$BATS_TEST_TMPDIR/trace" | tail -n 1 | cut -d: -f1) + 1))
    find "$home" -name '*before-restore*' -delete
    cp "$BATS_TEST_TMPDIR/before" "$database"
    run --separate-stderr strace -qq -o /dev/null -e trace=fdatasync -e "inject=fdatasync:error=EIO:when=$place" \
        "$TOOL" restore "$copy" --yes
    same "$status" 1
    kept=$(find "$home" -name '*before-restore*')
    said "whether the database was replaced is not known; as it was it is in $kept"
    same "$(sqlite3 "$kept" 'SELECT value FROM items')" 1
    tool 0 check
}

@test "restore: killed while it keeps the old database, it leaves none that looks kept, and check tells" {
    new_user ann
    tool 0 backup "$copy"
    store k "\"$(head -c 200000 /dev/zero | tr '\0' x)\""
    cp "$database" "$BATS_TEST_TMPDIR/before"
    # Which of its writes is the first to the old one's copy, is seen in one that is let be.
    strace -qq -y -o "$BATS_TEST_TMPDIR/trace" -e trace=pwrite64 "$TOOL" restore "$copy" --yes >/dev/null
    place=$(grep -n -m 1 -e '-old>' "$BATS_TEST_TMPDIR/trace" | cut -d: -f1)
    find "$home" -name '*before-restore*' -delete
    cp "$BATS_TEST_TMPDIR/before" "$database"
    run strace -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=pwrite64 \
        -e "inject=pwrite64:signal=KILL:when=$((place + 5))" "$TOOL" restore "$copy" --yes
    [ "$status" -gt 128 ] || fail 'was not killed'
    [ -n "$(find "$home" -name '*-old')" ] || fail 'killed elsewhere'
    same "$(find "$home" -name '*before-restore*')" ''
    read_value k
    same "$code" 200
    tool 1 check
    said 'killed left'
    find "$home" -name '*.restore-*' -delete
    tool 0 check
}

# interrupted CALLS PLACE SIGNAL WORD…: the tool gets SIGNAL in the first of its system calls CALLS whose line in a
# trace has PLACE, and ends by it.
interrupted() {
    local calls=$1 where=$2 signal=$3 place
    shift 3
    cp "$database" "$BATS_TEST_TMPDIR/whole"
    cp "$keys" "$BATS_TEST_TMPDIR/whole.keys"
    strace -qq -y -o "$BATS_TEST_TMPDIR/trace" -e trace="$calls" "$TOOL" "$@" >/dev/null
    # strace counts each call of several by itself
    sed "/$where/q" "$BATS_TEST_TMPDIR/trace" >"$BATS_TEST_TMPDIR/until"
    calls=$(tail -n 1 "$BATS_TEST_TMPDIR/until" | cut -d'(' -f1)
    place=$(grep -c "^$calls(" "$BATS_TEST_TMPDIR/until")
    grep -q "$where" "$BATS_TEST_TMPDIR/until" || fail "$* makes no such call"
    find "$home" "$BATS_TEST_TMPDIR" -maxdepth 1 -name '*before-restore*' -delete
    rm -f "$BATS_TEST_TMPDIR/result"
    cat "$BATS_TEST_TMPDIR/whole" >"$database"
    cat "$BATS_TEST_TMPDIR/whole.keys" >"$keys"
    # A shell has its commands in the background ignore an interrupt, and the tool leaves it at that.
    run env --default-signal="$signal" strace -qq -o "$BATS_TEST_TMPDIR/trace" -e trace="$calls" \
        -e "inject=$calls:signal=$signal:when=$place" "$TOOL" "$@"
    [ "$status" -gt 128 ] || fail "$*: was not interrupted"
    same "$(find "$home" "$BATS_TEST_TMPDIR" -maxdepth 1 -regex '.*\.\(restore\|new\|export\|backup\)-[0-9].*')" ''
}

@test "restore, backup, export, key: a signal leaves no draft and nothing beside one" {
    new_user ann
    tool 0 backup "$copy"
    for signal in INT TERM; do
        # while there is a journal of the draft, with names and hashes in it
        interrupted pwrite64 'restore-[0-9]*-journal>' "$signal" restore "$copy" --yes
        interrupted pwrite64 'restore-[0-9]*-old>' "$signal" restore "$copy" --yes
        interrupted pwrite64 'new-[0-9]*>' "$signal" backup "$BATS_TEST_TMPDIR/result"
        # when a draft has just been made
        for words in "restore $copy --yes" "backup $BATS_TEST_TMPDIR/result" "export $BATS_TEST_TMPDIR/result"; do
            # shellcheck disable=SC2086 # words
            interrupted '?open,openat' 'O_CREAT|O_EXCL' "$signal" $words
        done
        interrupted '?open,openat' 'restore-[0-9]*-old.*O_CREAT|O_EXCL' "$signal" restore "$copy" --yes
    done
    # with a key in it, and before; a shell lets its commands in the background ignore an interrupt
    interrupted '?open,openat' 'new-[0-9]*.*O_CREAT|O_EXCL' TERM key rotate
    interrupted fsync 'new-[0-9]*>' TERM key rotate
    tool 0 check
}

@test "backup, restore: a signal that is ignored, as after nohup, ends neither" {
    new_user ann
    tool 0 backup "$copy"
    trap '' HUP
    for words in "restore $copy --yes" "backup $BATS_TEST_TMPDIR/result"; do
        # shellcheck disable=SC2086 # words
        run strace -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=pwrite64 -e inject=pwrite64:signal=HUP:when=3 "$TOOL" $words
        same "$status" 0
        grep -q 'SIGHUP' "$BATS_TEST_TMPDIR/trace" || fail 'no signal came'
    done
    tool 0 check
}

@test "restore: where files may not grow it ends, and leaves all as it was" {
    new_user ann
    tool 0 backup "$copy"
    store k "\"$(head -c 200000 /dev/zero | tr '\0' x)\""
    run --separate-stderr bash -c 'ulimit -f 120 -c 0; exec "$0" restore "$1" --yes' "$TOOL" "$copy"
    same "$status" 1
    same "$(find "$home" -name '*restore*')" ''
    read_value k
    same "$code" 200
    tool 0 check
}

@test "restore: the old database takes the next name that no other file has" {
    installation 'busy_timeout = 60000'
    new_user ann
    tool 0 backup "$copy"
    cp "$database" "$BATS_TEST_TMPDIR/before"
    hold
    start=$(date +%s)
    "$TOOL" restore "$copy" --yes >"$BATS_TEST_TMPDIR/said" 2>&1 5>&- &
    restorer=$!
    # These are taken, as by another restore in the same second.
    eventually [ -e "$database.restore-$restorer" ]
    for second in $(seq "$start" "$((start + 60))"); do
        echo precious >"$database.before-restore-$(date -u -d "@$second" +%Y%m%dT%H%M%SZ)"
    done
    let_go
    status=0
    wait "$restorer" || status=$?
    same "$status" 0
    same "$(cat "$database".before-restore-*Z | sort -u)" precious
    kept=$(echo "$database".before-restore-*Z-2)
    grep -qF "the old database is kept as $kept" "$BATS_TEST_TMPDIR/said"
    same "$(sqlite3 "$kept" .dump)" "$(sqlite3 "$BATS_TEST_TMPDIR/before" .dump)"
    same "$(find "$home" -name '*.restore-*')" ''
}

@test "backup: a disk without room is an error that leaves nothing behind" {
    new_user ann
    store k "\"$(head -c 60000 /dev/zero | tr '\0' x)\""
    run bash -c 'ulimit -f 40; trap "" XFSZ; "$0" backup "$1"' "$TOOL" "$copy"
    same "$status" 1
    [ ! -e "$copy" ] || fail 'left a file'
    same "$(find "$BATS_TEST_TMPDIR" -maxdepth 1 -name 'copy*')" ''
}

@test "backup: a broken database is told, and the last good backup stays" {
    tool 0 backup "$copy"
    cp "$copy" "$BATS_TEST_TMPDIR/good"
    new_user ann
    for i in 1 2 3 4 5 6 7 8; do store "k$i" "\"$(head -c 6000 /dev/zero | tr '\0' x)\""; done
    cp "$database" "$BATS_TEST_TMPDIR/whole"
    # An index that knows nothing of its table's rows: it can be copied, and the copy is no better.
    page=$(query "SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'users' LIMIT 1")
    printf '\012\0\0\0\0\020\0\0' | dd of="$database" bs=1 seek=$(((page - 1) * $(query 'PRAGMA page_size'))) conv=notrunc status=none
    tool 1 backup "$copy" --yes
    cmp "$copy" "$BATS_TEST_TMPDIR/good"
    cat "$BATS_TEST_TMPDIR/whole" >"$database"
    truncate -s -8192 "$database"
    tool 1 backup "$copy" --yes
    cmp "$copy" "$BATS_TEST_TMPDIR/good"
    tool 1 check
}

# writer NUMBER: stores until the file `stop` is there, and notes each write that was acknowledged.
writer() {
    local i=0
    new_user "writer$1"
    while [ ! -e "$BATS_TEST_TMPDIR/stop" ] && [ "$i" -lt 400 ]; do
        i=$((i + 1))
        store "key$i" "$i"
        [ "$code" = 201 ] || echo "$code $body" >>"$BATS_TEST_TMPDIR/bad"
        echo "writer$1 key$i" >>"$BATS_TEST_TMPDIR/acknowledged$1"
    done
}

# acknowledged COUNT: so many writes are, or more
acknowledged() { [ "$(cat "$BATS_TEST_TMPDIR"/acknowledged? 2>/dev/null | wc -l)" -ge "$1" ]; }

@test "backup while eight write: all that was acknowledged before is in it, and restore brings it back" {
    echo 'busy_timeout = 60000' >>"$conf"
    for number in 1 2 3 4 5 6 7 8; do
        writer "$number" &
        began
    done
    eventually acknowledged 80
    cat "$BATS_TEST_TMPDIR"/acknowledged? | sort >"$BATS_TEST_TMPDIR/before"
    tool 0 backup "$copy"
    touch "$BATS_TEST_TMPDIR/stop"
    wait_all
    [ ! -e "$BATS_TEST_TMPDIR/bad" ] || fail "$(cat "$BATS_TEST_TMPDIR/bad")"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/before")" -ge 80 ]
    tool 0 restore "$copy" --yes
    tool 0 check
    query "SELECT username || ' ' || key FROM items JOIN users ON users.id = user_id" |
        sort >"$BATS_TEST_TMPDIR/after"
    same "$(comm -23 "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after")" ''
    # no write will take a number that an item has
    same "$(query 'SELECT count(*) FROM users WHERE version <= (SELECT max(version) FROM items WHERE user_id = users.id)')" 0
}

@test "restore while eight write and read: every answer is whole, and nothing acknowledged is lost" {
    echo 'busy_timeout = 60000' >>"$conf"
    new_user ann
    store before 1
    tool 0 backup "$copy"
    for number in 1 2 3 4 5 6 7 8; do
        (
            i=0
            while [ ! -e "$BATS_TEST_TMPDIR/stop" ]; do
                i=$((i + 1))
                read_value before
                case $code in 200 | 401) ;; *) echo "$code $body" >>"$BATS_TEST_TMPDIR/bad" ;; esac
                store "key$number-$i" 1
                case $code in
                201) echo "key$number-$i" >>"$BATS_TEST_TMPDIR/acknowledged$number" ;;
                401) ;;
                *) echo "$code $body" >>"$BATS_TEST_TMPDIR/bad" ;;
                esac
            done
        ) &
        began
    done
    eventually acknowledged 40
    tool 0 restore "$copy" --yes --json
    kept=$(of .kept)
    tool 0 restore "$copy" --yes
    touch "$BATS_TEST_TMPDIR/stop"
    wait_all
    [ ! -e "$BATS_TEST_TMPDIR/bad" ] || fail "$(sort -u "$BATS_TEST_TMPDIR/bad" | head -n 5)"
    # Sessions ended with the first restore: what was acknowledged, was so before, and is in what it kept.
    cat "$BATS_TEST_TMPDIR"/acknowledged? | sort >"$BATS_TEST_TMPDIR/acknowledged"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/acknowledged")" -ge 40 ]
    diff "$BATS_TEST_TMPDIR/acknowledged" \
        <(sqlite3 "$kept" "SELECT key FROM items WHERE key LIKE 'key%'" | sort)
    tool 0 check
    login ann
    read_value before
    same "$code" 200
    same "$(query 'SELECT count(*) FROM items')" 1
}

@test "restore: asks, keeps the old database, changes store_id, and ends every session" {
    new_user ann
    store k 1
    old_id=$(query "SELECT value FROM meta WHERE name = 'store_id'")
    tool 0 backup "$copy"
    store later 2
    tool 3 restore "$copy"
    read_value later
    same "$code" 200
    tool 0 restore "$copy" --yes --json
    same "$(of '[.users, .items, .sessions_ended] | @csv')" '1,1,true'
    kept=$(of .kept)
    same "$(stat -c %a "$kept")" 600
    same "$(sqlite3 "$kept" 'SELECT key FROM items ORDER BY key')" 'k
later'
    [ "$(query "SELECT value FROM meta WHERE name = 'store_id'")" != "$old_id" ] || fail 'the same store_id'
    same "$(beside)" "cubby.db $(basename "$kept") keys.json"
    read_value k
    same "$code" 401
    login ann
    read_value k
    same "$code" 200
    read_value later
    same "$code" 404
    tool 0 check
}

# put VALUE: writes k, and leaves its version in $version
put() {
    cgi data PUT /k "{\"value\":\"$1\"}"
    same "$code" 200
    version=$(jq -r .data.version <<<"$body")
}

# foreign VERSION…: no version names what k is now
foreign() {
    local number
    for number; do
        parameters="if_none_match=$number" cgi data GET /k
        same "$code" 200
        parameters="if_match=$number" cgi data PUT /k '{"value":"overwrites"}'
        same "$code" 412
        parameters="since=$number" cgi changes GET
        same "$code $(jq -r .code <<<"$body")" '410 CHANGES_EXPIRED'
    done
}

@test "restore: no version of before it ever names another value, nor one of before an earlier restore" {
    new_user ann
    store k '"first"'
    tool 0 backup "$copy"
    put lost
    lost=$version
    put 'lost too'
    tool 0 restore "$copy" --yes
    login ann
    # What is as it was then has its version of then.
    parameters='if_none_match=1' cgi data GET /k
    same "$code" 304
    put other
    foreign 1 "$lost" $((lost + 1)) $((lost + 2))
    first=$version
    put again
    second=$version
    tool 0 restore "$copy" --yes
    login ann
    put 'after that'
    foreign 1 "$lost" "$first" "$second" $((second + 1))
    [ "$version" -lt $((1 << 53)) ] || fail 'not exact in JSON'
    # From there on all is as ever.
    parameters='since=1' cgi changes GET
    last=$(jq -r .data.last_version <<<"$body")
    same "$last" "$version"
    put last
    parameters="since=$last" cgi changes GET
    same "$(jq -c '.data | [.changes[0].value, .last_version]' <<<"$body")" "[\"last\",$version]"
    tool 0 check
}

@test "restore: versions that the clock does not reach go on as well, each time from elsewhere" {
    new_user ann
    store k 1
    query "UPDATE users SET version = 1 << 52; UPDATE items SET version = 1 << 52"
    tool 0 backup "$copy"
    seen=()
    past=$((1 << 52))
    for round in 1 2 3; do
        tool 0 restore "$copy" --yes --keep-sessions
        put "$round"
        [ "$version" -gt "$past" ] && [ "$version" -gt $(((1 << 52) + (1 << 40))) ] && [ "$version" -lt $((past + (1 << 41) + 2)) ] || fail "$version"
        past=$version
        [ "$round" = 1 ] || foreign "${seen[@]}"
        seen+=("$version")
    done
    tool 0 check
}

@test "restore: versions go on above those of the database as well, which a clock may be behind" {
    new_user ann
    store k 1
    tool 0 backup "$copy"
    for keeps in '' --keep-sessions; do
        beyond=$(($(query 'SELECT MAX(version) FROM users') + (1 << 51)))
        query "UPDATE users SET version = $beyond"
        # shellcheck disable=SC2086 # a word or none
        tool 0 restore "$copy" --yes $keeps
        login ann
        put other
        [ "$version" -gt $((beyond + (1 << 40))) ] && [ "$version" -lt $((beyond + (1 << 41) + 2)) ] || fail "$version"
    done
    tool 0 check
}

@test "restore: what was taken away since the backup does not come back" {
    for user in ann bob; do
        new_user "$user"
        for name in stays goes; do
            cgi keys POST '' "{\"name\":\"$name\",\"scope\":\"read\"}"
            declare "$user$name=$(jq -r .data.token <<<"$body")"
        done
        store k 1
    done
    tool 0 user reset-code ann
    reset_code=$output
    tool 0 backup "$copy"
    login ann
    id=$(query "SELECT id % 1048576 FROM tokens WHERE name = 'goes' AND id < 2 * 1048576")
    cgi keys DELETE "/$id"
    same "$code" 200
    tool 0 user disable bob
    new_user cat
    tool 0 restore "$copy" --yes --json
    same "$(of '[.tokens_dropped, .users_disabled] | @csv')" '1,1'
    for case in "$annstays 200" "$anngoes 401" "$bobstays 401" "$bobgoes 401"; do
        token=${case% *}
        read_value k
        same "$code" "${case#* }"
    done
    login bob
    same "$code" 401
    token=''
    cgi reset POST '' "{\"username\":\"ann\",\"code\":\"$reset_code\",\"new_password\":\"Other1-pass\"}"
    same "$code" 401
    tool 0 user enable bob
    token=$bobgoes
    read_value k
    same "$code" 200
    # Into a store of other accounts nothing is withdrawn.
    rm "$database"
    tool 0 init
    new_user dan
    tool 0 user disable dan
    tool 0 restore "$copy" --yes --json
    same "$(of '[.tokens_dropped, .users_disabled] | @csv')" '0,0'
    token=$anngoes
    read_value k
    same "$code" 200
    tool 0 check
}

@test "restore --keep-sessions: tokens that the backup knows live on" {
    new_user ann
    store k 1
    tool 0 backup "$copy"
    tool 0 restore "$copy" --yes --keep-sessions
    read_value k
    same "$code" 200
}

@test "restore: what is no good backup is refused, and the old state stays" {
    new_user ann
    for i in 1 2 3 4 5 6 7 8; do store "k$i" "\"$(head -c 6000 /dev/zero | tr '\0' x)\""; done
    tool 0 backup "$copy"
    cp "$database" "$BATS_TEST_TMPDIR/before"
    bad=$BATS_TEST_TMPDIR/bad.db

    tool 1 restore "$BATS_TEST_TMPDIR/none.db" --yes
    : >"$bad"
    tool 1 restore "$bad" --yes
    said "$bad: not a database, but empty"
    echo 'This is no database, but it is longer than a few bytes.' >"$bad"
    tool 1 restore "$bad" --yes
    said 'not a database'
    whole=$(stat -c %s "$copy")
    for rest in $((whole - 8192)) $((whole - 1)) 4096 100; do
        head -c "$rest" "$copy" >"$bad"
        tool 1 restore "$bad" --yes
        said "$bad is cut short: it has $rest of $whole bytes"
    done
    cp "$copy" "$bad"
    # page by page, all but the first
    dd if=/dev/urandom of="$bad" bs=4096 seek=2 count=4 conv=notrunc status=none
    tool 1 restore "$bad" --yes
    cp "$copy" "$bad"
    # one page of a value
    dd if=/dev/urandom of="$bad" bs=4096 seek=$(($(stat -c %s "$copy") / 4096 - 1)) count=1 conv=notrunc status=none
    tool 1 restore "$bad" --yes
    cp "$copy" "$bad"
    sqlite3 "$bad" 'PRAGMA user_version = 999'
    tool 1 restore "$bad" --yes
    said 'newer version'
    cp "$copy" "$bad"
    sqlite3 "$bad" 'CREATE TRIGGER t AFTER INSERT ON users BEGIN DELETE FROM items; END'
    tool 1 restore "$bad" --yes
    said "schema is not cubby's"
    rm "$bad"
    sqlite3 "$bad" 'CREATE TABLE other (a); PRAGMA user_version = 1'
    tool 1 restore "$bad" --yes
    rm "$bad"
    sqlite3 "$bad" 'CREATE TABLE other (a)'
    tool 1 restore "$bad" --yes
    said 'not a database of cubby, but of another program'
    tool 1 restore "$database" --yes
    tool 1 restore "$home" --yes
    said 'not a regular file, but a folder'
    tool 2 restore - --yes
    said 'not from standard input'
    cp "$copy" "$bad"
    echo journal >"$bad-journal"
    tool 1 restore "$bad" --yes
    said 'not a finished backup'
    untouched
    read_value k1
    same "$code" 200
}

# refused WHAT [ELSE]: $bad is no backup, but WHAT, and nothing happens before that is said; nor is it
# an export, where ELSE does not say so.
refused() {
    tool 1 restore "$bad"
    said "$bad: not a database, but $1"
    tool 1 import "$bad"
    [ -n "${2:-}" ] || said "$bad: not an export, but $1"
}

@test "restore, import: a file of another kind is told as what it is" {
    new_user ann
    tool 0 backup "$copy"
    cp "$database" "$BATS_TEST_TMPDIR/before"
    bad=$BATS_TEST_TMPDIR/bad
    gzip -c "$copy" >"$bad"
    refused 'packed: unpack it first, by gunzip'
    xz -c "$copy" >"$bad"
    refused 'packed: unpack it first, by unxz'
    bzip2 -c "$copy" >"$bad"
    refused 'packed: unpack it first, by bunzip2'
    tar -C "$BATS_TEST_TMPDIR" -cf "$bad" "${copy##*/}"
    refused 'a tar archive'
    openssl enc -aes-256-ctr -pbkdf2 -pass pass:x -in "$copy" -out "$bad"
    refused 'encrypted: decrypt it first'
    head -c 9000 /dev/zero >"$bad"
    refused 'filled with zeros'
    printf '\1\2\3\4' >"$bad"
    refused 'of no kind that is known here'
    printf '\331\325\005\371\040\241\143\327 and so on' >"$bad"
    refused 'the journal of a database'
    "$TOOL" export >"$bad"
    tool 1 restore "$bad"
    said 'not a database, but an export, which "cubby import" reads'
    cgi me GET /export
    printf '%s' "$body" >"$bad"
    refused 'the export of one account, which POST /api/me/import reads' text
    cp "$keys" "$bad"
    refused 'a file of keys' text
    sqlite3 "$copy" .dump >"$bad"
    refused 'a dump in SQL' text
    tool 1 import "$copy"
    said 'not an export, but a database of SQLite; a backup is put back by "cubby restore"'
    untouched
}

@test "backup: - is standard output, a whole backup or an error, and nothing is left beside the database" {
    new_user ann
    store k '"v"'
    cd "$BATS_TEST_TMPDIR"
    "$TOOL" backup - >"$copy" 2>"$BATS_TEST_TMPDIR/said"
    same "$(cat "$BATS_TEST_TMPDIR/said")" ''
    "$TOOL" backup -- - | cmp - "$copy"
    same "$(find "$home" . -name '*.backup-*' -o -name '-*')" ''
    tool 2 backup - --json
    said '--json needs a FILE'
    run script -qec "$TOOL backup -" /dev/null </dev/null
    same "$status" 2
    [[ $output == *'a backup is not for a terminal'* ]]
    for words in export 'export --user ann' 'export -'; do
        run script -qec "$TOOL $words" /dev/null </dev/null
        same "$status" 2
        [[ $output == *'an export is not for a terminal'* ]]
    done
    run bash -c '"$TOOL" backup - >/dev/full'
    same "$status" 1
    [[ $output == *'standard output: No space left on device'* ]]
    run bash -c 'ulimit -f 40 -c 0; "$TOOL" backup - | wc -c; exit ${PIPESTATUS[0]}'
    [ "$status" = 1 ]
    same "${lines[-1]}" 0
    cp "$database" "$BATS_TEST_TMPDIR/good"
    dd if=/dev/urandom of="$database" bs=4096 seek=2 count=3 conv=notrunc status=none
    run bash -c '"$TOOL" backup - | wc -c; exit ${PIPESTATUS[0]}'
    [ "$status" = 1 ]
    same "${lines[-1]}" 0
    same "$(find "$home" -name '*.backup-*')" ''
    cp "$BATS_TEST_TMPDIR/good" "$database"
    tool 0 restore "$copy" --yes
    login ann
    read_value k
    same "$(jq -r .data.value <<<"$body")" v
}

@test "backup, export: over a file that is there, where nobody can be asked, that is what is said" {
    new_user ann
    echo precious >"$copy"
    for word in backup export; do
        tool 3 "$word" "$copy"
        said "cubby: $copy exists. Replace it? That needs --yes where nobody can be asked; nothing was changed"
        same "$(cat "$copy")" precious
    done
    tool 3 user delete ann
    said 'Delete user ann and 0 keys with 0 bytes? That needs --yes'
    # As a file, - needs its folder.
    tool 0 export -
    same "$(tail -n 1 <<<"$output" | jq .users)" 1
    [ ! -e - ] || fail 'a file of that name'
    run -0 --separate-stderr bash -c '"$TOOL" user delete ann --yes >/dev/null && "$TOOL" import - --json <<<"$1"' sh "$output"
    same "$(of '[.file, .users] | tojson')" '[null,1]'
}

@test "restore: a disk without room leaves the old state" {
    new_user ann
    store k "\"$(head -c 200000 /dev/zero | tr '\0' x)\""
    tool 0 backup "$copy"
    cgi data DELETE /k
    cp "$database" "$BATS_TEST_TMPDIR/before"
    run bash -c 'ulimit -f 100; trap "" XFSZ; "$0" restore "$1" --yes' "$TOOL" "$copy"
    same "$status" 1
    untouched
}

@test "restore: into nothing, over an empty file, and over what is no database any more" {
    new_user ann
    store k 1
    tool 0 backup "$copy"
    rm "$database"
    echo 'of another database' >"$database-journal"
    tool 0 restore "$copy" --yes --json
    same "$(of .kept)" null
    [ ! -e "$database-journal" ] || fail 'the old journal is still there'
    : >"$database"
    tool 0 restore "$copy" --yes
    echo garbage >"$database"
    tool 0 restore "$copy" --yes --json
    same "$(cat "$(of .kept)")" garbage
    tool 0 check
    login ann
    read_value k
    same "$code" 200
}

@test "restore: a backup of the first version is migrated" {
    new_user ann
    hash=$(query 'SELECT password_hash FROM users')
    {
        first_schema
        echo "INSERT INTO users VALUES (7, 'Ann', 'ann', 'Ann@example.org', 'ann@example.org', 'Ann', 30, 'female', '$hash', 5, 1, 1000, 1000);"
        echo "INSERT INTO items (user_id, key, version, size, created_at, updated_at, value) VALUES (7, 'k', 1, 3, 1000, 1000, '1.0');"
        echo 'PRAGMA user_version = 1;'
    } | sqlite3 "$copy"
    tool 0 restore "$copy" --yes --json
    same "$(of '[.schema, .users, .items] | @csv')" '1,1,1'
    same "$(query 'SELECT username, value FROM users JOIN items ON user_id = users.id')" 'Ann|1.0'
    tool 0 check
    # nobody gets the id again
    new_user bob
    same "$(query "SELECT id FROM users WHERE username = 'bob'")" 8
}

@test "backup, restore and export with a write-ahead log: plain files, and the log stays the database's" {
    echo 'journal = wal' >>"$conf"
    tool 0 migrate
    same "$(query 'PRAGMA journal_mode')" wal
    new_user ann
    store k 1
    # Somebody who stays connected keeps the log in a file of its own.
    held_open 'SELECT 1 FROM users;'
    store late 2
    [ -s "$database-wal" ]
    tool 0 backup "$copy"
    same "$(find "$BATS_TEST_TMPDIR" -maxdepth 1 -name 'copy*')" "$copy"
    chmod 400 "$copy"
    same "$(sqlite3 "$copy" 'PRAGMA journal_mode; SELECT key FROM items ORDER BY key' | paste -sd' ')" 'delete k late'
    tool 0 export "$BATS_TEST_TMPDIR/lines"
    same "$(tail -n 1 "$BATS_TEST_TMPDIR/lines" | jq .items)" 2
    cgi data DELETE /late
    # It waits for that one to leave.
    echo 'busy_timeout = 60000' >>"$conf"
    "$TOOL" restore "$copy" --yes --json >"$BATS_TEST_TMPDIR/said" 3>&- 5>&- &
    restorer=$!
    eventually [ -e "$database.restore-$restorer" ]
    let_go
    wait "$restorer"
    kept=$(jq -r .kept "$BATS_TEST_TMPDIR/said")
    tool 0 check
    same "$(query 'PRAGMA journal_mode; SELECT key FROM items ORDER BY key' | paste -sd' ')" 'wal k late'
    same "$(sqlite3 "$kept" 'PRAGMA journal_mode')" delete
    login ann
    read_value late
    same "$code" 200
    same "$(find "$home" -name '*-wal' -o -name '*-shm' | grep -v '/cubby\.db-')" ''
    # A copy made by hand, of a database with a log; into nothing, beside an old log.
    query 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
    cp "$database" "$BATS_TEST_TMPDIR/by-hand.db"
    rm "$database"
    echo old >"$database-wal"
    tool 0 restore "$BATS_TEST_TMPDIR/by-hand.db" --yes
    same "$(query 'PRAGMA journal_mode')" wal
    tool 0 check
    login ann
    read_value late
    same "$code" 200
}

@test "restore: a database that somebody holds is left alone, with its own exit status" {
    tool 0 backup "$copy"
    echo 'busy_timeout = 100' >>"$conf"
    held_open 'BEGIN EXCLUSIVE; SELECT 1;'
    tool 5 restore "$copy" --yes
    let_go
    same "$(beside)" 'cubby.db keys.json'
}
