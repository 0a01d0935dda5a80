#!/usr/bin/env bats
# Bodies without a length under web servers of other kinds, as gateway.js plays them.

load tool

setup() {
    note_test_alone
    installation
    new_user ann
    gateway=''
}

teardown() { stop_gateway; }

# chunked METHOD PATH BODY: sends BODY in chunks; leaves $code and $body.
chunked() {
    body=$(curl -sS --max-time 120 -X "$1" -w '\n%{http_code}' -H "Authorization: Bearer $token" \
        -H 'Transfer-Encoding: chunked' -H 'Content-Type: application/json' -d "$3" "$address$2")
    code=${body##*$'\n'}
    body=${body%$'\n'*}
}

# asked METHOD PATH [curl option…]: leaves $code and $body.
asked() {
    local method=$1 path=$2
    shift 2
    body=$(curl -sS --max-time 120 -X "$method" -w '\n%{http_code}' -H "Authorization: Bearer $token" "$@" "$address$path")
    code=${body##*$'\n'}
    body=${body%$'\n'*}
}

length_required() { same "$code $(jq -r .code <<<"$body")" '411 LENGTH_REQUIRED'; }

# Every way to send a body in chunks is refused with 411, and stores nothing; with a length it is taken.
asks_for_a_length() {
    chunked POST /data '{"key":"k","value":1}'
    length_required
    asked GET /data/k
    same "$code" 404
    asked POST /data -d '{"key":"k","value":1}'
    same "$code" 201
    for method in PUT PATCH; do
        chunked $method /data/k '{"value":2}'
        length_required
    done
    chunked DELETE /me "{\"password\":\"$PASSWORD\"}"
    length_required
    chunked POST '/me/import?mode=replace' '{"items":[]}'
    length_required
    asked GET /data/k
    same "$code $(jq -c .data.value <<<"$body")" '200 1'
    # Nothing in the place of a body is no length either.
    asked POST /data
    length_required
    asked POST /data -H 'Content-Length: 0'
    same "$code $(jq -r .code <<<"$body")" '400 INVALID_REQUEST'
    # A call that takes no body needs none, whatever its method.
    asked POST /token/refresh
    same "$code" 200
    asked DELETE /data/k
    same "$code" 200
}

@test "gateway: chunks that a server of any name passes on as they are: 411" {
    gateway --software 'mini_httpd/1.30' --raw
    asks_for_a_length
    stop_gateway
    gateway --raw
    asks_for_a_length
}

@test "gateway: chunks of which a server does not tell: 411" {
    gateway --software 'thttpd/2.29' --raw --drop transfer-encoding
    asks_for_a_length
}

@test "gateway: uhttpd, which passes an empty variable for what was not sent: 411" {
    gateway --software uhttpd --raw --drop transfer-encoding --empty content-length --empty content-type \
        --empty transfer-encoding --empty if-match --empty if-none-match --empty x-http-method-override \
        --empty authorization --empty origin
    asks_for_a_length
    asked PUT '/data/new?upsert=true' -d '{"value":1}'
    same "$code" 201
}

@test "gateway: a server of any name that decodes chunks and tells their length is no trouble" {
    gateway --software 'some server'
    chunked POST /data '{"key":"k","value":[1,2]}'
    same "$code" 201
    asked GET /data/k
    same "$(jq -c .data.value <<<"$body")" '[1,2]'
}

@test "gateway: of Apache chunks without a length are read to their end, and no body is an empty one" {
    gateway --software 'Apache/2.4.62 (Debian)' --raw
    # What arrives is the text of chunks, which is no JSON.
    chunked POST /data '{"key":"k","value":1}'
    same "$code $(jq -r .code <<<"$body")" '400 INVALID_REQUEST'
    asked POST /data
    same "$code $(jq -r .code <<<"$body")" '400 INVALID_REQUEST'
}
