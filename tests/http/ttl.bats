# Items that expire

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

# seconds TIME: an RFC 3339 time as seconds since 1970
seconds() { date -d "$1" +%s; }

# store_for KEY TTL [VALUE]
store_for() { send POST /data "{\"key\":\"$1\",\"value\":${3:-1},\"ttl\":$2}"; }

# gone KEY: waits until it is.
gone() {
    not_read() {
        as_user GET "/data/$1"
        [ "$code" != 200 ]
    }
    eventually not_read "$1"
    refused 404 KEY_NOT_FOUND "$MESSAGE_NO_KEY"
}

@test "ttl: an item shows when it expires, in every answer" {
    store_for shown 3600
    succeeded 201
    expires=$(field .data.expires_at)
    same $(($(seconds "$expires") - $(seconds "$(field .data.updated_at)"))) 3600
    as_user GET /data/shown
    same "$(field .data.expires_at)" "$expires"
    as_user GET /data
    same "$(field '.data.items[] | select(.key == "shown") | .expires_at')" "$expires"
    as_user GET '/changes?since=0'
    same "$(field '.data.changes[] | select(.key == "shown") | .expires_at')" "$expires"
    store plain 1
    same "$(field '.data | has("expires_at")')" false
}

@test "ttl: counts from the write, not from before the wait for another writer" {
    store_for waits 1000
    for attempt in 'POST /data {"key":"waited","value":1,"ttl":2}' 'PUT /data/waits {"value":1,"ttl":2}' \
        'POST /batch {"operations":[{"op":"create","key":"batched","value":1,"ttl":2}]}' 'POST /keys {"name":"k","scope":"read","ttl":2}'; do
        read -r method path json <<<"$attempt"
        lock_store
        free_store_after 1
        send "$method" "$path" "$json"
        case $code in 20[01]) ;; *) fail "$path" ;; esac
        expires=$(field '[.. | .expires_at? // empty][0]')
        wait_all
        # It was not written before that.
        [ "$(date -d "$expires" +%s%3N)" -ge $(($(cat "$BATS_TEST_TMPDIR/freed") + 2000)) ] || fail "$path expires at $expires"
        exec {store_lock}>&-
    done
}

@test "ttl: PUT without it clears it, PUT with it sets it anew" {
    store_for cleared 1000
    send PUT /data/cleared '{"value":2}'
    same "$(field '.data | has("expires_at")')" false
    send PUT /data/cleared '{"value":2,"ttl":50}'
    same $(($(seconds "$(field .data.expires_at)") - $(seconds "$(field .data.updated_at)"))) 50
    as_user GET /data/cleared
    same "$(field '.data | has("expires_at")')" true
}

@test "ttl: from 1 second to 10 years, whole numbers" {
    for ttl in 1 315360000 60.0 1e3; do
        store_for "$(fresh_name t)" "$ttl"
        succeeded 201
    done
    for ttl in 0 -1 315360001 1.5 '"60"' null true '[]' 1e99; do
        store_for refused-ttl "$ttl"
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys | tojson')" '["ttl"]'
        send PUT '/data/refused-ttl?upsert=true' "{\"value\":1,\"ttl\":$ttl}"
        refused 400 INVALID_REQUEST
    done
    as_user GET /data/refused-ttl
    refused 404 KEY_NOT_FOUND
}

@test "ttl: what has expired is gone for every call, and its key is free" {
    new_user
    for key in a b c d e; do store_for "x/$key" 1; done
    store x/stays 1
    gone x/e
    as_user GET '/data?count=true'
    same "$(field '[.data.total, (.data.items | map(.key))] | tojson')" '[1,["x/stays"]]'
    send PUT /data/x/a '{"value":2}'
    refused 404 KEY_NOT_FOUND
    send PATCH /data/x/a '{"a":1}' -H 'Content-Type: application/json'
    refused 404 KEY_NOT_FOUND
    as_user DELETE /data/x/a
    refused 404 KEY_NOT_FOUND
    as_user GET /data/x/a -H 'If-Match: *'
    refused 404 KEY_NOT_FOUND
    send POST /batch '{"operations":[{"op":"get","key":"x/a"}]}'
    same "$(field '.details.code')" KEY_NOT_FOUND
    send POST /batch '{"operations":[{"op":"create","key":"x/b","value":1,"if_version":0},{"op":"increment","key":"x/c"}]}'
    same "$(field '.data.results[1].value')" 1
    store x/a '"new"'
    succeeded 201
    same "$(field '.data | has("expires_at")')" false
    send PUT '/data/x/d?upsert=true' '{"value":1}'
    succeeded 201
    as_user DELETE '/data?prefix=x/'
    same "$(field .data.deleted)" 5
}

@test "ttl: what has expired reaches those who follow as a deletion, with a version of its own" {
    new_user
    store_for soon 1
    store other 1
    as_user GET '/changes?since=2&wait=20'
    succeeded 200
    same "$(field '[.data.changes[] | [.key, .version, .deleted]] | tojson')" '[["soon",3,true]]'
    same "$(field .data.last_version)" 3
    store next 1
    same "$(field .data.version)" 4
    as_user GET /me
    same "$(field '.data.usage | [.keys, .bytes] | tojson')" '[2,2]'
}

@test "ttl: later writes sweep, a bounded number each" {
    new_user
    # All are over already, as if nobody had written for long.
    store_sql "
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
        INSERT INTO items SELECT $user_id, 'old/' || i, i, 1, 1, 1, 1000 + i, '1' FROM n;
        UPDATE users SET version = 200, keys = 200, bytes = 200, next_expiry = 1001 WHERE id = $user_id;"
    store first 1
    swept=$(($(field .data.version) - 201))
    [ "$swept" -ge 10 ] && [ "$swept" -le 100 ] || fail "swept $swept"
    as_user GET /data
    same "$(field '.data.items | map(.key) | tojson')" '["first"]'
    for i in 1 2 3 4 5 6; do store "more$i" 1; done
    same "$(field .data.version)" 407 # 200 that were, 200 deletions, 7 writes
    as_user GET /me
    same "$(field '.data.usage | [.keys, .bytes] | tojson')" '[7,7]'
}
