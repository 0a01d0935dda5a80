# Over PostgreSQL: what the contract over HTTP can't show, namely how often the server is asked, and that
# nothing is lost, done twice or answered wrongly while it fails. A server of the tests' own, and
# programs that stay.

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
    note_test_alone
    token=''
    server_empty && sql 'ALTER ROLE cubby RESET ALL'
    install_over "$server/socket"
    export CUBBY_CONF=$conf
}
teardown() {
    loops_stop
    silence_end
    proxy_stop
    pooler_stop
    promote_end
    hold_end
    sql 'SELECT 1' >/dev/null 2>&1 || server_start
}

read_back() { ask data GET "/$1"; jq -c '.data.value' <<<"$body"; }


unavailable() {
    same "$code" 503
    same "$(jq -r .code <<<"$body")" SERVICE_UNAVAILABLE
    same "$(jq -r .message <<<"$body")" "${1:-The service is busy or not ready. Nothing was changed; please try again.}"
    case $body in *postgresql* | *socket* | *Server-secret*) fail 'the answer tells of the server' ;; esac
    # Once, in whole seconds (RFC 9110, section 10.2.3).
    local head=${head:-$BATS_TEST_TMPDIR/head}
    [[ $(grep -i '^retry-after:' "$head") =~ ^[Rr]etry-[Aa]fter:\ [1-9][0-9]*$'\r'?$ ]] || fail "no Retry-After: $(cat "$head")"
}

# A commit of which nobody knows whether it was done, or which is done without what it is to have.
unknown() { unavailable 'It is not known whether this was done; read before you repeat it.'; }

# with_answers COUNT COMMAND…: with so many answers of the server, all others held back, over the connection that
# is there.
with_answers() {
    local count=$1 seen
    shift
    read_back k >/dev/null
    # Also the end of that transaction, for which nobody waits, is answered.
    eventually all_idle
    eventually none_pending
    proxy_say "allow?answers=$count" >/dev/null
    "$@"
    seen=$(proxy_say free)
    same "${seen#* }" 0
}

all_idle() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = 'cubby' AND state <> 'idle'")" = 0 ]; }
none_pending() { [ "$(proxy_say pending)" = 0 ]; }

@test "postgresql: a read waits for one answer of the server, an update for three" {
    over_proxy
    user_and_resting data
    post k 1
    put k 2
    with_answers 1 ask data GET /k
    same "$code" 200
    with_answers 3 put k 3
    same "$code" 200
    # It takes no less.
    with_answers 2 put k 4
    unknown
    with_answers 0 ask data GET /k
    unavailable
}

@test "postgresql: a wrong password is 503, and told in the log without it" {
    user_and data
    printf '*:*:*:*:Not-the-secret-2\n' >"$home/passfile"
    ask data GET /k
    unavailable
    grep -q 'password authentication failed' "$BATS_TEST_TMPDIR/log" || fail 'the log does not say why'
    ! grep -q 'secret-' "$BATS_TEST_TMPDIR/log" || fail 'the log has a password'
    printf '*:*:*:*:Server-secret-1\n' >"$home/passfile"
    ask data GET /k
    same "$code" 404
}

@test "postgresql: a file with the password that others may read is not used" {
    user_and data
    chmod 644 "$home/passfile"
    ask data GET /k
    unavailable
    tool 5 stats
}

@test "postgresql: a password in the settings is refused, and not repeated" {
    for url in 'postgresql://cubby:Hidden-9@/cubby' 'postgresql:///cubby?password=Hidden-9' 'service=x password=Hidden-9' \
        'postgresql:///cubby?p%61ssword=Hidden-9'; do
        sed -i "s#^database = .*#database = $url#" "$conf"
        tool 1 stats
        [[ $stderr = *password* || $stderr = *'the name of a parameter'* ]] || fail "$stderr"
        [[ $stderr$output != *Hidden-9* ]] || fail "$stderr"
        cgi health GET
        case $code in 500 | 503) ;; *) fail "$code" ;; esac
        ! grep -q Hidden-9 "$BATS_TEST_TMPDIR/log" || fail 'the log has it'
    done
}

