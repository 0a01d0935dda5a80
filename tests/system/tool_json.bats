#!/usr/bin/env bats
# What the tool prints for machines, and what it shows of long work.

load tool

# A name that breaks whoever does not quote it; as bytes, and as what JSON says of them.
HOSTILE=$'a"\\\e[31m\xff\u0085\n,'
SHOWN=$'a"\\\e[31m?\u0085\n,'

setup() {
    note_test_alone
    installation;
}

commands() { "$TOOL" --help | sed -nE 's/^  ([a-z-]+( [a-z-]+)?)  .*/\1/p'; }

# json STATUS WORD…: as tool; standard output is one object for machines, and nothing besides.
json() {
    tool "$@" --json
    same "$(jq -s 'length' <<<"$output")" 1
    same "$(of type)" object
    # As bytes: no part of a character, and nothing a terminal obeys.
    iconv -f UTF-8 -t UTF-8 <<<"$output" >/dev/null || fail 'no UTF-8'
    case $output in *$'\e'*) fail 'a control character as it is' ;; esac
}

# quiet STATUS WORD…: as tool with --json; it fails, says why, and has no result.
quiet() {
    tool "$@" --json
    same "$output" ''
    [ -n "$stderr" ] || fail 'no word'
}

# members: the names of the members, in order
members() { of 'keys | join(" ")'; }

# ann_hostile: an account, with a name that no call would take, to be found by its e-mail.
ann_hostile() {
    new_user ann
    query "UPDATE users SET username = CAST(x'$(printf '%s' "$HOSTILE" | od -An -tx1 | tr -d ' \n')' AS TEXT)"
    ann=ann@example.org
}

@test "json: every command takes it" {
    while read -r name; do
        # shellcheck disable=SC2086 # words
        "$TOOL" $name --help | grep -q '^  --json ' || fail "$name does not"
    done < <(commands)
}

@test "init --json: what was made and what was kept" {
    same "$(stat -c %a "$home")" 700
    json 0 init
    same "$stderr" ''
    same "$(members)" 'for_root kept made'
    same "$(of '[.made, .kept] | tojson')" "[[],[\"$database\",\"$keys\"]]"
    rm "$keys"
    json 0 init
    same "$(of '[.made, .kept] | tojson')" "[[\"$keys\"],[\"$database\"]]"
    rm -rf "$home"
    json 0 init
    same "$(of '[.made, .kept] | tojson')" "[[\"$home/\",\"$database\",\"$keys\"],[]]"
    [ "$(id -u)" != 0 ] || same "$(of .for_root)" true
    json 0 init --owner "$(id -un)"
    same "$(of .for_root)" false
    # A path may be anything that is no line end.
    hostile=${HOSTILE%%$'\n'*}
    printf '%s\n' "database = $BATS_TEST_TMPDIR/$hostile/x.db" "keys = $keys" >"$conf"
    json 0 init
    same "$(of '.made[1]')" "$BATS_TEST_TMPDIR/${SHOWN%%$'\n'*}/x.db"
    rm -rf "$home"
    echo file >"$home"
    quiet 1 init
    quiet 1 init --owner no-such-user
}

@test "migrate --json: from which schema to which" {
    json 0 migrate
    same "$stderr" ''
    same "$(members)" 'database journal migrated schema schema_before'
    schema=$(query 'PRAGMA user_version')
    same "$(of '[.database, .schema, .schema_before, .migrated] | tojson')" "[\"$database\",$schema,$schema,false]"
    : >"$database"
    json 0 migrate
    same "$(of '[.schema, .schema_before, .migrated] | tojson')" "[$schema,0,true]"
    tool 0 check
    : >"$database"
    tool 0 migrate
    same "$output" "$database: schema $schema, migrated from schema 0"
    query 'PRAGMA user_version = 99'
    quiet 1 migrate
    rm "$database"
    quiet 1 migrate
}

