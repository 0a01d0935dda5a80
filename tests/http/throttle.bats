# Limits of attempts: a second server of the same kind, with its own

load lib.bash

start() {
    export READY=$BATS_FILE_TMPDIR/ready
    rm -f "$READY"
    PORT=0 sh "$RUN_SH" >>"$BATS_FILE_TMPDIR/server.log" 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/server.pid"
    eventually [ -f "$READY" ] || { cat "$BATS_FILE_TMPDIR/server.log"; return 1; }
    cat "$READY" >"$BATS_FILE_TMPDIR/base"
}

stop() {
    kill "$(cat "$BATS_FILE_TMPDIR/server.pid")"
    eventually process_gone "$(cat "$BATS_FILE_TMPDIR/server.pid")"
}

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    export DATA=$BATS_FILE_TMPDIR/data
    mkdir -m 700 "$DATA"
    export PROXIES='127.0.0.1 10.9.128.0/17 2001:db8:ffff::/48'
    cat >"$DATA/cubby.conf" <<CONF
password_cost = 1
login_limit_account = 3
max_hashes = 2
busy_timeout = 45000
login_limit_address = 12
login_window = 600
register_limit = 4
register_window = 300
trusted_proxies = $PROXIES
audit_rows = 20
CONF
    start
}

teardown_file() { stop; }

setup() {
    note_test_alone
    BASE=$(cat "$BATS_FILE_TMPDIR/base")
    export BASE
    forget
    address="198.51.100.$((RANDOM % 200 + 1))"
}

# with_proxies LIST: the server anew, with these
with_proxies() {
    stop
    sed -i "s#^trusted_proxies.*#trusted_proxies = $1#" "$DATA/cubby.conf"
    start
    BASE=$(cat "$BATS_FILE_TMPDIR/base")
}

teardown() {
    grep -qF "= $PROXIES" "$DATA/cubby.conf" || with_proxies "$PROXIES"
}

sql() { store_sql "$1"; }
forget() { sql 'DELETE FROM throttle'; }

# from ADDRESS: the requests that follow come from there
from() { address=$1; }

# known NAME: registers NAME
known() {
    call POST /register --data-binary "$(user_json "$1")" -H "X-Forwarded-For: $address"
    succeeded 201
    forget
}

# attempt NAME [PASSWORD]: a login from $address
attempt() {
    call POST /token --data-binary "{\"username\":\"$1\",\"password\":\"${2:-Wrong-pass1!}\"}" -H "X-Forwarded-For: $address"
}

# limited [SECONDS]: refused for attempts, with a time to wait that makes sense: that window at most
limited() {
    refused 429 TOO_MANY_ATTEMPTS
    wait=$(header Retry-After)
    [[ $wait =~ ^[0-9]+$ && $wait -ge 1 && $wait -le ${1:-600} ]] || fail "Retry-After: $wait"
}

# guess NAME: a wrong code for a lost password, from $address
guess() {
    call POST /reset --data-binary "{\"username\":\"$1\",\"code\":\"7MZQ2-K4T9A-0XHBN-PD6WE\",\"new_password\":\"Other-pass2?\"}" \
        -H "X-Forwarded-For: $address"
}

# wrong COUNT NAME
wrong() {
    local i
    for i in $(seq "$1"); do
        attempt "$2"
        refused 401 INVALID_CREDENTIALS
    done
}

@test "throttle: after the limit of wrong passwords even the right one is refused, from everywhere" {
    name=$(fresh_name)
    known "$name"
    wrong 3 "$name"
    attempt "$name"
    limited
    attempt "$name" "$PASSWORD"
    limited
    from 203.0.113.9
    attempt "$name@example.org" "$PASSWORD"
    limited
}

@test "throttle: what looks like X-Forwarded-For to a program alone names no address, but under busybox" {
    names=(X_Forwarded_For X-Forwarded_For X_Forwarded-For)
    for i in $(seq 12); do
        call POST /token --data-binary "{\"username\":\"nobody$i\",\"password\":\"Wrong-pass1!\"}" \
            -H "X-Forwarded-For: $address" -H "${names[i % 3]}: 203.0.113.$((i + 100))"
        refused 401 INVALID_CREDENTIALS
    done
    attempt nobody
    if [ "$SERVER" = busybox ]; then
        refused 401 INVALID_CREDENTIALS # so the proxy in front must not pass these on
    else
        limited
    fi
}