@test "postgresql: a password in a service file is refused, and not repeated" {
    printf '[cubby]\nhost=%s\ndbname=cubby\nuser=cubby\npassword=Server-secret-1\n' "$server/socket" >"$home/services"
    sed -i 's#^database = .*#database = service=cubby#' "$conf"
    export PGSERVICEFILE=$home/services
    for mode in 644 600; do
        chmod "$mode" "$home/services"
        tool 1 stats
        said 'a password stands in the service file'
        tool 1 check
        said 'a password stands in the service file'
        [[ $stderr$output != *Server-secret* ]] || fail "$stderr"
    done
    sed -i "s#^password=.*#passfile=$home/passfile#" "$home/services"
    tool 0 stats
}

@test "postgresql: what names no server is refused with file and line" {
    for url in 'mysql://x' relative 'host=x' 'postgresql:/x'; do
        sed -i "s#^database = .*#database = $url#" "$conf"
        tool 1 stats
        said "$conf:1: database must be"
    done
}

@test "postgresql: without a server calls are 503, and the same process goes on when it is back" {
    user_and data health
    post k 1
    same "$code" 201
    for signal in INT QUIT; do
        server_stop "$signal"
        ask data GET /k
        unavailable
        put k 2
        unavailable
        ask health GET
        same "$code" 503
        ! process_gone "$loop_data" || fail 'the program has ended'
        server_start
        same "$(read_back k)" 1
        ask health GET
        same "$code" 200
    done
}

@test "postgresql: a connection that was killed meanwhile is made anew within the request" {
    user_and_resting data
    post k 1
    for i in 2 3 4; do
        eventually one_connection
        disconnect
        put k "$i"
        same "$code" 200
        same "$(jq .data.version <<<"$body")" "$i"
    done
}

@test "postgresql: a write whose connection dies while it waits is done again, once" {
    sed -i 's/^busy_timeout = .*/busy_timeout = 60000/' "$conf"
    user_and data
    post k 1
    hold_rows 'SELECT * FROM users FOR UPDATE'
    put k 2 >"$BATS_TEST_TMPDIR/put" &
    waiting=$!
    eventually waits_for 'Lock%'
    disconnect
    eventually waits_for 'Lock%'
    release
    wait "$waiting"
    ask data GET /k
    same "$(jq -c '[.data.value, .data.version]' <<<"$body")" '[2,2]'
}

@test "postgresql: a connection lost while it commits is 503, never a success, and never half" {
    new_user ann
    through_proxy data
    post k 1
    for i in 2 3; do
        # A new connection names its statements by their texts.
        disconnect
        proxy_say drop?text=COMMIT%00
        put k "$i"
        unknown
        proxy_say free
        # The server had done it: the next write goes on from there.
        ask data GET /k
        same "$(jq -c '[.data.value, .data.version]' <<<"$body")" "[$i,$i]"
    done
    grep -q 'may be done or not' "$BATS_TEST_TMPDIR/log" || fail 'the log does not say it'
}

# put_uncopied VALUE: a write whose wait for its copy is cancelled in the server; its answer is in $code and $body
put_uncopied() {
    sync_copies nobody
    { put k "$1"; printf '%s %s\n' "$code" "$body" >"$BATS_TEST_TMPDIR/put"; } &
    waiting=$!
    eventually waits_for '%SyncRep' || { sync_copies ''; fail 'does not wait'; }
    sql "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'" >/dev/null
    wait "$waiting"
    sync_copies ''
    read -r code body <"$BATS_TEST_TMPDIR/put"
}

@test "postgresql: a commit that the server has confirmed is done, also when it ends the connection in the same breath" {
    over_proxy
    user_and_resting data
    post k 1
    for i in 2 3; do
        proxy_say leave >/dev/null
        put k "$i"
        same "$code" 200
        # By another connection, to which nothing of the last one clings.
        [ "$(read_back k)" = "$i" ] || fail "$code $body"
        connected=$(proxy_say free)
        same "${connected#* }" 1
    done
    proxy_say leave >/dev/null
    sed -i "s#host=[^&]*#host=$proxy#" "$conf"
    tool 0 user quota ann --keys 7
    same "$(sql 'SELECT version, max_keys FROM users')" '3|7'
}

