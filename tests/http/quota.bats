# What one user may store

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

# used KEYS BYTES: makes the user's account say so, as if that much were stored.
used() {
    store_sql "UPDATE users SET keys = $1, bytes = $2 WHERE id = $user_id"
}

@test "quota: me shows use and limits" {
    new_user
    store a '"12345"'
    store b '[1,2]'
    as_user GET /me
    same "$(field '.data.usage | [.keys, .bytes] | tojson')" '[2,12]'
    same "$(field '[.data.limits.keys, .data.limits.bytes] | tojson')" '[100000,1073741824]'
    send PUT /data/a '{"value":1}'
    send PATCH /data/b '[1,2,3]' -H 'Content-Type: application/json'
    as_user GET /me
    same "$(field '.data.usage | [.keys, .bytes] | tojson')" '[2,8]'
    as_user DELETE /data/a
    as_user GET /me
    same "$(field '.data.usage | [.keys, .bytes] | tojson')" '[1,7]'
    as_user DELETE '/data?prefix=b'
    as_user GET /me
    same "$(field '.data.usage | [.keys, .bytes] | tojson')" '[0,0]'
    # The list shows the same sizes.
    store a '{"x": 1}'
    as_user GET /data
    same "$(field '.data.items[0].size')" 8
}

@test "quota: one key too many is 507 QUOTA_EXCEEDED and changes nothing" {
    new_user
    store here 1
    used 99999 1
    store last 1
    succeeded 201
    for attempt in 'POST /data {"key":"over","value":1}' 'PUT /data/over?upsert=true {"value":1}' \
        'PUT /data/over?if_none_match=* {"value":1}'; do
        read -r method path json <<<"$attempt"
        send "$method" "$path" "$json"
        refused 507 QUOTA_EXCEEDED
    done
    send POST /batch '{"operations":[{"op":"put","key":"here","value":2},{"op":"increment","key":"over"}]}'
    same "$code $(field .details.code) $(field .details.index)" '409 QUOTA_EXCEEDED 1'
    as_user GET /data
    same "$(field '.data.items | map(.key) | tojson')" '["here","last"]'
    # What is there may change and go, and makes room.
    send PUT /data/here '{"value":3}'
    succeeded 200
    as_user DELETE /data/here
    succeeded 200
    store over 1
    succeeded 201
}

@test "quota: too many bytes are 507 QUOTA_EXCEEDED, but smaller is always allowed" {
    new_user
    store big '"0123456789"'
    used 1 1073741820
    send PUT /data/big '{"value":"0123456789abcdef"}'
    refused 507 QUOTA_EXCEEDED
    send PATCH /data/big '"0123456789abcdef"' -H 'Content-Type: application/json'
    refused 507 QUOTA_EXCEEDED
    send POST /data '{"key":"small","value":12345}'
    refused 507 QUOTA_EXCEEDED
    send POST /data '{"key":"small","value":1234}'
    succeeded 201
    used 2 1973741824 # the limit was lowered since
    send PUT /data/big '{"value":"01234567"}'
    succeeded 200
    send PUT /data/big '{"value":"76543210"}'
    succeeded 200
    send PUT /data/big '{"value":"012345678"}'
    refused 507 QUOTA_EXCEEDED
    as_user DELETE /data/big
    succeeded 200
}

@test "quota: of an import the sum counts, whatever the order of its items" {
    import() { send POST "/me/import$1" "{\"items\":[$2]}"; }
    grows='{"key":"small","value":"0123456789"}' shrinks='{"key":"big","value":1}' adds='{"key":"new","value":12}'
    for items in "$grows,$shrinks" "$shrinks,$grows"; do
        new_user
        store small 1
        store big '"012345678901234"'
        used 2 1073741822
        import '' "$items"
        succeeded 200
        import '' "$shrinks,$adds,$grows"
        succeeded 200
    done
    used 2 1073741824
    over='{"key":"over","value":12}'
    for items in "$over,$grows" "$grows,$over" "$over"; do
        import '' "$items"
        refused 507 QUOTA_EXCEEDED
        same "$(field .details.items)" 'are more than this user may store'
    done
    used 100000 20
    import '' "$grows,$adds,{\"key\":\"new2\",\"value\":1}"
    refused 507 QUOTA_EXCEEDED
    as_user GET '/data?prefix=new&count=true'
    same "$(field .data.total)" 1
    # One key, first large and then small, counts as it ends.
    new_user
    used 0 1073741800
    import '' "{\"key\":\"k\",\"value\":\"$(printf 'x%.0s' $(seq 100))\"},{\"key\":\"k\",\"value\":1}"
    succeeded 200
    import '' "{\"key\":\"k\",\"value\":1},{\"key\":\"k\",\"value\":\"$(printf 'x%.0s' $(seq 100))\"}"
    refused 507 QUOTA_EXCEEDED
}

@test "quota: what has expired makes room" {
    new_user
    send POST /data '{"key":"short","value":1,"ttl":1}'
    used 100000 1
    store over 1
    [ "$code" = 507 ] || [ "$code" = 201 ] || fail 'neither refused nor stored'
    stored() {
        [ "$code" = 201 ] || store over 1
        [ "$code" = 201 ]
    }
    eventually stored
}

@test "quota: counters are exact after writes of every kind at once" {
    new_user
    for worker in 1 2 3 4 5 6; do
        for i in 1 2 3 4 5 6; do
            printf '{"operations":[{"op":"upsert","key":"q%s","value":"%s"},{"op":"increment","key":"n"},{"op":"create","key":"w%s-%s","value":[%s]},{"op":"upsert","key":"gone%s","value":1},{"op":"delete","key":"gone%s"}]}' \
                $((i % 3)) "$(printf 'x%.0s' $(seq $((worker * i))))" $worker $i $i $worker $worker >"$BATS_TEST_TMPDIR/op.$worker"
            curl -sS --max-time "$PATIENCE" -o /dev/null -H "Authorization: $token" --data-binary "@$BATS_TEST_TMPDIR/op.$worker" "$BASE/batch"
        done &
        began
    done
    wait_all
    as_user GET '/data?limit=1000&count=true'
    same "$(field '.data.total')" 40
    listed=$(field '[(.data.items | length), (.data.items | map(.size) | add)] | tojson')
    as_user GET /me
    same "$(field '[.data.usage.keys, .data.usage.bytes] | tojson')" "$listed"
}
