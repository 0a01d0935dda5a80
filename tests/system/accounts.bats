# What is heavy about accounts: many logins at once, large accounts out and in, bytes that are gone

load system.bash

setup() {
    note_test_alone
    export DATA=$BATS_TEST_TMPDIR
    export CUBBY_CONF=$DATA/cubby.conf
    {
        echo "database = $DATA/state/cubby.db"
        echo "keys = $DATA/state/keys.json"
        echo "log = $DATA/log"
        echo 'password_cost = 1'
    } >"$CUBBY_CONF"
    "$TOOL" init >/dev/null
}

# cgi PROGRAM METHOD PATH QUERY BODY-FILE: one request without a web server; the answer on standard output
cgi() {
    env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD="$2" PATH_INFO="$3" QUERY_STRING="$4" REMOTE_ADDR=192.0.2.1 \
        HTTP_AUTHORIZATION="${token:-}" CONTENT_LENGTH="$(wc -c <"$5")" "$PROGRAMS/$1" <"$5"
}

body_of() { sed '1,/^\r$/d'; }

# user NAME: registers and logs in; sets $token
user() {
    printf '{"username":"%s","email":"%s@example.org","full_name":"T","age":3,"gender":"x","password":"%s"}' \
        "$1" "$1" "$PASSWORD" >"$DATA/in"
    has "$(token='' cgi register POST '' '' "$DATA/in" | head -n 1)" 201
    token=$(token='' cgi token POST '' '' "$DATA/in" | body_of | jq -r .token)
}