@test "postgresql: a commit that does not wait for its synchronous copy to the end is 503, never a success" {
    user_and data
    post k 1
    sync_copies nobody
    put k 2 &
    waiting=$!
    eventually waits_for '%SyncRep' || { sync_copies ''; fail 'does not wait'; }
    sync_copies ''
    wait "$waiting"
    # Not waited for any more because the operator wants no copy.
    ask data GET /k
    same "$(jq -c '[.data.value, .data.version]' <<<"$body")" '[2,2]'
    put_uncopied 3
    unknown
    grep -q 'copies may not have it' "$BATS_TEST_TMPDIR/log" || fail 'the log does not say it'
    put k 4
    same "$code" 200
    same "$(jq .data.version <<<"$body")" 4
}

@test "postgresql: nor is it one for a role that is told of no warnings" {
    sql 'ALTER ROLE cubby SET client_min_messages = error'
    user_and data
    post k 1
    put_uncopied 2
    unknown
}

# wait_for_copies COUNT: so many connections to the server do
wait_for_copies() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")" = "$1" ]; }

# writes_in_vain NUMBER: two writes of the user with this number, by a process of their own; see the next test
writes_in_vain() {
    local dir=$BATS_TEST_TMPDIR/loop$1 value
    token=${tokens[$1]}
    for value in 2 3; do
        BATS_TEST_TMPDIR=$dir put k "$value"
        mv "$dir/head" "$dir/head$value"
        printf '%s %s %s\n' "$dir/head$value" "$code" "$body"
    done >"$dir/answers"
}

@test "postgresql: commits that wait in vain for a copy leave nothing behind in the server, and reads go on" {
    sed -i 's/^busy_timeout.*/busy_timeout = 3000/' "$conf" # in which all three are seen to wait
    tokens=()
    for i in 0 1 2; do
        new_user "user$i"
        store k 1
        tokens+=("$token")
        mkdir "$BATS_TEST_TMPDIR/loop$i"
        BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR/loop$i loop_start data
        cat "$BATS_TEST_TMPDIR/loop$i/loops" >>"$BATS_TEST_TMPDIR/loops"
    done
    loop_start data
    sync_copies nobody
    for i in 0 1 2; do
        writes_in_vain "$i" &
        began
    done
    eventually wait_for_copies 3 || { sync_copies ''; fail 'they do not wait'; }
    while [ "$(cat "$BATS_TEST_TMPDIR"/loop?/answers | wc -l)" -lt 6 ]; do
        ask data GET /k
        [ "$code" = 200 ] || { sync_copies ''; fail 'a read fails'; }
        sleep 0.3
    done
    wait_all
    # Still nobody has the copies, and no connection goes on waiting for them.
    eventually wait_for_copies 0 || { sync_copies ''; fail 'something is left behind'; }
    sync_copies ''
    cat "$BATS_TEST_TMPDIR"/loop?/answers >"$BATS_TEST_TMPDIR/answers"
    while read -r head code body; do
        unknown
    done <"$BATS_TEST_TMPDIR/answers"
    unset head
    # They were done, in this server.
    ask data GET /k
    same "$(jq -c '[.data.value, .data.version]' <<<"$body")" '[3,3]'
    put k 4
    same "$code" 200
}

# of_any COMMAND…: of the process whose settings want any server; see the next test
of_any() { BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR/any CUBBY_CONF=$home/any.conf "$@"; }