@test "throttle: another account from another address is not held up" {
    name=$(fresh_name) other=$(fresh_name)
    known "$name"
    known "$other"
    wrong 3 "$name"
    from 203.0.113.10
    attempt "$other" "$PASSWORD"
    succeeded 200
}

@test "throttle: a token that lives works on for a user who is locked out" {
    name=$(fresh_name)
    known "$name"
    attempt "$name" "$PASSWORD"
    token=$(field .token)
    wrong 3 "$name"
    attempt "$name" "$PASSWORD"
    limited
    store works 1
    succeeded 201
    as_user GET /me
    succeeded 200
    as_user POST /token/refresh -d ''
    succeeded 200
}

@test "throttle: a right password sets the account's count back" {
    name=$(fresh_name)
    known "$name"
    for _ in 1 2 3; do
        wrong 2 "$name"
        attempt "$name" "$PASSWORD"
        succeeded 200
    done
}

@test "throttle: right passwords count against nobody" {
    name=$(fresh_name)
    known "$name"
    for _ in $(seq 14); do
        attempt "$name" "$PASSWORD"
        succeeded 200
    done
    wrong 3 "$name"
}

@test "throttle: name, e-mail and their case are one account" {
    name=$(fresh_name)
    known "$name"
    wrong 1 "$name"
    wrong 1 "${name^^}"
    wrong 1 "$name@example.org"
    attempt "$name"
    limited
}

@test "throttle: who knows only the e-mail locks an account out for one window, and no longer" {
    name=$(fresh_name)
    known "$name"
    attempt "$name" "$PASSWORD"
    token=$(field .token)
    wrong 3 "$name@example.org"
    ends=$(sql "SELECT MAX(until) FROM throttle WHERE count = 3")
    for _ in 1 2 3 4 5; do
        attempt "$name@example.org"
        limited
        attempt "$name"
        limited
    done
    # Trying on makes it no longer.
    same "$(sql 'SELECT MAX(until) FROM throttle')" "$ends"
    as_user GET /me
    succeeded 200
    # Where it ends the right password counts again.
    sql 'UPDATE throttle SET until = 5'
    attempt "$name" "$PASSWORD"
    succeeded 200
}

@test "throttle: an unknown name is answered like a known one" {
    name=$(fresh_name nobody)
    wrong 3 "$name"
    attempt "${name^^}"
    limited
}

@test "throttle: one address has a limit over all names" {
    for i in $(seq 12); do
        attempt "$(fresh_name n)"
        refused 401 INVALID_CREDENTIALS
    done
    name=$(fresh_name)
    attempt "$name"
    limited
    from 203.0.113.11
    attempt "$name"
    refused 401 INVALID_CREDENTIALS
}

@test "throttle: the window ends" {
    name=$(fresh_name)
    known "$name"
    wrong 3 "$name"
    attempt "$name" "$PASSWORD"
    limited
    sql "UPDATE throttle SET until = $(($(date +%s) + 200))000"
    attempt "$name" "$PASSWORD"
    limited 200
    sql "UPDATE throttle SET until = $(($(date +%s%3N) + 500))"
    let_in() { attempt "$name" "$PASSWORD" && [ "$code" != 429 ]; }
    eventually let_in
    succeeded 200
}

@test "throttle: a clock that was put back locks nobody out until it is as late again" {
    name=$(fresh_name)
    known "$name"
    wrong 3 "$name"
    sql "UPDATE throttle SET until = until + 86400000"
    attempt "$name" "$PASSWORD"
    succeeded 200
    wrong 3 "$name"
    sql "UPDATE throttle SET until = until + 86400000"
    attempt "$name"
    refused 401 INVALID_CREDENTIALS
    wrong 2 "$name"
    attempt "$name" "$PASSWORD"
    limited
}

@test "throttle: the limit outlives the server" {
    name=$(fresh_name)
    known "$name"
    wrong 3 "$name"
    stop
    start
    BASE=$(cat "$BATS_FILE_TMPDIR/base")
    attempt "$name" "$PASSWORD"
    limited
}