# traced PROGRAM BODY: what a refused call asks of files and locks, call by call, into $calls: of files their
# names, of locks their kind and first byte. Of the pages that it reads there is one more for an account
# that is there: its row.
traced() {
    printf '%s' "$2" >"$DATA/in"
    env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=POST REMOTE_ADDR=192.0.2.1 CONTENT_LENGTH="$(wc -c <"$DATA/in")" \
        strace -qq -e trace=file,desc -o "$DATA/trace" "$PROGRAMS/$1" <"$DATA/in" >"$DATA/out"
    has "$(head -n 1 "$DATA/out")" 401
    calls=$(sed -E '/^pread64/d; s/^fcntl\([0-9]+, (F_[A-Z]+), \{l_type=(F_[A-Z]+), .*l_start=([0-9]+).*/fcntl \1 \2 \3/; t
        s/^(open|openat|stat|lstat|newfstatat|access|faccessat2?|unlink|unlinkat|execve|chdir|readlink)\([^"]*("[^"]*").*/\1 \2/; t; s/\(.*(F_[A-Z]+).*/ \1/; s/\(.*//' "$DATA/trace")
}

@test "accounts: a refused login or reset does the same to files and locks, whether there is such an account" {
    echo 'login_limit_account = 1000' >>"$CUBBY_CONF"
    for name in ann bob off; do user "$name"; done
    token=''
    for name in ann off; do "$TOOL" user reset-code "$name" >"$DATA/code" 2>&1; done
    "$TOOL" user disable off --yes
    for program in token reset; do
        for name in ann ann bob off nob ann bob off nob; do
            rest="\"password\":\"Wrong-pass1!\""
            [ "$program" = token ] || rest='"code":"7MZQ2K4T9A0XHBNPD6WE","new_password":"Wrong-pass1!"'
            traced "$program" "{\"username\":\"$name\",$rest}"
            # The first of each makes the row of its count.
            declare "${program}_$name=$calls"
        done
        for name in bob off nob; do
            known=${program}_ann unknown=${program}_$name
            diff <(printf '%s\n' "${!known}") <(printf '%s\n' "${!unknown}") || fail "$program: $name"
        done
    done
    has "$token_nob" fdatasync
    has "$token_nob" " \"$DATA/state/cubby.db\""
    has "$token_nob" F_WRLCK
}

@test "accounts: of 200 wrong logins at once no more than the limit are hashed" {
    echo 'busy_timeout = 60000' >>"$CUBBY_CONF"
    user ann
    printf '{"username":"ann","password":"Wrong-pass1!"}' >"$DATA/wrong"
    token=''
    seq 200 | xargs -P 50 -I @ env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=POST REMOTE_ADDR=192.0.2.1 \
        CONTENT_LENGTH="$(wc -c <"$DATA/wrong")" sh -c "\"$PROGRAMS/token\" <\"$DATA/wrong\" | head -n 1" >"$DATA/codes"
    same "$(tr -d '\r' <"$DATA/codes" | sort | uniq -c | tr -s ' \n' ' ')" \
        ' 10 Status: 401 Unauthorized 190 Status: 429 Too Many Requests '
}

# hashing COUNT: so many programs with a hash under way, and stopped in the middle of it; their
# numbers are in $DATA/hashing.
hashing() {
    local database=$DATA/state/cubby.db number
    # A hash of a kind that takes a minute; nothing fits it.
    sqlite3 "$database" "DELETE FROM throttle; UPDATE users SET password_hash = '\$2b\$20\$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234' WHERE username = 'slow'"
    printf '{"username":"slow","password":"Wrong-pass1!"}' >"$DATA/slow"
    for number in $(seq "$1"); do
        env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=POST REMOTE_ADDR=192.0.2.2 \
            CONTENT_LENGTH="$(wc -c <"$DATA/slow")" "$PROGRAMS/token" <"$DATA/slow" >/dev/null 2>&1 3>&- &
        echo $! >>"$DATA/hashing"
        # It has been counted and holds no lock of the database: what is left is the hash.
        eventually counted "$number" || fail 'does not come to its hash'
        kill -STOP $!
    done
}
counted() {
    [ "$(sqlite3 "$DATA/state/cubby.db" 'SELECT COALESCE(MAX(count), 0) FROM throttle' 2>/dev/null)" = "$1" ] &&
        [ "$(places "$DATA/state/cubby.db")" = 0 ] && [ "$(places "$DATA/state/cubby.db-hashes")" = "$1" ]
}

# let_hash_end SIGNAL
let_hash_end() {
    while read -r pid; do
        kill -s "$1" "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done <"$DATA/hashing"
    rm "$DATA/hashing"
}

teardown() { [ ! -f "$DATA/hashing" ] || let_hash_end KILL; }

# answer PROGRAM METHOD PATH BODY: its status, code, and Retry-After
answer() {
    printf '%s' "$4" >"$DATA/body"
    cgi "$1" "$2" "$3" '' "$DATA/body" >"$DATA/answer"
    printf '%s %s %s' "$(sed -n '1s/^Status: \([0-9]*\).*/\1/p' "$DATA/answer")" \
        "$(body_of <"$DATA/answer" | jq -r '.code // .status')" \
        "$(sed -n 's/^Retry-After: \([0-9]*\).*/\1/p' "$DATA/answer")"
}

@test "accounts: no more hashes run at once than are set; beyond it is 503, and tokens work on" {
    printf '%s\n' 'max_hashes = 2' 'busy_timeout = 300' 'password_method = bcrypt' 'password_cost = 4' >>"$CUBBY_CONF.more"
    sed '/^password_cost/d' "$CUBBY_CONF" >>"$CUBBY_CONF.more"
    mv "$CUBBY_CONF.more" "$CUBBY_CONF"
    user slow
    user ann
    login='{"username":"ann","password":"Abcdef1!"}'
    hashing 1
    same "$(answer token POST '' "$login")" '200 success '
    let_hash_end KILL
    hashing 2
    same "$(answer token POST '' "$login")" '503 SERVICE_UNAVAILABLE 1'
    same "$(answer token POST '' "${login/ann/nobody}")" '503 SERVICE_UNAVAILABLE 1'
    same "$(answer me PUT /password '{"current_password":"Abcdef1!","new_password":"Other-pass2?"}')" '503 SERVICE_UNAVAILABLE 1'
    same "$(answer me DELETE '' '{"password":"Abcdef1!"}')" '503 SERVICE_UNAVAILABLE 1'
    same "$(answer reset POST '' '{"username":"ann","code":"7MZQ2-K4T9A-0XHBN-PD6WE","new_password":"Other-pass2?"}')" '503 SERVICE_UNAVAILABLE 1'
    same "$(answer register POST '' '{"username":"new","email":"new@example.org","full_name":"T","age":3,"gender":"x","password":"Abcdef1!"}')" '503 SERVICE_UNAVAILABLE 1'
    # What programs make beside the database, whatever the umask, is for their user alone.
    same "$(stat -c %a "$DATA/state/cubby.db-hashes" "$DATA/log" | paste -sd' ')" '600 600'
    # Nobody was counted for that.
    same "$(sqlite3 "$DATA/state/cubby.db" 'SELECT COUNT(*), MAX(count) FROM throttle')" '2|2'
    same "$(answer data POST '' '{"key":"k","value":1}')" '201 success '
    same "$(answer token POST /refresh '')" '200 success '
    grep -q 'max_hashes' "$DATA/log" || fail 'the log does not name the setting'
    # 0 is no limit.
    sed -i 's/^max_hashes.*/max_hashes = 0/' "$CUBBY_CONF"
    same "$(answer token POST '' "$login")" '200 success '
}

@test "accounts: places for hashes are free again after kill -9" {
    printf '%s\n' 'max_hashes = 1' 'busy_timeout = 300' >>"$CUBBY_CONF"
    user slow
    user ann
    login='{"username":"ann","password":"Abcdef1!"}'
    for _ in 1 2 3; do
        hashing 1
        same "$(answer token POST '' "$login")" '503 SERVICE_UNAVAILABLE 1'
        let_hash_end KILL
        same "$(answer token POST '' "$login")" '200 success '
    done
}

@test "accounts: a registration that waits for its hash until the limit is reached is not hashed" {
    printf '%s\n' 'max_hashes = 1' 'register_limit = 1' 'busy_timeout = 60000' >>"$CUBBY_CONF"
    user slow
    counter=$(sqlite3 "$DATA/state/cubby.db" 'SELECT id FROM throttle WHERE count = 1')
    hashing 1
    sed 's/slow/ben/g' "$DATA/in" >"$DATA/ben"
    sed '/^password_cost/d' "$CUBBY_CONF" >"$DATA/usual"
    # Without the memory that a hash of the usual cost needs: who gets as far as that fails.
    (
        ulimit -v 12000
        exec env -i CUBBY_CONF="$DATA/usual" REQUEST_METHOD=POST REMOTE_ADDR=192.0.2.1 \
            CONTENT_LENGTH="$(wc -c <"$DATA/ben")" "$PROGRAMS/register" <"$DATA/ben" >"$DATA/answer" 3>&-
    ) &
    waiter=$!
    # It has looked at the limit and waits for its hash.
    eventually opened "$waiter" "$DATA/state/cubby.db-hashes"
    sqlite3 "$DATA/state/cubby.db" "INSERT INTO throttle (id, count, until) VALUES ($counter, 1, $(($(date +%s) + 3600))000)"
    let_hash_end KILL
    wait "$waiter"
    has "$(head -n 1 "$DATA/answer")" 429
}

@test "accounts: a login that the end of the account overtakes is no event that names it in the database" {
    printf '%s\n' 'max_hashes = 1' 'audit_rows = 100' 'busy_timeout = 60000' >>"$CUBBY_CONF"
    user slow
    while read -r password outcome; do
        user ann
        hashing 1
        printf '{"username":"ann","password":"%s"}' "$password" >"$DATA/login"
        env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=POST REMOTE_ADDR=192.0.2.1 \
            CONTENT_LENGTH="$(wc -c <"$DATA/login")" "$PROGRAMS/token" <"$DATA/login" >/dev/null 2>&1 3>&- &
        waiter=$!
        # It has found the account and waits for its hash.
        eventually opened "$waiter" "$DATA/state/cubby.db-hashes"
        "$TOOL" user delete ann --yes
        let_hash_end KILL
        wait "$waiter"
        same "$(sqlite3 "$DATA/state/cubby.db" "SELECT value FROM meta WHERE name LIKE 'audit/%' ORDER BY name DESC LIMIT 1" |
            jq -c '[.event, .outcome, .user_id, .address]')" "[\"login\",\"$outcome\",null,null]"
        same "$(sed -n 's/.*audit //p' "$DATA/log" | tail -n 1 | jq -c '[.event, .outcome, .address, has("user_id")]')" \
            "[\"login\",\"$outcome\",\"192.0.2.1\",true]"
        # What is counted is slow's account, and two addresses.
        same "$(sqlite3 "$DATA/state/cubby.db" 'SELECT COUNT(*) FROM throttle')" 3
    done <<'DONE'
Abcdef1! done
Wrong-pass1! INVALID_CREDENTIALS
DONE
}
opened() { readlink "/proc/$1/fd"/* | grep -qxF "$2"; }

@test "accounts: nobody is told by less work than a hash that a user is unknown or disabled, or a code wrong" {
    sed -i '/^password_cost/d' "$CUBBY_CONF"
    user off
    "$TOOL" user disable off >/dev/null
    user ann
    # Without the memory that a hash needs: who makes none answers as ever.
    poor() {
        printf '%s' "$4" >"$DATA/body"
        (
            ulimit -v 12000
            cgi "$1" "$2" "$3" '' "$DATA/body"
        ) | sed -n '1s/^Status: \([0-9]*\).*/\1/p'
    }
    same "$(poor data GET /k '')" 404
    for name in ann off nobody; do
        same "$name $(poor token POST '' "{\"username\":\"$name\",\"password\":\"Wrong-pass1!\"}")" "$name 500"
        same "$name $(poor reset POST '' "{\"username\":\"$name\",\"code\":\"7MZQ2-K4T9A-0XHBN-PD6WE\",\"new_password\":\"Other-pass2?\"}")" "$name 500"
    done
}

@test "accounts: a registration keeps no one from writing while its password is hashed" {
    echo 'busy_timeout = 300' >>"$CUBBY_CONF"
    user ann
    sed 's/ann/ben/g' "$DATA/in" >"$DATA/ben"
    { sed '/^password_cost/d' "$CUBBY_CONF"; printf '%s\n' 'password_method = bcrypt' 'password_cost = 20'; } >"$DATA/slow.conf"
    # The process itself is to be killed, not a shell around it.
    env -i CUBBY_CONF="$DATA/slow.conf" REQUEST_METHOD=POST REMOTE_ADDR=192.0.2.1 \
        CONTENT_LENGTH="$(wc -c <"$DATA/ben")" "$PROGRAMS/register" <"$DATA/ben" >/dev/null 2>&1 3>&- &
    echo $! >"$DATA/hashing"
    eventually hashes
    eventually stores
    kill -0 "$(cat "$DATA/hashing")" || fail 'the hash was over'
}
hashes() { [ "$(places "$DATA/state/cubby.db-hashes")" = 1 ]; }
stores() { [ "$(answer data POST '' '{"key":"k","value":1}')" = '201 success ' ]; }

@test "accounts: 10,000 items go out, into a fresh account and out again the same, in flat memory" {
    user ann
    node -e 'const items = []; for (let i = 0; i < 10000; i++) items.push({key: "k/" + (i * 7919 % 10007),
        value: {n: i, text: "v".repeat(i % 800)}, created_at: "2021-05-06T07:08:09.010Z"});
        process.stdout.write(JSON.stringify({items}))' >"$DATA/items"
    has "$(cgi me POST /import '' "$DATA/items" | body_of)" '"imported":10000'
    : >"$DATA/nothing"
    cgi me GET /export '' "$DATA/nothing" | body_of >"$DATA/first"
    user ben
    has "$(cgi me POST /import mode=replace "$DATA/first" | body_of)" '"imported":10000'
    cgi me GET /export '' "$DATA/nothing" | body_of >"$DATA/second"
    sed -n '/"items":\[/,$p' "$DATA/first" | tail -n +2 >"$DATA/first.items"
    sed -n '/"items":\[/,$p' "$DATA/second" | tail -n +2 >"$DATA/second.items"
    same "$(wc -l <"$DATA/first.items")" 10000
    cmp "$DATA/first.items" "$DATA/second.items"
    jq -e '.data.items | length == 10000' "$DATA/second" >/dev/null
    # With less memory than the documents have bytes, and room for the program.
    [ "$(wc -c <"$DATA/second")" -gt 4000000 ] || fail 'too small to tell'
    (
        ulimit -v 8000
        cgi me GET /export '' "$DATA/nothing" | body_of | sed -n '/"items":\[/,$p' | tail -n +2 >"$DATA/third.items"
    )
    cmp "$DATA/second.items" "$DATA/third.items"
}

@test "accounts: two exports and imports of a user go on at once; beyond it is 503, for that user alone" {
    echo 'busy_timeout = 300' >>"$CUBBY_CONF"
    user ben
    ben=$token
    user ann
    node -e 'process.stdout.write(JSON.stringify({items: [{key: "k", value: "v".repeat(200000)}]}))' >"$DATA/items"
    same "$(answer me POST /import "$(cat "$DATA/items")")" '200 success '
    # A pipe that nobody reads is full before the export is through.
    mkfifo "$DATA/unread"
    exec 5<>"$DATA/unread"
    for number in 1 2; do
        same "$(answer me GET /export '')" '200 success '
        env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=GET PATH_INFO=/export REMOTE_ADDR=192.0.2.1 \
            HTTP_AUTHORIZATION="$token" "$PROGRAMS/me" >&5 3>&- &
        echo $! >>"$DATA/hashing"
        eventually transfers "$number" || fail 'does not come to its export'
    done
    same "$(answer me GET /export '')" '503 SERVICE_UNAVAILABLE 1'
    same "$(answer me HEAD /export '' | cut -d' ' -f1)" 503
    same "$(answer me POST /import '{"items":[]}')" '503 SERVICE_UNAVAILABLE 1'
    grep -q 'all 2 places for exports and imports of this user stayed taken' "$DATA/log" || fail 'the log does not say so'
    same "$(answer data GET /k '')" '200 success '
    ann=$token token=$ben
    same "$(answer me GET /export '')" '200 success '
    token=$ann
    kill -9 "$(head -n 1 "$DATA/hashing")"
    eventually transfers 1
    same "$(answer me GET /export '')" '200 success '
    same "$(answer me POST /import '{"items":[]}')" '200 success '
}

@test "accounts: who has ended a token takes no place for an import with it, however slow its body comes" {
    printf '%s\n' 'busy_timeout = 300' 'body_timeout = 3600' >>"$CUBBY_CONF"
    user ann
    ended=$token
    same "$(answer token DELETE '' '')" '200 success '
    printf '{"username":"ann","password":"%s"}' "$PASSWORD" >"$DATA/in"
    token=$(token='' cgi token POST '' '' "$DATA/in" | body_of | jq -r .token)
    mkfifo "$DATA/body.slow"
    exec 6<>"$DATA/body.slow"
    # slow NAME TOKEN: an import whose body does not come
    slow() {
        env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=POST PATH_INFO=/import REMOTE_ADDR=192.0.2.1 \
            CONTENT_LENGTH=100 HTTP_AUTHORIZATION="$2" "$PROGRAMS/me" <&6 >"$DATA/$1" 2>&1 3>&- &
        began
        echo $! >>"$DATA/hashing" # ends with the test
    }
    for number in 1 2 3; do
        slow "slow.$number" "$ended"
    done
    eventually test -s "$DATA/slow.1" -a -s "$DATA/slow.2" -a -s "$DATA/slow.3"
    same "$(answer me POST /import '{"items":[]}')" '200 success '
    same "$(answer me GET /export '')" '200 success '
    # Answered before its body, which has an hour to come.
    wait_all
    rm "$DATA/hashing"
    grep -l '"token":"revoked"' "$DATA"/slow.[123] | wc -l | grep -qx 3 || fail "$(cat "$DATA"/slow.*)"
    # With a token that lives the place is taken.
    slow slow.4 "$token"
    eventually transfers 1 || fail 'no place taken'
    exec 6>&-
}
transfers() { [ "$(places "$DATA/state/cubby.db-transfers")" = "$1" ]; }

@test "accounts: after deletion no byte of a value is in the file, and no row of the user in a table" {
    # So that what is counted is counted for the account alone.
    printf '%s\n' 'login_limit_address = 0' 'register_limit = 0' >>"$CUBBY_CONF"
    user ann
    marker=MARKER-$RANDOM-$RANDOM-$RANDOM
    node -e 'const m = process.argv[1], items = []; for (let i = 0; i < 300; i++) items.push({key: "k" + i,
        value: m.repeat(1 + i % 50 * 20)}); process.stdout.write(JSON.stringify({items}))' "$marker" >"$DATA/items"
    has "$(cgi me POST /import '' "$DATA/items" | body_of)" '"imported":300'
    printf '{"value":"%s-old"}' "$marker" >"$DATA/value"
    cgi data PUT /k1 '' "$DATA/value" >/dev/null
    printf '{"name":"%s","scope":"read"}' "$marker" >"$DATA/key"
    cgi keys POST '' '' "$DATA/key" >/dev/null
    grep -qa "$marker" "$DATA/state/cubby.db" || fail 'was never there'
    printf '{"password":"%s"}' "$PASSWORD" >"$DATA/password"
    has "$(cgi me DELETE '' '' "$DATA/password" | head -n 1)" 200
    for file in "$DATA"/state/cubby.db*; do
        ! grep -qa "$marker" "$file" || fail "$file holds what was deleted"
        ! grep -qa 'ann@example' "$file" || fail "$file holds the e-mail"
    done
    for table in users items tokens throttle; do
        same "$(sqlite3 "$DATA/state/cubby.db" "SELECT COUNT(*) FROM $table")" 0
    done
    same "$(sqlite3 "$DATA/state/cubby.db" 'PRAGMA integrity_check')" ok
}