@test "postgresql: a server that is a copy is asked nothing, or only read where the settings say so; once it leads, the same processes go on" {
    user_and data
    post k 1
    mkdir "$BATS_TEST_TMPDIR/any"
    sed 's/^\(database = .*\)/\1\&target_session_attrs=any/' "$conf" >"$home/any.conf"
    first=$loop_data
    conf=$home/any.conf of_any loop_start data
    cat "$BATS_TEST_TMPDIR/any/loops" >>"$BATS_TEST_TMPDIR/loops"
    server_stop
    touch "$server/db/standby.signal"
    server_start
    put k 2
    unavailable
    ask data GET /k
    unavailable
    tool 5 stats
    for _ in 1 2; do
        of_any ask data GET /k
        same "$code $(jq .data.value <<<"$body")" '200 1'
        of_any put k 2
        unavailable
    done
    promote
    of_any put k 2
    same "$code" 200
    put k 3
    same "$code" 200
    same "$(read_back k)" 3
    ! process_gone "$first" && ! process_gone "$loop_data" || fail 'a program has ended'
}

@test "postgresql: deadlocks and serialisation failures are done again, a bounded number of times" {
    user_and data
    for state in 40P01 40001; do
        fault "$state" 3
        post "$state" 1
        same "$code" 201
        fault "$state" 1000
        post "never$state" 1
        unavailable
        same "$(sql 'SELECT last_value FROM faults')" 4
        fault "$state" 0
        ask data GET "/never$state"
        same "$code" 404
    done
    same "$(sql 'SELECT version, keys FROM users')" '2|2'
}

@test "postgresql: a full disk is 507, a lack of memory or connections 503, anything else 500, and nothing is changed" {
    user_and data
    for of in '53100 507' '53200 503' '53300 503' '57014 503' '55P03 503' '58030 500' 'XX000 500' 'P0001 500' '23514 500'; do
        fault "${of% *}" 1
        post "k${of% *}" 1
        same "$of $code" "$of ${of#* }"
        case $body in *fault* | *"${of% *}"*) fail 'the answer tells why' ;; esac
    done
    fault 00000 0
    same "$(sql 'SELECT version, keys, bytes, (SELECT count(*) FROM items) FROM users')" '0|0|0|0'
    post k 1
    same "$(jq .data.version <<<"$body")" 1
}

@test "postgresql: a table whose file may not grow, as under a quota, is a full disk" {
    user_and_resting data
    sql "ALTER TABLE items ALTER value SET STORAGE EXTERNAL;
        INSERT INTO items SELECT 2, 'k' || n, n, 1, 1, 1, NULL, '\"' || repeat('x', 99998) || '\"' FROM generate_series(1, 170) n"
    post small 1
    same "$code" 201
    # Its log is written in files of 16 MiB, which the table's file is beyond.
    for pid in $(sql "SELECT pid FROM pg_stat_activity WHERE usename = 'cubby'"); do
        server_as prlimit --fsize=16777216 --pid "$pid"
    done
    printf '{"key":"large","value":"%s"}' "$(head -c 100000 /dev/zero | tr '\0' y)" >"$home/large"
    env -i CUBBY_CONF="$conf" REQUEST_METHOD=POST PATH_INFO='' QUERY_STRING='' REMOTE_ADDR=192.0.2.1 CONTENT_LENGTH="$(stat -c %s "$home/large")" \
        HTTP_AUTHORIZATION="Bearer $token" "$BATS_TEST_TMPDIR/asking/data" <"$home/large" >"$home/answer" 2>>"$BATS_TEST_TMPDIR/log"
    grep -q 'could not extend file' "$BATS_TEST_TMPDIR/log" || fail "$(cat "$BATS_TEST_TMPDIR/log" "$home/answer")"
    same "$(head -n 1 "$home/answer")" $'Status: 507 Insufficient Storage\r'
    same "$(sql 'SELECT version, keys FROM users')" '1|1'
    post other 1
    same "$code" 201
}

@test "postgresql: a role that may only read is 503 for writes, and reads go on" {
    echo 'audit_rows = 10' >>"$conf"
    user_and data me changes
    post k 1
    cgi data POST '' '{"key":"ends","value":2,"ttl":100}'
    sql "UPDATE items SET expires_at = 1000 WHERE key = 'ends'; UPDATE users SET next_expiry = 1000"
    sql 'REVOKE INSERT, UPDATE, DELETE ON items, users, meta FROM cubby'
    put k 2
    same "$code" 503
    same "$(read_back k)" 1
    # What these would write beside is left.
    ask me GET /export
    same "$code $(jq -c '[.data.items[].key]' <<<"$body")" '200 ["k"]'
    ask changes GET
    same "$code $(jq -c '[.data.changes[].key]' <<<"$body")" '200 ["k"]'
    grep -q '"event":"export","outcome":"done"' "$BATS_TEST_TMPDIR/log" || fail 'the log has no export'
}

