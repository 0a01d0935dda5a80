# Over PostgreSQL, what happens seldom: poolers, encryption, orders of locks, large accounts, a lack of memory.

load system.bash
load tool.bash
load loop.bash
load postgresql.bash
load slow_import.bash

setup_file() {
    server_make
    preload_make
}
teardown_file() { server_end; }

setup() {
    token=''
    server_empty
    install_over "$server/socket"
    export CUBBY_CONF=$conf
}
teardown() {
    drip_end
    loops_stop
    pooler_stop
    proxy_stop
    sync_copies ''
    [ ! -f "$BATS_TEST_TMPDIR/tls.pid" ] || kill "$(cat "$BATS_TEST_TMPDIR/tls.pid")" 2>/dev/null || true
    hold_end
}

@test "postgresql: behind an old pgbouncer in transaction mode the tool and the programs use no names that others know" {
    pooler_start
    sed -i "s#host=[^&]*#host=$pooler#" "$conf"
    new_user ann
    for _ in 1 2 3; do
        tool 0 stats
        tool 0 user list
        tool 0 user show ann
        tool 0 gc
        tool 0 check
        tool 0 migrate
        store k 1
        cgi data GET /k
        same "$code" 200
    done
    ! grep -q 42P05 "$BATS_TEST_TMPDIR/log" || fail "$(cat "$BATS_TEST_TMPDIR/log")"
}

# waits_for_changes NAME SECONDS [NAME=VALUE…]: in the background, with these variables; its answer goes to the file NAME
waits_for_changes() {
    env -i "${@:3}" CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET PATH_INFO= QUERY_STRING="since=0&wait=$2" REMOTE_ADDR=192.0.2.1 \
        HTTP_AUTHORIZATION="Bearer $token" "$PROGRAMS/changes" >"$BATS_TEST_TMPDIR/$1" 2>&1 3>&- &
}

@test "postgresql: who waits for changes does not wait anew when the connection is lost" {
    new_user ann
    eventually no_connections
    # By its clock the time is over when it has the next connection; else it would wait for longer than the other one.
    waits_for_changes first 25 LD_PRELOAD="$preload" FAULT_LATE=25
    first=$!
    eventually one_connection || fail 'it does not wait'
    backend=$(sql "SELECT pid FROM pg_stat_activity WHERE usename = 'cubby'")
    waits_for_changes other 20
    other=$!
    note_process "$other" "$BATS_TEST_TMPDIR/loops" # ends with them
    same "$(sql "SELECT pg_terminate_backend($backend, 60000)")" t
    wait "$first"
    kill -0 "$other" || fail 'it waited anew'
    grep -q '"changes":\[\]' "$BATS_TEST_TMPDIR/first" || fail "$(cat "$BATS_TEST_TMPDIR/first")"
}

@test "postgresql: what comes encrypted, in large records, is read at once and whole" {
    authority own
    certificate own localhost
    tls_start "$home/localhost.key" "$home/localhost.crt"
    new_user ann
    sed -i "s#^database = .*#database = postgresql://cubby@127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")/cubby?sslmode=require\&connect_timeout=60\&passfile=$home/passfile#" "$conf"
    loop_start data
    sql "INSERT INTO items SELECT 1, 'k' || n, n, 1, 1, 1, NULL, '\"' || repeat('x', n * 1501) || '\"' FROM generate_series(1, 40) n;
        INSERT INTO items SELECT 1, 'l' || n, n, 1, 1, 1, NULL, '\"' || repeat('y', n * 37 % 7993) || '\"' FROM generate_series(41, 6000) n;
        UPDATE users SET version = 6000, keys = 6000, bytes = 6000"
    for n in $(seq 40); do
        ask data GET "/k$n"
        same "$n $code $(jq -r '.data.value | length' <<<"$body")" "$n 200 $((n * 1501))"
    done
    # Pages of many sizes, each by a new connection: of the last record there may be room for a part alone.
    for n in $(seq 20 5 200); do
        answer=$(env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET QUERY_STRING="prefix=l&values=true&limit=$n" \
            HTTP_AUTHORIZATION="Bearer $token" "$PROGRAMS/data" </dev/null 2>>"$BATS_TEST_TMPDIR/log")
        same "$n $(jq -r '.data.items | length' <<<"${answer#*$'\r\n\r\n'}")" "$n $n"
    done
    post more 1
    same "$code" 201
    timeout 250 "$TOOL" export "$BATS_TEST_TMPDIR/export"
    same "$(tail -n 1 "$BATS_TEST_TMPDIR/export" | jq .items)" 6001
}

