#!/usr/bin/env bats
# What single rows may be, by cubby check and cubby import alike; values above the limit of the settings; numbers
# that were given away.

load tool
load loop
load rows

lf='char(10)'
change() { sqlite3 "$database" "PRAGMA foreign_keys = OFF; $1"; }
rows_of() { sqlite3 -json "$database" "SELECT * FROM $1 WHERE $2"; }
as_before() { cp "$BATS_TEST_TMPDIR/good.db" "$database"; }

setup() {
    note_test_alone
    installation 'audit_rows = 1'
}

teardown() { loops_stop; }

# empty_store [LINE…]: the settings name another, empty database
empty_store() {
    home=$BATS_TEST_TMPDIR/elsewhere
    database=$home/cubby.db
    mkdir -m 700 "$home"
    printf '%s\n' "database = $database" "keys = $home/keys.json" 'password_cost = 1' "$@" >"$BATS_TEST_TMPDIR/elsewhere.conf"
    CUBBY_CONF=$BATS_TEST_TMPDIR/elsewhere.conf
    tool 0 init
}

@test "rows: check names whatever a row can't be, and import refuses the same row, naming the line" {
    rows_fill
    cp "$database" "$BATS_TEST_TMPDIR/good.db"
    rows_each sqlite
    empty_store
    cp "$database" "$BATS_TEST_TMPDIR/empty.db"
    rows_refused
    cmp "$database" "$BATS_TEST_TMPDIR/empty.db"
    tool 0 import "$BATS_TEST_TMPDIR/good.lines"
    tool 0 check
}

@test "rows: check says which row it is, what to do, and no more than ten of a table one by one" {
    rows_fill
    change "UPDATE items SET value = ' ' || value WHERE key = 'k'; UPDATE tokens SET writes = 7 WHERE id = 1048577; UPDATE users SET age = 0;
        UPDATE meta SET value = 'x' WHERE name <> 'store_id'; UPDATE throttle SET count = -5"
    name=$(query "SELECT name FROM meta WHERE name <> 'store_id'")
    tool 1 check
    for part in "$database: item \"k\" of user 1: \"value\" is missing or not valid: has white space around it; store the item anew, or delete it" \
        "$database: token 1 of user 1: \"writes\" is missing" "$database: user 1: \"age\" is missing" "$database: meta \"$name\": \"value\" is missing"; do
        said "$part"
    done
    # What is wrong twice over is told once each, and a key that is no text is shown as one.
    change "UPDATE items SET value = '5', size = 1, key = char(27) || '[31m' WHERE key = 'k'"
    tool 1 check
    case $stderr in *$'\e'*) fail 'shown as it is' ;; esac
    said 'item "?[31m" of user 1: "key" is missing'
    change "DELETE FROM items; UPDATE users SET age = 5, keys = 25, bytes = 50, tombstones = 0, version = 30; UPDATE tokens SET writes = 0; DELETE FROM throttle;
        UPDATE meta SET value = '{}' WHERE name <> 'store_id';
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25)
        INSERT INTO items SELECT 1, 'k' || i, i, 2, 1, 1, NULL, '5 ' FROM n"
    tool 1 check --json
    same "$(of '.problems | length')" 11
    same "$(of '.problems[10].problem')" '15 more rows of the kind "item" are not valid'
    # A name of the store must be there.
    change "DELETE FROM items; UPDATE users SET keys = 0, bytes = 0"
    tool 0 check
    change "DELETE FROM meta WHERE name = 'store_id'"
    tool 1 check
    said 'it has no name (store_id)'
}

@test "rows: text that is no UTF-8 or has a NUL is found in every column" {
    rows_fill
    cp "$database" "$BATS_TEST_TMPDIR/good.db"
    for bad in "CAST(x'61ff' AS TEXT)" "CAST(x'610062' AS TEXT)" "CAST(x'edA080' AS TEXT)"; do
        for column in users.username users.email users.full_name users.gender users.password_hash users.revoked items.key items.value \
            tokens.name tokens.prefix tokens.hash meta.value; do
            change "UPDATE ${column%.*} SET ${column#*.} = $bad $([ "$column" != items.key ] || echo "WHERE key = 'k'")"
            tool 1 check
            case $column,$bad in
            items.value,*) says='' ;;
            *0062*) says='must not have a NUL character' ;;
            *) says='must be UTF-8' ;;
            esac
            said ": \"${column#*.}\" is missing or not valid: $says"
            as_before
        done
    done
}

