# Programs that stay: nothing of one request is found in the next, what changes outside is noticed, and
# a process ends well.

load tool.bash
load loop.bash

teardown() {
    touch "$BATS_TEST_TMPDIR/enough" "$BATS_TEST_TMPDIR/told" # who asks on, kills or sends slowly, in the background, ends
    loops_stop
    servers_stop
    [ -z "${keeper:-}" ] || kill -TERM -- "-$keeper" 2>/dev/null || true
    [ ! -f "$BATS_TEST_TMPDIR/mounted" ] || umount -l "$(cat "$BATS_TEST_TMPDIR/mounted")"
}

# ---- one request and the next -----------------------------------------------------------------------

# alike TEXT: without what may differ between two stores that were asked the same.
alike() {
    sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/WHEN/g; s/eyJ[A-Za-z0-9_.-]+/TOKEN/g
        s/(cubby_[0-9]+_[0-9]+)_[A-Za-z0-9_-]+/\1_SECRET/g' <<<"$1"
}

# raw_call PROGRAM METHOD PATH QUERY TOKEN ANNOUNCED BODY [NAME=VALUE]: the whole answer into $answer.
raw_call() {
    answer=$(printf '%s' "$7" | env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD="$2" PATH_INFO="$3" QUERY_STRING="$4" \
        REMOTE_ADDR=192.0.2.1 CONTENT_LENGTH="${6:-${#7}}" CONTENT_TYPE=application/json \
        ${5:+HTTP_AUTHORIZATION="Bearer $5"} ${8:+"$8"} timeout 200 "$PROGRAMS/$1" 2>>"$BATS_TEST_TMPDIR/log")
}

# Requests of every kind, by number: each once by a fresh process and once by one that stays.
requests() {
    local big deep
    deep=$(head -c 101 /dev/zero | tr '\0' '[')
    of_ann=(
        "data|GET|/a|||" "data|GET|/none|||" "data|PUT|/a|||{\"value\":{\"n\":1.0}}" "data|PUT|/a|||{\"value\":"
        "data|DELETE|/gone|||" "data|POST||||{\"key\":\"gone\",\"value\":[1,2]}" "data|GET||prefix=a&values=true&count=true|||"
        "data|PUT|/a||400000|{}" "data|PUT|/a||500|{\"value\":" "data|PUT|/a|upsert=perhaps||{\"value\":1}"
        "data|PUT|/a|||{\"value\":$deep}" "data|PUT|/a|||{\"value\":3}|HTTP_IF_MATCH=\"1\"" "data|HEAD|/a|||" "data|OPTIONS|/a|||"
        "data|PATCH|/a|||[{\"op\":\"test\",\"path\":\"/n\",\"value\":7}]|CONTENT_TYPE=application/json-patch+json" "data|TRACE|/a|||" "data|GET|/a|if_none_match=*||"
        "batch|POST||||{\"operations\":[{\"op\":\"increment\",\"key\":\"i\"},{\"op\":\"get\",\"key\":\"a\"}]}"
        "batch|POST||||{\"operations\":[{\"op\":\"create\",\"key\":\"a\",\"value\":1}]}"
        "batch|POST||||{\"operations\":[{}]}" "data|GET|/large|||"
        "changes|GET||since=0&limit=3||" "changes|GET||since=900000||" "me|GET||||" "me|PATCH||||{\"age\":0}"
        "me|GET|/export|||" "me|POST|/import|mode=merge||{\"items\":[{\"key\":\"x\",\"value\":[]}]}" "keys|GET||||"
        "me|POST|/import|mode=merge|9000000000|{}"
    )
}

# both NUMBER USER: the request to both; fails unless the answers are alike.
both() {
    local program method path query announced sent variable fresh token=$2
    IFS='|' read -r program method path query announced sent variable <<<"${of_ann[$1]}"
    raw_call "$program" "$method" "$path" "$query" "$token" "$announced" "$sent" "$variable"
    fresh=$answer
    CUBBY_CONF=$BATS_TEST_TMPDIR/twin.conf
    looped raw_call "$program" "$method" "$path" "$query" "$token" "$announced" "$sent" "$variable"
    CUBBY_CONF=$conf
    same "$(alike "$answer")" "$(alike "$fresh")"
}

# twins: a copy of the installation for the processes that stay, so that both are asked the same.
twins() {
    cp -a "$home" "$home.twin"
    sed "s|$home/|$home.twin/|" "$conf" >"$BATS_TEST_TMPDIR/twin.conf"
    conf=$BATS_TEST_TMPDIR/twin.conf loop_start data batch changes me keys
}