@test "throttle: what is over the limit costs no hash" {
    name=$(fresh_name)
    known "$name"
    wrong 3 "$name"
    # A hash that crypt can't read: who looks at it says so in the log.
    sql "UPDATE users SET password_hash = 'unreadable' WHERE username = '$name'"
    id=$(sql "SELECT id FROM users WHERE username = '$name'")
    told() { grep -c "the password hash of user $id is no hash" "$BATS_FILE_TMPDIR/server.log"; }
    attempt "$name" "$PASSWORD"
    limited
    same "$(told)" 0
    forget
    attempt "$name" "$PASSWORD"
    refused 401 INVALID_CREDENTIALS
    told_once() { [ "$(told)" = 1 ]; } # a web server may write what it was told after the answer
    eventually told_once || fail 'not told'
}

@test "throttle: of 30 wrong passwords at once no more than the limit are looked at" {
    name=$(fresh_name)
    known "$name"
    for i in $(seq 30); do
        curl -sS --max-time "$PATIENCE" -o "$BATS_TEST_TMPDIR/burst.$i" -H "X-Forwarded-For: 192.0.2.$i" \
            -d "{\"username\":\"$name\",\"password\":\"Wrong-pass1!\"}" "$BASE/token" &
        began
    done
    wait_all
    same "$(cat "$BATS_TEST_TMPDIR"/burst.* | jq -r .code | sort | uniq -c | tr -s ' \n' ' ')" \
        ' 3 INVALID_CREDENTIALS 27 TOO_MANY_ATTEMPTS '
}

@test "throttle: of 20 right passwords at once none is refused" {
    name=$(fresh_name)
    known "$name"
    for i in $(seq 20); do
        curl -sS --max-time "$PATIENCE" -o "$BATS_TEST_TMPDIR/right.$i" -H "X-Forwarded-For: 192.0.2.77" \
            -d "{\"username\":\"$name\",\"password\":\"$PASSWORD\"}" "$BASE/token" &
        began
    done
    wait_all
    same "$(cat "$BATS_TEST_TMPDIR"/right.* | jq -r ".code // .status" | sort | uniq -c | tr -s ' ')" ' 20 success'
    same "$(sql 'SELECT COALESCE(SUM(count), 0) FROM throttle')" 0
}

@test "throttle: wrong passwords with a token count too, for that account" {
    name=$(fresh_name)
    known "$name"
    attempt "$name" "$PASSWORD"
    token=$(field .token)
    send DELETE /me '{"password":"Wrong-pass1!"}' -H "X-Forwarded-For: $address"
    refused 401 INVALID_CREDENTIALS
    for _ in 1 2; do
        send PUT /me/password '{"current_password":"Wrong-pass1!","new_password":"Other-pass2?"}' -H "X-Forwarded-For: $address"
        refused 401 INVALID_CREDENTIALS
    done
    send PUT /me/password "{\"current_password\":\"$PASSWORD\",\"new_password\":\"Other-pass2?\"}"
    limited
    attempt "$name" "$PASSWORD"
    limited
    as_user GET /me
    succeeded 200
}

@test "throttle: registrations of one address are limited, of another not" {
    for _ in 1 2 3 4; do
        early=$(fresh_name r)
        call POST /register --data-binary "$(user_json "$early")" -H "X-Forwarded-For: $address"
        succeeded 201
    done
    # It is no longer told which names there are.
    call POST /register --data-binary "$(user_json "$early")" -H "X-Forwarded-For: $address"
    limited 300
    late=$(fresh_name r)
    call POST /register --data-binary "$(user_json "$late")" -H "X-Forwarded-For: $address"
    limited 300
    same "$(sql "SELECT COUNT(*) FROM users WHERE username = '$late'")" 0
    # What is no registration counts for nothing, and a bad one is told what is wrong with it.
    call POST /register --data-binary '{}' -H "X-Forwarded-For: $address"
    refused 400 INVALID_REQUEST
    call POST /register --data-binary "$(user_json "$late")" -H 'X-Forwarded-For: 203.0.113.44'
    succeeded 201
    attempt "$late" "$PASSWORD"
    succeeded 200
}

