# What is heavy about accounts: many logins at once, large accounts out and in, bytes that are gone

load system.bash

setup() {
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

@test "accounts: of 200 wrong logins at once no more than the limit are hashed" {
    user ann
    printf '{"username":"ann","password":"Wrong-pass1!"}' >"$DATA/wrong"
    token=''
    seq 200 | xargs -P 50 -I @ env -i CUBBY_CONF="$CUBBY_CONF" REQUEST_METHOD=POST REMOTE_ADDR=192.0.2.1 \
        CONTENT_LENGTH="$(wc -c <"$DATA/wrong")" sh -c "\"$PROGRAMS/token\" <\"$DATA/wrong\" | head -n 1" >"$DATA/codes"
    same "$(tr -d '\r' <"$DATA/codes" | sort | uniq -c | tr -s ' \n' ' ')" \
        ' 10 Status: 401 Unauthorized 190 Status: 429 Too Many Requests '
}

@test "accounts: places for hashes are free again after kill -9" {
    user ann
    for _ in 1 2 3 4 5 6; do
        cgi token POST '' '' "$DATA/in" >/dev/null &
        kill -9 $! 2>/dev/null || true
    done
    has "$(cgi token POST '' '' "$DATA/in" | head -n 1)" 200
}

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