@test "loop: each answer is that of a fresh process, whatever was asked before and by whom" {
    installation 'max_body_bytes = 3000000' 'max_value_bytes = 2000000' 'max_import_bytes = 3000000'
    new_user bob
    store a '"of bob"'
    bob=$token
    cgi keys POST '' '{"name":"d","scope":"read","prefix":"a"}'
    device=$(jq -r .token <<<"$body")
    new_user ann
    store a 1
    ann=$token
    # more than the limits allow, once they are lower
    printf '{"key":"large","value":"%s"}' "$(head -c 1500000 /dev/zero | tr '\0' x)" >"$BATS_TEST_TMPDIR/large"
    env -i CUBBY_CONF="$conf" REQUEST_METHOD=POST CONTENT_LENGTH="$(stat -c %s "$BATS_TEST_TMPDIR/large")" \
        HTTP_AUTHORIZATION="$token" "$PROGRAMS/data" <"$BATS_TEST_TMPDIR/large" >/dev/null
    sed -i 's/^max_body.*/max_body_bytes = 1024/; s/^max_value.*/max_value_bytes = 500/; s/^max_import.*/max_import_bytes = 100000/' "$conf"
    requests
    twins
    statuses=''
    for ((one = 0; one < ${#of_ann[@]}; one++)); do
        for ((other = one; other < ${#of_ann[@]}; other += 3)); do
            both "$one" "$ann"
            statuses+=" ${answer:8:3}"
            both "$other" "$bob"
            both "$one" "$device"
        done
        both "$one" ''
        both "$one" "${ann}x"
    done
    # All that is to be compared was there: found, made, refused in many ways.
    for status in 200 201 204 304 400 404 405 409 410 412 413 422; do
        case $statuses in *" $status"*) ;; *) fail "no $status among $statuses" ;; esac
    done
    case $statuses in *' 5'*) fail "$statuses" ;; esac
}

@test "loop: after a busy database each answer is that of a fresh process" {
    installation 'busy_timeout = 100'
    new_user bob
    store a 1
    bob=$token
    new_user ann
    store a 1
    ann=$token
    requests
    twins
    database=$home.twin/cubby.db
    for ((one = 0; one < 18; one++)); do
        hold
        looped twin_call data PUT /a '{"value":3}'
        answered 503 SERVICE_UNAVAILABLE
        let_go
        both "$one" "$([ $((one % 2)) = 0 ] && echo "$ann" || echo "$bob")"
    done
    both 2 "$ann"
    case $answer in 'Status: 200 '*) ;; *) fail "$answer" ;; esac
}

# twin_call PROGRAM METHOD PATH BODY: cgi, in the twin of the installation
twin_call() {
    CUBBY_CONF=$BATS_TEST_TMPDIR/twin.conf
    cgi "$@"
    CUBBY_CONF=$conf
}

@test "loop: after a full disk each answer is that of a fresh process" {
    installation
    new_user bob
    store a 1
    bob=$token
    new_user ann
    store a 1
    ann=$token
    requests
    (ulimit -f 150 && twins)
    value=$(head -c 30000 /dev/zero | tr '\0' x)
    for number in $(seq 20); do
        looped twin_call data POST '' "{\"key\":\"fill/$number\",\"value\":\"$value\"}"
        [ "$code" = 201 ] || break
        cgi data POST '' "{\"key\":\"fill/$number\",\"value\":\"$value\"}"
    done
    answered 507 INSUFFICIENT_STORAGE
    # What writes nothing, after a write that finds no room.
    for one in 0 1 3 6 7 8 9 10 12 13 15 16; do
        both "$one" "$ann"
        looped twin_call data POST '' "{\"key\":\"fill/$number\",\"value\":\"$value\"}"
        answered 507 INSUFFICIENT_STORAGE
        both "$one" "$bob"
    done
}

@test "loop: passwords and tokens of a request that is over are not in memory any more" {
    PASSWORD=Xq7-nowhere-else
    installation
    new_user ann
    old=$token
    loop_start token me data keys register reset batch
    # which of these are in the memory of a process that has nothing in hand
    finds() {
        at_rest "$1" || return 1
        node "$root/tests/system/memory.js" "$@"
    }
    looped login ann
    [ -n "$token" ] || fail 'no token'
    same "$(finds "$loop_token" "$PASSWORD" "${token: -43}" "$conf")" "$conf" # that stays, and is found
    ask keys POST '' '{"name":"d","scope":"read"}'
    device=$(jq -r .token <<<"$body")
    same "$(finds "$loop_keys" "${device: -40}" "${token: -43}" "$conf")" "$conf"
    ask data POST '' '{"key":"a","value":"of nobody else"}'
    answered 201
    ask data PUT /a '{"value":"of nobody at all"'
    answered 400
    token=$device ask data GET /a
    answered 200
    same "$(finds "$loop_data" "${device: -40}" "${token: -43}" 'of nobody at all' "$conf")" "$conf"
    # without anything to do it leaves the database, and what that has in memory
    left() { [ "$(finds "$loop_data" 'of nobody else' "$conf")" = "$conf" ]; }
    eventually left
    token=$old ask me PUT /password "{\"current_password\":\"$PASSWORD\",\"new_password\":\"Other-pass-9\"}"
    answered 200
    new=$(jq -r .data.access_token <<<"$body")
    same "$(finds "$loop_me" "$PASSWORD" Other-pass-9 "${old: -43}" "${new: -43}" "$conf")" "$conf"
    token=$new ask batch POST '' '{"operations":[{"op":"create","key":"b","value":1}]}'
    answered 200
    same "$(finds "$loop_batch" "${new: -43}" "$conf")" "$conf"
    token='' ask register POST '' "$(person Fresh-pass-8 bea)"
    answered 201
    same "$(finds "$loop_register" Fresh-pass-8 "$conf")" "$conf"
    tool 0 user reset-code ann
    secret=$(grep -oE '[A-Z0-9]{5}(-[A-Z0-9]{5}){5}' <<<"$output" | head -n 1)
    [ -n "$secret" ] || fail "no code: $output"
    token='' ask reset POST '' "{\"username\":\"ann\",\"code\":\"$secret\",\"new_password\":\"Third-pass-7\"}"
    answered 200
    same "$(finds "$loop_reset" "$secret" "${secret//-/}" Third-pass-7 "$conf")" "$conf"
    # with none of them anything to do, the pages of the database are gone too: addresses and hashes
    hash=$(query "SELECT password_hash FROM users WHERE username = 'bea'")
    for pid in "$loop_register" "$loop_reset" "$loop_me" "$loop_token"; do
        left() { [ "$(finds "$pid" "${hash: -30}" bea@example.org "$conf")" = "$conf" ]; }
        eventually left
    done
}

@test "loop: after a full disk writes are refused, and go on once there is room" {
    installation
    new_user ann
    store a 1
    (ulimit -f 150; loop_start data)
    value=$(head -c 30000 /dev/zero | tr '\0' x)
    for number in $(seq 20); do
        ask data POST '' "{\"key\":\"fill/$number\",\"value\":\"$value\"}"
        [ "$code" = 201 ] || break
    done
    answered 507 INSUFFICIENT_STORAGE
    ask data GET /a
    answered 200
    cgi data DELETE /fill/1
    cgi data DELETE /fill/2
    ask data POST '' '{"key":"b","value":1}'
    answered 201
    same "$(query 'PRAGMA integrity_check')" ok
}

# bodies_given_back: waits until the process has closed the file of a long body. It answers first, and room
# that comes back afterwards would be room on a disk that is to be full
bodies_given_back() {
    closed() { ! find "/proc/$loop_me/fd" -lname "$home/* (deleted)" 2>/dev/null | grep -q .; }
    eventually closed
}

# without_room JOURNAL: on a disk that gets full while the processes stay: of the database and its journal, or
# its log, and of long bodies
without_room() {
    [ "$(id -u)" = 0 ] || { echo 'only root can mount a small disk: run this as root'; return 1; }
    mkdir "$BATS_TEST_TMPDIR/home"
    mount -t tmpfs -o size=3m,mode=700 none "$BATS_TEST_TMPDIR/home"
    echo "$BATS_TEST_TMPDIR/home" >"$BATS_TEST_TMPDIR/mounted"
    installation "journal = $1"
    new_user ann
    store kept '"safe"'
    {
        printf '{"items":[{"key":"i","value":"%s"}]' "$(head -c 50000 /dev/zero | tr '\0' x)"
        head -c 900000 /dev/zero | tr '\0' ' '
        echo '}'
    } >"$BATS_TEST_TMPDIR/import"
    loop_start data me batch
    ask data GET /kept
    answered 200
    imports() {
        answer=$(env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=POST PATH_INFO=/import QUERY_STRING=mode=merge REMOTE_ADDR=192.0.2.1 \
            CONTENT_LENGTH="$(stat -c %s "$BATS_TEST_TMPDIR/import")" CONTENT_TYPE=application/json HTTP_AUTHORIZATION="Bearer $token" \
            "$BATS_TEST_TMPDIR/asking/me" <"$BATS_TEST_TMPDIR/import")
        code=${answer:8:3}
        body=${answer##*$'\r\n\r\n'}
        bodies_given_back
    }
    imports
    answered 200
    for _ in 1 2; do
        head -c 3m /dev/zero >"$home/filler" 2>/dev/null || true
        value=$(head -c 30000 /dev/zero | tr '\0' x)
        ask data POST '' "{\"key\":\"more\",\"value\":\"$value\"}"
        answered 507 INSUFFICIENT_STORAGE
        ask batch POST '' "{\"operations\":[{\"op\":\"put\",\"key\":\"kept\",\"value\":\"$value\"}]}"
        answered 507 INSUFFICIENT_STORAGE
        imports
        answered 507 INSUFFICIENT_STORAGE
        ask data GET /kept
        answered 200
        same "$(jq -r .data.value <<<"$body")" safe
        rm "$home/filler"
        ask data PUT /kept '{"value":"safe"}'
        answered 200
        imports
        answered 200
        ask batch POST '' '{"operations":[{"op":"increment","key":"n"}]}'
        answered 200
    done
    kill -0 "$loop_data" "$loop_me" "$loop_batch"
    same "$(query 'PRAGMA integrity_check')" ok
    tool 0 check
}

@test "loop: a disk that gets full and has room again, rollback journal: 507 for what writes, and then all goes on" { without_room rollback; }

@test "loop: the same with a write-ahead log, which is what finds no room" { without_room wal; }

# log_is_there: the write-ahead log, which a process takes along when it has had nothing to do for a second
log_is_there() {
    ask data GET /a
    [ -e "$database-wal" ]
}

@test "loop: what a process makes is for its user alone, whatever mask it was started with" {
    for journal in rollback wal; do
        rm -rf "${home:-$BATS_TEST_TMPDIR/none}"
        installation "journal = $journal" "log = $BATS_TEST_TMPDIR/home/log"
        new_user ann
        rm -f "$database-hashes" "$home/log"
        (umask 000 && loop_start data token me)
        looped login ann
        same "$code" 200
        ask data POST '' '{"key":"a","value":1}'
        answered 201
        ask me GET /export
        answered 200
        token=${token}x ask data GET /a
        answered 401
        [ "$journal" = rollback ] || eventually log_is_there
        same "$(find "$home" -type f ! -perm 600 -printf '%f %m\n' 2>/dev/null)" ''
        [ -e "$database-hashes" ] && [ -e "$home/log" ]
        loops_stop
    done
}

@test "loop: a writer that died leaves nothing that a process which only reads can't go on from" {
    installation
    new_user ann
    store a 1
    loop_start data
    ask data GET /a
    answered 200
    # killed when the database is changed and the journal still there
    printf '#!/bin/sh\nstrace -qq -o /dev/null -e trace=unlink -e inject=unlink:signal=KILL:when=1 "%s"\nexit 0\n' "$PROGRAMS/data" \
        >"$BATS_TEST_TMPDIR/dying"
    chmod 755 "$BATS_TEST_TMPDIR/dying"
    PROGRAMS=$BATS_TEST_TMPDIR cgi dying PUT /a '{"value":2}'
    [ -s "$database-journal" ] || fail 'no journal is left'
    ask data GET /a
    answered 200
    same "$(jq -c .data.value <<<"$body")" 1
    ask data PUT /a '{"value":3}'
    answered 200
}

# ---- what changes outside ---------------------------------------------------------------------------

@test "loop: settings count from the next request on, bad ones too" {
    installation
    new_user ann
    loop_start data
    ask data POST '' '{"key":"a","value":"0123456789"}'
    answered 201
    echo 'max_value_bytes = 5' >>"$conf"
    made_anew data
    ask data PUT /a '{"value":"0123456789"}'
    answered 413 VALUE_TOO_LARGE
    sed -i 's/^max_value_bytes.*/max_value_bytes = some/' "$conf"
    made_anew data
    ask data GET /a
    answered 500 INTERNAL_ERROR
    grep -q 'max_value_bytes must be a whole number' "$BATS_TEST_TMPDIR/log"
    sed -i '/^max_value_bytes/d' "$conf"
    ask data PUT /a '{"value":"0123456789"}'
    answered 200
    # another database by the settings
    sed "s|$home|$home/two|" "$conf" >"$conf.new"
    CUBBY_CONF=$conf.new "$TOOL" init >/dev/null
    cp "$home/keys.json" "$home/two/keys.json"
    mv "$conf.new" "$conf"
    made_anew data
    ask data GET /a
    answered 401 INVALID_TOKEN
}

person() {
    jq -cn --arg password "$1" --arg name "${2:-ann}" '{username: $name, email: ($name + "@example.org"), full_name: "Ann", age: 30, gender: "x", password: $password}'
}

@test "loop: a list of refused passwords that is written anew or replaced counts at once" {
    list=$BATS_TEST_TMPDIR/elsewhere/refused.txt
    mkdir "${list%/*}"
    echo cubbyhole >"$list"
    installation "refused_passwords = $list"
    loop_start register
    ask register POST '' "$(person Cubbyhole.7)"
    answered 400 INVALID_PASSWORD
    echo letmein >"$list"
    ask register POST '' "$(person LetMeIn#99)"
    answered 400 INVALID_PASSWORD
    echo cubbyhole >"$list.new"
    mv "$list.new" "$list"
    made_anew register
    ask register POST '' "$(person Cubbyhole.7)"
    answered 400 INVALID_PASSWORD
    ask register POST '' "$(person LetMeIn#99)"
    answered 201
}

@test "loop: what is named by a link, and lies elsewhere from now on, is found by the next process" {
    installation
    new_user ann
    store a 1
    links=$BATS_TEST_TMPDIR/links
    mkdir "$links" "$home.two" "$BATS_TEST_TMPDIR/lists" "$BATS_TEST_TMPDIR/logs.one" "$BATS_TEST_TMPDIR/logs.two"
    echo cubbyhole >"$BATS_TEST_TMPDIR/lists/one"
    echo letmein >"$BATS_TEST_TMPDIR/lists/two"
    ln -s "$database" "$links/database"
    ln -s "$keys" "$links/keys"
    ln -s "$BATS_TEST_TMPDIR/lists/one" "$links/list"
    ln -s "$BATS_TEST_TMPDIR/logs.one/log" "$links/log"
    printf '%s\n' "database = $links/database" "keys = $links/keys" "refused_passwords = $links/list" "log = $links/log" \
        'password_cost = 1' >"$BATS_TEST_TMPDIR/real.conf"
    ln -s "$BATS_TEST_TMPDIR/real.conf" "$links/conf"
    conf=$links/conf CUBBY_CONF=$links/conf loop_start data register
    export CUBBY_CONF=$links/conf conf=$links/conf
    ask data GET /a
    answered 200
    # the database
    tool 0 backup "$home.two/cubby.db"
    chmod 600 "$home.two/cubby.db"
    sqlite3 "$home.two/cubby.db" "UPDATE items SET value = '2'"
    ln -sfn "$home.two/cubby.db" "$links/database"
    made_anew data
    ask data GET /a
    same "$(jq -c .data.value <<<"$body")" 2
    ask data PUT /a '{"value":3}'
    answered 200
    # a link in the place of what was none, and one that leads on by another
    sed -i "s|^database.*|database = $home/cubby.db|" "$BATS_TEST_TMPDIR/real.conf"
    made_anew data
    ask data GET /a
    same "$(jq -c .data.value <<<"$body")" 1
    mv "$home/cubby.db" "$home/away.db"
    ln -s "$links/database" "$home/cubby.db"
    made_anew data
    ask data GET /a
    same "$(jq -c .data.value <<<"$body")" 3
    ln -sfn "$home/away.db" "$links/database"
    made_anew data
    ask data GET /a
    same "$(jq -c .data.value <<<"$body")" 1
    # the keys
    mkdir "$home.keys"
    cp "$keys" "$home.keys/keys.json"
    tool 0 key rotate --retire-others --yes
    made_anew data # another file lies where the link leads
    ask data GET /a
    answered 401
    ln -sfn "$home.keys/keys.json" "$links/keys"
    made_anew data
    ask data GET /a
    answered 200
    # the list, the log
    made_anew register # it waits since the start, for what lay there then
    ask register POST '' "$(person Cubbyhole.7)"
    answered 400 INVALID_PASSWORD
    ln -sfn "$BATS_TEST_TMPDIR/lists/two" "$links/list"
    made_anew register
    ask register POST '' "$(person LetMeIn#99)"
    answered 400 INVALID_PASSWORD
    made_anew data # registering has its own
    ask data GET /a
    answered 200
    ln -sfn "$BATS_TEST_TMPDIR/logs.two/log" "$links/log"
    made_anew data
    token=${token}x ask data GET /a
    answered 401
    [ -s "$BATS_TEST_TMPDIR/logs.two/log" ] || fail 'it logs to the file of before'
    # the settings
    sed 's/^password_cost.*/max_value_bytes = 5/' "$BATS_TEST_TMPDIR/real.conf" >"$BATS_TEST_TMPDIR/real.two"
    ln -sfn "$BATS_TEST_TMPDIR/real.two" "$links/conf"
    made_anew data
    ask data PUT /a '{"value":"0123456789"}'
    answered 413 VALUE_TOO_LARGE
}

@test "loop: a key file beside the database that becomes a link to elsewhere costs a process no more than one 503" {
    installation
    new_user ann
    store a 1
    loop_start data
    ask data GET /a
    answered 200
    mkdir "$home.keys"
    mv "$keys" "$home.keys/keys.json"
    ln -s "$home.keys/keys.json" "$keys"
    ask data GET /a
    answered 503 SERVICE_UNAVAILABLE
    made_anew data
    ask data GET /a
    answered 200
}

@test "loop: without a sandbox a process reads settings anew, and stays" {
    installation 'sandbox = off'
    new_user ann
    loop_start data
    ask data POST '' '{"key":"a","value":"0123456789"}'
    answered 201
    echo 'max_value_bytes = 5' >>"$conf"
    ask data PUT /a '{"value":"0123456789"}'
    answered 413 VALUE_TOO_LARGE
    sed -i 's/^max_value_bytes.*/max_value_bytes = some/' "$conf"
    ask data GET /a
    answered 500 INTERNAL_ERROR
    sed -i '/^max_value_bytes/d' "$conf"
    ask data PUT /a '{"value":"0123456789"}'
    answered 200
    # switched on, it is confined from then on
    sed -i 's/^sandbox.*/sandbox = on/' "$conf"
    ask data GET /a
    answered 200
    grep -q '^Seccomp:.*2$' "/proc/$loop_data/status"
}

@test "loop: keys that are rotated and retired, tokens that are revoked, users that are disabled: at once" {
    installation
    new_user ann
    loop_start data token me
    ask data GET /a
    answered 404
    ask token DELETE
    answered 200
    ask data GET /a
    answered 401
    login ann
    tool 0 user disable --yes ann
    ask data GET /a
    answered 401
    tool 0 user enable ann
    login ann
    old=$token
    tool 0 key rotate
    looped login ann
    new=$token
    token=$old
    ask data GET /a
    answered 404
    tool 0 key rotate --retire-others --yes
    ask data GET /a
    answered 401 INVALID_TOKEN
    token=$new
    ask data GET /a
    answered 401
    looped login ann
    ask data GET /a
    answered 404
}

# asks_on [NUMBER]: reads a again and again, until enough; how it was answered, one line each
asks_on() {
    while [ -d "$BATS_TEST_TMPDIR" ] && [ ! -e "$BATS_TEST_TMPDIR/enough" ]; do
        looped raw_call data GET /a '' "$token" '' ''
        tr -d '\r' <<<"$answer" | sed -n '/^$/q; s/^Status: \([0-9]*\).*/\1/p; s/^Retry-After: .*/again/p' | paste -sd' ' >>"$BATS_TEST_TMPDIR/asked.${1:-1}"
    done
}

# answers: how many who asks on has had; asked_on COUNT: they are at least as many, and three of them 200
answers() { cat "$BATS_TEST_TMPDIR"/asked.* | wc -l; }
asked_on() { [ "$(answers)" -ge "$1" ] && [ "$(cat "$BATS_TEST_TMPDIR"/asked.* | grep -c '^200')" -ge 3 ]; }

# asked_well WANTED…: each answer was one of these, also of those that are asked for from now on; enough is asked then
asked_well() {
    local all
    eventually asked_on $(($(answers) + 2 * ${#started[@]})) # the first of each may have been asked for before
    touch "$BATS_TEST_TMPDIR/enough"
    wait_all
    all=$(sort "$BATS_TEST_TMPDIR"/asked.* | uniq -c)
    rm "$BATS_TEST_TMPDIR"/asked.* "$BATS_TEST_TMPDIR/enough"
    ! sed 's/^ *[0-9]* //' <<<"$all" | grep -vxF "$(printf '%s\n' "$@")" || fail "$all"
}

# put_back JOURNAL: another content of the database, another file, none, and a newer schema
put_back() {
    installation "journal = $1" 'busy_timeout = 3000'
    new_user ann
    loop_start data
    ask data POST '' '{"key":"a","value":1}'
    tool 0 backup "$BATS_TEST_TMPDIR/copy"
    ask data PUT /a '{"value":2}'
    answered 200
    # while it is asked all the time
    asks_on 3>&- 4>&- &
    began
    eventually test -s "$BATS_TEST_TMPDIR/asked.1"
    tool 0 restore --yes --keep-sessions "$BATS_TEST_TMPDIR/copy"
    asked_well 200 '503 again'
    ask data GET /a
    same "$(jq -c .data.value <<<"$body")" 1
    # the file itself is another one
    cp "$BATS_TEST_TMPDIR/copy" "$home/other.db"
    sqlite3 "$home/other.db" "UPDATE items SET value = '3'"
    for beside in '' -wal -shm; do
        # the process may just leave the database, which takes its log along
        mv "$database$beside" "$BATS_TEST_TMPDIR/away$beside" 2>/dev/null || [ ! -e "$database$beside" ]
    done
    ask data GET /a
    answered 500 INTERNAL_ERROR
    mv "$home/other.db" "$database"
    ask data GET /a
    same "$(jq -c .data.value <<<"$body")" 3
    ask data PUT /a '{"value":4}'
    answered 200
    same "$(query "SELECT value FROM items WHERE key = 'a'")" 4
    query 'PRAGMA user_version=99999'
    ask data GET /a
    answered 500 INTERNAL_ERROR
    ask data PUT /a '{"value":5}'
    answered 500 INTERNAL_ERROR
    query "PRAGMA user_version=$(sqlite3 "$BATS_TEST_TMPDIR/copy" 'PRAGMA user_version')"
    ask data GET /a
    same "$(jq -c .data.value <<<"$body")" 4
    same "$(query 'PRAGMA integrity_check')" ok
}

@test "loop: a restored database, another file in its place, none, a newer schema: noticed at once" { put_back rollback; }

@test "loop: the same with a write-ahead log" { put_back wal; }

@test "loop: a database of the first version is refused, and served once it is migrated" {
    installation
    new_user ann
    hash=$(query 'SELECT password_hash FROM users')
    loop_start data token
    ask data GET /k
    answered 404
    {
        first_schema
        echo "INSERT INTO users VALUES (7, 'ann', 'ann', 'a@example.org', 'a@example.org', 'Ann', 30, 'female', '$hash', 5, 1, 1000, 1000);"
        echo "INSERT INTO items (user_id, key, version, size, created_at, updated_at, value) VALUES (7, 'k', 1, 3, 1000, 1000, '1.0');"
        echo 'PRAGMA user_version = 1;'
    } | sqlite3 "$home/old"
    mv "$home/old" "$database"
    for _ in 1 2; do
        ask data GET /k
        answered 500 INTERNAL_ERROR
        ask token POST '' "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
        answered 500 INTERNAL_ERROR
    done
    grep -q 'has schema 1, .*cubby migrate' "$BATS_TEST_TMPDIR/log"
    tool 0 migrate
    looped login ann
    same "$code" 200
    ask data GET /k
    case $body in *'"value":1.0,'*) ;; *) fail 'another value' ;; esac
    ask data PUT /k '{"value":2}'
    answered 200
}

@test "loop: the journal is changed while programs stay, to and fro" {
    installation
    new_user ann
    loop_start data
    ask data POST '' '{"key":"a","value":1}'
    for journal in wal rollback wal; do
        sed -i '/^journal/d' "$conf"
        echo "journal = $journal" >>"$conf"
        made_anew data
        ask data PUT /a '{"value":2}'
        answered 200
        asks_on 3>&- 4>&- &
        began
        eventually test -s "$BATS_TEST_TMPDIR/asked.1"
        tool 0 migrate
        asked_well 200 '503 again'
        same "$(query 'PRAGMA journal_mode')" "${journal/rollback/delete}"
        ask data PUT /a '{"value":3}'
        answered 200
    done
}

@test "loop: beside programs that live for one request, the write-ahead log stays short and the order is kept" {
    installation 'journal = wal'
    new_user ann
    loop_start data
    for number in $(seq 150); do
        ask data POST '' "{\"key\":\"stays/$number\",\"value\":\"0123456789012345678901234567890123456789\"}"
        same "$code" 201
        cgi data POST '' "{\"key\":\"ends/$number\",\"value\":\"0123456789012345678901234567890123456789\"}"
        same "$code" 201
        same "$(jq .data.version <<<"$body")" "$((number * 2))"
        # 300 writes are some 1500 pages, 6 MB; who rests takes the log along
        long=$(stat -c %s "$database-wal" 2>/dev/null || echo 0)
        [ "$long" -lt 1200000 ] || fail "the log has $long bytes"
    done
    # who has nothing to do leaves, and the last one out takes the log along
    eventually [ ! -e "$database-wal" ] || fail 'the log is still there'
    tool 0 check
}

@test "loop: with a write-ahead log many writers at once take hardly more flushes than writes, and the log stays short" {
    installation 'journal = wal' 'busy_timeout = 60000'
    for number in 1 2 3 4; do
        new_user "user$number"
        echo "$token" >>"$BATS_TEST_TMPDIR/tokens"
    done
    keeper_by="strace -f -qq -c -e trace=fdatasync,?fsync -o $BATS_TEST_TMPDIR/flushes"
    keeper PROCESSES_data=3
    # As long as somebody has the database open, the log stays, as long as it ever was.
    mkfifo "$BATS_TEST_TMPDIR/stay"
    sqlite3 "$database" <"$BATS_TEST_TMPDIR/stay" >"$BATS_TEST_TMPDIR/stays" 3>&- &
    exec 5>"$BATS_TEST_TMPDIR/stay"
    printf '%s\n' '.timeout 60000' 'SELECT count(*) FROM users;' >&5
    eventually [ -s "$BATS_TEST_TMPDIR/stays" ]
    looped "$root/build/test-tools/load" "$BATS_TEST_TMPDIR/asking/data" "$BATS_TEST_TMPDIR/tokens" 4 100 0
    long=$(stat -c %s "$database-wal")
    kill -TERM -- "-$keeper"
    keeper_ends
    exec 5>&-
    flushes=$(awk '/sync/ { count += $4 } END { print count }' "$BATS_TEST_TMPDIR/flushes")
    [ "$flushes" -ge 400 ] && [ "$flushes" -le 560 ] || fail "$flushes flushes for 400 writes"
    [ "$long" -lt 1000000 ] || fail "a log of $long bytes" # all of it would be 8 MB
}

@test "loop: between two requests it holds no lock" {
    installation 'busy_timeout = 0'
    new_user ann
    loop_start data
    for call in 'POST  {"key":"a","value":1}' 'GET /a' 'PUT /a {"value":2}' 'GET /b' 'PUT /a {' 'DELETE /b'; do
        IFS=' ' read -r method path sent <<<"$call"
        [ "$method" != POST ] || { sent=$path path=''; }
        ask data "$method" "$path" "$sent"
        at_rest "$loop_data"
        sqlite3 "$database" 'BEGIN EXCLUSIVE; ROLLBACK;'
        same "$(grep -c ":$(stat -c %i "$database") " /proc/locks || true)" 0
    done
}

@test "loop: with a write-ahead log no reader's mark is left between two requests, so that it can be emptied" {
    installation 'journal = wal' 'loop_lifetime = 0'
    new_user ann
    loop_start data changes me
    for call in 'data POST  {"key":"a","value":1}' 'data GET /a' 'data PUT /a {"value":2}' 'data GET /b' 'data PUT /a {' \
        'changes GET' 'me GET' 'me GET /export' 'data DELETE /b' 'data GET /a'; do
        IFS=' ' read -r program method path sent <<<"$call"
        [ "$method" != POST ] || { sent=$path path=''; }
        ask "$program" "$method" "$path" "$sent"
        # not busy, and nothing left: no pages, none of them copied; an error while one of them just leaves the database
        emptied() { said=$(sqlite3 "$database" 'PRAGMA wal_checkpoint(TRUNCATE)'); }
        eval "at_rest \$loop_$program"
        eventually emptied
        same "$said" '0|0|0'
        [ ! -s "$database-wal" ] || fail 'the log is not empty'
    done
    ask data PUT /a '{"value":3}'
    answered 200
}

@test "loop: a program whose file was replaced ends before it takes another request" {
    installation
    new_user ann
    mkdir "$BATS_TEST_TMPDIR/programs"
    cp "$PROGRAMS/data" "$BATS_TEST_TMPDIR/programs"
    LOOP_PROGRAMS=$BATS_TEST_TMPDIR/programs loop_start data
    ask data POST '' '{"key":"a","value":1}'
    answered 201
    cp "$PROGRAMS/data" "$BATS_TEST_TMPDIR/programs/new"
    mv "$BATS_TEST_TMPDIR/programs/new" "$BATS_TEST_TMPDIR/programs/data"
    ask data PUT /a '{"value":2}' || true
    same "$code" ''
    ends "$loop_data"
    same "$(query "SELECT value FROM items WHERE key = 'a'")" 1
}

# ---- the end ------------------------------------------------------------------------------------------

@test "loop: SIGTERM and SIGUSR1 end it at once when it waits, and after the request when it does not" {
    installation
    new_user ann
    store a 1
    for signal in TERM USR1; do
        loop_start data changes
        kill -s "$signal" "$loop_data"
        ends "$loop_data"
        # in the middle of a body
        loop_start data
        printf '#!/bin/sh\n(head -c 10; until [ -e "%s" ] || [ ! -d "%s" ]; do sleep 0.05; done; cat) | "%s"\n' \
            "$BATS_TEST_TMPDIR/told" "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/asking/data" >"$BATS_TEST_TMPDIR/slow"
        chmod 755 "$BATS_TEST_TMPDIR/slow"
        rm -f "$BATS_TEST_TMPDIR/told"
        (
            PROGRAMS=$BATS_TEST_TMPDIR
            cgi slow PUT /a "{\"value\":\"$signal\"}"
            echo "$code" >"$BATS_TEST_TMPDIR/code"
        ) 3>&- 4>&- &
        slow=$!
        eventually has_in_hand data
        kill -s "$signal" "$loop_data"
        touch "$BATS_TEST_TMPDIR/told"
        wait "$slow"
        same "$(cat "$BATS_TEST_TMPDIR/code")" 200
        ends "$loop_data"
        read_value a
        same "$(jq -r .data.value <<<"$body")" "$signal"
        # a request that waits is answered now
        version=$(jq .data.version <<<"$body")
        SECONDS=0
        env -i CUBBY_CONF="$conf" REQUEST_METHOD=GET QUERY_STRING="since=$version&wait=25" HTTP_AUTHORIZATION="$token" \
            "$BATS_TEST_TMPDIR/asking/changes" >"$BATS_TEST_TMPDIR/waited" 3>&- 4>&- &
        waiting=$!
        eventually has_in_hand changes
        kill -0 "$waiting"
        [ ! -s "$BATS_TEST_TMPDIR/waited" ] || fail 'it does not wait'
        kill -s "$signal" "$loop_changes"
        wait "$waiting"
        ends "$loop_changes"
        [ "$SECONDS" -lt 20 ] || fail 'it waited on'
        grep -q '^Status: 200' "$BATS_TEST_TMPDIR/waited"
        grep -q '"changes":\[\]' "$BATS_TEST_TMPDIR/waited"
    done
}

# log_in_on NUMBER: again and again, until enough; the statuses
log_in_on() {
    token=''
    while [ -d "$BATS_TEST_TMPDIR" ] && [ ! -e "$BATS_TEST_TMPDIR/enough" ]; do
        ask token POST '' "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
        echo "$code" >>"$BATS_TEST_TMPDIR/logins.$1"
    done
}
logins() { cat "$BATS_TEST_TMPDIR"/logins.* 2>/dev/null | wc -l; }
more_logins() { [ "$(logins)" -gt "$1" ]; }

@test "loop: SIGTERM and SIGUSR1 end it though others always wait, and none of them notices" {
    installation 'login_limit_address = 0' 'login_limit_account = 0'
    sed -i 's/^password_cost.*/password_cost = 5/' "$conf" # so that they ask faster than they are answered
    new_user ann
    keeper PROCESSES_token=1
    for number in 1 2 3 4 5 6 7 8; do
        log_in_on "$number" 3>&- 4>&- &
        began
    done
    eventually more_logins 16
    for signal in TERM USR1; do
        one=$(pids_of token)
        kill -s "$signal" "$one"
        eventually process_gone "$one" || fail "process $one goes on for them after SIG$signal"
        eventually more_logins $(($(logins) + 16))
    done
    touch "$BATS_TEST_TMPDIR/enough"
    wait_all
    same "$(sort -u "$BATS_TEST_TMPDIR"/logins.*)" 200
    keeper_stop
}

@test "loop: before it knows the settings it waits for its first request without limit" {
    installation 'loop_lifetime = 0'
    printf '#!/bin/sh\nexec strace -qq -o "%s" -e trace=epoll_pwait "%s"\n' "$BATS_TEST_TMPDIR/trace" "$PROGRAMS/health" \
        >"$BATS_TEST_TMPDIR/traced"
    chmod 755 "$BATS_TEST_TMPDIR/traced"
    LOOP_PROGRAMS=$BATS_TEST_TMPDIR loop_start traced
    ask traced GET
    answered 200
    note_process "$(pgrep -P "$loop_traced")" "$BATS_TEST_TMPDIR/loops"
    loop_waits() { [ "$(wc -l <"$BATS_TEST_TMPDIR/trace")" -ge 2 ]; }
    eventually loop_waits
    ! sed -n 1p "$BATS_TEST_TMPDIR/trace" | grep -v ', 1, -1, ' || fail 'it would end by itself'
    pkill -P "$loop_traced" -TERM
    ends "$loop_traced"
}

@test "loop: where another process keeps the socket, no request is lost though the one that serves ends, and both end together" {
    installation
    new_user ann
    store a 1
    mkdir "$BATS_TEST_TMPDIR/programs"
    cp "$PROGRAMS/data" "$BATS_TEST_TMPDIR/programs"
    LOOP_VARIABLE=CUBBY_KEEP=yes LOOP_PROGRAMS=$BATS_TEST_TMPDIR/programs loop_start data
    for number in 1 2 3; do
        asks_on "$number" 3>&- 4>&- &
        began
    done
    eventually test -s "$BATS_TEST_TMPDIR/asked.3"
    first=$(pgrep -P "$loop_data")
    for bytes in 5 50 5; do
        sed -i '/^max_value_bytes/d' "$conf"
        echo "max_value_bytes = $bytes" >>"$conf"
        ask data PUT /a '{"value":"0123456789"}'
        same "$code" "$([ "$bytes" = 5 ] && echo 413 || echo 200)"
    done
    cp "$PROGRAMS/data" "$BATS_TEST_TMPDIR/programs/new"
    mv "$BATS_TEST_TMPDIR/programs/new" "$BATS_TEST_TMPDIR/programs/data"
    ask data GET /a
    answered 200
    asked_well 200
    second=$(pgrep -P "$loop_data")
    [ -n "$second" ] && [ "$second" != "$first" ]
    for pid in "$loop_data" "$second"; do
        same "$(stat -L -c %i "/proc/$pid/exe")" "$(stat -c %i "$BATS_TEST_TMPDIR/programs/data")"
    done
    # What crashes is started anew; what waits at the socket meanwhile is served.
    kill -SEGV "$second"
    ask data GET /a
    answered 200
    third=$(pgrep -P "$loop_data")
    kill -TERM "$loop_data"
    ends "$loop_data"
    process_gone "$third" || fail 'the one that served is left'
    # Nor is it left by one that was killed.
    LOOP_VARIABLE=CUBBY_KEEP=yes loop_start data
    ask data GET /a
    answered 200
    fourth=$(pgrep -P "$loop_data")
    kill -KILL "$loop_data"
    eventually process_gone "$fourth"
}

@test "loop: who went away costs nothing" {
    installation
    new_user ann
    store a 1
    loop_start changes data
    files=$(ls "/proc/$loop_changes/fd" | wc -l)
    env -i CUBBY_CONF="$conf" REQUEST_METHOD=GET QUERY_STRING="since=1&wait=25" HTTP_AUTHORIZATION="$token" \
        "$BATS_TEST_TMPDIR/asking/changes" >/dev/null 3>&- 4>&- &
    impatient=$!
    eventually has_in_hand changes
    kill -KILL "$impatient"
    eventually eval "[ \"\$(ls '/proc/$loop_changes/fd' | wc -l)\" = $files ]"
    ask changes GET
    answered 200
    # in the middle of a body, and of an answer
    mkfifo "$BATS_TEST_TMPDIR/body"
    exec 6<>"$BATS_TEST_TMPDIR/body" # which has no end
    for _ in 1 2 3 4 5; do
        printf '{"va' >&6
        env -i CUBBY_CONF="$conf" REQUEST_METHOD=PUT PATH_INFO=/a CONTENT_LENGTH=900 HTTP_AUTHORIZATION="$token" \
            "$BATS_TEST_TMPDIR/asking/data" <&6 >/dev/null 3>&- 4>&- 6>&- &
        impatient=$!
        eventually has_in_hand data
        kill -KILL "$impatient"
        wait "$impatient" || true
        ask data GET /a
        answered 200
        env -i CUBBY_CONF="$conf" REQUEST_METHOD=GET PATH_INFO=/a HTTP_AUTHORIZATION="$token" \
            "$BATS_TEST_TMPDIR/asking/data" | true
    done
    kill -0 "$loop_data"
    kill -0 "$loop_changes"
}

@test "loop: it ends after loop_requests, and after loop_lifetime though nothing is asked" {
    installation 'loop_requests = 3'
    loop_start health
    ask health GET
    ask health GET
    kill -0 "$loop_health"
    ask health GET
    answered 200
    ends "$loop_health"
    sed -i 's/^loop_requests.*/loop_lifetime = 1/' "$conf"
    loop_start health
    ask health GET
    answered 200
    ends "$loop_health"
}

@test "loop: who waits for changes gives way when all processes wait" {
    installation
    new_user ann
    store a 1
    loop_start changes
    SECONDS=0
    env -i CUBBY_CONF="$conf" REQUEST_METHOD=GET QUERY_STRING="since=1&wait=25" HTTP_AUTHORIZATION="$token" \
        "$BATS_TEST_TMPDIR/asking/changes" >"$BATS_TEST_TMPDIR/waited" 3>&- 4>&- &
    waiting=$!
    eventually has_in_hand changes
    kill -0 "$waiting"
    for _ in 1 2 3; do
        ask changes GET
        answered 200
    done
    wait "$waiting"
    [ "$SECONDS" -lt 20 ] || fail "after $SECONDS s"
    grep -q '^Status: 200' "$BATS_TEST_TMPDIR/waited"
    grep -q '"changes":\[\]' "$BATS_TEST_TMPDIR/waited"
}

# ---- cubby-loop, and long lives -----------------------------------------------------------------------

@test "cubby-loop: keeps as many as it is told, starts anew what ends, and takes all along" {
    installation
    keeper PROCESSES_data=3 PROCESSES_me=2
    eventually keeps 3 data
    eventually keeps 2 me
    eventually keeps 1 health
    looped six_in_order
    # shellcheck disable=SC2046 # words
    kill -TERM $(pids_of data)
    looped six_in_order
    eventually keeps 3 data
    keeper_stop
}

# keep_alone PROCESSES PROGRAM: `cubby-loop keep` for the program, which is started by what lighttpd is here: sh
keep_alone() {
    sockets=$BATS_TEST_TMPDIR/kept
    mkdir -p "$sockets"
    keeper_script
    echo "PROCESSES_${2##*/}=$1" >"$BATS_TEST_TMPDIR/cubby-loop.conf"
    setsid sh -c '"$@" & echo "$!" >"$0" && wait' "$BATS_TEST_TMPDIR/alone" "$BATS_TEST_TMPDIR/cubby-loop" keep --with-parent "$2" \
        >>"$BATS_TEST_TMPDIR/log" 2>&1 </dev/null 3>&- 4>&- &
    keeper=$!
}
answers_health() { ask health GET && [ "$code" = 200 ]; }
sleeps() { [ "$(pgrep -g "$keeper" -x sleep | wc -l)" = "$1" ]; }

@test "cubby-loop: told to end at any moment of its start, it ends with all that it has started" {
    printf '#!/bin/sh\nexec sleep 300\n' >"$BATS_TEST_TMPDIR/sleeper"
    chmod 755 "$BATS_TEST_TMPDIR/sleeper"
    for number in $(seq 20); do
        keep_alone 12 "$BATS_TEST_TMPDIR/sleeper"
        eventually test -s "$BATS_TEST_TMPDIR/alone"
        sleep "0.0$((number % 4))$((RANDOM % 10))"
        kill -TERM "$(cat "$BATS_TEST_TMPDIR/alone")"
        keeper_ends || fail "$number"
        rm "$BATS_TEST_TMPDIR/alone"
    done
}

@test "cubby-loop: though all that it has started is told to end as well, again and again, it ends without a word" {
    installation
    keeper PROCESSES_data=1 PROCESSES_token=1 PROCESSES_changes=1
    for name in "$PROGRAMS"/*; do ask "${name##*/}" GET; done # who answers has come so far as to end well
    : >"$BATS_TEST_TMPDIR/log"
    for _ in $(seq 30); do
        kill -TERM -- "-$keeper" 2>/dev/null || break
        sleep 0.02
    done
    keeper_ends
    same "$(cat "$BATS_TEST_TMPDIR/log")" ''
}

@test "cubby-loop: it ends with what has started it, though that is killed" {
    printf '#!/bin/sh\nexec sleep 300\n' >"$BATS_TEST_TMPDIR/sleeper"
    chmod 755 "$BATS_TEST_TMPDIR/sleeper"
    keep_alone 3 "$BATS_TEST_TMPDIR/sleeper"
    eventually sleeps 3 || fail "$(pgrep -g "$keeper" -a)"
    kill -KILL "$keeper"
    keeper_ends
    # So do all of them, with the one that runs them.
    installation
    keeper PROCESSES_data=3
    eventually keeps 3 data
    kill -KILL "$keeper"
    keeper_ends
    # And another one can begin there, where the sockets are left.
    keeper PROCESSES_data=3
    eventually answers_health
    looped six_in_order
    keeper_stop
}

@test "cubby-loop: keep goes on where what has started it ends, as spawn-fcgi does that stays not" {
    installation
    keeper_script
    : >"$BATS_TEST_TMPDIR/cubby-loop.conf"
    sockets=$BATS_TEST_TMPDIR/kept
    mkdir -p "$sockets" "$BATS_TEST_TMPDIR/asking"
    env CUBBY_CONF="$conf" spawn-fcgi -s "$sockets/health.sock" -P "$BATS_TEST_TMPDIR/alone" \
        -- /bin/sh "$BATS_TEST_TMPDIR/cubby-loop" keep "$PROGRAMS/health" >>"$BATS_TEST_TMPDIR/log" 2>&1 </dev/null 3>&- 4>&-
    keeper=$(cat "$BATS_TEST_TMPDIR/alone")
    printf '#!/bin/sh\nexec cgi-fcgi -bind -connect "%s"\n' "$sockets/health.sock" >"$BATS_TEST_TMPDIR/asking/health"
    chmod 755 "$BATS_TEST_TMPDIR/asking/health"
    eventually eval '[ -n "$(pids_of health)" ]' || fail "$(cat "$BATS_TEST_TMPDIR/log")"
    sleep 0.5
    answers_health || fail 'it does not go on'
    kill -TERM "$keeper"
    keeper_ends
}

@test "cubby-loop: what one that was killed has kept ends with it, so that its socket can be served again" {
    installation
    keeper PROCESSES_data=2
    loop_is_past_start "$keeper"
    eventually keeps 2 data
    eventually keeps 1 health
    kept=$(pgrep -g "$keeper" -f "cubby-loop keep[a-z-]* .*/data " -P "$keeper")
    kill -KILL "$kept"
    eventually eval '[ -z "$(pids_of data)" ]' || fail "$(pgrep -g "$keeper" -a)"
    # And what is kept, with the shell that does so.
    kill -KILL "$(ps -o ppid= -p "$(pids_of health)" | tr -d ' ')"
    kill -TERM "$keeper"
    keeper_ends
    keeper PROCESSES_data=2
    eventually answers_health
    looped six_in_order
    keeper_stop
}

@test "cubby-loop: stop ends one that was started where there is no flock, and says when it may not" {
    installation
    mkdir "$BATS_TEST_TMPDIR/lean"
    ln -sf -t "$BATS_TEST_TMPDIR/lean" /usr/sbin/* /usr/bin/*
    rm "$BATS_TEST_TMPDIR/lean/flock"
    lean=yes
    keeper
    eventually answers_health
    run timeout 200 env CUBBY_CONF="$conf" sh "$BATS_TEST_TMPDIR/cubby-loop" run
    same "$status" 1
    [[ $output == *"cubby-loop: another cubby-loop serves in $sockets"* ]] || fail "$output"
    if [ "$(id -u)" = 0 ]; then
        cp "$BATS_TEST_TMPDIR/cubby-loop" "$BATS_TEST_TMPDIR/cubby-loop.conf" "$sockets/"
        chmod -R a+rX "$sockets"
        run setpriv --reuid nobody --clear-groups env RUNDIR="$sockets" sh "$sockets/cubby-loop" stop
        same "$status" 1
        [[ $output == *"cubby-loop: process $keeper can't be ended"* ]] || fail "$output"
    fi
    sh "$BATS_TEST_TMPDIR/cubby-loop" stop
    keeper_ends
}

@test "cubby-loop: telling its processes to end, it tells no others that have got their numbers" {
    keeper_script
    sleep 600 3>&- 4>&- &
    other=$!
    note_process "$other" "$BATS_TEST_TMPDIR/loops"
    sh -c "$(sed -n '/^is_child()/,/^}/p; /^remind()/,/^}/p' "$BATS_TEST_TMPDIR/cubby-loop")"'
        sleep 600 &
        children="$1 $!"
        remind & wait' sh "$other" 3>&- 4>&-
    kill "$other" || fail 'it was ended'
    # Where /proc tells nothing of a program (hidepid), that is told all the same.
    timeout 200 sh -c "$(sed -n '/^is_child()/,/^}/p; /^remind()/,/^}/p' "$BATS_TEST_TMPDIR/cubby-loop" | sed 's|/proc/|/nowhere/|')"'
        sleep 600 &
        children=$!
        remind & wait' sh 3>&- 4>&- || fail 'it was not told to end'
}

@test "cubby-loop: of several that start at once one serves, and the others say so and leave it alone" {
    installation
    keeper PROCESSES_data=1 PROCESSES_changes=1 PROCESSES_token=1
    run timeout 200 env CUBBY_CONF="$conf" sh "$BATS_TEST_TMPDIR/cubby-loop" run
    same "$status" 1
    [[ $output == *"cubby-loop: another cubby-loop serves in $sockets"* ]] || fail "$output"
    looped six_in_order
    # Told so by its name, it ends; there is nothing to do then.
    sh "$BATS_TEST_TMPDIR/cubby-loop" stop
    keeper_ends
    sh "$BATS_TEST_TMPDIR/cubby-loop" stop
    # A number that was left is by now another's.
    sleep 600 3>&- 4>&- &
    note_process "$!" "$BATS_TEST_TMPDIR/loops"
    echo "$!" >"$sockets/lock"
    sh "$BATS_TEST_TMPDIR/cubby-loop" stop
    kill "$!"
    # A socket that somebody else serves: nothing is served by halves.
    spawn-fcgi -n -s "$sockets/keys.sock" -- /bin/sleep 600 >/dev/null 2>&1 </dev/null 3>&- 4>&- &
    other=$!
    note_process "$other" "$BATS_TEST_TMPDIR/loops"
    eventually served "$sockets/keys.sock"
    run timeout 200 env CUBBY_CONF="$conf" sh "$BATS_TEST_TMPDIR/cubby-loop" run
    kill "$other"
    same "$status" 1
    [[ $output == *'cubby-loop: it did not start'* ]] || fail "$output"
    ! pgrep -f "$BATS_TEST_TMPDIR/cubby-loop" || fail 'something is left'
    # So it is when that shows late.
    mkdir "$BATS_TEST_TMPDIR/lean"
    ln -sf -t "$BATS_TEST_TMPDIR/lean" /usr/sbin/* /usr/bin/*
    rm "$BATS_TEST_TMPDIR/lean/spawn-fcgi"
    printf '%s\n' '#!/bin/sh' 'case $* in *"/token.sock"*) sleep 3 && exit 1 ;; esac' "exec $(command -v spawn-fcgi) \"\$@\"" >"$BATS_TEST_TMPDIR/lean/spawn-fcgi"
    chmod 755 "$BATS_TEST_TMPDIR/lean/spawn-fcgi"
    lean=yes keeper_script
    run timeout 200 env CUBBY_CONF="$conf" sh "$BATS_TEST_TMPDIR/cubby-loop" run
    same "$status" 1
    [[ $output == *'cubby-loop: it did not start'* ]] || fail "$output"
    ! pgrep -f "$BATS_TEST_TMPDIR/cubby-loop" || fail 'something is left'
}

@test "cubby-loop: of a program that is gone, as after its package was removed, nothing stays" {
    printf '#!/bin/sh\nexec sleep 300\n' >"$BATS_TEST_TMPDIR/sleeper"
    chmod 755 "$BATS_TEST_TMPDIR/sleeper"
    keep_alone 2 "$BATS_TEST_TMPDIR/sleeper"
    eventually sleeps 2
    rm "$BATS_TEST_TMPDIR/sleeper"
    pkill -g "$keeper" -x sleep
    keeper_ends
    grep -qF "cubby-loop: $BATS_TEST_TMPDIR/sleeper is gone" "$BATS_TEST_TMPDIR/log"
}

# all_rest: none of $pids has the database open any more
all_rest() {
    local pid
    for pid in "${pids[@]}"; do
        [ -z "$(find "/proc/$pid/fd" -lname "$database*")" ] || return 1
    done
}

@test "cubby-loop: a connection wakes one of the processes that wait, not all" {
    installation
    new_user ann
    cgi data POST '' '{"key":"one","value":1}'
    answered 201
    keeper PROCESSES_data=20
    eventually keeps 20 data
    mapfile -t pids < <(pids_of data)
    for _ in $(seq 40); do # each has its settings then, and rests
        ask data GET /one
        answered 200
    done
    eventually all_rest
    before=$(switches "${pids[@]}")
    for _ in $(seq 50); do
        ask data GET /one
        answered 200
    done
    after=$(switches "${pids[@]}")
    # With all of them awake it would be 1000 at the least. One sleeps several times where what it is sent comes slowly.
    [ $((after - before)) -le 500 ] || fail "$((after - before)) times awake for 50 requests"
}

@test "cubby-loop: an upgrade takes the place of programs that stay, and costs no request" {
    installation
    new_user ann
    store a 1
    mkdir "$BATS_TEST_TMPDIR/programs"
    cp "$PROGRAMS/data" "$BATS_TEST_TMPDIR/programs"
    PROGRAMS=$BATS_TEST_TMPDIR/programs
    keeper PROCESSES_data=2
    eventually keeps 2 data
    before=$(pids_of data | sort)
    # several at once, so that some always wait
    for number in 1 2 3 4; do
        asks_on "$number" 3>&- 4>&- &
        began
    done
    eventually test -s "$BATS_TEST_TMPDIR/asked.4"
    for number in 1 2 3 4 5; do
        cp "$root/build/cgi-bin/data" "$BATS_TEST_TMPDIR/new"
        mv "$BATS_TEST_TMPDIR/new" "$PROGRAMS/data"
        ask data PUT /a "{\"value\":$number}"
        answered 200
        sleep 0.2
    done
    asked_well 200
    ask data GET /a
    same "$(jq -c .data.value <<<"$body")" 5
    for _ in $(seq 900); do
        after=$(pids_of data | sort)
        [ "$(wc -l <<<"$after")" != 2 ] || [ -n "$(comm -12 <(echo "$before") <(echo "$after"))" ] || break
        ask data GET /a
        answered 200
        sleep 0.05
    done
    same "$(comm -12 <(echo "$before") <(echo "$after"))" ''
    keeper_stop
}

six_in_order() {
    new_user "u$RANDOM$RANDOM"
    store a 1
    same "$code" 201
    read_value a
    same "$code" 200
}

# mixture ADDRESS FILE: reads and writes of all kinds for 6 s, and on until there were more than 100; what wrk says to FILE
mixture() {
    local all=0 requests broken lost
    for _ in $(seq 20); do
        wrk -t1 -c3 -d6 --timeout 250 -s "$root/tests/soak/mixed.lua" "$1" -- "$token" "$((all + 7))" >"$BATS_TEST_TMPDIR/$2"
        IFS=$'\t' read -r requests broken lost < <(tail -n 1 "$BATS_TEST_TMPDIR/$2")
        all=$((all + requests))
        [ "$broken $lost" = '0 0' ] && [ "$all" -le 100 ] || return 0
    done
    printf '%s\t0\tall others\n' "$all" >>"$BATS_TEST_TMPDIR/$2"
}

# beside JOURNAL: a process for each request and processes that stay, on one database, at the same time
beside() {
    installation "journal = $1" 'busy_timeout = 60000' 'register_limit = 0' 'loop_requests = 500'
    for of in stays ends; do
        for number in 1 2 3; do
            new_user "$of$number"
            echo "$token" >>"$BATS_TEST_TMPDIR/$of"
        done
    done
    new_user ann
    for number in $(seq 1000); do echo "{\"key\":\"k/$number\",\"value\":$number}"; done |
        jq -s '{items:.}' >"$BATS_TEST_TMPDIR/items"
    served_by apache cgi
    ends=$address
    served_by nginx fastcgi
    curl -sf -o "$BATS_TEST_TMPDIR/imported" "$address/me/import" -H "Authorization: $token" -d "@$BATS_TEST_TMPDIR/items"
    export CUBBY_CONF=$home/cubby.conf conf=$home/cubby.conf
    keeper PROCESSES_data=3 RUN_USER="$(stat -c %U "$home")" WEB_GROUP="$(stat -c %G "$home")"
    # writers that know what they wrote, and, over real servers, a mixture of everything
    looped "$root/build/test-tools/load" "$BATS_TEST_TMPDIR/asking/data" "$BATS_TEST_TMPDIR/stays" 6 60 0 &
    began
    mixture "$address" said.stays &
    began
    mixture "$ends" said.ends &
    began
    "$root/build/test-tools/load" "$PROGRAMS/data" "$BATS_TEST_TMPDIR/ends" 6 60 0
    wait "${started[0]}" # fails when the other one did
    wait_all
    for said in "$BATS_TEST_TMPDIR"/said.*; do
        IFS=$'\t' read -r requests broken lost < <(tail -n 1 "$said")
        [ "$broken" = 0 ] && [ "$lost" = 0 ] || fail "$(cat "$said")"
    done
    same "$(query 'PRAGMA integrity_check')" ok
    tool 0 -c "$home/cubby.conf" check
    keeper_stop
    servers_stop
}

@test "loop: Apache with a process for each request and nginx with ones that stay, at once under load, rollback journal" {
    beside rollback
}

@test "loop: the same two at once, write-ahead log" { beside wal; }

@test "loop: processes that are killed at any moment lose nothing that was acknowledged" {
    installation 'busy_timeout = 60000' 'loop_requests = 200'
    for journal in rollback wal; do
        sed -i '/^journal/d' "$conf"
        echo "journal = $journal" >>"$conf"
        tool 0 migrate
        : >"$BATS_TEST_TMPDIR/tokens"
        for number in 1 2 3 4; do
            new_user "$journal$number"
            echo "$token" >>"$BATS_TEST_TMPDIR/tokens"
        done
        keeper PROCESSES_data=4
        (
            killed=0
            while [ -d "$BATS_TEST_TMPDIR" ] && [ ! -e "$BATS_TEST_TMPDIR/enough" ]; do
                sleep 0.05
                # One lives on, so that work gets done however slowly the others come back.
                mapfile -t pids < <(pids_of data | shuf)
                [ "${#pids[@]}" -lt 2 ] || ! kill -KILL "${pids[0]}" 2>/dev/null || killed=$((killed + 1))
            done
            echo "$killed" >"$BATS_TEST_TMPDIR/killed"
        ) >/dev/null 2>&1 3>&- &
        killer=$!
        looped "$root/build/test-tools/load" "$BATS_TEST_TMPDIR/asking/data" "$BATS_TEST_TMPDIR/tokens" 8 240 -1
        touch "$BATS_TEST_TMPDIR/enough"
        wait "$killer"
        rm "$BATS_TEST_TMPDIR/enough"
        [ "$(cat "$BATS_TEST_TMPDIR/killed")" -ge 5 ] || fail "only $(cat "$BATS_TEST_TMPDIR/killed") were killed"
        keeper_stop
        same "$(query 'PRAGMA integrity_check')" ok
    done
    tool 0 check
}