@test "config --json: numbers are numbers, and texts texts" {
    json 0 config
    # What is a number in the file is one here, and no text has become one.
    same "$(of 'to_entries | map("\(.key) =\(if .value == "" then "" else " \(.value)" end)") | sort[]')" \
        "$("$TOOL" config | LC_ALL=C sort)"
    same "$(of '[.[] | type] | unique | tojson')" '["number","string"]'
    same "$(of '[.token_lifetime, .audit_rows, .database, .journal, .cors_origins] | map(type) | tojson')" \
        '["number","number","string","string","string"]'
    for name in $("$TOOL" config | sed -n 's/^\([a-z_]*\) = [0-9]*$/\1/p'); do
        same "$(of ".$name | type")" number
    done
    echo 'cors_origins = http://5.example' >>"$conf"
    echo 'max_import_bytes = 1099511627776' >>"$conf"
    json 0 config
    same "$(of '[.cors_origins, .max_import_bytes] | tojson')" '["http://5.example",1099511627776]'
    echo 'nonsense = 5' >>"$conf"
    quiet 1 config
}

@test "user disable, enable, passwd and delete --json: whom it was done to" {
    ann_hostile
    store k '"12345678"'
    json 0 user disable $ann
    same "$stderr" ''
    same "$(members)" 'disabled user_id username'
    same "$(of '[.user_id, .disabled] | tojson')" '[1,true]'
    same "$(of .username)" "$SHOWN"
    json 0 user enable $ann
    same "$stderr" ''
    same "$(members)" 'disabled user_id username'
    same "$(of .disabled)" false
    json 0 user reset-code $ann
    same "$(members)" 'code expires_at user_id username'
    run --separate-stderr "$TOOL" user passwd $ann --password-stdin --json <<<'Other1-pass'
    same "$status$stderr" 0
    same "$(members)" 'sessions_ended user_id username'
    same "$(of '[.user_id, .sessions_ended] | tojson')" '[1,true]'
    quiet 3 user delete $ann
    json 0 user delete $ann --yes
    same "$stderr" ''
    same "$(members)" 'bytes keys user_id username'
    same "$(of '[.user_id, .keys, .bytes] | tojson')" '[1,1,10]'
    same "$(of .username)" "$SHOWN"
    for word in disable enable 'delete --yes' 'passwd --password-stdin'; do
        # shellcheck disable=SC2086 # words
        quiet 4 user $word nobody
    done
    quiet 2 user delete
}

@test "key retire --json: which keys are gone, and how many are left" {
    jq '.keys[0].kid = "ops@example.org 2026"' "$keys" >"$keys.new" && cat "$keys.new" >"$keys"
    named='ops@example.org 2026'
    tool 0 key rotate
    quiet 3 key retire "$named"
    quiet 4 key retire none --yes
    quiet 1 key retire "$(jq -r '.keys[0].kid' "$keys")" --yes
    quiet 2 key retire
    json 0 key retire "$named" --yes
    same "$stderr" ''
    same "$(members)" 'keys retired'
    same "$(of tojson)" '{"keys":1,"retired":["ops@example.org 2026"]}'
    json 0 key retire --expired
    same "$stderr" ''
    same "$(of tojson)" '{"keys":1,"retired":[]}'
    # One without a name, and two more, all of which have ended
    tool 0 key rotate
    tool 0 key rotate
    jq '.keys |= map(.iat -= 180000 | if .exp then .exp -= 180000 else . end) | del(.keys[2].kid)' "$keys" >"$keys.new" && cat "$keys.new" >"$keys"
    other=$(jq -r '.keys[1].kid' "$keys")
    json 0 key retire --expired
    same "$(of tojson)" "{\"keys\":1,\"retired\":[null,\"$other\"]}"
    same "$(jq '.keys | length' "$keys")" 1
}

@test "export --json: what was written to the file; without one it is refused" {
    new_user ann
    store k 1
    store l 2
    file=$BATS_TEST_TMPDIR/$HOSTILE
    json 0 export "$file"
    same "$stderr" ''
    same "$(members)" 'events file items tokens users'
    same "$(of .file)" "$BATS_TEST_TMPDIR/$SHOWN"
    same "$(of 'del(.file) | tojson')" "$(tail -n 1 "$file" | jq -c 'del(.type)')"
    same "$(of '[.users, .items] | tojson')" '[1,2]'
    quiet 2 export
    said 'FILE'
    quiet 3 export "$file"
    quiet 1 export "$BATS_TEST_TMPDIR/none/file"
    # Without --json the lines, as ever
    tool 0 export
    same "$(tail -n 1 <<<"$output" | jq .items)" 2
}