@test "rows: no account may have a number above the last that was given away; gc --recount mends it" {
    sed -i '/^audit_rows/d' "$conf"
    rows_fill
    new_user bob
    tool 0 export "$BATS_TEST_TMPDIR/good"
    sed '1s/"last_user_id":2/"last_user_id":1/' "$BATS_TEST_TMPDIR/good" >"$BATS_TEST_TMPDIR/bad"
    change "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'users'"
    tool 1 check --json
    same "$(of '[.problems[] | [.problem, .remedy]] | tojson')" \
        '[["1 accounts with a number above the last one that was given away, which new accounts would get","run \"cubby gc --recount\""]]'
    tool 0 export "$BATS_TEST_TMPDIR/same"
    cmp "$BATS_TEST_TMPDIR/same" "$BATS_TEST_TMPDIR/bad"
    tool 0 gc --recount
    tool 0 check
    tool 0 export "$BATS_TEST_TMPDIR/same" --yes
    cmp "$BATS_TEST_TMPDIR/same" "$BATS_TEST_TMPDIR/good"
    change 'DELETE FROM sqlite_sequence'
    tool 1 check
    said '2 accounts with a number above the last one'
    tool 0 gc --recount
    tool 0 check
    empty_store
    tool 1 import "$BATS_TEST_TMPDIR/bad"
    said 'bad:3: "id" is above the "last_user_id" of the first line, 1'
    tool 0 import "$BATS_TEST_TMPDIR/good"
    new_user eve
    same "$(query "SELECT id FROM users WHERE username = 'eve'")" 3
}

# ---- larger than the settings allow ---------------------------------------------------------------------

# asked QUERY PROGRAM METHOD [PATH [BODY [TYPE]]]: one call; its answer in the file $answer, $code
asked() {
    answer=$BATS_TEST_TMPDIR/answer
    printf '%s' "${5:-}" | env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD="$3" PATH_INFO="${4:-}" QUERY_STRING="$1" REMOTE_ADDR=192.0.2.1 \
        CONTENT_LENGTH="$(printf '%s' "${5:-}" | wc -c)" CONTENT_TYPE="${6:-application/json}" HTTP_AUTHORIZATION="$token" ${if_match:+HTTP_IF_MATCH="$if_match"} \
        "$PROGRAMS/$2" >"$answer.whole" 2>>"$BATS_TEST_TMPDIR/log"
    code=$(sed -n '1s/^Status: \([0-9]*\).*/\1/p' "$answer.whole")
    sed '1,/^\r$/d' "$answer.whole" >"$answer"
}

# whole SIZE: what was answered has that many letters x
whole() {
    same "$code" 200
    same "$(tr -cd x <"$answer" | wc -c)" "$1"
}

# all_reads: every call that reads or deletes, of values above the limit
all_reads() {
    local last seen
    for _ in 1 2; do # once more in the same process, where it stays
        asked '' data GET /big
        whole 4000000
        asked raw=true data GET /big
        whole 4000000
        asked raw=true data GET /object
        whole 3900001 # and the x of its name
        asked 'values=true&prefix=b' data GET
        whole 4000000
        asked 'values=true&limit=1000' data GET
        same "$code" 200
        asked 'path=/x&prefix=object' data GET
        whole 3900000
        asked limit=1000 data GET
        same "$(jq -c '[.data.items[].key]' "$answer")" '["big","number","object","page"]'
        asked '' batch POST '' '{"operations":[{"op":"get","key":"page"}]}'
        whole 1000000
        asked '' batch POST '' '{"operations":[{"op":"get","key":"big"}]}'
        same "$code $(jq -r .details.code "$answer")" '409 ANSWER_TOO_LARGE'
        last=0 seen=''
        while :; do
            asked "since=$last" changes GET
            same "$code" 200
            seen+=$(jq -r '.data.changes[].key' "$answer")' '
            last=$(jq .data.last_version "$answer")
            [ "$(jq .data.more "$answer")" = true ] || break
        done
        same "$seen" 'big object number page '
        asked '' me GET /export
        same "$code" 200
        same "$(grep -o '"key":"[a-z]*"' "$answer" | paste -sd' ')" '"key":"big" "key":"number" "key":"object" "key":"page"'
        [ "$(stat -c %s "$answer")" -gt $((4000000 + 3900000 + 200000 + 1000000)) ] || fail 'not whole'
        # Writes that leave it as large are refused, and say what is there where they are asked to.
        if_match='"999"' asked '' data PUT /big '{"value":1}'
        same "$code" 412
        same "$(tr -cd x <"$answer" | wc -c)" 4000000
        asked increment=1 data POST /number
        same "$code $(jq -r .code "$answer")" '400 INVALID_VALUE'
        asked '' batch POST '' '{"operations":[{"op":"increment","key":"number"}]}'
        same "$code $(jq -r .details.code "$answer")" '409 INVALID_VALUE'
        asked '' data PATCH /object '{"n":2}' application/merge-patch+json
        same "$code" 413
        asked '' data PATCH /object '[{"op":"test","path":"/n","value":1},{"op":"replace","path":"/n","value":2}]' application/json-patch+json
        same "$code" 413
        asked '' data POST '' '{"key":"big","value":1}'
        same "$code" 400
    done
    asked '' data PATCH /object '{"x":null}' application/merge-patch+json
    same "$code $(jq -c .data.value "$answer")" '200 {"n":1}'
    asked '' data PUT /number '{"value":5}'
    same "$code" 200
    asked '' data DELETE /big
    same "$code" 200
    asked prefix=p data DELETE
    same "$code $(jq .data.deleted "$answer")" '200 1'
    tool 0 check --json
    same "$(of '[.warnings[] | select(.problem | contains("larger"))] | length')" 0
}

