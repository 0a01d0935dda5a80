# Programs that stay, and a web server, or who takes its place, that speaks FastCGI badly: nothing of it is in
# the next answer, nobody waits for long, and the process goes on.

load tool.bash
load loop.bash

teardown() { loops_stop; }

setup() {
    note_test_alone
    installation
    new_user bob
    store a '"of bob"'
    other=$token
    new_user ann
    store a '"of ann"'
    store b 1
    loop_start data
}

# attacks NAME…: what records.js says of these; the process is the same afterwards, with as many files open
attacks() {
    local files
    files=$(ls "/proc/$loop_data/fd" | wc -l)
    said=$(TOKEN=$token TOKEN_OTHER=$other timeout 250 node "$root/tests/system/records.js" "$sockets/data" "$@" 2>&1) || fail "$said"
    kill -0 "$loop_data" || fail "the process is gone: $said"
    eventually eval "[ \$(ls /proc/$loop_data/fd | wc -l) -le $((files + 2)) ]" # the database
    ask data GET /a
    answered 200
    same "$(jq -r .data.value <<<"$body")" 'of ann'
}

@test "hostile: what is no request of FastCGI gets no answer, and the next one is answered" {
    none=('nothing' 'noise' 'version 2' 'role of an authorizer' 'role of a filter' 'role 9' 'number 0' 'short begin' 'params first'
        'abort first' 'abort in the head' 'input in the head' 'padding'
        'name of 2 GB' 'name longer than the record' 'half a length' 'half a record' 'head of 10 MB')
    attacks "${none[@]}"
    same "$said" "$(printf '%s: closed, 200\n' "${none[@]}")"
}

@test "hostile: records that are no part of the request are skipped, wherever they come, and nothing with them" {
    skipped=('unknown management record' 'many questions' 'empty record of another request in the head' 'unknown management record in the body'
        'many questions in the body' 'empty management record in the body' 'empty record of another request in the body')
    attacks "${skipped[@]}"
    same "$said" "$(printf '%s: 200, 200\n' "${skipped[@]}")"
    ask data GET /b
    same "$(jq -c .data.value <<<"$body")" 1
}

@test "hostile: bodies that are cut, too long, of another request or without a length" {
    attacks 'abort in the body' 'body of another request' 'second request among the first' 'unknown record of its own in the body' \
        'length of no number' 'negative length' 'longer than announced' 'shorter than announced' 'no length' 'length unknown' \
        'no length, no end of the body' 'header of 1 MB' 'token of 1 MB'
    same "$said" "abort in the body: 400, 200
body of another request: 400, 200
second request among the first: 200, 200
unknown record of its own in the body: 400, 200
length of no number: 400, 200
negative length: 400, 200
longer than announced: 200, 200
shorter than announced: 400, 200
no length: 200, 200
length unknown: 200, 200
no length, no end of the body: 413, 200
header of 1 MB: 200, 200
token of 1 MB: 401, 200"
}

@test "hostile: a NUL ends no variable: what it stands in is refused, and nothing is done" {
    attacks 'NUL in the path' 'NUL at the end of the path' 'NUL in the path of a delete' \
        'NUL in the path of an upsert' 'NUL in the query' 'NUL in the method' 'NUL in the token' 'NUL in the length' 'NUL in a condition' 'NUL in a name'
    same "$said" "NUL in the path: 404, 200
NUL at the end of the path: 404, 200
NUL in the path of a delete: 404, 200
NUL in the path of an upsert: 400, 200
NUL in the query: 404, 200
NUL in the method: 405, 200
NUL in the token: 401, 200
NUL in the length: 400, 200
NUL in a condition: 400, 200
NUL in a name: 405, 200"
    ask data GET /b
    same "$(jq -c .data.value <<<"$body")" 1
}

