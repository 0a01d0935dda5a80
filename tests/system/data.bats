#!/usr/bin/env bats
# The data API under load: many clients at once, many keys, much waiting

load system

setup_file() {
    export folder=$BATS_FILE_TMPDIR
    mkdir -m 700 "$folder/data"
    # Few tombstones, so that deletions are forgotten while others follow, and all 50 may wait.
    printf 'password_cost = 1\nregister_limit = 0\ntombstones = 25\nmax_waits = 100\nbusy_timeout = 60000\n' >"$folder/data/cubby.conf"
    SERVER=lighttpd PORT=0 DATA=$folder/data READY=$folder/ready WWW=$root/www \
        setsid sh "$root/cgi-bin/server/run.sh" >"$folder/log" 2>&1 </dev/null 3>&- 4>&- &
    echo $! >"$folder/pid"
    eventually test -f "$folder/ready" || fail "does not come up: $(cat "$folder/log")"
    BASE=$(cat "$folder/ready")
    WEB_SERVER=$(server_of_run "$(cat "$folder/pid")")
    export BASE WEB_SERVER DATABASE=$folder/data/cubby.db
}

teardown_file() {
    kill "$(cat "$folder/pid")"
    eventually test ! -f "$folder/ready"
}

clients() { timeout 280 node "$root/tests/system/data.js" "$@"; }

@test "data: a copy that follows the changes ends with exactly what is there" {
    clients replica
}

@test "data: of reads and writes on condition by 16 at once, every acknowledged one counts" {
    clients counter
}

@test "data: 100,000 keys are walked in order, none twice and none left out, while others come and go" {
    clients walk
}

@test "data: 50 who wait use no processor, and all wake with a write" {
    clients wait
}

@test "data: deletions are remembered up to the limit, and the counters are those of the rows" {
    same "$(sqlite3 -cmd '.timeout 100000' "$DATABASE" 'SELECT COUNT(*) FROM users WHERE tombstones > 25')" 0
    same "$(sqlite3 -cmd '.timeout 100000' "$DATABASE" 'SELECT COUNT(*) FROM users WHERE
        keys <> (SELECT COUNT(*) FROM items WHERE user_id = users.id AND (expires_at IS NULL OR expires_at > 0)) OR
        bytes <> (SELECT COALESCE(SUM(size), 0) FROM items WHERE user_id = users.id) OR
        tombstones <> (SELECT COUNT(*) FROM items WHERE user_id = users.id AND expires_at < 0) OR
        version < (SELECT COALESCE(MAX(version), 0) FROM items WHERE user_id = users.id) OR
        next_expiry > (SELECT MIN(expires_at) FROM items WHERE user_id = users.id AND expires_at > 0)')" 0
    same "$(sqlite3 -cmd '.timeout 100000' "$DATABASE" 'SELECT COUNT(*) FROM items WHERE size <> length(CAST(value AS BLOB))')" 0
}

# cgi PROGRAM METHOD PATH QUERY TYPE: one request straight to the program, whose body is in
# $BATS_TEST_TMPDIR/body, in at most 8 MiB of memory; leaves the answer in $answer.
cgi() {
    answer=$(
        ulimit -v 8192
        env -i REQUEST_METHOD="$2" PATH_INFO="$3" QUERY_STRING="$4" CONTENT_TYPE="$5" CUBBY_CONF="$BATS_TEST_TMPDIR/conf" \
            CONTENT_LENGTH="$(stat -c %s "$BATS_TEST_TMPDIR/body")" REMOTE_ADDR=127.0.0.1 HTTP_AUTHORIZATION="${token:-}" \
            "$PROGRAMS/$1" <"$BATS_TEST_TMPDIR/body" 2>&1
    )
}

# body JAVASCRIPT: makes the body of the next request.
body() { node -e "process.stdout.write($1)" >"$BATS_TEST_TMPDIR/body"; }

@test "data: no request takes more than 8 MiB, and none fails for it" {
    local merge=application/merge-patch+json patch=application/json-patch+json
    printf 'database = %s/cubby.db\nkeys = %s/keys.json\npassword_cost = 1\n' "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/conf"
    "$TOOL" -c "$BATS_TEST_TMPDIR/conf" init
    body "'{\"username\":\"a\",\"email\":\"a@b.cd\",\"full_name\":\"x\",\"age\":3,\"gender\":\"f\",\"password\":\"$PASSWORD\"}'"
    cgi register POST '' '' application/json
    body "'{\"username\":\"a\",\"password\":\"$PASSWORD\"}'"
    cgi token POST '' '' application/json
    token=$(sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' <<<"$answer")
    while IFS='|' read -r status program method path query type script; do
        body "$script"
        cgi "$program" "$method" "$path" "$query" "$type"
        [ "$(head -c 11 <<<"$answer")" = "Status: $status" ] || fail "$program $method $path $query $script: $answer"
    done <<CALLS
201|data|POST||||'{"key":"small","value":1}'
413|data|POST||||'{"key":"z","value":[' + '0,'.repeat(520000) + '0]}'
413|data|POST||||'{"key":"z","value":' + '"x'.padEnd(1000000, 'x') + '"}'
200|batch|POST||||JSON.stringify({operations: Array.from({length: 4}, (_, i) => ({op: 'upsert', key: 'v/' + i, value: 'x'.repeat(261000)}))})
200|data|GET||prefix=v/&values=true||''
200|changes|GET||since=0||''
200|batch|POST||||JSON.stringify({operations: Array.from({length: 4}, (_, i) => ({op: 'get', key: 'v/' + i}))})
200|batch|POST||||JSON.stringify({operations: Array.from({length: 500}, (_, i) => ({op: 'upsert', key: 'q' + i + '"'.repeat(500), value: 1}))})
200|batch|POST||||JSON.stringify({operations: Array.from({length: 500}, (_, i) => ({op: 'upsert', key: 'r' + i + '"'.repeat(500), value: 1}))})
200|data|GET||limit=1000&prefix=||''
200|data|GET||limit=1000&prefix=q||''
400|batch|POST||||'{"operations":[' + Array.from({length: 500}, () => '{' + Array.from({length: 150}, (_, j) => '"m' + j + '":0').join() + ',"op":"increment","key":"n"}').join() + ']}'
400|batch|POST||||'{"operations":[{' + Array.from({length: 4000}, (_, j) => '"\\\\u0041' + 'x'.repeat(220) + j + '":0').join() + ',"op":"increment","key":"n"}]}'
200|data|PATCH|/small||$patch|'[' + Array.from({length: 900}, () => '{' + Array.from({length: 100}, (_, j) => '"m' + j + '":0').join() + ',"op":"test","path":"","value":1}').join() + ']'
201|data|PUT|/wide|upsert=true||'{"value":{' + Array.from({length: 19000}, (_, i) => '"k' + i + '":0').join() + '}}'
200|data|PATCH|/wide||$merge|'{"x":1}'
422|data|PATCH|/wide||$merge|'{' + Array.from({length: 4000}, (_, i) => '"n' + i + '":0').join() + '}'
413|data|PATCH|/small||$merge|'{' + Array.from({length: 1000}, (_, j) => '"\\\\u0041' + 'x'.repeat(900) + j + '":0').join() + '}'
413|data|PATCH|/small||$patch|'[' + Array.from({length: 4}, (_, i) => '{"op":"add","path":"' + (i ? '/' + i : '') + '","value":' + (i ? '"' + 'x'.repeat(250000) + '"' : '{}') + '}').join() + ']'
CALLS
}
