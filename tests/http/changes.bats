# GET /api/changes

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

changes() { as_user GET "/changes?$1"; }
shown() { field '.data.changes | map([.key, .version, .deleted // .value]) | tojson'; }

@test "changes: what changed since a version, oldest first, each key once, deletions as tombstones" {
    new_user
    changes since=0
    succeeded 200
    same "$(field '[.data.changes, .data.last_version, .data.more] | tojson')" '[[],0,false]'
    [[ $(field .data.store_id) =~ ^[0-9a-f]{32}$ ]] || fail 'no store_id'
    store a 1
    store b '{"x":1.0}'
    store c 3
    send PUT /data/a '{"value":4}'
    as_user DELETE /data/c
    changes since=0
    same "$(shown)" '[["b",2,{"x":1}],["a",4,4],["c",5,true]]'
    grep -qF '{"x":1.0}' "$body_file" || fail 'a value that was spelled anew'
    same "$(field '[.data.last_version, .data.more] | tojson')" '[5,false]'
    same "$(field '.data.changes[2] | [has("value"), has("expires_at")] | tojson')" '[false,false]'
    [[ $(field '.data.changes[2].updated_at') == 20*Z ]] || fail 'a deletion without its time'
    changes since=4
    same "$(shown)" '[["c",5,true]]'
    changes since=5
    same "$(shown)" '[]'
    # Without since: from the beginning.
    changes ''
    same "$(field '.data.changes | length')" 3
    store c 6
    changes since=4
    same "$(shown)" '[["c",6,6]]'
}

@test "changes: values=false, prefix and limit" {
    new_user
    for key in p/1 q/1 p/2 q/2 p/3; do store "$key" 1; done
    as_user DELETE /data/p/1
    changes 'since=0&values=false'
    same "$(field '.data.changes | map(has("value")) | unique | tojson')" '[false]'
    changes 'since=0&prefix=p/'
    same "$(shown)" '[["p/2",3,1],["p/3",5,1],["p/1",6,true]]'
    changes 'since=0&prefix=q/'
    same "$(field '.data.last_version')" 6
    changes 'since=0&limit=2'
    same "$(shown)" '[["q/1",2,1],["p/2",3,1]]'
    same "$(field '[.data.more, .data.last_version] | tojson')" '[true,3]'
    changes 'since=3&limit=2'
    same "$(field '[.data.more, .data.last_version] | tojson')" '[true,5]'
    changes 'since=5&limit=2'
    same "$(field '[.data.more, .data.last_version] | tojson')" '[false,6]'
    changes 'since=0&prefix=none'
    same "$(field '[.data.changes, .data.more, .data.last_version] | tojson')" '[[],false,6]'
}

@test "changes: parameters that are none are refused, each by name" {
    for query in since=-1 since=x since= since=99999999999999999999 limit=0 limit=1001 wait=26 wait=-1 wait=1.5 values=no prefix=%FF; do
        changes "$query"
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys | tojson')" "[\"${query%%=*}\"]"
    done
    call GET /changes
    refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
    as_user POST /changes -d '{}'
    refused 405 METHOD_NOT_ALLOWED
    same "$(header Allow)" 'GET, HEAD, OPTIONS'
}

@test "changes: one user's are nothing to another" {
    store mine 1
    new_user
    changes since=0
    same "$(shown)" '[]'
}

# waited QUERY: a request in the background, its answer in $BATS_TEST_TMPDIR/waited, after how many seconds in
# $BATS_TEST_TMPDIR/took
waited() {
    curl -sS --max-time "$PATIENCE" -o "$BATS_TEST_TMPDIR/waited" -w '%{time_total}' -H "Authorization: $token" "$BASE/changes?$1" >"$BATS_TEST_TMPDIR/took" 3>&- &
    began
}

@test "changes: wait returns at once with what there is" {
    new_user
    store a 1
    before=$SECONDS
    changes 'since=0&wait=25'
    same "$(shown)" '[["a",1,1]]'
    [ $((SECONDS - before)) -lt 20 ]
}