# authority NAME: one that signs certificates.
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$home/$1-ca.key" -out "$home/$1-ca.crt" -days 2 -subj "/CN=$1" 2>/dev/null
}
# certificate AUTHORITY NAME [HOST]: a key and a certificate for HOST, by default NAME.
certificate() {
    openssl req -newkey rsa:2048 -nodes -keyout "$home/$2.key" -out "$home/$2.csr" -subj "/CN=${3:-$2}" 2>/dev/null
    openssl x509 -req -in "$home/$2.csr" -CA "$home/$1-ca.crt" -CAkey "$home/$1-ca.key" -CAcreateserial -days 2 \
        -extfile <(printf 'subjectAltName = DNS:%s\n' "${3:-$2}") -out "$home/$2.crt" 2>/dev/null
}
# tls_start KEY CERTIFICATE: TLS in front of the server, instead of what was there before; without them none.
tls_start() {
    [ ! -f "$BATS_TEST_TMPDIR/tls.pid" ] || kill "$(cat "$BATS_TEST_TMPDIR/tls.pid")"
    : >"$BATS_TEST_TMPDIR/port"
    node "$root/tests/system/postgresql_tls.js" "${1:--}" "${2:--}" "$server/socket/.s.PGSQL.5432" \
        >"$BATS_TEST_TMPDIR/port" 2>>"$BATS_TEST_TMPDIR/log" 3>&- &
    echo "$!" >"$BATS_TEST_TMPDIR/tls.pid"
    eventually test -s "$BATS_TEST_TMPDIR/port"
}
# over_tls MODE: the settings name the server behind that, as localhost.
over_tls() {
    local authority=''
    [ "$1" != verify-full ] || authority="\\&sslrootcert=$home/own-ca.crt"
    sed -i "s#^database = .*#database = postgresql://cubby@localhost:$(cat "$BATS_TEST_TMPDIR/port")/cubby?hostaddr=127.0.0.1\&sslmode=$1$authority\&connect_timeout=60\&passfile=$home/passfile#" "$conf"
}

@test "postgresql: with sslmode=verify-full a server is used by its name and its authority alone, and never without TLS" {
    authority own
    authority other
    certificate own localhost
    certificate own elsewhere.example
    certificate other stranger localhost
    new_user ann
    # SSLMODE KEY-AND-CERTIFICATE CODE CAUSE; the cause is told in the log alone.
    while read -r mode pair wanted cause; do
        tls_start "$([ "$pair" = - ] || echo "$home/$pair.key")" "$([ "$pair" = - ] || echo "$home/$pair.crt")"
        over_tls "$mode"
        : >"$BATS_TEST_TMPDIR/log"
        cgi data GET /k
        same "$mode $pair $code" "$mode $pair $wanted"
        grep -qF -- "$cause" "$BATS_TEST_TMPDIR/log" || [ -z "$cause" ] || fail "$mode $pair: $(cat "$BATS_TEST_TMPDIR/log")"
        case $body in *certificate* | *SSL* | *localhost*) fail "$body" ;; esac
        loop_start data
        ask data GET /k
        same "staying: $mode $pair $code" "staying: $mode $pair $wanted"
        loops_stop
    done <<'END'
verify-full localhost 404
verify-full stranger 503 certificate verify failed
verify-full elsewhere.example 503 does not match host name
verify-full - 503 server does not support SSL
prefer localhost 404
prefer stranger 404
prefer - 404
END
}

@test "postgresql: which host leads is told by its name, address and port together" {
    user_and data
    post k 1
    loops_stop
    mute_start
    tls_start
    sed -i "s#^database = .*#database = postgresql://cubby@/cubby?host=localhost,localhost,localhost\&hostaddr=127.0.0.1,127.0.0.1,127.0.0.1\&port=1,$(cat "$mute/port"),$(cat "$BATS_TEST_TMPDIR/port")\&connect_timeout=5\&passfile=$home/passfile#" "$conf"
    loop_start data
    for _ in 1 2 3; do
        asked_mute 1
    done
    # Named by a service file, and with one port for all.
    printf '[cubby]\nhost=%s,%s\nport=5432\ndbname=cubby\nuser=cubby\nconnect_timeout=5\npassfile=%s\n' "$server/mute" "$server/socket" "$home/passfile" >"$home/services"
    chmod 600 "$home/services"
    eventually no_connections
    loops_stop
    mute_start
    sed -i "s#^database = .*#database = service=cubby#" "$conf"
    LOOP_VARIABLE=PGSERVICEFILE=$home/services loop_start data
    for _ in 1 2 3; do
        asked_mute 1
    done
}

