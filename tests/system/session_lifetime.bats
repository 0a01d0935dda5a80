#!/usr/bin/env bats
# session_lifetime: how long tokens can be renewed since the password was given.

load tool

setup() {
    note_test_alone
    installation 'session_lifetime = 7200'
    new_user ann
    claims=$(claims_of "$token")
}

claims_of() { node -p 'Buffer.from(process.argv[1].split(".")[1], "base64url").toString()' "$1"; }

# old_token MEMBERS: one of ann's that was signed well, with other members
old_token() {
    token=$(node "$root/tests/http/jwt.js" "$keys" '{"alg":"HS256","typ":"JWT","kid":"@KID@"}' \
        "{\"sub\":\"1\",\"user_id\":1,\"epoch\":$(jq .epoch <<<"$claims"),\"jti\":\"00112233445566778899aabbccddeeff\",\"exp\":@NOW+3000@,$1}")
}

refresh() {
    cgi token POST /refresh '{}'
    renewed=$(jq -r '.token // ""' <<<"$body")
}

# between LEAST MOST: expires_in of the answer is
between() {
    local is
    is=$(jq .data.expires_in <<<"$body")
    [ "$is" -ge "$1" ] && [ "$is" -le "$2" ] || fail "expires_in: $is"
}

@test "session: a token says when the password was given, and renewing keeps that" {
    same "$(jq '.auth_time == .iat' <<<"$claims")" true
    old_token '"iat":@NOW-600@,"auth_time":@NOW-1200@'
    began=$(claims_of "$token" | jq .auth_time)
    refresh
    same "$code" 200
    between 3600 3600
    same "$(claims_of "$renewed" | jq .auth_time)" "$began"
}

@test "session: near its end a token is given for the rest alone" {
    old_token '"iat":@NOW-600@,"auth_time":@NOW-7000@'
    refresh
    same "$code" 200
    between 150 200
    same "$(claims_of "$renewed" | jq '.exp - .auth_time')" 7200
}

@test "session: after its end no token is renewed, and the password opens a new one" {
    for members in '"iat":@NOW-600@,"auth_time":@NOW-7200@' '"iat":@NOW-7201@' '"iat":@NOW-600@,"auth_time":1' '"iat":0' '"iat":-1'; do
        old_token "$members"
        refresh
        same "$code $(jq -r '.code + " " + .details.token' <<<"$body")" '401 INVALID_TOKEN expired'
    done
    cgi me PUT /password "{\"current_password\":\"$PASSWORD\",\"new_password\":\"Difference-2\"}"
    same "$code" 200
    same "$(claims_of "$(jq -r .token <<<"$body")" | jq '.auth_time == .iat')" true
    between 3600 3600
}

@test "session: a time of the password that is none, or lies ahead, makes a token invalid" {
    for time in '"1"' 1.5 null true '[]' -5 0 @NOW+3000@; do
        old_token "\"iat\":@NOW-600@,\"auth_time\":$time"
        refresh
        same "$time $code" "$time 401"
        cgi data GET /x
        same "$time $code" "$time 401"
    done
}

@test "session: without the setting tokens are renewed without end, and say no time" {
    sed -i '/^session_lifetime/d' "$conf"
    login ann
    same "$(claims_of "$token" | jq 'has("auth_time")')" false
    old_token '"iat":@NOW-600@,"auth_time":1'
    refresh
    same "$code" 200
    between 3600 3600
}
