# Programs that stay, all of whose processes wait for something: who else asks is answered all the same,
# within a time that does not grow with the number of those who ask.

load tool.bash
load loop.bash

teardown() {
    [ -z "${stopped:-}" ] || kill -KILL "$stopped" 2>/dev/null || true
    servers_stop
    loops_stop
    [ -z "${keeper:-}" ] || kill -TERM -- "-$keeper" 2>/dev/null || true
}

# crowd COUNT PROGRAM METHOD PATH QUERY BODY: so many requests at once, by $token; $all is how they were
# answered, one line for each, within $took whole seconds.
crowd() {
    local count=$1 program=$2 method=$3 path=$4 query=$5 sent=$6 number
    SECONDS=0
    for ((number = 0; number < count; number++)); do
        printf '%s' "$sent" | env -i CUBBY_CONF="$conf" REQUEST_METHOD="$method" PATH_INFO="$path" QUERY_STRING="$query" \
            REMOTE_ADDR=192.0.2.1 CONTENT_LENGTH="${#sent}" ${token:+HTTP_AUTHORIZATION="$token"} \
            timeout 250 "$BATS_TEST_TMPDIR/asking/$program" >"$BATS_TEST_TMPDIR/answer.$number" 2>>"$BATS_TEST_TMPDIR/log" 3>&- 4>&- &
        began
    done
    wait_all
    took=$SECONDS
    all=''
    for ((number = 0; number < count; number++)); do
        all+=$(tr -d '\r' <"$BATS_TEST_TMPDIR/answer.$number" |
            sed -n 's/^Status: \([0-9]*\).*/\1/p; s/^Retry-After: \(.*\)/\1/p; s/^.*"code":"\([A-Z_]*\)".*/\1/p' | paste -sd' ')$'\n'
        rm "$BATS_TEST_TMPDIR/answer.$number"
    done
}

# each LINE: every answer was this one
each() { same "$(sort -u <<<"${all%$'\n'}")" "$1"; }

# soon LINE WORD…: every answer is this one, by what WORDs do, of which a crowd is the last. A crowd that was answered
# within busy_timeout, 2 s, had nobody in it who could have waited in vain; where it took longer, as the machine stood
# still, once more.
soon() {
    local line=$1
    shift
    for _ in 1 2 3 4 5; do
        "$@"
        [ "$(sort -u <<<"${all%$'\n'}")" != "$line" ] && [ "$took" -ge 2 ] || break
    done
    each "$line"
}

# within SECONDS: that is much less than all of them one after the other would take
within() { [ "$took" -lt "$1" ] || fail "it took $took s"; }

# locks FILE: how many there are on it
locks() { grep -c ":$(stat -c %i "$1" 2>/dev/null) " /proc/locks || true; }

@test "waits: the lock of the database stays taken: all are answered 503 once one has waited" {
    installation 'busy_timeout = 2000'
    new_user ann
    store a 1
    keeper PROCESSES_data=2 PROCESSES_batch=2
    looped read_value a
    same "$code" 200
    hold
    crowd 60 data PUT /a '' '{"value":2}' # 60 s for two processes
    each '503 1 SERVICE_UNAVAILABLE'
    within 40
    crowd 60 batch POST '' '' '{"operations":[{"op":"put","key":"a","value":2}]}'
    each '503 1 SERVICE_UNAVAILABLE'
    within 40
    let_go
    # Who comes when nobody waits has the whole time again.
    held_for_a_second() {
        hold
        (
            sleep 1
            printf 'ROLLBACK;\n' >&5
        ) &
        began
        crowd 2 data PUT /a '' '{"value":3}'
        let_go
    }
    soon 200 held_for_a_second
    soon 200 crowd 12 data PUT /a '' '{"value":4}'
    looped read_value a
    same "$(jq -c .data.value <<<"$body")" 4
}

@test "waits: nobody can even read, as when a backup is put back: 503 for all" {
    installation 'busy_timeout = 2000'
    new_user ann
    store a 1
    loop_start data health me
    ask data GET /a
    answered 200
    hold EXCLUSIVE
    for program in data me health; do
        path=''
        [ "$program" != data ] || path=/a
        crowd 30 "$program" GET "$path" '' '' # 60 s
        each '503 1 SERVICE_UNAVAILABLE'
        within 40
    done
    let_go
    soon 200 crowd 12 data GET /a '' ''
}

