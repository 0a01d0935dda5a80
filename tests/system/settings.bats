# Settings of 0: what each of them means, or that it is refused; and how many calls may wait.

load tool

# changes SINCE: what changed, as code and keys
changes() {
    body=$(env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET QUERY_STRING="since=$1" REMOTE_ADDR=192.0.2.1 \
        HTTP_AUTHORIZATION="Bearer $token" "$PROGRAMS/changes" 2>>"$BATS_TEST_TMPDIR/log" | sed '1,/^\r$/d')
    jq -r '"\(.code // .status) \([.data.changes[]?.key] | join(","))"' <<<"$body"
}

@test "settings of 0: each number takes it, with a meaning in the table of settings, or refuses it" {
    conf=$BATS_TEST_TMPDIR/cubby.conf
    export CUBBY_CONF=$conf
    taken=''
    while read -r name; do
        echo "$name = 0" >"$conf"
        if "$TOOL" config >/dev/null 2>"$BATS_TEST_TMPDIR/said"; then
            taken="$taken $name"
            grep -q "^| \`$name\` .*\b0\b:\?.* |$" "$root/www/docs/operating.md" || fail "the page does not say what 0 is for $name"
        else
            grep -q "^cubby: $conf:1: $name must be a whole number from 1" "$BATS_TEST_TMPDIR/said" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
        fi
    done < <(CUBBY_CONF=/dev/null "$TOOL" config | sed -n 's/^\([a-z_]*\) = [0-9]*$/\1/p')
    same "$taken" ' session_lifetime password_cost max_user_keys max_user_bytes tombstones busy_timeout login_limit_account login_limit_address register_limit max_hashes max_waits audit_rows loop_requests loop_lifetime'
}

@test "settings of 0: no limit of attempts, and nothing is counted" {
    installation 'login_limit_account = 0' 'login_limit_address = 0' 'register_limit = 0' 'max_hashes = 0'
    new_user ann
    for _ in $(seq 15); do
        login ann 'Wrong1-pass'
        same "$code" 401
    done
    login ann
    same "$code" 200
    same "$(query 'SELECT COUNT(*) FROM throttle')" 0
    [ ! -e "$database-hashes" ] || fail 'places for hashes are counted'
}

@test "settings of 0: one limit of attempts without the other" {
    installation 'login_limit_account = 0' 'login_limit_address = 3'
    new_user ann
    for wanted in 401 401 401 429; do
        login ann 'Wrong1-pass'
        same "$code" "$wanted"
    done
    query 'DELETE FROM throttle'
    sed -i 's/^login_limit_account.*/login_limit_account = 3/; s/^login_limit_address.*/login_limit_address = 0/' "$conf"
    for wanted in 401 401 401 429; do
        login ann 'Wrong1-pass'
        same "$code" "$wanted"
    done
    login nobody 'Wrong1-pass'
    same "$code" 401
}

@test "settings of 0: quotas are off, one or both, and GET /api/me says null" {
    installation 'max_user_keys = 0' 'max_user_bytes = 0'
    new_user ann
    query 'UPDATE users SET keys = 2000000000, bytes = 1 << 51'
    store k 1
    same "$code" 201
    cgi me POST /import '{"items":[{"key":"l","value":1},{"key":"m","value":1}]}'
    same "$code" 200
    cgi me GET
    same "$(jq -c '[.data.limits.keys, .data.limits.bytes]' <<<"$body")" '[null,null]'
    sed -i 's/^max_user_keys.*/max_user_keys = 3/' "$conf"
    store n 1
    same "$code $(jq -r .details.limits <<<"$body")" '507 3 keys'
    sed -i 's/^max_user_keys.*/max_user_keys = 0/; s/^max_user_bytes.*/max_user_bytes = 5/' "$conf"
    store n 1
    same "$code $(jq -r .details.limits <<<"$body")" '507 5 bytes'
    cgi me GET
    same "$(jq -c '[.data.limits.keys, .data.limits.bytes]' <<<"$body")" '[null,5]'
}

@test "settings of 0: no tombstone is kept, and who follows is told to read anew" {
    installation 'tombstones = 0'
    new_user ann
    store a 1
    store b 1
    same "$(changes 0)" 'success a,b'
    cgi data DELETE /a
    same "$code" 200
    same "$(query 'SELECT COUNT(*) FROM items')" 1
    same "$(changes 2)" 'CHANGES_EXPIRED '
    same "$(changes 3)" 'success '
    store c 1
    same "$(changes 3)" 'success c'
    tool 0 check
}

@test "settings of 0: without patience a write is 503 at once while another program writes" {
    installation 'busy_timeout = 0'
    new_user ann
    store a 1
    same "$code" 201
    hold
    store b 1
    same "$code" 503
    read_value a
    same "$code" 200
    tool 5 user disable ann
    let_go
    store b 1
    same "$code" 201
    tool 0 check
}

