# Over PostgreSQL: a server that is a copy of another one, and one whose copies are missing. Both are read.

load system.bash
load tool.bash
load loop.bash
load postgresql.bash

setup_file() {
    server_make
    preload_make
}
teardown_file() { server_end; }

setup() {
    token=''
    server_empty
    install_over "$server/socket" 'audit_rows = 10'
    export CUBBY_CONF=$conf
}
teardown() {
    loops_stop
    promote_end
    sync_copies '' || true
}

# becomes_copy: the server is a copy of another one from here on, and the settings have it used
becomes_copy() {
    sed -i 's/^\(database = .*\)/\1\&target_session_attrs=any/' "$conf"
    server_stop
    touch "$server/db/standby.signal"
    server_start
}

# expiring: two items of ann, of which one has an end that has passed since
expiring() {
    new_user ann
    store stays 1
    cgi data POST '' '{"key":"ends","value":2,"ttl":100}'
    sql "UPDATE items SET expires_at = 1000 WHERE key = 'ends'; UPDATE users SET next_expiry = 1000"
}

@test "postgresql: beside a copy the tool exports, copies and checks, and tells the true reason of what it can't do" {
    new_user ann
    store k '{"n":1e400}'
    becomes_copy
    tool 0 check
    tool 0 export "$home/export"
    same "$(tail -n 1 "$home/export" | jq .items)" 1
    from=$(sed -n 's/^database = //p' "$conf")
    sed "s#^database = .*#database = $home/cubby.db#" "$conf" >"$home/file.conf"
    CUBBY_CONF=$home/file.conf tool 0 copy --from "$from" --json
    same "$(of '[.users, .items, .verified] | tojson')" '[1,1,true]'
    CUBBY_CONF=$home/file.conf tool 0 check
    tool 0 user show ann
    for command in 'user disable ann' gc; do
        # shellcheck disable=SC2086
        tool 5 $command
        said 'recovery'
        [[ $stderr != *memory* ]] || fail "$stderr"
    done
    # A copy whose tables are others is found as well.
    promote
    sql 'DROP INDEX items_expiry'
    tool 1 check
    said "the schema is not cubby's"
}

@test "postgresql: a copy tells the changes, also when items have expired; what writes is 503" {
    expiring
    ann=$token
    becomes_copy
    loop_start changes data token me
    for _ in 1 2; do
        ask changes GET
        same "$code $(jq -c '[.data.changes[].key]' <<<"$body")" '200 ["stays"]'
        # Its security event, which can't be kept there, is in the log.
        ask me GET /export
        same "$code $(jq -c '[.data.items[].key]' <<<"$body")" '200 ["stays"]'
    done
    same "$(grep -c '"event":"export","outcome":"done"' "$BATS_TEST_TMPDIR/log")" 2
    ask data GET /stays
    same "$code" 200
    ask data PUT /stays '{"value":2}'
    same "$code" 503
    # A login counts itself.
    token=''
    ask token POST '' "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
    same "$code" 503
    token=$ann
    promote
    ask changes GET
    same "$code $(jq -c '[.data.changes[] | [.key, .deleted]]' <<<"$body")" '200 [["stays",null],["ends",true]]'
}

@test "postgresql: while a synchronous copy is missing the changes are told nevertheless" {
    expiring
    loop_start changes me
    sync_copies nobody
    ask changes GET
    same "$code" 200
    ask me GET /export
    sync_copies ''
    same "$code" 200
    grep -q 'may be done or not' "$BATS_TEST_TMPDIR/log" || fail 'it did not wait for a copy'
    ask changes GET
    same "$code $(jq -c '[.data.changes[] | [.key, .deleted]]' <<<"$body")" '200 [["stays",null],["ends",true]]'
}

# once NAME=VALUE METHOD PATH [BODY]: one call of data in a process of its own, with that variable for the preload
once() {
    printf %s "${4:-}" | env -i LD_PRELOAD="$preload" "$1" CUBBY_CONF="$conf" REQUEST_METHOD="$2" PATH_INFO="$3" QUERY_STRING='' REMOTE_ADDR=192.0.2.1 \
        CONTENT_LENGTH="$(printf %s "${4:-}" | wc -c)" HTTP_AUTHORIZATION="Bearer $token" timeout 250 "$PROGRAMS/data" 2>>"$BATS_TEST_TMPDIR/log" | head -n 1
}

@test "postgresql: a server before version 14, which does not say what it is, is known as a copy by what it refuses" {
    new_user ann
    store k 1
    fault 0A000 1
    same "$(once FAULT_OLD=1 POST '' '{"key":"l","value":1}')" $'Status: 500 Internal Server Error\r'
    fault 00000 0
    becomes_copy
    same "$(once FAULT_OLD=1 PUT /k '{"value":2}')" $'Status: 503 Service Unavailable\r'
    same "$(once FAULT_OLD=1 GET /k)" $'Status: 200 OK\r'
}