@test "throttle: refused registrations do not count, but for those that tell that a name is taken" {
    name=$(fresh_name r)
    call POST /register --data-binary "$(user_json "$name")" -H 'X-Forwarded-For: 203.0.113.45'
    succeeded 201
    for change in '.age = 0' 'del(.gender)' '.password = "x"' '.username = "a@b"' '.email = "x"'; do
        call POST /register --data-binary "$(user_json "$name" "$change")" -H "X-Forwarded-For: $address"
        same "$code" 400
    done
    for change in . '.email = "new-" + .email' ".username = \"$(fresh_name)\"" .; do
        call POST /register --data-binary "$(user_json "$name" "$change")" -H "X-Forwarded-For: $address"
        same "$code" 400
        [[ $(field .code) = *_EXISTS ]] || fail 'not told'
    done
    call POST /register --data-binary "$(user_json "$name")" -H "X-Forwarded-For: $address"
    limited 300
    call POST /register --data-binary "$(user_json "$(fresh_name)")" -H "X-Forwarded-For: $address"
    limited 300
    call POST /register --data-binary "$(user_json "$(fresh_name)")" -H 'X-Forwarded-For: 203.0.113.45'
    succeeded 201
}

@test "throttle: that an e-mail is taken is told to a profile as seldom as to a registration" {
    name=$(fresh_name) other=$(fresh_name)
    known "$other"
    known "$name"
    attempt "$name" "$PASSWORD"
    token=$(field .token)
    for _ in 1 2 3 4; do
        send PATCH /me "{\"email\":\"$other@example.org\"}" -H "X-Forwarded-For: $address"
        refused 400 EMAIL_EXISTS
    done
    send PATCH /me "{\"email\":\"$other@example.org\"}" -H "X-Forwarded-For: $address"
    limited 300
    send PATCH /me "{\"email\":\"new-$name@example.org\"}" -H "X-Forwarded-For: $address"
    limited 300
    send PATCH /me '{"age":31}' -H "X-Forwarded-For: $address"
    succeeded 200
    as_user GET /me
    same "$(field .data.email)" "$name@example.org"
}

@test "throttle: behind proxies the last address that is not one of theirs counts" {
    name() { fresh_name n; }
    # Whatever a client writes in front of it is not believed.
    for i in $(seq 12); do
        from "192.0.2.$i, 203.0.113.50, 10.9.132.4,  2001:db8:ffff::1"
        attempt "$(name)"
        refused 401 INVALID_CREDENTIALS
    done
    from 203.0.113.50
    attempt "$(name)"
    limited
    from '203.0.113.50:4711'
    attempt "$(name)"
    limited
    from '::ffff:203.0.113.50'
    attempt "$(name)"
    limited
    for other in 203.0.113.51 10.9.127.4; do
        from "203.0.113.50, $other"
        attempt "$(name)"
        refused 401 INVALID_CREDENTIALS
    done
}

@test "throttle: a list that comes in several lines is one, and what stands in the first is not believed alone" {
    for number in $(seq 12); do
        call POST /token --data-binary '{"username":"nobody-'"$number"'","password":"Wrong-pass1!"}' \
            -H "X-Forwarded-For: 192.0.2.$number" -H "X-Forwarded-For: $address"
        refused 401 INVALID_CREDENTIALS
    done
    call POST /token --data-binary '{"username":"nobody-13","password":"Wrong-pass1!"}' \
        -H 'X-Forwarded-For: 192.0.2.13' -H "X-Forwarded-For: $address"
    limited
    from 192.0.2.1
    attempt nobody-14
    refused 401 INVALID_CREDENTIALS
}

@test "throttle: who is not named as a proxy is not believed" {
    with_proxies 10.9.0.0/16
    for i in $(seq 12); do
        from "203.0.113.$i"
        attempt "$(fresh_name n)"
        refused 401 INVALID_CREDENTIALS
    done
    from 203.0.113.99
    attempt "$(fresh_name n)"
    limited
}

@test "throttle: what can't be read counts for the proxy that sent it" {
    for i in $(seq 12); do
        from "203.0.113.$i, <b>not an address</b>"
        attempt "$(fresh_name n)"
        refused 401 INVALID_CREDENTIALS
    done
    from ', ,,'
    attempt "$(fresh_name n)"
    limited
    call POST /token --data-binary '{"username":"n","password":"Wrong-pass1!"}'
    limited
}

@test "throttle: an IPv6 client with a zone, or of the link, is counted by its own address" {
    forms=('fe80::%s%%eth0' '[fe80::%s%%25eth0]:4711' 'fe80::%s' '[fe80::%s%%wlan-very-long.name]')
    for i in $(seq 16); do
        # shellcheck disable=SC2059 # the form is the format
        from "$(printf "${forms[i % 4]}" 7)"
        attempt "$(fresh_name n)"
        [ "$i" -gt 12 ] || refused 401 INVALID_CREDENTIALS
    done
    for form in "${forms[@]}" 'fe80::%s%%eth1'; do
        # shellcheck disable=SC2059 # the form is the format
        from "$(printf "$form" 7)"
        attempt "$(fresh_name n)"
        limited
        # shellcheck disable=SC2059 # the form is the format
        from "$(printf "$form" 8)"
        attempt "$(fresh_name n)"
        refused 401 INVALID_CREDENTIALS
    done
}

