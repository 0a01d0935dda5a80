# /api/keys: device tokens

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

# make_key JSON: sets $device and $key_id; $token stays the user's.
make_key() {
    send POST /keys "$1"
    succeeded 201 'Device token created successfully.'
    device=$(field .data.token)
    key_id=$(field .data.id)
}

# with TOKEN COMMAND…: as the owner of another token
with() {
    local mine=$token
    token=$1
    shift
    "$@"
    token=$mine
}

# rows SQL
rows() { store_sql "$1"; }

@test "keys: a new token is shown once, with what it may do" {
    make_key '{"name":"Wetterstation 1","scope":"write","prefix":"weather/","ttl":3600}'
    same "$(field .token)" "$device"
    [[ $device =~ ^cubby_[0-9]+_[0-9]+_[A-Za-z0-9_-]{43}$ ]] || fail 'not opaque'
    same "$(field .data.name)" 'Wetterstation 1'
    same "$(field .data.scope)" write
    same "$(field .data.prefix)" weather/
    same "$(field '(.data.expires_at[:19] + "Z" | fromdate) - (.data.created_at[:19] + "Z" | fromdate)')" 3600
    as_user GET /keys
    succeeded 200
    secret=${device: -43}
    [[ $body != *"$secret"* && $body != *hash* ]] || fail 'shown again'
}

@test "keys: a number has one spelling, in the token and in the address" {
    new_user
    make_key '{"name":"n","scope":"write"}'
    secret=${device: -43}
    with "$device" as_user GET /data
    succeeded 200
    for other in "0${user_id}_${key_id}" "${user_id}_0${key_id}" "+${user_id}_${key_id}" "${user_id}_ ${key_id}"; do
        with "cubby_${other}_$secret" as_user GET /data
        refused 401 INVALID_TOKEN
    done
    for other in "0$key_id" "00$key_id" 0 "+$key_id" "-$key_id" "$key_id.0"; do
        as_user DELETE "/keys/$other"
        refused 404 NOT_FOUND
    done
    as_user DELETE "/keys/$key_id"
    succeeded 200
}

@test "keys: only a hash of it is stored" {
    make_key '{"name":"h","scope":"read"}'
    secret=${device: -43}
    store_content >"$BATS_TEST_TMPDIR/strings"
    grep -q 'cubby_\|CREATE TABLE' "$BATS_TEST_TMPDIR/strings" || fail 'nothing was looked at'
    ! grep -qF -- "$secret" "$BATS_TEST_TMPDIR/strings" || fail 'the secret is in the file'
    hash=$(printf %s "$secret" | openssl dgst -sha384 -binary | base64 -w 0 | tr '+/' '-_')
    same "$(rows "SELECT COUNT(*) FROM tokens WHERE hash = '$hash'")" 1
}

@test "keys: the list has name, scope, prefix, creation and last use, in order" {
    new_user
    make_key '{"name":"first","scope":"read"}'
    make_key '{"name":"second","scope":"write","prefix":"a/"}'
    with "$device" store a/x 1
    succeeded 201
    as_user GET /keys
    succeeded 200
    same "$(field '.data.keys | map(.name) | join(",")')" first,second
    same "$(field '.data.keys[0] | [.scope, .prefix, (.id | type), has("last_used_at"), has("expires_at")] | join(",")')" \
        read,,number,false,false
    same "$(field '.data.keys[1] | [.scope, .prefix] | join(",")')" write,a/
    [[ $(field '.data.keys[1].last_used_at') == 20*Z ]] || fail 'no last use'
    [[ $(field '.data.keys[0].created_at') == 20*Z ]] || fail 'no creation'
}

@test "keys: the id of a token that has ended is not that of the next one" {
    new_user
    seen=' '
    for _ in 1 2 3; do
        make_key '{"name":"again","scope":"read"}'
        [[ $seen != *" $key_id "* ]] || fail "$key_id once more, after$seen"
        seen="$seen$key_id "
        as_user DELETE "/keys/$key_id"
        succeeded 200
    done
    make_key '{"name":"over","scope":"read","ttl":1}'
    rows "UPDATE tokens SET expires_at = 1 WHERE id = $user_id * 1048576 + $key_id"
    over=$key_id
    make_key '{"name":"again","scope":"read"}'
    [[ $seen != *" $key_id "* && $key_id != "$over" ]] || fail "$key_id once more, after$seen$over"
    for number in $seen$over; do
        as_user DELETE "/keys/$number"
        refused 404 NOT_FOUND
    done
    as_user GET /keys
    same "$(field '.data.keys | map(.name) | join(",")')" again
}