@test "import --json: from where and how much" {
    new_user ann
    tool 0 export "$BATS_TEST_TMPDIR/dump"
    for file in "$BATS_TEST_TMPDIR/dump" ''; do
        rm "$database"
        tool 0 init
        run --separate-stderr "$TOOL" import ${file:+"$file"} --json <"$BATS_TEST_TMPDIR/dump"
        same "$status$stderr" 0
        same "$(members)" 'events file items tokens users'
        same "$(of '.file // ""')" "$file"
        same "$(of .users)" 1
    done
    quiet 1 import "$BATS_TEST_TMPDIR/dump"
}

@test "json: a result that can't be printed is a failure" {
    for words in init migrate config 'key retire --expired' "export $BATS_TEST_TMPDIR/dump"; do
        run -1 bash -c "\"\$TOOL\" $words --json >/dev/full"
    done
}

# ---- long work

# steps LEAST WORD…: with --progress the tool tells of the step LEAST, on standard error, one line
# for each; what is on standard output stays as it is; and without --progress nothing is told.
steps() {
    local step=$1 line
    shift
    tool 0 "$@" --progress
    grep -qF -- "$step" <<<"$stderr" || fail "no word of: $step: $stderr"
    case $stderr$output in *$'\e'* | *$'\r'*) fail 'it is no terminal' ;; esac
    while read -r line; do
        case $output in *"$line"*) fail 'on standard output' ;; esac
    done <<<"$stderr"
}

many() {
    query "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) INSERT INTO items (user_id, key, version, size, created_at, updated_at, value) SELECT 1, 'k' || i, i, 3, 1, 1, '1.0' FROM n"
    query "UPDATE users SET keys = $1, bytes = 3 * $1, version = $1"
}

@test "steps: what has no end in sight names itself and what it works on" {
    new_user ann
    many 2500
    size="$database ($(awk -v b="$(stat -c %s "$database")" 'BEGIN { printf "%.1f", b / 1e6 }') MB)"
    steps "verifying $size" check
    same "${output##*$'\n'}" 'all in order'
    steps "counting what the accounts store in $size" check --json
    same "$(of .ok)" true
    steps "migrating $size" migrate
    steps "looking for expired items in $size" gc
    steps "looking for ended tokens in $size" gc
    steps "counting anew what the accounts store in $size" gc --recount
    steps "compacting $size" gc --compact --json
    same "$(of .orphans)" null
    copy=$BATS_TEST_TMPDIR/copy
    steps "verifying $copy.new-" backup "$copy"
    steps "writing $copy.new-" backup "$copy" --yes
    steps "verifying $copy (" restore "$copy" --yes
    for step in reading 'keeping the old database' restoring; do
        steps "$step: 100 %" restore "$copy" --yes
    done
    # It may be longer than the first of its pieces.
    steps 'deleting items:  40 %' user delete ann --yes --json
    same "$(of .keys)" 2500
    same "$(query 'SELECT (SELECT COUNT(*) FROM items) + (SELECT COUNT(*) FROM users)')" 0
}

@test "steps: nothing is told where nobody looks" {
    new_user ann
    copy=$BATS_TEST_TMPDIR/copy
    # The tests' folder may lie in memory, which check warns of.
    tool 0 check
    same "$(grep -v 'lies in memory' <<<"$stderr")" ''
    for words in migrate 'gc --recount --compact' "backup $copy" "restore $copy --yes" 'user delete ann --yes'; do
        # shellcheck disable=SC2086 # words
        tool 0 $words
        same "$stderr" ''
    done
}

@test "steps: on a terminal, in one line that is gone before the result comes" {
    script -qec "$TOOL check" /dev/null </dev/null | tr -d '\r' >"$BATS_TEST_TMPDIR/screen"
    grep -q 'verifying' "$BATS_TEST_TMPDIR/screen" || fail "$(cat -v "$BATS_TEST_TMPDIR/screen")"
    same "$(grep -vc 'lies in memory\|sandbox: ' "$BATS_TEST_TMPDIR/screen")" 1
    # The last thing before the result clears the line.
    case $(cat "$BATS_TEST_TMPDIR/screen") in *$'\e[?7h\e[Kall in order') ;; *) fail "$(cat -v "$BATS_TEST_TMPDIR/screen")" ;; esac
    for words in migrate 'gc --compact' "backup $BATS_TEST_TMPDIR/copy" 'user list'; do
        script -qec "$TOOL $words 2>&1 >/dev/null" /dev/null </dev/null >"$BATS_TEST_TMPDIR/screen"
        same "$(wc -l <"$BATS_TEST_TMPDIR/screen")" 0
    done
}