@test "throttle: what is no address with a zone counts for the proxy" {
    others=('fe80::99%' '[fe80::99%eth0' '203.0.113.9%eth0' 'fe80::99%25/64' 'fe80:%eth0:99' '%eth0' '[fe80::99]:80%x]')
    for i in $(seq 12); do
        from "${others[i % ${#others[@]}]}"
        attempt "$(fresh_name n)"
        refused 401 INVALID_CREDENTIALS
    done
    for other in "${others[@]}"; do
        from "$other"
        attempt "$(fresh_name n)"
        limited
    done
    call POST /token --data-binary '{"username":"n","password":"Wrong-pass1!"}'
    limited
}

@test "throttle: an address with a zone is no proxy, whatever trusted_proxies says: each link has its own" {
    with_proxies '127.0.0.1 fe80::/10'
    for i in $(seq 12); do
        from "203.0.113.$i, fe80::5%eth0"
        attempt "$(fresh_name n)"
        refused 401 INVALID_CREDENTIALS
    done
    from '203.0.113.99, fe80::5%eth0'
    attempt "$(fresh_name n)"
    limited
    from '203.0.113.99, fe80::5'
    attempt "$(fresh_name n)"
    refused 401 INVALID_CREDENTIALS
}

@test "throttle: an IPv6 client is its /64" {
    for i in $(seq 12); do
        from "2001:db8:1:2::$i"
        attempt "$(fresh_name n)"
        refused 401 INVALID_CREDENTIALS
    done
    from '[2001:db8:1:2:ffff::1]:443'
    attempt "$(fresh_name n)"
    limited
    from 2001:db8:1:3::1
    attempt "$(fresh_name n)"
    refused 401 INVALID_CREDENTIALS
}

@test "throttle: the table stays small and holds no name or address" {
    sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
        INSERT INTO throttle (id, count, until) SELECT i * 18446744073709551, 1, 1000 FROM n"
    name=$(fresh_name)
    known2=$(fresh_name)
    for _ in $(seq 12); do
        attempt "$(fresh_name n)"
    done
    left=$(sql 'SELECT COUNT(*) FROM throttle WHERE until = 1000')
    [ "$left" -lt 400 ] || fail "$left rows are left"
    same "$(sql "SELECT COUNT(*) FROM throttle WHERE until > 1000")" 13
    # Registrations sweep as well, each a part of the table that its address decides: one of them meets what is left.
    for i in $(seq 16); do
        call POST /register --data-binary "$(user_json "$(fresh_name r)")" -H "X-Forwarded-For: 203.0.113.$i"
        succeeded 201
    done
    rest=$(sql 'SELECT COUNT(*) FROM throttle WHERE until = 1000')
    [ "$rest" -lt "$left" ] || fail "$rest rows are left of $left"
}

# mark_log EVENT USER_ID [COUNT]: notes where the log ends, once it has that many such events: a server may write what
# a program says later than its answer.
mark_log() {
    eventually eval "[ \$(events_from 1 | grep -c '\"event\":\"$1\".*\"user_id\":$2[,}]') -ge ${3:-1} ]" || fail "the log has no $1 of $2"
    log_mark=$(($(wc -l <"$BATS_FILE_TMPDIR/server.log") + 1))
}

# events_from LINE: the security events in the log from that line on.
events_from() {
    tail -n "+$1" "$BATS_FILE_TMPDIR/server.log" | grep -o 'audit {.*}' | sed 's/\\"/"/g; s/^audit //'
}

# keep_events COUNT: the events since the mark in the file `events`, when there are that many; a moment later, as
# there may be more.
keep_events() {
    eventually eval "[ \$(events_from $log_mark | wc -l) -ge $1 ]" || true
    sleep 0.3
    events_from "$log_mark" >"$BATS_TEST_TMPDIR/events"
}