@test "keys: a use is noted once an hour, by reads and by writes" {
    new_user
    make_key '{"name":"k","scope":"write"}'
    used() { rows "SELECT COALESCE(used_at, 0) FROM tokens WHERE id = $user_id * 1048576 + $key_id"; }
    same "$(used)" 0
    with "$device" store u 1
    succeeded 201
    first=$(used)
    [ "$first" -gt 0 ] || fail 'not noted'
    with "$device" as_user GET /data/u
    same "$(used)" "$first"
    rows "UPDATE tokens SET used_at = used_at - 3700000 WHERE id = $user_id * 1048576 + $key_id"
    with "$device" as_user GET /data/u
    succeeded 200
    eventually eval '[ "$(used)" -ge "$first" ]' || fail 'a read is not noted'
}

@test "keys: what is missing or bad is refused with a reason, and makes none" {
    new_user
    long=$(printf 'x%.0s' $(seq 65))
    prefix=$(printf 'p%.0s' $(seq 513))
    while IFS='|' read -r json name; do
        send POST /keys "$json"
        refused 400 INVALID_REQUEST
        [ -n "$(field ".details.$name // \"\"")" ] || fail "no reason for $name"
    done <<DONE
{"scope":"read"}|name
{"name":"","scope":"read"}|name
{"name":7,"scope":"read"}|name
{"name":"$long","scope":"read"}|name
{"name":"a\u0007b","scope":"read"}|name
{"name":"k"}|scope
{"name":"k","scope":"admin"}|scope
{"name":"k","scope":"READ"}|scope
{"name":"k","scope":["read"]}|scope
{"name":"k","scope":"read","prefix":5}|prefix
{"name":"k","scope":"read","prefix":"a\u0000b"}|prefix
{"name":"k\u0000","scope":"read"}|name
{"name":"k","scope":"read","prefix":"$prefix"}|prefix
{"name":"k","scope":"read","ttl":0}|ttl
{"name":"k","scope":"read","ttl":-5}|ttl
{"name":"k","scope":"read","ttl":1.5}|ttl
{"name":"k","scope":"read","ttl":"3600"}|ttl
{"name":"k","scope":"read","ttl":315360001}|ttl
DONE
    as_user GET /keys
    same "$(field '.data.keys | length')" 0
}

@test "keys: one user has at most 100" {
    new_user
    rows "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
        INSERT INTO tokens (id, hash, name, writes, prefix, created_at) SELECT $user_id * 1048576 + i, 'x', 'n', 0, '', 0 FROM n"
    make_key '{"name":"last","scope":"read"}'
    send POST /keys '{"name":"one too many","scope":"read"}'
    refused 507 QUOTA_EXCEEDED
    # One that has expired makes room.
    rows "UPDATE tokens SET expires_at = 5 WHERE id = $user_id * 1048576 + 7"
    make_key '{"name":"in its place","scope":"read"}'
}

@test "keys: without a token, or with a bad one, nothing is shown or made" {
    call GET /keys
    refused 401 INVALID_TOKEN
    call POST /keys --data-binary '{"name":"k","scope":"read"}'
    refused 401 INVALID_TOKEN
    call DELETE /keys/1
    refused 401 INVALID_TOKEN
}

@test "keys: a deleted one is dead at once" {
    make_key '{"name":"k","scope":"write"}'
    with "$device" store "$(fresh_name k)" 1
    succeeded 201
    as_user DELETE "/keys/$key_id"
    succeeded 200
    with "$device" as_user GET /data/x
    refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
    same "$(field .details.token)" revoked
    with "$device" store "$(fresh_name k)" 1
    refused 401 INVALID_TOKEN
    with "$device" as_user GET /me
    refused 401 INVALID_TOKEN
    as_user DELETE "/keys/$key_id"
    refused 404 NOT_FOUND
}

@test "keys: nobody deletes or sees another's" {
    make_key '{"name":"mine","scope":"read"}'
    mine=$device id=$key_id
    new_user
    as_user GET /keys
    same "$(field '.data.keys | length')" 0
    as_user DELETE "/keys/$id"
    refused 404 NOT_FOUND
    with "$mine" as_user GET /data/x
    refused 404 KEY_NOT_FOUND
}

@test "keys: what is no number names none" {
    for id in 0 -1 x 1x 1048576 99999999999999999999 %20 1/2 1.0; do
        as_user DELETE "/keys/$id"
        refused 404 NOT_FOUND
    done
}

@test "keys: an expired one is refused and not listed" {
    new_user
    make_key '{"name":"short","scope":"read","ttl":600}'
    with "$device" as_user GET /data/x
    refused 404 KEY_NOT_FOUND
    rows "UPDATE tokens SET expires_at = $(($(date +%s%3N) + 500)) WHERE id = $user_id * 1048576 + $key_id"
    is_over() { with "$device" as_user GET /data/x && [ "$code" != 404 ]; }
    eventually is_over
    refused 401 INVALID_TOKEN
    as_user GET /keys
    same "$(field '.data.keys | length')" 0
    as_user DELETE "/keys/$key_id"
    refused 404 NOT_FOUND
}

@test "keys: a secret, a number or a user changed by one character is refused" {
    make_key '{"name":"k","scope":"read"}'
    last=${device: -1}
    other=$([ "$last" = A ] && echo B || echo A)
    for bad in "${device%?}$other" "${device%?}" "${device}A" "cubby_${user_id}_$((key_id + 1))_${device: -43}" \
        "cubby_$((user_id - 1))_${key_id}_${device: -43}" "cubby_${user_id}_0_${device: -43}" cubby_ cubby_1 cubby_1_1_ \
        "Cubby_${device#cubby_}" "cubby_-1_1_${device: -43}" "cubby_99999999999999999999_1_${device: -43}"; do
        with "$bad" as_user GET /data/x
        refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
    done
    with "$device" as_user GET /data/x
    refused 404 KEY_NOT_FOUND
}

@test "keys: they never reach accounts, keys or tokens" {
    make_key '{"name":"k","scope":"write"}'
    for place in 'GET /me' 'HEAD /me' 'PATCH /me' 'DELETE /me' 'PUT /me/password' 'GET /keys' 'POST /keys -d {}' \
        "DELETE /keys/$key_id" 'POST /token/refresh -d {}' 'DELETE /token' 'DELETE /token?all=true'; do
        # shellcheck disable=SC2086
        with "$device" as_user ${place%% *} ${place#* }
        same "$code" 403
        [ "${place%% *}" = HEAD ] || refused 403 FORBIDDEN
        [[ $(header WWW-Authenticate) == *insufficient_scope* ]] || fail 'no reason in the head'
    done
    with "$device" send DELETE /me "{\"password\":\"$PASSWORD\"}"
    refused 403 FORBIDDEN
    as_user GET /me
    succeeded 200
}

@test "keys: a read token reads and writes nothing" {
    store ro 1
    make_key '{"name":"r","scope":"read"}'
    with "$device" as_user GET /data/ro
    succeeded 200
    with "$device" store ro2 1
    refused 403 FORBIDDEN
    with "$device" store ro 1
    refused 403 FORBIDDEN
    with "$device" send PUT /data/ro '{"value":2}'
    refused 403 FORBIDDEN
    with "$device" send DELETE /data/ro '{}'
    refused 403 FORBIDDEN
    as_user GET /data/ro
    same "$(field .data.value)" 1
    as_user GET /data/ro2
    refused 404 KEY_NOT_FOUND
}

@test "keys: a prefix is the beginning of every key it may touch" {
    store in/side 1
    store out/side 1
    store inner 1
    make_key '{"name":"p","scope":"write","prefix":"in/"}'
    with "$device" as_user GET /data/in/side
    succeeded 200
    with "$device" store in/new 1
    succeeded 201
    with "$device" send PUT /data/in/side '{"value":2}'
    succeeded 200
    with "$device" send DELETE /data/in/new '{}'
    succeeded 200
    for key in out/side inner in i IN/side in%2f..%2fout nothing; do
        with "$device" as_user GET "/data?key=$key"
        case $key in
        in%2f*) refused 404 KEY_NOT_FOUND ;;
        *) refused 403 FORBIDDEN ;;
        esac
    done
    with "$device" store out/new 1
    refused 403 FORBIDDEN
    with "$device" send PUT /data/out/side '{"value":2}'
    refused 403 FORBIDDEN
    with "$device" send DELETE /data/inner '{}'
    refused 403 FORBIDDEN
    as_user GET /data/out/side
    same "$(field .data.value)" 1
    as_user GET /data/inner
    succeeded 200
}