@test "changes: wait returns when something comes: a write, a deletion, a batch" {
    new_user
    store a 1
    waited 'since=1&wait=25'
    sleep 0.3
    store b 2
    woken
    same "$(jq -c '[.data.changes[] | [.key, .version, .value]]' "$BATS_TEST_TMPDIR/waited")" '[["b",2,2]]'
    waited 'since=2&wait=25'
    sleep 0.3
    as_user DELETE /data/a
    woken
    same "$(jq -c '[.data.changes[] | [.key, .version, .deleted]]' "$BATS_TEST_TMPDIR/waited")" '[["a",3,true]]'
    # What is no concern of the prefix does not wake, and is not seen again.
    waited 'since=3&wait=25&prefix=p/'
    sleep 0.3
    store q 1
    send POST /batch '{"operations":[{"op":"upsert","key":"r","value":1},{"op":"upsert","key":"p/1","value":1}]}'
    woken
    same "$(jq -c '[[.data.changes[] | [.key, .version]], .data.last_version]' "$BATS_TEST_TMPDIR/waited")" '[[["p/1",6]],6]'
}

@test "changes: wait ends with nothing when the time is up" {
    new_user
    store a 1
    before=$(date +%s%N)
    changes 'since=1&wait=1'
    succeeded 200
    same "$(field '[.data.changes, .data.more, .data.last_version] | tojson')" '[[],false,1]'
    [ $(($(date +%s%N) - before)) -ge 900000000 ] || fail 'did not wait'
}

@test "changes: a device goes on waiting when the other tokens of its user have ended" {
    new_user
    send POST '/keys?raw=true' '{"name":"d","scope":"write"}'
    device=$(cat "$body_file")
    token=$device
    waited 'since=0&wait=25'
    sleep 0.5
    # as when the list of those that have ended is full
    store_sql "UPDATE users SET epoch = epoch + 1 WHERE id = $user_id"
    sleep 0.5
    store a 1
    wait_all
    same "$(jq -c '[.status, [.data.changes[]?.key]]' "$BATS_TEST_TMPDIR/waited")" '["success",["a"]]'
}

@test "changes: who waits learns that the token has ended" {
    new_user
    waited 'since=0&wait=25'
    sleep 0.3
    as_user DELETE '/token?all=true'
    succeeded 200
    woken
    same "$(jq -r .code "$BATS_TEST_TMPDIR/waited")" INVALID_TOKEN
}

@test "changes: who waits longer than the access token lasts learns that it has ended" {
    new_user
    claims=$(token_part 2)
    # On a busy machine the first may be over before anybody waits with it.
    for seconds in 3 12; do
        lasts=$(forge "$DATA/keys.json" '{"alg":"HS256","typ":"JWT","kid":"@KID@"}' "$(jq -c ".exp = $(date +%s) + $seconds" <<<"$claims")")
        token=$lasts waited 'since=0&wait=25'
        woken
        same "$(jq -r '[.code, .details.token] | @csv' "$BATS_TEST_TMPDIR/waited")" '"INVALID_TOKEN","expired"'
        took=$(<"$BATS_TEST_TMPDIR/took")
        [ "${took%.*}" -lt 1 ] || return 0
    done
    fail "answered after $took s: it did not wait"
}

@test "changes: before what is kept, and ahead of what there is, is 410 with the place to go on from" {
    new_user
    for i in 1 2 3; do store "k$i" 1; done
    as_user DELETE '/data?prefix=k'
    store_id=$(changes since=0 && field .data.store_id)
    # As if the first two deletions were forgotten.
    store_sql "DELETE FROM items WHERE user_id = $user_id AND expires_at >= -5;
        UPDATE users SET tombstones = 1, horizon = 5 WHERE id = $user_id"
    for since in 0 4 7 1000; do
        changes "since=$since&wait=5"
        same "$code $(field .code)" '410 CHANGES_EXPIRED'
        same "$(field '[.data.last_version, .data.store_id] | tojson')" "[6,\"$store_id\"]"
    done
    changes since=5
    same "$(shown)" '[["k3",6,true]]'
}

@test "changes: a key that comes back and goes again has one tombstone" {
    new_user
    for _ in 1 2 3; do
        store again 1
        as_user DELETE /data/again
    done
    changes since=0
    same "$(shown)" '[["again",6,true]]'
    same "$(store_sql "SELECT tombstones, keys, bytes, (SELECT COUNT(*) FROM items WHERE user_id = $user_id) FROM users WHERE id = $user_id")" '1|0|0|1'
}