@test "audit: security events are lines of the log, one each, without anything a client wrote" {
    name=$(fresh_name 'aud')
    known "$name"
    mark_log register "$(field .data.user_id)"
    attempt "$name"
    attempt $'evil\\nline'
    attempt "$name" "$PASSWORD"
    token=$(field .token)
    send POST /keys '{"name":"secret name","scope":"read"}'
    as_user DELETE "/keys/$(field .data.id)"
    as_user DELETE /token
    keep_events 6
    same "$(jq -r '.event + " " + .outcome' "$BATS_TEST_TMPDIR/events" | tr '\n' ';')" \
        'login INVALID_CREDENTIALS;login INVALID_CREDENTIALS;login done;device_token_create done;device_token_delete done;logout done;'
    same "$(jq -r '.address' "$BATS_TEST_TMPDIR/events" | head -1)" "$address"
    same "$(jq -r 'has("user_id")' "$BATS_TEST_TMPDIR/events" | tr '\n' ' ')" 'true false true true true true '
    for word in "$name" evil 'secret name' "$PASSWORD" 'Wrong-pass1!' "$token"; do
        ! grep -qF -- "$word" "$BATS_FILE_TMPDIR/server.log" || fail "the log shows $word"
    done
}

@test "audit: every event has its name, its user and its outcome" {
    sql "DELETE FROM meta WHERE name LIKE 'audit/%'"
    name=$(fresh_name)
    known "$name"
    user_id=$(field .data.user_id)
    attempt "$name" "$PASSWORD"
    token=$(field .token)
    send PATCH /me '{"age":31}'
    send PATCH /me '{"age":0}'
    send POST /me/import '{"items":[{"key":"k","value":1}]}'
    send POST /me/import '{"items":[]}' # changes nothing, and is a line of the log alone
    send PUT /me/password "{\"current_password\":\"$PASSWORD\",\"new_password\":\"Other-pass2?\"}"
    token=$(field .token)
    as_user DELETE '/token?all=true'
    guess "$name"
    same "$(sql "SELECT value FROM meta WHERE name LIKE 'audit/%' ORDER BY name" | jq -r '"\(.event) \(.outcome) \(.user_id)"')" \
        "register done $user_id
login done $user_id
profile_change done $user_id
import done $user_id
password_change done $user_id
logout_all done $user_id
password_reset INVALID_CREDENTIALS $user_id"
}

@test "audit: a token that is refused is a line of the log, of no token at all there is none" {
    name=$(fresh_name)
    known "$name"
    user_id=$(field .data.user_id)
    attempt "$name" "$PASSWORD"
    token=$(field .token)
    send POST /keys '{"name":"k","scope":"read","prefix":"a/"}'
    number=$(field .data.id)
    device=$(field .token)
    kept=$(sql "SELECT MAX(name) FROM meta WHERE name LIKE 'audit/%'")
    mark_log device_token_create "$user_id"
    call GET /data/a/x
    refused 401 INVALID_TOKEN
    as_user GET /data/a/x
    refused 404 KEY_NOT_FOUND
    for other in "${token}x" nonsense "${device}x"; do
        call GET /data/a/x -H "Authorization: Bearer $other" -H "X-Forwarded-For: $address"
        refused 401 INVALID_TOKEN
    done
    for path in /data/b /me; do
        call GET "$path" -H "Authorization: Bearer $device" -H "X-Forwarded-For: $address"
        refused 403 FORBIDDEN
    done
    keep_events 5
    same "$(jq -r '"\(.event) \(.outcome) \(.user_id) \(.token) \(.address)"' "$BATS_TEST_TMPDIR/events")" \
        "access INVALID_TOKEN null null $address
access INVALID_TOKEN null null $address
access INVALID_TOKEN null null $address
access FORBIDDEN $user_id $number $address
access FORBIDDEN $user_id $number $address"
    ! grep -qF -- "${device: -43}" "$BATS_FILE_TMPDIR/server.log" || fail 'the log shows a token'
    # There may be a flood of them, and they cost the database nothing.
    same "$(sql "SELECT MAX(name) FROM meta WHERE name LIKE 'audit/%'")" "$kept"
}