@test "postgresql: a reset locks the user before the code, as all others do" {
    sed -i 's/^busy_timeout = .*/busy_timeout = 60000/' "$conf"
    user_and reset
    tool 0 user reset-code ann
    reset=$output
    hold_rows 'SELECT id FROM users FOR NO KEY UPDATE'
    { ask reset POST '' "{\"username\":\"ann\",\"code\":\"$reset\",\"new_password\":\"Other1-pass\"}"; echo "$code" >"$BATS_TEST_TMPDIR/code"; } &
    started+=("$!")
    eventually waits_for 'Lock%'
    held 'SELECT 1 FROM tokens FOR UPDATE NOWAIT'
    ! grep -q 'could not obtain lock' "$BATS_TEST_TMPDIR/held" || fail 'the reset holds the code while it waits for the user'
    release
    wait_all
    same "$(cat "$BATS_TEST_TMPDIR/code")" 200
    login ann Other1-pass
    same "$code" 200
}

@test "postgresql: an account whose deletion takes longer than any statement may is deleted nevertheless, or not at all" {
    sed -i 's/^busy_timeout = .*/busy_timeout = 0/' "$conf" # a statement may take 5 seconds
    user_and me
    # All together take 6 seconds, and a thousand of them, in whatever order, half a second.
    sql "INSERT INTO items SELECT 1, 'k' || lpad(n::text, 5, '0'), n, 1, 1, 1, NULL, '1' FROM generate_series(1, 12000) n;
        INSERT INTO items SELECT 1, 'gone' || n, n, 0, 1, 1, -n, '' FROM generate_series(12001, 12100) n;
        UPDATE users SET version = 12100, keys = 1, bytes = 1, tombstones = 0; -- counts may be wrong
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN PERFORM pg_sleep(0.5); RETURN OLD; END \$\$;
        CREATE TRIGGER slow BEFORE DELETE ON items FOR EACH ROW WHEN (OLD.version % 1000 = 0) EXECUTE FUNCTION slow()"
    ask me DELETE '' "{\"password\":\"$PASSWORD\"}"
    same "$code" 200
    same "$(sql 'SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM items)')" '0|0'
}

@test "postgresql: a deletion that fails in the middle changes nothing" {
    user_and me data
    sql "INSERT INTO items SELECT 1, 'k' || n, n, 1, 1, 1, NULL, '1' FROM generate_series(1, 3500) n;
        UPDATE users SET version = 3500, keys = 3500, bytes = 3500;
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'x'; END \$\$;
        CREATE TRIGGER refuse BEFORE DELETE ON items FOR EACH ROW WHEN (OLD.key = 'k3400') EXECUTE FUNCTION refuse()"
    ask me DELETE '' "{\"password\":\"$PASSWORD\"}"
    same "$code" 500
    same "$(sql 'SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM items)')" '1|3500'
    ask data GET /k1
    same "$code" 200
}

# results_end FROM: a read in a process of its own, for which PQgetResult has nothing from that call on
results_end() {
    env -i LD_PRELOAD="$preload" FAULT_EMPTY="$1" CUBBY_CONF="$conf" REQUEST_METHOD=GET PATH_INFO=/k QUERY_STRING='' REMOTE_ADDR=192.0.2.1 \
        CONTENT_LENGTH=0 HTTP_AUTHORIZATION="Bearer $token" timeout 250 "$PROGRAMS/data" </dev/null 2>>"$BATS_TEST_TMPDIR/log"
}

@test "postgresql: results that end too early are a lost connection, not a loop without end" {
    new_user ann
    store k 1
    for from in 1 2 3 4; do
        answer=$(results_end "$from")
        same "$from ${answer:0:11}" "$from Status: 503"
    done
    answer=$(results_end 1000)
    same "${answer:0:11}" 'Status: 200'
}

@test "postgresql: a name that is taken and free again while somebody registers is asked for once more" {
    loop_start register
    sql "CREATE SEQUENCE taken; GRANT ALL ON taken TO cubby;
        CREATE FUNCTION taken() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
            RETURN CASE WHEN nextval('taken') > 2 THEN NEW END; END \$\$;
        CREATE TRIGGER taken BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION taken()"
    register='{"username":"ann","email":"ann@example.org","full_name":"Ann","age":30,"gender":"female","password":"Abcdef1!"}'
    ask register POST '' "$register"
    same "$code" 201
    sql "DELETE FROM users; ALTER SEQUENCE taken RESTART INCREMENT -1 MINVALUE -1000 START -1"
    ask register POST '' "$register"
    same "$code" 503
    same "$(jq -r .code <<<"$body")" SERVICE_UNAVAILABLE
    grep -q 'free again' "$BATS_TEST_TMPDIR/log" || fail 'the log does not say why'
    same "$(sql 'SELECT count(*) FROM users')" 0
}