@test "hostile: who is silent, or sends byte by byte or without end, keeps others for no more than a second or so" {
    attacks 'silence' 'half a head' 'byte by byte' 'a head without end' 'a body without end' 'noise, byte by byte'
    same "$said" "silence: closed, 200
half a head: closed, 200
byte by byte: closed, 200
a head without end: closed, 200
a body without end: 503, 200
noise, byte by byte: closed, 200"
}

@test "hostile: records of others in a body keep the process for no longer than the body itself may" {
    local all=('records of others in the body' 'records of others in the body, as fast as they go'
        'management records in the body, whose answers nobody reads' 'padding, byte by byte')
    attacks "${all[@]}"
    same "$said" "$(printf '%s: closed, 200\n' "${all[@]}")"
    # Nor when nobody waits: a body may take as long as ever, and no longer.
    attacks 'alone=records of others before the body'
    same "$said" 'alone=records of others before the body: 200, 200'
    sed -i '/^body_timeout/d' "$conf"
    echo 'body_timeout = 2' >>"$conf"
    made_anew data
    attacks "${all[@]/#/alone=}"
    same "${said//: 400,/: closed,}" "$(printf 'alone=%s: closed, 200\n' "${all[@]}")"
    ask data GET /b
    same "$(jq -c .data.value <<<"$body")" 3
}

# long_list: a list that is longer than what the kernel keeps of it on its way, 1 MB
long_list() {
    local value key
    value=$(head -c 95000 /dev/zero | tr '\0' x)
    for key in 1 2 3 4 5 6 7 8 9 10; do
        store "long/$key" "\"$value\""
        same "$code" 201
    done
}

@test "hostile: who does not read the answer, or hardly, keeps others for no more than a second or so, and has it cut" {
    long_list
    LIMIT=30000 attacks 'an answer that is not read for some seconds' 'an answer that is read at 10 KB a second'
    same "$said" 'an answer that is not read for some seconds: 200 cut, 200
an answer that is read at 10 KB a second: 200 cut, 200'
    # Several, one after the other, as there is one process: not a second for each.
    LIMIT=20000 attacks deaf=24
    same "$said" "deaf=24:$(printf ' 200 cut%.0s' $(seq 24)), 200"
}

@test "hostile: who reads the answer slowly, but steadily, has all of it, and so has who keeps nobody waiting" {
    long_list
    # Where the machine did not let it read steadily, it is cut with good reason: then once more.
    for _ in 1 2; do
        LIMIT=100000 attacks 'an answer that is read at 100 KB a second'
        [[ $said == *' cut, '*', slow' ]] || break
    done
    same "${said%, slow}" 'an answer that is read at 100 KB a second: 200, 200'
    attacks 'alone=an answer that is not read for some seconds'
    same "$said" 'alone=an answer that is not read for some seconds: 200, 200'
}

@test "hostile: many connections that are opened and left" {
    LIMIT=25000 attacks crowd=30
    same "$said" 'crowd=30: 200, 200'
    # More than may wait: once they have gone, all is as before.
    WAIT=3000 attacks crowd=1000
    same "${said##*, }" 200
}

@test "hostile: two users by turns on one connection get what is theirs" {
    attacks turns=300
    same "$said" 'turns=300: 0 of 300 wrong'
}

# resident: the memory of the process once it has left the database, in KB
resident() {
    left() { [ -z "$(find "/proc/$loop_data/fd" -lname "$database*")" ]; }
    eventually left || return 1
    at_rest "$loop_data" || return 1
    awk '/VmRSS/ { print $2 }' "/proc/$loop_data/status"
}

@test "hostile: the memory is the same after many attempts" {
    attacks 'header of 1 MB' 'head of 10 MB'
    before=$(resident)
    list=()
    for _ in $(seq 10); do list+=('noise' 'header of 1 MB' 'token of 1 MB' 'head of 10 MB' 'abort in the body' 'no length, no end of the body'); done
    attacks "${list[@]}"
    after=$(resident)
    [ "$((after - before))" -le 512 ] || fail "$before, then $after kB"
}
