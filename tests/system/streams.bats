# Programs that are started with standard input, output or error closed: what they open never gets the number of
# one of these. So nothing that they say goes into another file, and they have all that they need.

load tool.bash
load loop.bash

setup() {
    note_test_alone
    token=''
}
teardown() {
    loops_stop
    [ -z "${keeper:-}" ] || keeper_stop
}

# afresh LINE…: installation, in the place of the one before
afresh() {
    [ -z "${home:-}" ] || rm -rf "$home"
    installation "$@"
}

# without STREAM…: a folder with scripts in the place of the programs, which become them with these closed: $without
without() {
    local name closing=''
    without=$BATS_TEST_TMPDIR/without
    for name; do closing+=" $name>&-"; done
    mkdir -p "$without"
    for name in "$PROGRAMS"/*; do
        printf '#!/bin/sh\nexec "%s"%s\n' "$name" "$closing" >"$without/${name##*/}"
        chmod 755 "$without/${name##*/}"
    done
}

# closed STREAM PROGRAM METHOD [PATH [BODY]]: cgi, of a program that is started without that stream; how it ends, in $status
closed() {
    local plain=$PROGRAMS
    PROGRAMS=$BATS_TEST_TMPDIR/closed
    mkdir -p "$PROGRAMS"
    printf '#!/bin/sh\n"%s" %s>&-\necho $? >"%s"\n' "$plain/$2" "$1" "$BATS_TEST_TMPDIR/ended" >"$PROGRAMS/$2"
    chmod 755 "$PROGRAMS/$2"
    shift
    cgi "$@"
    PROGRAMS=$plain
    status=$(cat "$BATS_TEST_TMPDIR/ended")
}