@test "postgresql: a schema that changes between two transactions of a call stops it before its commit" {
    user_and token
    token=''
    ask token POST '' "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
    same "$code" 200
    # The first transaction of a login counts the attempt, the second takes that back.
    sql "DELETE FROM throttle;
        CREATE FUNCTION migrate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \$\$ BEGIN
            UPDATE cubby_schema SET number = 99; RETURN NULL; END \$\$;
        CREATE TRIGGER migrate AFTER INSERT ON throttle EXECUTE FUNCTION migrate()"
    ask token POST '' "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
    same "$code" 500
    same "$(sql 'SELECT min(count) FROM throttle')" 1
    grep -q 'the schema has changed' "$BATS_TEST_TMPDIR/log" || fail "$(cat "$BATS_TEST_TMPDIR/log")"
}

# check_without NAME=VALUE: cubby check while something fails; its status is in $status
check_without() {
    status=0
    env LD_PRELOAD="$preload" "$1" timeout 250 "$TOOL" -c "$settings" check >/dev/null 2>"$BATS_TEST_TMPDIR/said" || status=$?
    case $status in
    0) ;;
    [1-5]) failed=$((failed + 1)) ;;
    *) fail "$settings $1: $status $(cat "$BATS_TEST_TMPDIR/said")" ;;
    esac
}

@test "postgresql: a lack of memory anywhere is a failure of the tool, with either engine, never its crash" {
    cat >"$BATS_TEST_TMPDIR/file.conf" <<CONF
database = $home/file.db
keys = $home/keys.json
CONF
    "$TOOL" -c "$BATS_TEST_TMPDIR/file.conf" init >/dev/null
    for settings in "$conf" "$BATS_TEST_TMPDIR/file.conf"; do
        failed=0
        for n in $(seq 25) 30 40 60 100 300; do
            check_without "FAULT_MEMORY=$n"
        done
        [ "$failed" -gt 5 ] || fail "$settings: only $failed failed"
    done
    settings=$conf failed=0
    for n in 1 2 3; do
        check_without "FAULT_CONNECT=$n"
    done
    same "$failed" 1 # there is one
}

@test "postgresql: a parameter of the URL may have an @ and a colon, a user may have no password" {
    for more in 'application_name=a@b' 'application_name=a:b@c'; do
        sed -i "s#^database = .*#database = postgresql://cubby@/cubby?host=$server/socket\&passfile=$home/passfile\&$more#" "$conf"
        tool 0 stats
    done
    sed -i "s#^database = .*#database = postgresql://127.0.0.1:1/cubby?application_name=a@b#" "$conf"
    tool 0 config
    for bad in 'cubby:x@127.0.0.1/cubby' 'cubby:x?y@127.0.0.1/cubby' ':x@/cubby' 'cubby:a:b@[::1]:5/cubby'; do
        sed -i "s#^database = .*#database = postgresql://$bad#" "$conf"
        tool 1 config
        said 'must not hold a password'
    done
}

# fails CODE NUMBER: from here on the statement with this number among those that change a row fails in the server
fails() {
    sql "SET client_min_messages = warning; DROP SEQUENCE IF EXISTS faults; CREATE SEQUENCE faults; GRANT ALL ON faults TO cubby;
        CREATE OR REPLACE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
            IF nextval('faults') = $2 THEN RAISE EXCEPTION 'a fault on purpose' USING ERRCODE = '$1'; END IF;
            RETURN NULL; END \$\$;
        $(printf 'CREATE OR REPLACE TRIGGER fails AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION fails();' \
            users items tokens throttle meta)"
}

# state: what an answer that says that nothing was changed must have left; counts of attempts may stay, and events
# of what failed
state() {
    sql "SELECT md5(string_agg(row, ',')) FROM (SELECT users::text AS row FROM users UNION ALL SELECT items::text FROM items
        UNION ALL SELECT tokens::text FROM tokens UNION ALL SELECT value FROM meta WHERE value LIKE '%\"done\"%' ORDER BY 1) AS rows"
}

# every_fault PROGRAM METHOD SUCCESS COMMAND…: of a call, whose body COMMAND prints, each statement fails in turn, until
# none does; once for each of the kinds of failure in $kinds
every_fault() {
    local program=$1 method=$2 success=$3 of number before text
    shift 3
    for of in ${kinds:-58030:500 53100:507 55P03:503}; do
        text=$("$@")
        for number in $(seq 30); do
            before=$(state)
            fails "${of%:*}" "$number"
            ask "$program" "$method" '' "$text"
            [ "$code" != "$success" ] || break
            same "$program $method $number $code" "$program $method $number ${of#*:}"
            same "$program $method $number $(state)" "$program $method $number $before"
        done
        same "$code" "$success"
        [ "$(state)" != "$before" ] || fail 'nothing is kept of it'
        [ "$number" -gt 2 ] || fail "only $number"
        fails 00000 0
    done
}
reset_body() { printf '{"username":"ann","code":"%s","new_password":"%s"}' "$("$TOOL" user reset-code ann 2>/dev/null)" "$PASSWORD"; }