@test "postgresql: a server that is silent is given up after a bounded time" {
    user_and_resting data
    post k 1
    eventually one_connection
    silent=("$(sql "SELECT pid FROM pg_stat_activity WHERE usename = 'cubby'")")
    kill -STOP "${silent[0]}"
    put k 2 # answered before the server says anything
    unavailable
    silence_end
    eventually no_connections # what it had of that is undone
    put k 3
    same "$code" 200
}

# silence / silence_end: the server, with all its processes, says nothing any more / goes on
silence() {
    silent=("$(cat "$server/pid")")
    kill -STOP "${silent[0]}" # it starts no further ones
    mapfile -t -O 1 silent < <(pgrep -P "${silent[0]}")
    kill -STOP "${silent[@]}" 2>/dev/null || true # one of them may have ended
}
silence_end() {
    [ -z "${silent:-}" ] || kill -CONT "${silent[@]}" 2>/dev/null || true
    silent=()
}

@test "postgresql: of many calls that wait for one process while the server is silent each is 503, and soon" {
    user_and data
    post k 1
    eventually no_connections
    sed -i 's/connect_timeout=60/connect_timeout=3/' "$conf"
    loops_stop
    loop_start data
    silence
    # One after the other they would take two minutes, with as many attempts to connect.
    for i in $(seq 40); do
        mkdir "$BATS_TEST_TMPDIR/call$i"
        {
            env -i CUBBY_CONF="$conf" REQUEST_METHOD=GET PATH_INFO=/k QUERY_STRING='' REMOTE_ADDR=192.0.2.1 CONTENT_LENGTH=0 \
                HTTP_AUTHORIZATION="Bearer $token" timeout 250 "$BATS_TEST_TMPDIR/asking/data" </dev/null >"$BATS_TEST_TMPDIR/call$i/answer" || true
        } 2>>"$BATS_TEST_TMPDIR/log" 3>&- 4>&- &
        began
    done
    wait_all
    silence_end
    for i in $(seq 40); do
        sed '/^\r$/q' "$BATS_TEST_TMPDIR/call$i/answer" >"$BATS_TEST_TMPDIR/head"
        code=$(sed -n '1s/^Status: \([0-9]*\).*/\1/p' "$BATS_TEST_TMPDIR/head")
        body=$(sed '1,/^\r$/d' "$BATS_TEST_TMPDIR/call$i/answer")
        unavailable
    done
    attempts=$(grep -c 'timeout expired' "$BATS_TEST_TMPDIR/log" || true)
    [ "$attempts" -gt 0 ] || fail 'the log does not say why'
    [ "$attempts" -le 20 ] || fail "$attempts attempts to connect"
    eventually eval '[ "$(read_back k)" = 1 ]'
}

@test "postgresql: the host that leads is asked first from then on, wherever it stands, until another one leads" {
    user_and data
    post k 1
    loops_stop
    mute_start
    proxy_start
    sed -i 's/connect_timeout=60/connect_timeout=5/' "$conf" # as long as the silent one is waited for
    # The third host leads, and the second is not there.
    sed -i "s#host=[^&]*#host=$mute,$server/nowhere,$proxy,$server/socket#" "$conf"
    loop_start data
    proxy_say free >/dev/null
    asked_mute 1
    for _ in 1 2; do
        asked_mute 1
    done
    said=$(proxy_say free)
    same "${said#* }" 3
    # It is gone, and the others come in their order; then the next one leads.
    proxy_stop
    asked_mute 2
    for _ in 1 2; do
        asked_mute 2
    done
}

