# POST /api/batch

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

# batch OPERATION…: each the text of one
batch() {
    local IFS=,
    send POST /batch "{\"operations\":[$*]}"
}

# failed INDEX CODE
failed() {
    refused 409 BATCH_FAILED
    same "$(field '[.details.index, .details.code] | tojson')" "[$1,\"$2\"]"
    [ "$(field '.details.message | length')" -gt 10 ] || fail 'no message of the operation'
}

@test "batch: every operation, results in order" {
    new_user
    batch '{"op":"create","key":"a","value":{"n":1.0}}' '{"op":"get","key":"a"}' '{"op":"put","key":"a","value":[2]}' \
        '{"op":"upsert","key":"b","value":"x","ttl":100}' '{"op":"upsert","key":"b","value":"y"}' '{"op":"increment","key":"n"}' \
        '{"op":"increment","key":"n","by":-11}' '{"op":"delete","key":"a"}' '{"op":"get","key":"b"}'
    succeeded 200
    same "$(field '.data.results | map([.key, .version, .value, .deleted, has("expires_at")]) | tojson')" \
        '[["a",1,null,null,false],["a",1,{"n":1},null,false],["a",2,null,null,false],["b",3,null,null,true],["b",4,null,null,false],["n",5,1,null,false],["n",6,-10,null,false],["a",7,null,true,false],["b",4,"y",null,false]]'
    grep -qF '{"n":1.0}' "$body_file" || fail 'a value that was spelled anew'
    as_user GET '/data?values=true'
    same "$(field '.data.items | map([.key, .value]) | tojson')" '[["b","y"],["n",-10]]'
}

@test "batch: a failing operation at any place changes nothing" {
    new_user
    store there 1
    version=$(field .data.version)
    good=('{"op":"upsert","key":"w1","value":1}' '{"op":"delete","key":"there"}' '{"op":"increment","key":"w2"}' '{"op":"create","key":"there","value":2}')
    for at in 0 1 2 3 4; do
        all=("${good[@]:0:at}" '{"op":"put","key":"missing","value":1}' "${good[@]:at}")
        batch "${all[@]}"
        failed "$at" KEY_NOT_FOUND
    done
    as_user GET '/data?values=true'
    same "$(field '.data.items | map([.key, .value, .version]) | tojson')" "[[\"there\",1,$version]]"
    batch "${good[@]}"
    succeeded 200
    same "$(field '.data.results | map(.version) | tojson')" "[$((version + 1)),$((version + 2)),$((version + 3)),$((version + 4))]"
}

@test "batch: each way to fail has the code of the single call" {
    new_user
    store k 1
    batch '{"op":"get","key":"none"}'
    failed 0 KEY_NOT_FOUND
    batch '{"op":"delete","key":"none"}'
    failed 0 KEY_NOT_FOUND
    batch '{"op":"create","key":"k","value":1}'
    failed 0 KEY_EXISTS
    for key in '""' null 5 '"a//b"' '"\n"'; do
        batch '{"op":"get","key":"k"}' "{\"op\":\"get\",\"key\":$key}"
        failed 1 INVALID_KEY
        same "$(field '.details | has("key")')" true
    done
    batch '{"op":"get"}'
    failed 0 INVALID_KEY
    for op in create put upsert; do
        batch "{\"op\":\"$op\",\"key\":\"k\"}"
        failed 0 INVALID_VALUE
        batch "{\"op\":\"$op\",\"key\":\"k\",\"value\":null}"
        failed 0 INVALID_VALUE
    done
    for part in '"op":"drop"' '"op":"GET"' '"op":1' '"op":"increment","by":1.5' '"op":"increment","by":"1"' '"op":"increment","by":9007199254740993' \
        '"op":"get","if_version":-1' '"op":"get","if_version":"1"' '"op":"put","value":1,"ttl":0' '"op":"get","op":"get"'; do
        batch "{\"key\":\"k\",$part}"
        failed 0 INVALID_REQUEST
    done
    for one in 1 '"get"' '[]' null; do
        batch "$one"
        failed 0 INVALID_REQUEST
    done
    printf '{"operations":[{"op":"get","key":"k"},{"op":"put","key":"k","value":"%s"}]}' "$(head -c 262143 /dev/zero | tr '\0' x)" >"$BATS_TEST_TMPDIR/large"
    as_user POST /batch --data-binary "@$BATS_TEST_TMPDIR/large"
    failed 1 VALUE_TOO_LARGE
}