@test "postgresql: with security events kept, an answer that says that nothing was changed is true, whatever fails" {
    printf '%s\n' 'audit_rows = 1000' 'login_limit_account = 1000' 'login_limit_address = 1000' >>"$conf"
    user_and token reset me keys register
    token=''
    kinds=58030:500 every_fault register POST 201 echo '{"username":"bob","email":"bob@example.org","full_name":"Bob","age":30,"gender":"x","password":"Abcdef1!"}'
    every_fault token POST 200 echo "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
    every_fault reset POST 200 reset_body
    login ann
    every_fault me PATCH 200 echo '{"age":41}'
    every_fault keys POST 201 echo '{"name":"meter","scope":"read"}'
    kinds=58030:500 every_fault me DELETE 200 echo "{\"password\":\"$PASSWORD\"}"
}

@test "postgresql: a call that counts attempts is done again as others are, and counts once" {
    printf '%s\n' 'login_limit_account = 2' 'login_limit_address = 3' 'register_limit = 0' >>"$conf"
    user_and token reset me
    ann=$token
    token=''
    # Twice undone, then done; no attempt stays counted.
    sql "CREATE SEQUENCE undone; GRANT ALL ON undone TO cubby;
        CREATE FUNCTION undoes() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
            IF nextval('undone') <= 2 THEN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END IF; RETURN NULL; END \$\$;
        CREATE TRIGGER undoes AFTER UPDATE ON throttle FOR EACH ROW WHEN (NEW.count < OLD.count) EXECUTE FUNCTION undoes()"
    ask token POST '' "{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
    same "$code $(sql 'SELECT last_value FROM undone')" '200 3'
    same "$(sql 'SELECT COALESCE(sum(count), 0) FROM throttle')" 0
    sql 'ALTER SEQUENCE undone RESTART; DROP TRIGGER undoes ON throttle; CREATE TRIGGER undoes AFTER UPDATE ON users FOR EACH STATEMENT EXECUTE FUNCTION undoes()'
    ask reset POST '' "$(reset_body)"
    same "$code $(sql 'SELECT last_value FROM undone')" '200 3'
    same "$(sql 'SELECT COALESCE(sum(count), 0) FROM throttle')" 0
    login ann
    same "$code" 200
    sql 'ALTER SEQUENCE undone RESTART'
    ask me PUT /password "{\"current_password\":\"$PASSWORD\",\"new_password\":\"$PASSWORD\"}"
    same "$code $(sql 'SELECT last_value FROM undone')" '200 3'
    same "$(sql 'SELECT COALESCE(sum(count), 0) FROM throttle')" 0
    # Undone for ever: one attempt is counted, not four.
    token=''
    sql 'ALTER SEQUENCE undone INCREMENT -1 MINVALUE -100 RESTART -1'
    ask reset POST '' "$(reset_body)"
    same "$code" 503
    same "$(sql 'SELECT max(count) FROM throttle')" 1
}

@test "postgresql: an import whose connection is lost while its body comes is still ended with its token" {
    echo 'body_timeout = 40' >>"$conf"
    new_user ann
    loop_start me token
    looped slowly slow 1000 1000
    eventually taken 1 || fail 'no place taken'
    [ -n "$(sql "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'cubby'")" ] || fail 'not connected'
    ask token DELETE
    same "$code" 200
    eventually taken 0 || fail 'the place stays taken'
    wait_all
    said_to slow 401 "$revoked"
}

@test "postgresql: an error that ends the connection, whichever it is, is no failure of the call" {
    new_user ann
    through_proxy data
    post k 1
    fault 25P04 1 # which only later servers have
    proxy_say fatal >/dev/null
    post l 1
    same "$code" 201
    same "$(sql 'SELECT version, keys FROM users')" '2|2'
}

@test "postgresql: of several hosts that can't be reached each is told, on one line" {
    sed -i "s#^database = .*#database = postgresql://cubby@127.0.0.1:1,127.0.0.1:2/cubby?passfile=$home/passfile#" "$conf"
    tool 5 stats
    same "$(grep -c . <<<"$stderr")" 1
    [[ $stderr = *'port 1 failed'*'; '*'port 2 failed'* ]] || fail "$stderr"
}