@test "settings of 0: no security events are kept, and gc deletes those of before" {
    installation 'audit_rows = 5'
    new_user ann
    for _ in $(seq 6); do login ann; done
    same "$(query "SELECT COUNT(*) FROM meta WHERE name LIKE 'audit/%'")" 5
    sed -i 's/^audit_rows.*/audit_rows = 2/' "$conf"
    latest=$(query "SELECT name FROM meta WHERE name LIKE 'audit/%' ORDER BY name DESC LIMIT 2")
    tool 0 gc --json
    same "$(of .events)" 3
    same "$(query "SELECT name FROM meta WHERE name LIKE 'audit/%' ORDER BY name DESC")" "$latest"
    sed -i 's/^audit_rows.*/audit_rows = 0/' "$conf"
    login ann
    same "$(query "SELECT COUNT(*) FROM meta WHERE name LIKE 'audit/%'")" 2
    tool 0 gc --json
    same "$(of .events) $(query 'SELECT name FROM meta')" '2 store_id'
    login ann
    same "$(query 'SELECT name FROM meta')" store_id
}

@test "a lowered quota: an account's own export still goes back into it, and no growth does" {
    installation
    new_user ann
    for key in a b c d; do
        store $key '"12345678"'
    done
    cgi me GET /export
    own=$body
    import() { # CODE MODE ITEMS-OR-DOCUMENT
        cgi me POST /import "$(jq -c --arg mode "$2" '(if type == "array" then {items: .} else .data end) + {mode: $mode}' <<<"$3")"
        same "$code" "$1"
        [ "$1" = 200 ] || same "$(jq -r .code <<<"$body")" QUOTA_EXCEEDED
    }
    usage() {
        cgi me GET
        jq -c '[.data.usage.keys, .data.usage.bytes]' <<<"$body"
    }
    for limit in 'max_user_keys = 2' 'max_user_bytes = 15'; do
        sed -i '/^max_user/d' "$conf"
        echo "$limit" >>"$conf"
        import 200 merge "$own"
        import 200 replace "$own"
        import 507 merge '[{"key":"e","value":1}]'
        import 507 replace "$(jq -c '.data.items + [{"key":"e","value":1}]' <<<"$own")"
        same "$(usage)" '[4,40]'
    done
    # What replaces may be as many as were there, under other names, and not one more.
    import 200 replace '[{"key":"e","value":"12345678"},{"key":"f","value":"1234567890123456789012345678"}]'
    same "$(usage)" '[2,40]'
    import 507 replace '[{"key":"e","value":"123456789012345678901234567890123456789"}]'
    import 200 replace '[{"key":"e","value":"12345678901234567890"}]'
    import 507 replace '[{"key":"e","value":"123456789012345678901"}]'
    import 200 replace '[{"key":"e","value":"123"}]'
    import 200 replace '[{"key":"e","value":"1234567890123"}]'
    import 507 replace '[{"key":"e","value":"12345678901234"}]'
    # What has expired is not among what was there, though it may not be swept yet.
    sed -i 's/^max_user.*/max_user_keys = 100/' "$conf"
    import 200 merge "$(jq -cn '[range(80) | {key: "x\(.)", value: 1, expires_at: "2099-01-01T00:00:00Z"}]')"
    sed -i 's/^max_user.*/max_user_keys = 2/' "$conf"
    query "UPDATE items SET expires_at = 1 WHERE key LIKE 'x%'; UPDATE users SET next_expiry = 1"
    import 200 replace '[{"key":"e","value":1},{"key":"i","value":1}]'
    import 507 replace '[{"key":"e","value":1},{"key":"i","value":1},{"key":"j","value":1}]'
}

# waits_now: a call of this token's user that waits for changes, in the background; sets $waiting
waits_now() {
    env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET PATH_INFO= QUERY_STRING='since=0&wait=25' REMOTE_ADDR=192.0.2.1 \
        HTTP_AUTHORIZATION="Bearer $token" "$PROGRAMS/changes" >"$BATS_TEST_TMPDIR/waited" 2>&1 3>&- &
    waiting=$!
    eventually taken 1 || fail 'no place taken'
}

# taken COUNT: so many places of calls that wait are
taken() { [ "$(places "$database-transfers")" = "$1" ]; }

# answered_at_once: a call that asks to wait has an answer while the one before it still waits
answered_at_once() {
    parameters='since=0&wait=25' cgi changes GET
    same "$code" 200
    same "$(jq -c .data.changes <<<"$body")" '[]'
    kill -0 "$waiting" || fail 'the other one has ended first'
}

@test "max_waits: who waits in more calls than that is answered at once, and others wait as ever" {
    installation 'max_waits = 1'
    new_user bob
    bob=$token
    new_user ann
    waits_now
    answered_at_once
    ann=$token token=$bob
    parameters='since=0&wait=1' cgi changes GET
    same "$code" 200
    kill -0 "$waiting" || fail 'the first one has ended'
    token=$ann
    kill "$waiting"
    wait "$waiting" || true
    eventually taken 0 || fail 'the place stays taken'
    waits_now
    store a 1
    wait "$waiting"
    grep -q '"key":"a"' "$BATS_TEST_TMPDIR/waited" || fail "$(cat "$BATS_TEST_TMPDIR/waited")"
    sed -i 's/^max_waits.*/max_waits = 0/' "$conf"
    parameters='since=1&wait=1' cgi changes GET
    same "$code" 200
}