@test "postgresql: a connection serves reads, writes and what is done after an answer" {
    new_user ann
    cgi keys POST '' '{"name":"dev","scope":"read"}'
    device=$(jq -r .token <<<"$body")
    store k 1
    over_proxy
    rest data
    sql 'UPDATE tokens SET used_at = 0'
    proxy_say free >/dev/null
    token=$device ask data GET /k
    same "$code" 200
    put k 2
    same "$code" 200
    said=$(proxy_say free)
    same "${said#* }" 1
    [ "$(sql 'SELECT used_at FROM tokens WHERE used_at IS NOT NULL')" -gt 0 ] || fail 'the use is not kept'
}

@test "postgresql: behind pgbouncer in transaction mode nothing is lost, done twice or mixed up" {
    pooler_start
    new_user ann
    sed -i "s#host=[^&]*#host=$pooler#; s/^busy_timeout = .*/busy_timeout = 60000/" "$conf"
    for i in 1 2 3 4; do
        # Each has a process of its own, and the server's two connections are shared.
        mkdir -p "$BATS_TEST_TMPDIR/loop$i"
        BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR/loop$i loop_start data
        cat "$BATS_TEST_TMPDIR/loop$i/loops" >>"$BATS_TEST_TMPDIR/loops"
        for _ in $(seq 40); do
            answer=$(env -i CUBBY_CONF="$conf" REQUEST_METHOD=POST PATH_INFO=/n QUERY_STRING=increment=1 REMOTE_ADDR=192.0.2.1 \
                CONTENT_LENGTH=0 HTTP_AUTHORIZATION="Bearer $token" "$BATS_TEST_TMPDIR/loop$i/asking/data" </dev/null 2>>"$BATS_TEST_TMPDIR/log")
            echo "${answer:0:11}"
        done >"$BATS_TEST_TMPDIR/codes$i" &
        began
    done
    wait_all
    same "$(cat "$BATS_TEST_TMPDIR"/codes? | sort | uniq -c | tr -s ' ')" $' 159 Status: 200\n 1 Status: 201'
    loop_start data
    ask data GET /n
    same "$(jq -c '[.data.value, .data.version]' <<<"$body")" '[160,160]'
    same "$(sql 'SELECT version, keys FROM users')" '160|1'
}

@test "postgresql: a lock that is not given up is 503 after busy_timeout" {
    user_and data
    post k 1
    hold_rows 'SELECT * FROM users FOR UPDATE'
    put k 2
    unavailable
    same "$(read_back k)" 1
    release
    put k 3
    same "$code" 200
}

# asks_of NAME TOKEN NUMBER: in the background, a write by this token; its status goes to the file NAME.NUMBER
asks_of() {
    (
        token=$2
        put "$1" "$3"
        echo "$code" >"$BATS_TEST_TMPDIR/$1.$3"
    ) 3>&- 4>&- 6>&- &
    askers+=("$!")
}
# queued COUNT: so many connections to the program wait for it to take them
queued() { [ "$(awk -v path="$sockets/data" '$6 == "02" && $NF == path' /proc/net/unix | wc -l)" = "$1" ]; }
# waits_logged: how often the server has logged that somebody waits for a lock; logged COUNT: so often since $before
waits_logged() { grep -c 'still waiting' "$server/log" || true; }
logged() { [ "$(waits_logged)" = "$((before + $1))" ]; }

# asked_by_turns NAME.NUMBER…: asks_of, each when the one before it waits for the program; queued are as many then
asked_by_turns() {
    local of name count=0
    for of; do
        name=${of%.*}
        asks_of "$name" "${!name}" "${of#*.}"
        count=$((count + 1))
        eventually queued "$count"
    done
}

# only_bob_writes: what all of them have been told
only_bob_writes() {
    wait "${askers[@]}"
    askers=()
    for number in 1 2 3 4; do
        same "$(cat "$BATS_TEST_TMPDIR/ann.$number") $(cat "$BATS_TEST_TMPDIR/bob.$number")" '503 200'
        rm "$BATS_TEST_TMPDIR/ann.$number" "$BATS_TEST_TMPDIR/bob.$number"
    done
}