@test "waits: all places for hashes are taken: 503 for who logs in, and the rest goes on" {
    installation 'busy_timeout = 2000' 'max_hashes = 1' 'login_limit_address = 0' 'login_limit_account = 0'
    new_user ann
    hash=$(query 'SELECT password_hash FROM users')
    keeper PROCESSES_token=2
    # A program that is stopped while it computes a hash, of a kind that takes a minute.
    query "UPDATE users SET password_hash = '\$2b\$20\$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234'"
    login="{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
    env -i CUBBY_CONF="$conf" REQUEST_METHOD=POST CONTENT_LENGTH=${#login} "$PROGRAMS/token" <<<"$login" >/dev/null 2>&1 3>&- 4>&- &
    stopped=$!
    eventually eval '[ "$(locks "$database-hashes") $(locks "$database")" = "1 0" ]'
    kill -STOP "$stopped"
    same "$(locks "$database-hashes") $(locks "$database")" '1 0'
    kept=$token
    token=''
    crowd 60 token POST '' '' "$login" # 60 s for two processes
    each '503 1 SERVICE_UNAVAILABLE'
    within 40
    token=$kept
    crowd 6 data POST '' '' '{"key":"a","value":1}'
    same "$(grep -c '^201' <<<"$all")" 1
    kill -KILL "$stopped"
    wait "$stopped" || true
    stopped=''
    token=''
    query "UPDATE users SET password_hash = '$hash'"
    soon 200 crowd 4 token POST '' '' "$login"
}

@test "waits: many who follow the changes share few processes, and none is kept from an answer" {
    installation
    new_user ann
    store a 1
    keeper PROCESSES_changes=2
    crowd 40 changes GET '' 'since=1&wait=5' '' # 100 s
    each 200
    within 40 # the last two have nobody behind them
    # whoever comes is answered by the first that sees it
    crowd 1 changes GET '' 'since=1&wait=2' ''
    each 200
}

@test "waits: bodies that come slowly give way to others, and are told to come again" {
    installation
    new_user ann
    store a 1
    loop_start data
    slow=()
    for number in 1 2 3 4 5 6; do
        mkfifo "$BATS_TEST_TMPDIR/body"
        exec {body}<>"$BATS_TEST_TMPDIR/body" # which has no end
        rm "$BATS_TEST_TMPDIR/body"
        printf '{"va' >&"$body"
        env -i CUBBY_CONF="$conf" REQUEST_METHOD=PUT PATH_INFO=/a CONTENT_LENGTH=900 HTTP_AUTHORIZATION="$token" \
            "$BATS_TEST_TMPDIR/asking/data" <&"$body" >"$BATS_TEST_TMPDIR/slow.$number" 2>/dev/null 3>&- 4>&- &
        slow+=("$!")
        note_process "$!" "$BATS_TEST_TMPDIR/loops"
        exec {body}<&-
    done
    eventually connected "$sockets/data" 6
    crowd 3 data GET /a '' ''
    each 200
    within 60 # of 180
    wait "${slow[@]}" || true
    same "$(cat "$BATS_TEST_TMPDIR"/slow.? | grep -c '^Status: 503')" 6
    same "$(cat "$BATS_TEST_TMPDIR"/slow.? | grep -c '^Retry-After: 1')" 6
    # One that keeps nobody waiting has its time, and comes whole.
    printf '#!/bin/sh\n(head -c 10; sleep 2.5; cat) | "%s"\n' "$BATS_TEST_TMPDIR/asking/data" >"$BATS_TEST_TMPDIR/asking/slow"
    chmod 755 "$BATS_TEST_TMPDIR/asking/slow"
    value=$(head -c 20000 /dev/zero | tr '\0' x)
    ask slow PUT /a "{\"value\":\"$value\"}"
    answered 200
    ask data GET /a
    same "$(jq -r .data.value <<<"$body")" "$value"
}

@test "waits: a body that comes slowly, beside short requests for which there is a process, keeps its place" {
    # Of two processes one is always free soon, though at any moment somebody may just be waiting for it.
    installation
    new_user ann
    store a 1
    store b 1
    keeper PROCESSES_data=2
    # Where the one which is free did not come at once, as the machine is busy, it gives way with good reason: then once more.
    for _ in 1 2 3; do
        said=$(TOKEN=$token timeout 250 node "$root/tests/system/records.js" "$sockets/data.sock" patient=5 2>&1) || fail "$said"
        [[ $said == 'patient=5: 503, '*', slow' ]] || break
    done
    same "${said%, slow}" 'patient=5: 200, reads 200'
    ask data GET /b
    same "$(jq '.data.value | length' <<<"$body")" $((5 * 20 * 1024 - 12))
}

# long_value: the value of "long", which no buffer on the way holds as a whole
long_value() {
    installation 'max_value_bytes = 8000000' 'max_body_bytes = 9000000' "$@"
    new_user ann
    store a 1
    value=$(head -c 6000000 /dev/zero | tr '\0' x)
    printf '{"key":"long","value":"%s"}' "$value" >"$BATS_TEST_TMPDIR/long"
    env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=POST REMOTE_ADDR=192.0.2.1 CONTENT_LENGTH="$(stat -c %s "$BATS_TEST_TMPDIR/long")" \
        CONTENT_TYPE=application/json HTTP_AUTHORIZATION="Bearer $token" "$PROGRAMS/data" <"$BATS_TEST_TMPDIR/long" |
        grep -q '^Status: 201'
}

# unread FD: sends a request for the long value over this descriptor, which is opened, and reads nothing
unread() {
    local authority=${address#http://}
    authority=${authority%%/*}
    eval "exec $1<>/dev/tcp/${authority%:*}/${authority#*:}"
    printf 'GET /api/data/long HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n' "$authority" "$token" >&"$1"
}

@test "waits: who does not read the answer gives way to others under servers that pass it on, and sees that it is cut" {
    long_value
    for server_name in caddy apache; do
        PROCESSES=1 served_by "$server_name" fastcgi
        for descriptor in 6 7 8 9; do unread "$descriptor"; done
        eventually connected "$(sockets_of_server)/data.sock" 4
        other=$(curl -s -m 90 -o "$BATS_TEST_TMPDIR/other" -w '%{http_code}' "$address/data/a" -H "Authorization: Bearer $token") || true
        same "$server_name $other" "$server_name 200" # of 120 s
        timeout 200 cat <&6 >"$BATS_TEST_TMPDIR/cut" || fail "$server_name keeps the connection"
        grep -aiq '^Content-Length: 6000' "$BATS_TEST_TMPDIR/cut" || fail "$(head -c 600 "$BATS_TEST_TMPDIR/cut")"
        [ "$(stat -c %s "$BATS_TEST_TMPDIR/cut")" -lt 6000000 ] || fail "$server_name: all of it came"
        exec 6>&- 7>&- 8>&- 9>&-
        # Who reads, and keeps nobody waiting, has all.
        curl -sf --limit-rate 1M -m 200 -o "$BATS_TEST_TMPDIR/all" "$address/data/long" -H "Authorization: Bearer $token"
        same "$(jq '.data.value | length' <"$BATS_TEST_TMPDIR/all")" 6000000
        servers_stop
    done
}

@test "waits: with a process for each request, who does not read the answer keeps nobody waiting, and is left by Apache after its Timeout" {
    long_value 'body_timeout = 10' # which run.sh gives to Apache
    sed '/^database\|^keys/d' "$conf" >"$home/cubby.conf"
    served_by apache cgi
    unread 6
    stuck() { pgrep -s "$(server_of_run "$server")" -f '/cgi-bin/data$'; }
    eventually stuck
    # It holds no lock, and Apache has place for others.
    other=$(curl -s -o "$BATS_TEST_TMPDIR/other" -w '%{http_code}' -X PUT "$address/data/a" -H "Authorization: Bearer $token" -d '{"value":2}')
    same "$other" 200
    left() { ! stuck; }
    eventually left || fail 'it is still there'
    exec 6>&-
}

# refused_by SERVER: how it answers for a program that dies with the request, and for one of which no process is left
refused_by() {
    local programs
    served_by "$1" fastcgi
    programs=$(server_of_run "$server")
    loop_is_past_start "$programs"
    if [ "$1" != apache ]; then
        reset_is_there() { pid=$(pgrep -s "$programs" -f '^[^ ]*/cgi-bin/reset$'); }
        eventually reset_is_there
        kill -STOP "$pid"
        curl -s -m 200 "$address/reset" -d '{}' >"$BATS_TEST_TMPDIR/died" &
        began
        eventually connected "$(sockets_of_server)/reset.sock" 1
        # shellcheck disable=SC2046 # numbers
        kill -KILL $(pgrep -s "$programs" -f '/cgi-bin/reset( |$)') 2>/dev/null || true
        wait_all
        died=$(jq -r .code <"$BATS_TEST_TMPDIR/died")
    fi
    # cubby-loop of this program, and what it keeps, some of which ends with what is killed before
    # shellcheck disable=SC2046 # numbers
    kill -KILL $(pgrep -s "$programs" -f '/cgi-bin/changes( |$)') 2>/dev/null || true
    eventually eval '! pgrep -s "$programs" -f "/cgi-bin/changes( |\$)"'
    # nginx may first find a connection that it has kept broken
    eventually eval '[ "$(curl -s -m 200 -o "$BATS_TEST_TMPDIR/unreached" -w "%{http_code}" "$address/changes" -H "Authorization: $token")" = 503 ]'
    answer=$(curl -si -m 200 "$address/changes" -H "Authorization: $token" | tr -d '\r')
    said="$(sed -n 's|^HTTP/[0-9.]* \([0-9]*\).*|\1|p; s/^Retry-After: //Ip' <<<"$answer" | paste -sd' ') $(tail -n 1 <<<"$answer" | jq -r .code)"
    same "$(curl -s -o "$BATS_TEST_TMPDIR/others" -w '%{http_code}' "$address/data/none" -H "Authorization: $token")" 404
    servers_stop
}

@test "waits: without any process of a program the web server answers at once, in the contract's form" {
    installation
    new_user ann
    refused_by apache
    same "$said" '503 1 SERVICE_UNAVAILABLE'
    for server in nginx caddy; do
        refused_by "$server"
        same "$said" '503 1 SERVICE_UNAVAILABLE'
        same "$died" BAD_GATEWAY # it may have done something
    done
}