@test "keys: they end with the password and with the account" {
    new_user
    make_key '{"name":"k","scope":"write"}'
    send PUT /me/password "{\"current_password\":\"$PASSWORD\",\"new_password\":\"Other-pass2?\"}"
    succeeded 200
    token=$(field .token)
    with "$device" as_user GET /data/x
    refused 401 INVALID_TOKEN
    make_key '{"name":"k2","scope":"write"}'
    send DELETE /me '{"password":"Other-pass2?"}'
    succeeded 200
    with "$device" as_user GET /data/x
    refused 401 INVALID_TOKEN
}

@test "keys: one of a disabled user is dead" {
    new_user
    make_key '{"name":"k","scope":"write"}'
    rows "UPDATE users SET disabled = 1 WHERE id = $user_id"
    with "$device" as_user GET /data/x
    refused 401 INVALID_TOKEN
    with "$device" store x 1
    refused 401 INVALID_TOKEN
}

# A user with keys inside and outside of a prefix, and tokens for it: $reader, $writer.
prefixed() {
    new_user
    for key in in/a in/b inner out/a; do
        store "$key" 1
    done
    make_key '{"name":"r","scope":"read","prefix":"in/"}'
    reader=$device
    reader_id=$key_id
    make_key '{"name":"w","scope":"write","prefix":"in/"}'
    writer=$device
}