@test "batch: the list must be one of 1 to 500 operations" {
    for body in '{}' '{"operations":null}' '{"operations":{}}' '{"operations":"x"}' '{"operations":[]}' '{"operations":[ ]}'; do
        send POST /batch "$body"
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys | tojson')" '["operations"]'
    done
    for count in 500 501; do
        jq -cn --argjson n $count '{operations: [range($n) | {op: "increment", key: "many"}]}' >"$BATS_TEST_TMPDIR/many"
        as_user POST /batch --data-binary "@$BATS_TEST_TMPDIR/many"
        [ $count = 500 ] || refused 400 INVALID_REQUEST
    done
    as_user GET /data/many
    same "$(field .data.value)" 500
    send POST /batch '[1]'
    refused 400 INVALID_REQUEST
    call POST /batch -d '{"operations":[]}'
    refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
    as_user GET /batch
    refused 405 METHOD_NOT_ALLOWED
}

@test "batch: if_version is the version there must be, 0 that there is none" {
    new_user
    store v 1
    v=$(field .data.version)
    for op in '"op":"put","value":2' '"op":"upsert","value":2' '"op":"delete"' '"op":"increment"' '"op":"get"'; do
        for wrong in 0 $((v + 1)) 999; do
            batch "{\"key\":\"v\",\"if_version\":$wrong,$op}"
            failed 0 PRECONDITION_FAILED
        done
        batch "{\"key\":\"nope\",\"if_version\":$v,$op}"
        failed 0 PRECONDITION_FAILED
    done
    batch "{\"key\":\"v\",\"if_version\":$v,\"op\":\"put\",\"value\":2}" "{\"key\":\"v\",\"if_version\":$((v + 1)),\"op\":\"delete\"}" \
        '{"key":"v","if_version":0,"op":"create","value":3}' '{"key":"w","if_version":0,"op":"upsert","value":1}' '{"key":"n","if_version":0,"op":"increment"}'
    succeeded 200
    batch '{"key":"w","if_version":0,"op":"upsert","value":1}'
    failed 0 PRECONDITION_FAILED
}

@test "batch: increment counts whole numbers within 2^53, and keeps when they expire" {
    new_user
    for value in '"5"' 1.5 true '[1]' '{}' 9007199254740993 1e400 '"x"'; do
        send PUT '/data/i?upsert=true' "{\"value\":$value}"
        batch '{"op":"increment","key":"i"}'
        failed 0 INVALID_VALUE
        same "$(field '.details | has("value")')" true
    done
    for value in 5 5.0 50e-1; do
        send PUT '/data/i?upsert=true' "{\"value\":$value}"
        batch '{"op":"increment","key":"i","by":2}'
        same "$(field '.data.results[0].value')" 7
    done
    batch '{"op":"upsert","key":"i","value":9007199254740991}' '{"op":"increment","key":"i"}'
    grep -qF '"value":9007199254740992,' "$body_file" || fail 'not exact'
    batch '{"op":"increment","key":"i"}'
    failed 0 INVALID_VALUE
    batch '{"op":"upsert","key":"i","value":-9007199254740992}' '{"op":"increment","key":"i","by":-1}'
    failed 1 INVALID_VALUE
    batch '{"op":"increment","key":"i","by":0}'
    succeeded 200
    batch '{"op":"increment","key":"most","by":9007199254740991}' '{"op":"increment","key":"least","by":-9007199254740991}'
    same "$(field '.data.results | map(.value) | tojson')" '[9007199254740991,-9007199254740991]'
    send POST /data '{"key":"t","value":1,"ttl":500}'
    expires=$(field .data.expires_at)
    batch '{"op":"increment","key":"t"}'
    same "$(field '.data.results[0].expires_at')" "$expires"
    batch '{"op":"increment","key":"t","ttl":5000}' '{"op":"increment","key":"fresh","by":-3,"ttl":60}'
    [ "$(field '.data.results[0].expires_at')" != "$expires" ]
    same "$(field '.data.results[1] | [.value, has("expires_at")] | tojson')" '[-3,true]'
}