@test "postgresql: a password of the environment is nothing that stands in a service file" {
    printf '[cubby]\nhost=%s\ndbname=cubby\nuser=cubby\n' "$server/socket" >"$home/services"
    sed -i 's#^database = .*#database = service=cubby#' "$conf"
    export PGSERVICEFILE=$home/services PGPASSWORD=Server-secret-1
    tool 0 stats
    PGSERVICE=cubby tool 0 stats
    for secret in sslpassword=Other-secret-2 password=Other-secret-2; do
        printf '[cubby]\nhost=%s\ndbname=cubby\nuser=cubby\n%s\n' "$server/socket" "$secret" >"$home/services"
        tool 1 stats
        said 'a password stands in the service file'
        # Nor is it one of the environment because that names the service, too.
        PGSERVICE=cubby tool 1 stats
        said 'a password stands in the service file'
        [[ $stderr$output != *-secret-* ]] || fail "$stderr"
    done
    printf '[cubby]\nhost=%s\ndbname=cubby\nuser=cubby\npassword=Server-secret-1\n' "$server/socket" >"$home/services"
    unset PGPASSWORD
    PGSERVICE=cubby tool 1 stats
    said 'a password stands in the service file'
    # Nor where the environment alone names the service.
    sed -i "s#^database = .*#database = postgresql:///cubby#" "$conf"
    PGSERVICE=cubby tool 1 stats
    said 'a password stands in the service file'
}

# interrupted SIGNAL COMMAND…: the tool, which is sent that signal as soon as the server waits for $waits
interrupted() {
    local signal=$1 pid
    shift
    env --default-signal=INT,TERM "$TOOL" "$@" >"$BATS_TEST_TMPDIR/said" 2>&1 </dev/null 3>&- 6>&- &
    pid=$!
    eventually waits_for "$waits" || { sync_copies ''; fail 'does not wait'; }
    kill -s "$signal" "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" = 1 ] || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    eventually all_idle || fail 'something is left behind'
}
all_idle() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = 'cubby' AND state <> 'idle'")" = 0 ]; }

@test "postgresql: who interrupts the tool leaves nothing behind that keeps programs from writing, and is told what stands" {
    user_and data
    for signal in INT TERM; do
        sync_copies nobody
        waits='%SyncRep' interrupted "$signal" user quota ann --keys 1000
        sync_copies ''
        grep -q 'copies may not have it' "$BATS_TEST_TMPDIR/said" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
        same "$(sql 'SELECT max_keys FROM users')" 1000
        hold_rows 'SELECT id FROM users FOR UPDATE'
        waits='Lock%' interrupted "$signal" user quota ann --keys 2000
        release
        grep -q 'interrupted' "$BATS_TEST_TMPDIR/said" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
        same "$(sql 'UPDATE users SET max_keys = NULL RETURNING (SELECT max_keys FROM users)')" 1000
        post "$signal" 1
        same "$code" 201
    done
}