@test "keys: lists, counts and changes are within the prefix or forbidden" {
    prefixed
    for place in '/data?prefix=in/' '/data?prefix=in/a&count=true' '/changes?since=0&prefix=in/'; do
        with "$reader" as_user GET "$place"
        succeeded 200
        [[ $body != *inner* && $body != *out/a* ]] || fail 'shows too much'
    done
    for place in /data '/data?prefix=' '/data?prefix=in' '/data?prefix=out/' '/data?count=true' '/data?prefix=inner' \
        '/changes?since=0' '/changes?since=0&prefix=i' '/changes?since=4' '/changes?since=0&prefix=out/' \
        '/changes?since=999999' '/changes?since=999999&prefix=i'; do
        with "$reader" as_user GET "$place"
        refused 403 FORBIDDEN
    done
}

@test "keys: deletion by prefix is within the prefix, and not for readers" {
    prefixed
    with "$reader" as_user DELETE '/data?prefix=in/'
    refused 403 FORBIDDEN
    for prefix in i in out/ inner; do
        with "$writer" as_user DELETE "/data?prefix=$prefix"
        refused 403 FORBIDDEN
    done
    with "$writer" as_user DELETE '/data?prefix=in/a'
    succeeded 200
    as_user GET '/data?count=true'
    same "$(field .data.total)" 3
}

@test "keys: upserts, creations by condition and patches obey scope and prefix" {
    prefixed
    for key in out/new out/a inner i; do
        with "$writer" send PUT "/data/$key?upsert=true" '{"value":2}'
        refused 403 FORBIDDEN
        with "$writer" send PATCH "/data/$key" '{"x":1}' -H 'Content-Type: application/json'
        refused 403 FORBIDDEN
    done
    with "$reader" send PUT '/data/in/a?upsert=true' '{"value":2}'
    refused 403 FORBIDDEN
    with "$reader" send PATCH /data/in/a '{"x":1}' -H 'Content-Type: application/json'
    refused 403 FORBIDDEN
    with "$writer" send PUT '/data/in/new?upsert=true' '{"value":2}'
    succeeded 201
    with "$writer" send PATCH /data/in/new '{"x":1}' -H 'Content-Type: application/json'
    succeeded 200
    as_user GET '/data?prefix=out/'
    same "$(field '.data.items | length')" 1
}

@test "keys: in a batch one operation outside is enough to refuse it all" {
    prefixed
    for op in '{"op":"get","key":"out/a"}' '{"op":"create","key":"out/n","value":1}' '{"op":"put","key":"inner","value":2}' \
        '{"op":"upsert","key":"out/a","value":2}' '{"op":"delete","key":"out/a"}' '{"op":"increment","key":"out/a"}'; do
        with "$writer" send POST /batch "{\"operations\":[{\"op\":\"put\",\"key\":\"in/a\",\"value\":7},$op]}"
        case $code in
        403) refused 403 FORBIDDEN ;;
        *)
            refused 409 BATCH_FAILED
            same "$(field .details.code)" FORBIDDEN
            ;;
        esac
    done
    for op in '{"op":"put","key":"in/a","value":7}' '{"op":"delete","key":"in/a"}' '{"op":"increment","key":"in/a"}'; do
        with "$reader" send POST /batch "{\"operations\":[{\"op\":\"get\",\"key\":\"in/b\"},$op]}"
        [[ $code == 403 || $code == 409 ]] || fail 'a reader writes'
        [[ $body == *FORBIDDEN* ]] || fail 'for another reason'
    done
    as_user GET /data/in/a
    same "$(field .data.value)" 1
    with "$reader" send POST /batch '{"operations":[{"op":"get","key":"in/a"},{"op":"get","key":"in/b"}]}'
    succeeded 200
    with "$writer" send POST /batch '{"operations":[{"op":"increment","key":"in/a"}]}'
    succeeded 200
}

@test "keys: who waits for changes learns that the token has ended" {
    prefixed
    as_user GET /data/out/a
    last=$(field .data.version)
    curl -sS --max-time "$PATIENCE" -H "Authorization: $reader" "$BASE/changes?since=$last&prefix=in/&wait=25" >"$BATS_TEST_TMPDIR/wait" 3>&- &
    began
    sleep 0.3
    as_user DELETE "/keys/$reader_id"
    succeeded 200
    woken
    same "$(jq -r .code "$BATS_TEST_TMPDIR/wait")" INVALID_TOKEN
}
