#!/usr/bin/env bats
# make MULTICALL=1: all programs as one executable, which is what the name says by which it is started.

load system
load protection.bash

setup_file() {
    export checkout=$BATS_FILE_TMPDIR/checkout
    copy_built_checkout "$checkout"
    make_in "$checkout" -j2 MULTICALL=1 all >"$BATS_FILE_TMPDIR/log" 2>&1 || fail "$(cat "$BATS_FILE_TMPDIR/log")"
    make_in "$checkout" MULTICALL=1 install DESTDIR="$BATS_FILE_TMPDIR/dest" >/dev/null
    export installed=$BATS_FILE_TMPDIR/dest/usr/local/lib/cubby/cgi-bin conf=$BATS_FILE_TMPDIR/cubby.conf
    printf 'database = %s/cubby.db\nkeys = %s/keys.json\npassword_cost = 1\n' "$BATS_FILE_TMPDIR" "$BATS_FILE_TMPDIR" >"$conf"
    "$TOOL" -c "$conf" init
}

# ask PROGRAM METHOD PATH [BODY]: what the program at that path answers; leaves $status and $output
ask() {
    run env -i CUBBY_CONF="$conf" GATEWAY_INTERFACE=CGI/1.1 SERVER_SOFTWARE=test REQUEST_METHOD="$2" PATH_INFO="$3" QUERY_STRING= \
        ${token:+HTTP_AUTHORIZATION="Bearer $token"} CONTENT_LENGTH="${#4}" "$1" <<<"${4-}"
}

@test "multicall: one file under the names of all programs, installed as such" {
    for folder in "$checkout/build/cgi-bin" "$installed"; do
        same "$(cd "$folder" && ls | tr '\n' ' ')" "$(cd "$root/cgi-bin" && basename -a -s .c *.c | tr '\n' ' ')"
        same "$(stat -c %i "$folder"/* | sort -u | wc -l)" 1
    done
    # All of them take little more than one.
    [ "$(stat -c %s "$installed/data")" -lt $(($(stat -c %s "$root/build/cgi-bin/data") * 5 / 4)) ]
}

@test "multicall: it is as hard to take over as programs of their own" {
    stack_is_data "$installed/data"
    linked_early "$installed/data" static
    built_from "$checkout/build"
}

@test "multicall: each name has the routes of its program, and no others" {
    ask "$installed/register" POST '' "{\"username\":\"ann\",\"email\":\"ann@example.org\",\"full_name\":\"Ann\",\"age\":30,\"gender\":\"female\",\"password\":\"$PASSWORD\"}"
    has "$output" 'Status: 201'
    ask "$installed/token" POST '' "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
    token=$(sed -n 's/.*"token":"\([^"]*\)".*/\1/p' <<<"$output")
    [ -n "$token" ]
    ask "$installed/data" POST '' '{"key":"a","value":1}'
    has "$output" 'Status: 201'
    ask "$installed/data" GET /a
    has "$output" '"value":1'
    # /export is a route of `me`, / with DELETE none of `health`.
    ask "$installed/me" GET /export
    has "$output" 'Status: 200'
    for program in health token register reset keys batch changes; do
        ask "$installed/$program" GET /export
        ! grep -q 'Status: 200' <<<"$output" || fail "$program has a route of me"
        ask "$installed/$program" PATCH ''
        has "$output" 'Status: 405'
    done
    # By its name alone too, as some servers start programs, and through a symbolic link.
    cd "$installed"
    ask ./health GET ''
    has "$output" 'Status: 200'
    ln -s "$installed/batch" "$BATS_TEST_TMPDIR/health"
    ask "$BATS_TEST_TMPDIR/health" GET ''
    has "$output" 'Status: 200'
}

@test "multicall: under any other name it is no program" {
    for name in cubby multicall Data data.cgi main x ''; do
        ln -f "$installed/data" "$BATS_TEST_TMPDIR/${name:-empty}"
        ask "$BATS_TEST_TMPDIR/${name:-empty}" GET /a
        [ "$status" != 0 ]
        has "$output" "multicall: started as \"${name:-empty}\", which is no program of cubby"
        has "$output" 'Status: 404'
        has "$output" '"code":"NOT_FOUND"'
    done
}

# as NAME: the program, told by the caller that this is its name; its file is that of data
as() {
    run env -i CUBBY_CONF="$conf" SERVER_SOFTWARE=test REQUEST_METHOD=GET PATH_INFO=/a QUERY_STRING= \
        bash -c 'exec -a "$1" "$2"' as "$1" "$installed/data" </dev/null
}

@test "multicall: a name that the caller makes up opens nothing, and forges no line of the log" {
    for name in '' / data/ 'data ' ' data' data/. ../ $'data\nx' '-data'; do
        as "$name"
        [ "$status" != 0 ]
        has "$output" 'which is no program of cubby'
        has "$output" 'Status: 404'
    done
    as $'x\ncubby token: forged'
    same "$(grep -c '^cubby ' <<<"$output")" 1
    as "$(printf 'x%.0s' {1..100000})"
    [ "$status" != 0 ]
    has "$output" 'Status: 404'
    # Only what stands behind the last slash counts.
    as /token/keys/health
    has "$output" 'Status: 404'
    as /no/such/place/data
    has "$output" 'Status: 401'
    # The names of routes and of paths are no programs.
    ask "$installed/data" GET /../health/../token
    ! grep -q 'Status: 200' <<<"$output" || fail "$output"
}

@test "multicall: with standard streams closed it is the same, under each name" {
    for stream in 0 1 2; do
        printf '#!/bin/sh\nexec "%s" %s>&-\n' "$installed/health" "$stream" >"$BATS_TEST_TMPDIR/without$stream"
    done
    chmod 755 "$BATS_TEST_TMPDIR"/without*
    for stream in 0 2; do
        ask "$BATS_TEST_TMPDIR/without$stream" GET ''
        same "$status" 0
        has "$output" 'Status: 200'
    done
    ask "$BATS_TEST_TMPDIR/without1" GET ''
    same "$status $output" '1 '
    # its only line goes nowhere then, and no further one is written
    ln -f "$installed/data" "$BATS_TEST_TMPDIR/none"
    output=$(env -i CUBBY_CONF="$conf" REQUEST_METHOD=GET PATH_INFO= strace -qq -o "$BATS_TEST_TMPDIR/calls" "$BATS_TEST_TMPDIR/none" </dev/null 2>&-) || true
    has "$output" 'Status: 404'
    awk '/^open\("\/", .*O_PATH.* = 2$/ { occupied = 1 } /^write\(2,/ { lines++; early += !occupied } END { exit !(lines == 1 && !early) }' \
        "$BATS_TEST_TMPDIR/calls" || fail "$(cat "$BATS_TEST_TMPDIR/calls")"
}