# each_program STREAM: one call of each, and what came of it: the exit status, what was answered
each_program() {
    local call parameters reset_code
    tool 0 user reset-code ann --json
    reset_code=$(of .code)
    while read -r program method path parameters sent; do
        call=("$program" "$method" "${path#-}" "${sent#-}")
        parameters=${parameters#-}
        closed "$1" "${call[@]}"
        echo "$program $status ${code:-nothing}"
    done <<CALLS
batch POST - - {"operations":[{"op":"put","key":"k","value":2}]}
changes GET - since=0 -
data GET /k - -
health GET - - -
keys GET - - -
me GET - - -
register POST - - {"username":"user$1","email":"user$1@example.org","full_name":"User","age":30,"gender":"x","password":"$PASSWORD"}
reset POST - - {"username":"ann","code":"$reset_code","new_password":"$PASSWORD"}
token POST - - {"username":"ann","password":"$PASSWORD"}
CALLS
}

# intact: the database is one, and in order
intact() {
    same "$(head -c 15 "$database")" 'SQLite format 3'
    same "$(query 'PRAGMA integrity_check')" ok
    tool 0 check
}

users() { query 'SELECT count(*) FROM users'; }
rows() { query 'SELECT * FROM users; SELECT * FROM items'; }

@test "streams: each program of CGI does without standard error" {
    for sandbox in on all off; do
        afresh "sandbox = $sandbox"
        new_user ann
        store k 1
        same "$(each_program 2)" "batch 0 200
changes 0 200
data 0 200
health 0 200
keys 0 200
me 0 200
register 0 201
reset 0 200
token 0 200"
        same "$(users)" 2
        intact
    done
}

@test "streams: a program of CGI without standard input answers what has no body, and says that a body is missing" {
    for sandbox in on all off; do
        afresh "sandbox = $sandbox"
        new_user ann
        store k 1
        before=$(rows)
        same "$(each_program 0)" "batch 0 400
changes 0 200
data 0 200
health 0 200
keys 0 200
me 0 200
register 0 400
reset 0 400
token 0 400"
        same "$(rows)" "$before"
        intact
    done
}

@test "streams: a program of CGI without standard output is one whose client has gone: its answer goes nowhere" {
    for sandbox in on all off; do
        afresh "sandbox = $sandbox"
        new_user ann
        store k 1
        : >"$BATS_TEST_TMPDIR/log"
        same "$(each_program 1)" "batch 1 nothing
changes 1 nothing
data 1 nothing
health 1 nothing
keys 1 nothing
me 1 nothing
register 1 nothing
reset 1 nothing
token 1 nothing"
        same "$(users)" 2
        ! grep -vE '^cubby [a-z]+: audit ' "$BATS_TEST_TMPDIR/log" || fail 'more than events is in the log'
        intact
        # who waits for changes has nobody to tell of them
        parameters='since=9&wait=50' closed 1 changes GET
        same "$status $code" '1 '
    done
}

# numbers PID: what the standard streams of a process are
numbers() { readlink "/proc/$1/fd/0" "/proc/$1/fd/1" "/proc/$1/fd/2" | sed 's/socket:.*/socket/' | tr '\n' ' '; }

# only_socket PROGRAM: it stays, started as libfcgi starts one, with the socket alone
only_socket() {
    without 1 2
    LOOP_PROGRAMS=$without loop_start "$1"
}

@test "streams: of a program that stays, with the socket alone, a line that the log does not take is in no answer" {
    installation 'log = /dev/full'
    new_user ann
    only_socket token
    for _ in 1 2 3; do
        ask token POST '' "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
        answered 200
        same "$(numbers "$loop_token")" 'socket / / '
    done
    intact
}

@test "streams: of a program that stays, with the socket alone, no such line is written over the database" {
    installation 'log = /dev/full'
    new_user ann
    store k 1
    before=$(sha256sum <"$database")
    only_socket data
    ask data GET /k # which leaves the database open, and no line
    answered 200
    # Each of these has one, as the token is none.
    env -i CUBBY_CONF="$conf" REQUEST_METHOD=GET PATH_INFO=/k REMOTE_ADDR=192.0.2.1 HTTP_AUTHORIZATION='Bearer none' PATH="$PATH" \
        sh -c 'for n in $(seq 1000); do cgi-fcgi -bind -connect "$1" </dev/null && echo; done' sh "$sockets/data" \
        >"$BATS_TEST_TMPDIR/answers" 2>"$BATS_TEST_TMPDIR/errors"
    same "$(sha256sum <"$database")" "$before"
    intact
    same "$(grep -c '^Status: 401' "$BATS_TEST_TMPDIR/answers")" 1000
    same "$(cat "$BATS_TEST_TMPDIR/errors")" ''
    same "$(numbers "$loop_data")" 'socket / / ' # the same process
    ask data GET /k
    answered 200
}

@test "streams: each program that stays, with the socket alone, confined or not" {
    for sandbox in on off; do
        afresh "sandbox = $sandbox" 'log = /dev/full'
        new_user ann
        store k 1
        for name in "$PROGRAMS"/*; do
            name=${name##*/}
            only_socket "$name"
            for _ in 1 2 3; do
                ask "$name" GET # which many of them do not know
                case $code in 200 | 401 | 405) ;; *) fail "$name" ;; esac
                eval "pid=\$loop_$name"
                same "$name $(numbers "$pid")" "$name socket / / "
            done
        done
        loops_stop
        intact
    done
}

@test "streams: cubby-loop that is started without output and errors keeps programs that answer" {
    installation 'log = /dev/full'
    new_user ann
    printf '#!/bin/sh\nexec "$@" <&- >&- 2>&-\n' >"$BATS_TEST_TMPDIR/silent"
    chmod 755 "$BATS_TEST_TMPDIR/silent"
    keeper_by=$BATS_TEST_TMPDIR/silent
    keeper
    for _ in 1 2 3; do
        ask data PUT /k '{"value":1}'
        answered 404
        ask token POST '' '{"username":"ann","password":"Not-that-1"}'
        answered 401
    done
    intact
}

@test "streams: what uses the database without being a program of cubby never has it as one of the three" {
    installation
    # shellcheck disable=SC2016 # of that shell
    strace -qq -o "$BATS_TEST_TMPDIR/calls" -e trace=open,openat,fcntl \
        sh -c 'exec "$@" <&- >&- 2>&-' sh "$root/build/test-tools/store_alone" "$conf" || true # it says so nowhere
    tool 0 user show alone
    grep -q 'cubby\.db"' "$BATS_TEST_TMPDIR/calls"
    ! grep -E 'cubby\.db[^"]*",.* = [012]$' "$BATS_TEST_TMPDIR/calls" || fail 'it is'
}