@test "batch: reads that do not fit into one answer are refused" {
    new_user
    for i in 1 2 3 4 5; do
        printf '{"key":"big%s","value":"%s"}' "$i" "$(head -c 240000 /dev/zero | tr '\0' x)" >"$BATS_TEST_TMPDIR/big"
        as_user POST /data --data-binary "@$BATS_TEST_TMPDIR/big"
    done
    batch '{"op":"get","key":"big1"}' '{"op":"get","key":"big2"}' '{"op":"get","key":"big3"}' '{"op":"get","key":"big4"}'
    succeeded 200
    batch '{"op":"get","key":"big1"}' '{"op":"get","key":"big2"}' '{"op":"get","key":"big3"}' '{"op":"get","key":"big4"}' '{"op":"get","key":"big5"}'
    failed 4 ANSWER_TOO_LARGE
}

@test "batch: gets alone wait for no writer, with a device token neither" {
    store counted 1
    send POST /keys '{"name":"reader","scope":"read"}'
    reader=$(field .token)
    send POST /keys '{"name":"writer","scope":"write"}'
    writer=$(field .token)
    lock_store
    for with in "$token" "$reader" "$writer"; do
        begun=$(date +%s)
        call POST /batch -H "Authorization: $with" -d '{"operations":[{"op":"get","key":"counted"}]}'
        succeeded 200
        # Who waits does so for busy_timeout, 45 seconds.
        [ $(($(date +%s) - begun)) -lt 25 ] || fail 'waited for the writer'
    done
    free_store
    call POST /batch -H "Authorization: $writer" -d '{"operations":[{"op":"get","key":"counted"},{"op":"increment","key":"counted"}]}'
    succeeded 200
    call POST /batch -H "Authorization: $reader" -d '{"operations":[{"op":"increment","key":"counted"}]}'
    refused 403 FORBIDDEN
    as_user DELETE "/keys/$(cut -d_ -f3 <<<"$writer")"
    call POST /batch -H "Authorization: $writer" -d '{"operations":[{"op":"increment","key":"counted"}]}'
    refused 401 INVALID_TOKEN
    as_user GET /data/counted
    same "$(field .data.value)" 2
}

@test "batch: 16 clients that count at once count exactly" {
    new_user
    for worker in $(seq 16); do
        for _ in 1 2 3 4 5; do
            curl -sS --max-time "$PATIENCE" -o /dev/null -w '%{http_code}\n' -H "Authorization: $token" \
                -d '{"operations":[{"op":"increment","key":"total"},{"op":"increment","key":"total","by":2},{"op":"increment","key":"calls"}]}' "$BASE/batch"
        done >"$BATS_TEST_TMPDIR/count.$worker" &
        began
    done
    wait_all
    same "$(sort "$BATS_TEST_TMPDIR"/count.* | uniq -c | tr -s ' ')" ' 80 200'
    as_user GET '/data?values=true'
    same "$(field '.data.items | map([.key, .value]) | tojson')" '[["calls",80],["total",240]]'
    as_user GET '/changes?since=0'
    same "$(field .data.last_version)" 240
}

@test "batch: an unknown member named as one of the details leaves them whole" {
    new_user
    for name in index code message; do
        send POST /batch "{\"operations\":[{\"op\":\"get\",\"key\":\"a\",\"$name\":5}]}"
        refused 400 INVALID_FIELD
        same "$(grep -o '"index":' "$body_file" | wc -l) $(field .details.index)" '1 0'
        send POST /batch "{\"operations\":[{\"op\":\"put\",\"key\":\"\",\"value\":1,\"$name\":1}]}"
        refused 409 BATCH_FAILED
        same "$(field '[.details.index, .details.code] | tojson')" '[0,"INVALID_KEY"]'
        same "$(grep -o '"index":' "$body_file" | wc -l)" 1
        [[ $(field .details.message) != *unknown* ]] || fail "$(field .details.message)"
    done
}