# most_memory PID: KiB that the process has had at most
most_memory() { sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status"; }

# asked PROGRAM PATH QUERY: as ask, of an answer that is too long to keep
asked() {
    env -i CUBBY_CONF="$conf" REQUEST_METHOD=GET PATH_INFO="$2" QUERY_STRING="$3" REMOTE_ADDR=192.0.2.1 CONTENT_LENGTH=0 \
        HTTP_AUTHORIZATION="Bearer $token" "$BATS_TEST_TMPDIR/asking/$1" </dev/null >"$home/answer" 2>>"$BATS_TEST_TMPDIR/log"
    same "$(head -n 1 "$home/answer")" $'Status: 200 OK\r'
}

# peaks NAME: what all that reads many rows has had at most so far, in KiB, as NAME_PROGRAM or NAME_COMMAND
peaks() {
    asked data '' 'values=true&limit=1000'
    asked data '' 'limit=1000'
    asked changes '' 'limit=1000'
    asked me /export ''
    for program in data changes me; do
        eval "$1_$program=\$(most_memory \$loop_$program)"
    done
    rm -f "$home"/copy.db* "$home/export"
    eval "$1_copy=$(env LD_PRELOAD="$preload" FAULT_PEAK=1 "$TOOL" copy --to "$home/copy.db" 2>&1 >/dev/null | tail -n 1)"
    eval "$1_export=$(env LD_PRELOAD="$preload" FAULT_PEAK=1 "$TOOL" export "$home/export" 2>&1 >/dev/null | tail -n 1)"
}

@test "postgresql: many large values behind small ones are never in memory together" {
    user_and data changes me
    # So many small ones that the server is asked for a thousand rows at once when the large ones begin.
    sql "INSERT INTO items SELECT 1, 'a' || n, n, 1, 1, 1, NULL, '1' FROM generate_series(1000, 1399) n;
        UPDATE users SET version = 1399, keys = 400, bytes = 400"
    peaks before
    # 400 values of 256 KB: 100 MB.
    sql "INSERT INTO items SELECT 1, 'b' || n, n, 256000, 1, 1, NULL, '\"' || repeat('x', 255998) || '\"' FROM generate_series(2000, 2399) n;
        UPDATE users SET version = 2399, keys = 800, bytes = 102400400"
    peaks after
    same "$(grep -o '"key":"b' "$home/answer" | wc -l)" 400 # of the account's export, the last answer
    same "$(tail -n 1 "$home/export" | jq .items)" 800
    for of in data changes me copy export; do
        eval "more=\$((after_$of - before_$of))"
        echo "# $of: $more KiB more" >&3
        # Forty of them: an answer of 1 MiB has four, several times over.
        [ "$more" -lt 10240 ] || fail "$of took $more KiB more"
    done
}

@test "postgresql: a damaged row behind the last one of a page fails no request but those that want it" {
    user_and data
    # A page has room for ten of these values; the server is asked for sixteen, and fails while it sends the fourteenth.
    sql "ALTER TABLE items ALTER value SET STORAGE EXTERNAL;
        INSERT INTO items SELECT 1, 'k' || n, n, 100000, 1, 1, NULL, '\"' || repeat('x', 99998) || '\"' FROM generate_series(10, 29) n;
        UPDATE users SET version = 29, keys = 20, bytes = 2000000;
        CREATE EXTENSION IF NOT EXISTS pg_surgery"
    chunks=$(sql "SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'items'::regclass")
    damaged=$(sql "SELECT ctid FROM $chunks WHERE chunk_seq = 0 ORDER BY chunk_id OFFSET 13 LIMIT 1")
    sql "SELECT heap_force_kill('$chunks', ARRAY['$damaged'::tid])" >/dev/null
    for n in 1 2 3; do
        asked data '' 'values=true&limit=1000'
        same "$(grep -o '"key":"k' "$home/answer" | wc -l)" 10
        ask data GET /k10
        same "$code" 200
        asked data '' 'values=true&limit=1000'
        post "new$n" 2
        same "$code" 201
    done
    ask data GET /k23
    same "$code" 500
    ask data GET /k24
    same "$code" 200
    ! grep -q 25P02 "$BATS_TEST_TMPDIR/log" || fail "$(cat "$BATS_TEST_TMPDIR/log")"
}

@test "postgresql: the driver says why it takes no further statement, and goes on after their answers" {
    read -ra flags < <(pkg-config --cflags libpq)
    gcc -std=c11 -D_GNU_SOURCE -DCUBBY_POSTGRESQL "-I$root" "${flags[@]}" -o "$home/driver" "$root/tests/system/postgresql_driver.c" \
        "$root"/build/postgresql/obj-*/libcubby.a -lpq
    run "$home/driver" "$(sed -n 's/^database = //p' "$conf")"
    same "$status $output" '0 95: too many statements were sent at once'
}

@test "postgresql: small rows come more and more at once, up to a thousand, however much room a result takes in the program" {
    user_and me
    sql "ALTER ROLE cubby SET log_statement = 'all'"
    sql "INSERT INTO items SELECT 1, 'k' || n, n, 1, 1, 1, NULL, '1' FROM generate_series(1000, 4999) n;
        UPDATE users SET version = 4999, keys = 4000, bytes = 4000"
    : >"$server/log"
    asked me /export ''
    sql 'ALTER ROLE cubby RESET log_statement'
    # The device tokens, then the items.
    same "$(grep -o 'FETCH [0-9]*' "$server/log" | tr '\n' ' ')" 'FETCH 16 FETCH 16 FETCH 64 FETCH 256 FETCH 1000 FETCH 1000 FETCH 1000 FETCH 1000 '
}

@test "postgresql: of large rows behind small ones the server sends few that nobody wants" {
    new_user ann
    through_proxy data changes
    # A page has room for four of the 400 values of 256 KB: 100 MB.
    sql "INSERT INTO items SELECT 1, 'a' || n, n, 1, 1, 1, NULL, '1' FROM generate_series(100, 119) n;
        INSERT INTO items SELECT 1, 'b' || n, n, 256000, 1, 1, NULL, '\"' || repeat('x', 255998) || '\"' FROM generate_series(200, 599) n;
        UPDATE users SET version = 599, keys = 420, bytes = 102400020"
    for page in 'data values=true&limit=1000' 'changes limit=1000'; do
        proxy_say bytes >/dev/null
        asked "${page% *}" '' "${page#* }"
        [ "$(grep -o '"key":"b' "$home/answer" | wc -l)" -ge 4 ] || fail 'the page has none of them'
        sent=$(proxy_say bytes)
        # Of 16 rows and then of 64, four times as many, all but the twenty are large.
        [ "$sent" -gt 1000000 ] && [ "$sent" -lt $((60 * 256000 + 1000000)) ] || fail "$page: the server sent $sent bytes"
    done
}

# logins VALUE: how many events of logins there are that have this
logins() { sql "SELECT count(*) FROM meta WHERE name LIKE 'audit/%' AND strpos(value, '\"login\"') > 0 AND strpos(value, '$1') > 0"; }
# waiting COUNT: so many of the programs' connections wait for a lock
waiting() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = 'cubby' AND wait_event_type = 'Lock'")" = "$1" ]; }
# aside NAME PROGRAM METHOD BODY: in the background, its code into the file NAME
aside() {
    (ask "$2" "$3" '' "$4" && echo "$code" >"$BATS_TEST_TMPDIR/$1") 3>&- 6>&- &
    asides+=($!)
}