# large_values: in an installation that once allowed them
large_values() {
    printf '%s\n' 'max_value_bytes = 4194304' 'max_body_bytes = 4200000' >>"$conf"
    new_user ann
    { printf '{"key":"big","value":"'; head -c 4000000 /dev/zero | tr '\0' x; printf '"}'; } >"$BATS_TEST_TMPDIR/body"
    store_file
    { printf '{"key":"object","value":{"x":"'; head -c 3900000 /dev/zero | tr '\0' x; printf '","n":1}}'; } >"$BATS_TEST_TMPDIR/body"
    store_file
    { printf '{"key":"number","value":'; head -c 200000 /dev/zero | tr '\0' 7; printf '}'; } >"$BATS_TEST_TMPDIR/body"
    store_file
    { printf '{"key":"page","value":"'; head -c 1000000 /dev/zero | tr '\0' x; printf '"}'; } >"$BATS_TEST_TMPDIR/body"
    store_file
    sed -i 's/^max_value.*/max_value_bytes = 65536/; s/^max_body.*/max_body_bytes = 65536/' "$conf"
}

store_file() {
    env -i CUBBY_CONF="$conf" REQUEST_METHOD=POST CONTENT_LENGTH="$(stat -c %s "$BATS_TEST_TMPDIR/body")" HTTP_AUTHORIZATION="$token" \
        "$PROGRAMS/data" <"$BATS_TEST_TMPDIR/body" | head -n 1 | grep -q '^Status: 201'
}

@test "large: what was stored under a higher limit is read, listed, exported, changed to less and deleted" {
    large_values
    all_reads
}

@test "large: the same by programs that stay" {
    large_values
    loop_start data batch changes me
    looped all_reads
}

@test "large: the tool reads it, check warns of it, import takes it only where the settings do" {
    large_values
    tool 0 check --json
    same "$(of '.problems | length')" 0
    same "$(of '.warnings[] | .problem | select(contains("larger"))')" '4 values are larger than max_value_bytes, the largest has 4000002 bytes'
    tool 0 check
    said 'warning: '"$database"': 4 values are larger than max_value_bytes'
    tool 0 export "$BATS_TEST_TMPDIR/all"
    tool 0 export --user ann "$BATS_TEST_TMPDIR/one"
    same "$(grep -c 'x\{4000\}' "$BATS_TEST_TMPDIR/one")" 3
    tool 0 user keys ann --prefix big --values --json
    same "$(of '.[0].value | length')" 4000000
    tool 0 backup "$BATS_TEST_TMPDIR/backup"
    empty_store 'max_value_bytes = 65536'
    cp "$database" "$BATS_TEST_TMPDIR/empty.db"
    tool 1 import "$BATS_TEST_TMPDIR/all"
    said 'all:3: "value" has 4000002 bytes, more than max_value_bytes (65536) allows; nothing was imported'
    cmp "$database" "$BATS_TEST_TMPDIR/empty.db"
    sed -i 's/^max_value.*/max_value_bytes = 4000001/' "$CUBBY_CONF"
    echo 'max_body_bytes = 5000000' >>"$CUBBY_CONF"
    tool 1 import "$BATS_TEST_TMPDIR/all"
    sed -i 's/^max_value.*/max_value_bytes = 4000002/' "$CUBBY_CONF"
    tool 0 import "$BATS_TEST_TMPDIR/all"
    tool 0 check
    tool 0 export "$BATS_TEST_TMPDIR/again"
    cmp "$BATS_TEST_TMPDIR/all" "$BATS_TEST_TMPDIR/again"
}