@test "postgresql: one user's locked row keeps a process waiting once, however often that user asks it" {
    sed -i 's/^busy_timeout.*/busy_timeout = 60000/' "$conf"
    new_user bob
    bob=$token
    user_and data
    ann=$token
    post ann 0
    token=$bob post bob 0
    sql "ALTER SYSTEM SET log_lock_waits = on"
    sql "ALTER SYSTEM SET deadlock_timeout = '500ms'"
    sql 'SELECT pg_reload_conf()' >/dev/null
    hold_rows "SELECT 1 FROM users WHERE username = 'ann' FOR UPDATE"
    before=$(waits_logged)
    asks_of ann "$ann" 1
    eventually logged 1
    asked_by_turns bob.1 ann.2 bob.2 ann.3 bob.3 ann.4 bob.4
    # The server gives the first one's statement up, as it does at the end of statement_timeout.
    sql "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'cubby' AND wait_event_type = 'Lock'" >/dev/null
    only_bob_writes
    logged 1 || fail "$(tail -n 30 "$server/log")"
    # The same at the end of lock_timeout. All are there before the program looks; where the server stands still until both
    # times are over it logs nothing.
    loops_stop
    sed -i 's/^busy_timeout.*/busy_timeout = 3000/' "$conf"
    loop_start data
    before=$(waits_logged)
    kill -STOP "$loop_data"
    asked_by_turns ann.1 bob.1 ann.2 bob.2 ann.3 bob.3 ann.4 bob.4
    kill -CONT "$loop_data"
    only_bob_writes
    release
    logged 1 || logged 0 || fail "$(tail -n 30 "$server/log")"
    sql 'ALTER SYSTEM RESET ALL'
    sql 'SELECT pg_reload_conf()' >/dev/null
    eventually goes_on
}
goes_on() {
    token=$ann put ann 9
    [ "$code" = 200 ]
}

@test "postgresql: while a lock is not given up changes are read, and who logs in may, and what is to be written besides is later" {
    new_user ann
    sed -i 's/^password_cost = 1/password_cost = 2/' "$conf"
    loop_start data changes token
    post kept 1
    post gone 1
    hash=$(sql 'SELECT password_hash FROM users')
    # As a write of the same user has it, then as the tool has it.
    for lock in 'SELECT id FROM users FOR NO KEY UPDATE' 'SELECT pg_advisory_xact_lock(1668637282, 1)'; do
        sql "UPDATE items SET expires_at = 1 WHERE key = 'gone'; UPDATE users SET next_expiry = 1"
        hold_rows "$lock"
        ask changes GET
        [ "$code" = 200 ] || fail "$(cat "$BATS_TEST_TMPDIR/log")"
        same "$code $(jq -c '[(.data.changes | map([.key, .deleted])), .data.more]' <<<"$body")" '200 [[["kept",null]],false]'
        put kept 1
        unavailable
        case $lock in *users*)
            ask token POST '' "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
            same "$code" 200
            same "$(sql 'SELECT password_hash FROM users')" "$hash"
            ;;
        esac
        release
        ask changes GET
        same "$code $(jq -c '[(.data.changes | map([.key, .deleted])), .data.more]' <<<"$body")" '200 [[["kept",null],["gone",true]],false]'
        post gone 1
    done
    ask token POST '' "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
    same "$code" 200
    [ "$(sql 'SELECT password_hash FROM users')" != "$hash" ] || fail 'the hash is the old one'
}

@test "postgresql: a schema that changes under a program stops it, and so does one that is missing" {
    user_and data
    post k 1
    sql 'UPDATE cubby_schema SET number = 99'
    put k 2
    same "$code" 500
    ask data GET /k
    same "$code" 500
    tool 1 stats
    said 'schema 99'
    sql 'UPDATE cubby_schema SET number = 4'
    same "$(read_back k)" 1
    sql 'DROP OWNED BY cubby'
    ask data GET /k
    same "$code" 500
}

@test "postgresql: check finds what makes writes less than durable, and texts that sort otherwise" {
    tool 0 check
    sql "ALTER ROLE cubby SET synchronous_commit = off"
    tool 1 check
    said 'synchronous_commit is off'
    sql "ALTER ROLE cubby RESET synchronous_commit"
    sql 'ALTER TABLE items ALTER COLUMN key TYPE TEXT COLLATE "default"'
    tool 1 check
    said "the schema is not cubby's (at items.key)"
}