@test "audit: a login that is over the limit is a line of the log, bad input is none" {
    name=$(fresh_name)
    known "$name"
    user_id=$(field .data.user_id)
    forget
    wrong 3 "$name"
    mark_log login "$user_id" 3
    attempt "$name"
    limited
    call POST /token --data-binary '{"username":' -H "X-Forwarded-For: $address"
    refused 400 INVALID_REQUEST
    call POST /token --data-binary '{}' -H "X-Forwarded-For: $address"
    refused 400 MISSING_FIELDS
    keep_events 1
    same "$(jq -r '"\(.event) \(.outcome) \(.address)"' "$BATS_TEST_TMPDIR/events")" "login TOO_MANY_ATTEMPTS $address"
}

@test "audit: the latest are kept in the database, and no more than are set" {
    name=$(fresh_name)
    known "$name"
    for _ in $(seq 12); do
        attempt "$name" "$PASSWORD"
        attempt "$name"
    done
    same "$(sql "SELECT COUNT(*) FROM meta WHERE name LIKE 'audit/%'")" 20
    same "$(sql "SELECT value FROM meta WHERE name LIKE 'audit/%' ORDER BY name DESC LIMIT 2" | jq -r '.event + " " + .outcome' | tr '\n' ';')" \
        'login INVALID_CREDENTIALS;login done;'
    # What is refused unread is not written down: it may be a flood.
    forget
    wrong 3 "$name"
    last=$(sql "SELECT MAX(name) FROM meta WHERE name LIKE 'audit/%'")
    attempt "$name"
    limited
    same "$(sql "SELECT MAX(name) FROM meta WHERE name LIKE 'audit/%'")" "$last"
}

@test "audit: a call that only reads is kept as well, and answers as ever" {
    name=$(fresh_name)
    known "$name"
    attempt "$name" "$PASSWORD"
    token=$(field .token)
    as_user GET /me/export
    succeeded 200
    as_user DELETE /token
    as_user GET /me/export
    refused 401 INVALID_TOKEN
    same "$(sql "SELECT value FROM meta WHERE name LIKE 'audit/%' ORDER BY name DESC LIMIT 3" | jq -r '.event + " " + .outcome' | tr '\n' ';')" \
        'export INVALID_TOKEN;logout done;export done;'
}

@test "audit: a refusal is told though its event can't be kept" {
    name=$(fresh_name)
    known "$name"
    wrong 3 "$name"
    lock_store
    attempt "$name"
    limited
    free_store
}

@test "throttle: wrong codes for a lost password are limited, apart from logins" {
    name=$(fresh_name)
    known "$name"
    for who in "$name" "$(fresh_name nobody)"; do
        for _ in 1 2 3; do
            guess "$who"
            refused 401 INVALID_CREDENTIALS
        done
        guess "$who"
        limited
    done
    attempt "$name" "$PASSWORD"
    succeeded 200
}

@test "throttle: wrong codes count for the address that guesses, along with wrong passwords" {
    for _ in $(seq 6); do
        guess "$(fresh_name n)"
        refused 401 INVALID_CREDENTIALS
        attempt "$(fresh_name n)"
        refused 401 INVALID_CREDENTIALS
    done
    guess "$(fresh_name n)"
    limited
    attempt "$(fresh_name n)"
    limited
}

@test "throttle: a right code for a lost password lets in who was locked out" {
    name=$(fresh_name)
    known "$name"
    # Given first: the tool lets in as well.
    grep -E '^(database|keys) = ' "$DATA/cubby.conf" >"$BATS_TEST_TMPDIR/tool.conf"
    given=$("$TOOL" -c "$BATS_TEST_TMPDIR/tool.conf" user reset-code "$name" --json | jq -r .code)
    wrong 3 "$name"
    attempt "$name" "$PASSWORD"
    limited
    call POST /reset --data-binary "{\"username\":\"$name\",\"code\":\"$given\",\"new_password\":\"Other-pass2?\"}"
    succeeded 200
    attempt "$name" 'Other-pass2?'
    succeeded 200
}

@test "throttle: with the account goes what is counted for it, and not what is for the address" {
    name=$(fresh_name)
    known "$name"
    attempt "$name" "$PASSWORD"
    token=$(field .token)
    guess "$name"
    refused 401 INVALID_CREDENTIALS
    wrong 1 "$name"
    same "$(sql 'SELECT COUNT(*) FROM throttle')" 3
    send DELETE /me "{\"password\":\"$PASSWORD\"}" -H "X-Forwarded-For: $address"
    succeeded 200
    same "$(sql 'SELECT COUNT(*), SUM(count) FROM throttle')" '1|2'
}