@test "postgresql: a login's event names the user while a unique column is being changed, and nobody who is deleted" {
    printf '%s\n' 'audit_rows = 100' 'login_limit_account = 0' 'login_limit_address = 0' >>"$conf"
    sed -i 's/^busy_timeout = .*/busy_timeout = 60000/' "$conf"
    new_user ann
    store k 1
    ann=$token
    loop_start token me
    in="{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
    token=''
    before=$(logins '"user_id":1,')
    hold_rows "UPDATE users SET email_key = 'other@example.org'"
    ask token POST '' "$in"
    same "$code" 200
    release
    same "$(logins '"user_id":1,')" $((before + 1))
    same "$(logins '')" $((before + 1))
    # The account is deleted, but its items can't be yet: whoever logs in meanwhile has done so before, and is forgotten.
    hold_rows 'SELECT 1 FROM items FOR UPDATE'
    token=$ann
    asides=()
    aside deleted me DELETE "{\"password\":\"$PASSWORD\"}"
    eventually waiting 1
    token=''
    ask token POST '' "$in"
    same "$code" 200
    same "$(logins '"user_id":1,')" $((before + 2))
    release
    wait "${asides[@]}"
    same "$(cat "$BATS_TEST_TMPDIR/deleted")" 200
    same "$(logins '')" 0
    same "$(sql "SELECT count(*) FROM meta WHERE value LIKE '%\"user_id\":1,%'")" 0
    # The other way round: the login comes to its event when the account has forgotten its events.
    new_user ann
    loop_start token me
    in="{\"username\":\"ann\",\"password\":\"$PASSWORD\"}"
    hold_rows 'SELECT pg_advisory_xact_lock(1668637282, 2)'
    asides=()
    aside deleted me DELETE "{\"password\":\"$PASSWORD\"}"
    eventually waiting 1
    token=''
    aside entered token POST "$in"
    eventually waiting 2
    release
    wait "${asides[@]}"
    same "$(cat "$BATS_TEST_TMPDIR/deleted" "$BATS_TEST_TMPDIR/entered")" $'200\n200'
    same "$(logins '')" 1
    same "$(sql "SELECT count(*) FROM meta WHERE value LIKE '%\"user_id\":2,%'")" 0
}

@test "postgresql: a server that listens at an abstract socket is reached by confined programs" {
    abstract=cubby-$$-$BATS_TEST_NUMBER
    server_stop
    server_start -c "unix_socket_directories=$server/socket,@$abstract"
    sed -i "s#host=[^&]*#host=@$abstract#" "$conf"
    for sandbox in on all; do
        sed -i '/^sandbox/d' "$conf"
        echo "sandbox = $sandbox" >>"$conf"
        new_user "ann$sandbox"
        store k 1
        same "$code" 201
        cgi health GET
        same "$code" 200
        has "$(jq -c .data.sandbox <<<"$body")" '"landlock"'
        loop_start data
        ask data GET /k
        answered 200
        loops_stop
    done
    # signals for others are none of the network
    cat >"$BATS_TEST_TMPDIR/signal.c" <<'SOURCE'
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
int connect(int file, const struct sockaddr *to, socklen_t size)
{
    int code = kill(getppid(), 0);
    dprintf(STDERR_FILENO, "signal: %s\n", code == 0 ? "sent" : strerror(errno));
    return (int)syscall(SYS_connect, file, to, size);
}
SOURCE
    gcc -shared -fPIC -o "$BATS_TEST_TMPDIR/signal.so" "$BATS_TEST_TMPDIR/signal.c"
    for sandbox in off on; do
        sed -i "s/^sandbox.*/sandbox = $sandbox/" "$conf"
        env -i LD_PRELOAD="$BATS_TEST_TMPDIR/signal.so" CUBBY_CONF="$conf" REQUEST_METHOD=GET PATH_INFO= "$PROGRAMS/health" \
            </dev/null 2>"$BATS_TEST_TMPDIR/said.$sandbox" | grep -q '^Status: 200'
    done
    grep -qx 'signal: sent' "$BATS_TEST_TMPDIR/said.off"
    grep -qx 'signal: Operation not permitted' "$BATS_TEST_TMPDIR/said.on" || fail "$(cat "$BATS_TEST_TMPDIR/said.on")"
    server_stop
    server_start
}