@test "postgresql: init keeps what is there, migrate has nothing to do, backup and restore name the server's tools" {
    new_user ann
    tool 0 init
    tool 0 migrate
    tool 0 user show ann
    tool 1 backup "$BATS_TEST_TMPDIR/b"
    said pg_dump
    tool 1 restore "$BATS_TEST_TMPDIR/b" --yes
    said pg_restore
}

@test "postgresql: an export of either engine makes the same store in the other, and tokens live on" {
    new_user ann
    cgi data POST '' '{"key":"ключ/1","value":{"n":1e400,"z":"\u0000","b":[1.0,9007199254740993]}}'
    cgi data POST '' '{"key":"k2","value":2,"ttl":1000}'
    cgi data DELETE /k2
    cgi keys POST '' '{"name":"dev","scope":"read"}'
    device=$(jq -r .token <<<"$body")
    tool 0 export "$BATS_TEST_TMPDIR/one"
    cat >"$BATS_TEST_TMPDIR/file.conf" <<CONF
database = $home/file.db
keys = $home/keys.json
CONF
    CUBBY_CONF=$BATS_TEST_TMPDIR/file.conf
    tool 0 init
    tool 0 import "$BATS_TEST_TMPDIR/one"
    tool 0 export "$BATS_TEST_TMPDIR/two"
    same "$(cat "$BATS_TEST_TMPDIR/two")" "$(cat "$BATS_TEST_TMPDIR/one")"
    for with in "$token" "$device"; do
        token=$with
        cgi data GET /ключ/1
        same "$code" 200
    done
    sql 'DROP OWNED BY cubby'
    CUBBY_CONF=$conf
    tool 0 init
    tool 0 import "$BATS_TEST_TMPDIR/two"
    tool 0 export "$BATS_TEST_TMPDIR/three"
    same "$(cat "$BATS_TEST_TMPDIR/three")" "$(cat "$BATS_TEST_TMPDIR/one")"
    cgi data GET /ключ/1
    same "$code" 200
    tool 0 check
    new_user bob
    same "$(sql 'SELECT max(id) FROM users')" 2
}

@test "postgresql: whatever import refuses of rows together is found by check, and mended by gc --recount" {
    new_user ann
    cgi data POST '' '{"key":"k","value":"é"}'
    cgi data POST '' '{"key":"gone","value":1}'
    cgi data POST '' '{"key":"ends","value":5,"ttl":1000000}'
    cgi data DELETE /gone
    tool 0 check
    rows() { sql 'SELECT keys, bytes, tombstones, next_expiry, version, horizon <= version, (SELECT SUM(size) FROM items) FROM users'; }
    good=$(rows)
    dump=$BATS_TEST_TMPDIR/dump
    while IFS='|' read -r change mended found; do
        sql "UPDATE ${change//;/; UPDATE }"
        tool 1 check --json
        same "$(of '[.problems[].problem] | join(", ")')" "1 $found"
        tool 0 gc --recount --json
        same "$(of '[.orphans, .items_resized, .users_recounted] | join(",")')" "$mended"
        tool 0 check
        same "$(rows)" "$good"
    done <<'DONE'
users SET horizon = version + 1|0,0,1|accounts whose items or deletions are ahead of their version
users SET version = version - 1, horizon = version + 5|0,0,1|accounts whose items or deletions are ahead of their version
users SET next_expiry = 0|0,0,1|accounts whose next_expiry is behind that of an item
users SET keys = 9|0,0,1|accounts whose counts are not what they store
items SET size = length(value) WHERE key = 'k';users SET bytes = bytes - 1|0,1,1|items whose size is not that of their value
DONE
    sql 'UPDATE users SET horizon = version + 1'
    tool 0 export "$dump"
    sql 'DROP OWNED BY cubby'
    tool 0 init
    tool 1 import "$dump"
    said 'there are accounts whose items or deletions are ahead of their version; run "cubby gc --recount"'
}
