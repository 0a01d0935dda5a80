# GET /api/me/export and POST /api/me/import

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

# import JSON [QUERY]
import() {
    printf '%s' "$1" >"$BATS_TEST_TMPDIR/import"
    as_user POST "/me/import${2:-}" --data-binary "@$BATS_TEST_TMPDIR/import"
}

export_to() {
    as_user GET /me/export
    succeeded 200
    cp "$body_file" "$1"
}

@test "export: everything stored about the user is in it" {
    new_user
    store a/1 '{"z":1.0,"a":[9007199254740993,1e400]}'
    store 'ü b' '"x"'
    send POST /data '{"key":"short-lived","value":1,"ttl":3600}'
    send PUT '/data?key=%C3%BC%20b' '{"value":"y"}'
    as_user GET '/data?values=true'
    items=$(jq '.data.items | map(del(.version, .size))' "$body_file")
    send POST /keys '{"name":"device","scope":"read","prefix":"a/","ttl":3600}'
    with_device=$(field .data.token)
    as_user GET /data/a/1 -H "Authorization: Bearer $with_device"
    as_user GET /keys
    devices=$(jq .data.keys "$body_file")
    as_user GET /me
    profile=$(field ".data | del(.usage, .limits)")
    as_user GET /me/export
    succeeded 200
    same "$(jq .data.user "$body_file")" "$profile"
    same "$(field .data.format)" cubby-account-1
    [[ $(field .data.exported_at) == 20*Z ]] || fail 'no time'
    same "$(field '.data.items | map(.key) | join(";")')" 'a/1;short-lived;ü b'
    [[ $(field '.data.items[1].expires_at') == 20*Z ]] || fail 'no expiry'
    same "$(jq .data.items "$body_file")" "$items"
    same "$(field '.data.device_tokens[0] | [.name, .scope, .prefix] | join(",")')" device,read,a/
    same "$(jq .data.device_tokens "$body_file")" "$devices"
    # The same JSON, to the letter.
    grep -qF '"value":{"z":1.0,"a":[9007199254740993,1e400]}}' "$body_file" || fail 'another value'
    [[ $body != *'$y$'* && $body != *hash* && $body != *cubby_* ]] || fail 'shows a secret'
}

@test "export: of an empty account is a whole document" {
    new_user
    as_user GET /me/export
    succeeded 200
    same "$(field '.data.items | length')" 0
    same "$(field '.data.device_tokens | length')" 0
}

@test "export: HEAD tells the length" {
    as_user GET /me/export
    length=$(header Content-Length)
    as_user HEAD /me/export
    same "$code" 200
    [ "$SERVER" = busybox ] || same "$(header Content-Length)" "$length"
}

@test "export: is for the user alone" {
    call GET /me/export
    refused 401 INVALID_TOKEN
    call POST /me/import --data-binary '{"items":[]}'
    refused 401 INVALID_TOKEN
    send POST /keys '{"name":"device","scope":"write"}'
    token=$(field .token)
    as_user GET /me/export
    refused 403 FORBIDDEN
    import '{"items":[]}'
    refused 403 FORBIDDEN
}

@test "import: an export goes into a fresh account and comes out the same" {
    new_user
    store b '{"x": [1, "ü", null, {"deep": true}]}'
    store a/b/c 12345678901234567890
    store 'quo"te\key' '"\u00e9\n"'
    send POST /data '{"key":"later","value":1.50,"ttl":3600}'
    send PUT /data/b '{"value":2}'
    export_to "$BATS_TEST_TMPDIR/first"
    new_user
    import "$(cat "$BATS_TEST_TMPDIR/first")"
    succeeded 200
    same "$(field .data.imported)" 4
    export_to "$BATS_TEST_TMPDIR/second"
    items() { sed -n '/"items":\[/,$p' "$1"; }
    same "$(items "$BATS_TEST_TMPDIR/second" | tail -n +2)" "$(items "$BATS_TEST_TMPDIR/first" | tail -n +2)"
    as_user GET '/data?key=quo%22te%5Ckey'
    succeeded 200
    same "$(field .data.value)" $'é'
    as_user GET /data/later
    [[ $(field .data.expires_at) == 20*Z ]] || fail 'no expiry'
}

@test "import: merge keeps what it does not name, replace does not" {
    new_user
    store kept 1
    store changed 1
    import '{"items":[{"key":"changed","value":2},{"key":"new","value":3}]}'
    succeeded 200
    same "$(field '.data | [.imported, .removed] | join(",")')" 2,0
    as_user GET /data/kept
    succeeded 200
    as_user GET /data/changed
    same "$(field .data.value)" 2
    import '{"items":[{"key":"new","value":4}]}' '?mode=replace'
    succeeded 200
    same "$(field '.data | [.imported, .removed] | join(",")')" 1,3
    for key in kept changed; do
        as_user GET "/data/$key"
        refused 404 KEY_NOT_FOUND
    done
    as_user GET /data/new
    same "$(field .data.value)" 4
    import '{"mode":"replace","items":[]}'
    succeeded 200
    as_user GET /me
    same "$(field .data.usage.keys)" 0
    same "$(field .data.usage.bytes)" 0
}

@test "import: versions are assigned in this account" {
    new_user
    store a 1
    store a2 1
    import '{"items":[{"key":"b","value":2,"version":999},{"key":"a","value":3,"version":1}]}'
    succeeded 200
    as_user GET /data/b
    same "$(field .data.version)" 3
    as_user GET /data/a
    same "$(field .data.version)" 4
    same "$(header ETag)" '"4"'
}

@test "import: times are kept, but for those that lie ahead" {
    new_user
    import '{"items":[{"key":"old","value":1,"created_at":"2020-02-29T01:02:03.456Z","updated_at":"2021-01-01T00:00:00Z"},
        {"key":"ahead","value":1,"created_at":"2999-01-01T00:00:00.000Z"},
        {"key":"over","value":1,"expires_at":"2020-01-01T00:00:00.000Z"}]}'
    succeeded 200
    same "$(field '.data | [.imported, .expired] | join(",")')" 2,1
    as_user GET /data/old
    same "$(field '.data | [.created_at, .updated_at] | join(",")')" 2020-02-29T01:02:03.456Z,2021-01-01T00:00:00.000Z
    as_user GET /data/ahead
    [[ $(field .data.created_at) != 2999* ]] || fail 'from the future'
    as_user GET /data/over
    refused 404 KEY_NOT_FOUND
}

@test "import: an item that is over is that whatever its date, 1970 and before too" {
    new_user
    store kept 1
    for end in 2020-01-01T00:00:00.000Z 1970-01-01T00:00:00.001Z 1970-01-01T00:00:00.000Z 1970-01-01T00:00:00Z 1969-12-31T23:59:59.999Z \
        1969-01-01T00:00:00.000Z 1900-02-28T00:00:00Z 0001-01-01T00:00:00Z 0000-01-01T00:00:00.000Z; do
        for mode in merge replace; do
            import "{\"items\":[{\"key\":\"over\",\"value\":1,\"expires_at\":\"$end\"},{\"key\":\"kept\",\"value\":2}]}" "?mode=$mode"
            succeeded 200
            same "$(field '.data | [.imported, .expired] | join(",")')" 1,1
            as_user GET /data/over
            refused 404 KEY_NOT_FOUND
        done
    done
    import '{"items":[{"key":"stays","value":1},{"key":"ends","value":1,"expires_at":"2999-01-01T00:00:00.000Z"}]}'
    same "$(field '.data | [.imported, .expired] | join(",")')" 2,0
    as_user GET /data/stays
    same "$(field '.data | has("expires_at")')" false
    as_user GET /data/ends
    same "$(field .data.expires_at)" 2999-01-01T00:00:00.000Z
    # 1970 is a time that an item may be from; before that is none that can be stored.
    import '{"items":[{"key":"first","value":1,"created_at":"1970-01-01T00:00:00Z","updated_at":"1970-01-01T00:00:00.000Z"}]}'
    succeeded 200
    as_user GET /data/first
    same "$(field '.data | [.created_at, .updated_at] | join(",")')" 1970-01-01T00:00:00.000Z,1970-01-01T00:00:00.000Z
}

@test "import: without times an item that is there stays as old as it is, as with a PUT, and none is younger than its last write" {
    new_user
    store there 1
    created=$(field .data.created_at)
    import '{"items":[{"key":"there","value":2},{"key":"past","value":1,"updated_at":"2001-01-01T00:00:00.000Z"},
        {"key":"ahead","value":1,"created_at":"2999-01-01T00:00:00.000Z","updated_at":"2001-01-01T00:00:00.000Z"}]}'
    succeeded 200
    as_user GET /data/there
    same "$(field .data.created_at)" "$created"
    [[ $(field .data.updated_at) > $created ]] || fail 'not updated'
    import '{"items":[{"key":"odd","value":1,"created_at":"2020-01-01T00:00:00Z","updated_at":"2001-01-01T00:00:00Z"}]}'
    for key in past ahead odd; do
        as_user GET "/data/$key"
        same "$(field '.data | [.created_at, .updated_at] | join(",")')" 2001-01-01T00:00:00.000Z,2001-01-01T00:00:00.000Z
    done
    import '{"items":[{"key":"there","value":3,"updated_at":"2001-01-01T00:00:00.000Z"}]}'
    as_user GET /data/there
    same "$(field '.data | [.created_at, .updated_at] | join(",")')" 2001-01-01T00:00:00.000Z,2001-01-01T00:00:00.000Z
    # What replaces all is new.
    import '{"items":[{"key":"there","value":4}]}' '?mode=replace'
    as_user GET /data/there
    [[ $(field .data.created_at) > $created ]] || fail 'older than the removal'
}

@test "import: of what has expired alone nothing is written, and nobody is waited for" {
    new_user
    store kept 1
    lock_store
    import '{"items":[{"key":"kept","value":2,"expires_at":"2020-01-01T00:00:00.000Z"}]}'
    succeeded 200
    same "$(field '.data | [.imported, .expired, .removed] | join(",")')" 0,1,0
    import '{"items":[]}'
    succeeded 200
    free_store
    as_user GET /data/kept
    same "$(field .data.value)" 1
    import '{"items":[{"key":"new","value":2,"expires_at":"2020-01-01T00:00:00.000Z"}]}' '?mode=replace'
    same "$(field '.data | [.imported, .expired, .removed] | join(",")')" 0,1,1
    as_user DELETE /token
    import '{"items":[]}'
    refused 401 INVALID_TOKEN
}

@test "import: one bad item and nothing is changed" {
    new_user
    store kept 1
    good='{"key":"good","value":1}'
    while IFS='|' read -r bad status wanted place; do
        import "{\"items\":[$good,$bad]}" '?mode=replace'
        refused "$status" "$wanted"
        same "$(field '.details | keys[0]')" "$place"
    done <<'DONE'
{"value":1}|400|INVALID_KEY|items[1].key
{"key":"","value":1}|400|INVALID_KEY|items[1].key
{"key":5,"value":1}|400|INVALID_KEY|items[1].key
{"key":"a//b","value":1}|400|INVALID_KEY|items[1].key
{"key":"..","value":1}|400|INVALID_KEY|items[1].key
{"key":"x"}|400|INVALID_VALUE|items[1].value
{"key":"x","value":null}|400|INVALID_VALUE|items[1].value
{"key":"x","value":1,"created_at":5}|400|INVALID_REQUEST|items[1].created_at
{"key":"x","value":1,"updated_at":"yesterday"}|400|INVALID_REQUEST|items[1].updated_at
{"key":"x","value":1,"expires_at":"2026-02-30T00:00:00Z"}|400|INVALID_REQUEST|items[1].expires_at
{"key":"x","value":1,"expires_at":"2026-01-01T00:00:00+01:00"}|400|INVALID_REQUEST|items[1].expires_at
{"key":"x","value":1,"expires_at":"1969-02-29T00:00:00Z"}|400|INVALID_REQUEST|items[1].expires_at
{"key":"x","value":1,"expires_at":"1970-01-01T00:00:00Z\u0000"}|400|INVALID_REQUEST|items[1].expires_at
{"key":"x","value":1,"expires_at":""}|400|INVALID_REQUEST|items[1].expires_at
{"key":"x","value":1,"expires_at":null}|400|INVALID_REQUEST|items[1].expires_at
{"key":"x","value":1,"expires_at":0}|400|INVALID_REQUEST|items[1].expires_at
{"key":"x","value":1,"created_at":"1969-12-31T23:59:59.999Z"}|400|INVALID_REQUEST|items[1].created_at
{"key":"x","value":1,"updated_at":"0000-01-01T00:00:00Z"}|400|INVALID_REQUEST|items[1].updated_at
[]|400|INVALID_REQUEST|items[1]
7|400|INVALID_REQUEST|items[1]
{"key":"x","key":"y","value":1}|400|INVALID_REQUEST|items[1]
DONE
    printf '{"items":[%s,{"key":"x","value":"%s"}]}' "$good" "$(head -c 262144 /dev/zero | tr '\0' v)" >"$BATS_TEST_TMPDIR/large"
    as_user POST '/me/import?mode=replace' --data-binary "@$BATS_TEST_TMPDIR/large"
    refused 413 VALUE_TOO_LARGE
    as_user GET /data/kept
    succeeded 200
    as_user GET /data/good
    refused 404 KEY_NOT_FOUND
}

@test "import: what is no list of items is refused" {
    for json in '{}' '{"items":{}}' '{"items":null}' '{"items":"x"}' '{"data":{}}' '{"data":{"items":7}}'; do
        import "$json"
        refused 400 INVALID_REQUEST
        [ -n "$(field '.details.items // ""')" ] || fail 'no reason'
    done
    while IFS='|' read -r json reason; do
        import "$json"
        refused 400 INVALID_REQUEST
        same "$(field '.details | tojson')" "$reason"
    done <<'DONE'
{"data":[]}|{"data":"must be an object"}
{"data":{"items":[],"items":[]}}|{"data":"duplicate member at byte 20"}
{"items":[],"data":{"items":[]}}|{"data":"must not stand beside items"}
{"items":[],"data":5}|{"data":"must not stand beside items"}
{"items":[[]]}|{"items[0]":"must be an object"}
{"items":[{"key":"k","value":1},{"key":"a","value":1,"key":"b"}]}|{"items[1]":"duplicate member at byte 27"}
DONE
    for json in '' '[]' '{"items":[' '{"items":[1,]}' '{"items":[],"items":[]}' $'{"items":["\x01"]}'; do
        import "$json"
        refused 400 INVALID_REQUEST
        [ -n "$(field '.details.body // ""')" ] || fail 'no reason'
    done
    import '{"items":[]}' '?mode=append'
    refused 400 INVALID_REQUEST
    import '{"items":[],"mode":"append"}'
    refused 400 INVALID_REQUEST
    import '{ "items" : [ ] }'
    succeeded 200
    same "$(field .data.imported)" 0
}

@test "import: what can be stored can be exported and imported, however deep" {
    new_user
    deep="$(printf '[%.0s' $(seq 96))$(printf ']%.0s' $(seq 96))"
    store deep "$deep"
    succeeded 201
    export_to "$BATS_TEST_TMPDIR/deep"
    new_user
    import "$(cat "$BATS_TEST_TMPDIR/deep")"
    succeeded 200
    as_user GET /data/deep
    succeeded 200
    send PUT /data/deep "{\"value\":$deep}"
    succeeded 200
    import "{\"items\":[{\"key\":\"deeper\",\"value\":[$deep]}]}"
    refused 400 INVALID_VALUE
}

@test "import: a body above max_body_bytes is taken, one that ends early is not" {
    new_user
    node -e 'const items = []; for (let i = 0; i < 40; i++) items.push({key: "big" + i, value: "v".repeat(50000)});
        process.stdout.write(JSON.stringify({items}))' >"$BATS_TEST_TMPDIR/big"
    as_user POST /me/import --data-binary "@$BATS_TEST_TMPDIR/big"
    succeeded 200
    same "$(field .data.imported)" 40
    as_user GET /data/big39
    same "$(field '.data.value | length')" 50000
    answer=$(raw "POST $(prefix)/me/import HTTP/1.0\r\nHost: x\r\nAuthorization: $token\r\nContent-Length: 400\r\n\r\n{\"items\":[{\"key\":\"half\",\"value\":1}]}" 100 HANGUP || true)
    as_user GET /data/half
    refused 404 KEY_NOT_FOUND
    ls "$DATA" >"$BATS_TEST_TMPDIR/files"
    ! grep -q spool "$BATS_TEST_TMPDIR/files" || fail 'a file is left'
}

@test "import: a text that is far too long, or long names of members, are refused, not a trouble of the server" {
    new_user
    awk 'BEGIN { for (i = 0; i < 1200000; i++) printf "\\u00e9" }' >"$BATS_TEST_TMPDIR/text"
    long() { { printf '%s' "$1"; cat "$BATS_TEST_TMPDIR/text"; printf '%s' "$2"; } >"$BATS_TEST_TMPDIR/long"; }
    while IFS='|' read -r before behind wanted place; do
        long "$before" "$behind"
        as_user POST /me/import --data-binary "@$BATS_TEST_TMPDIR/long"
        refused 400 "$wanted"
        same "$(field '.details | keys[0]')" "$place"
    done <<'DONE'
{"items":[{"key":"|","value":1}]}|INVALID_KEY|items[0].key
{"items":[{"key":"k","value":1,"expires_at":"|"}]}|INVALID_REQUEST|items[0].expires_at
{"items":[{"key":"k","value":1,"|":1}]}|INVALID_REQUEST|items[0]
{"items":[],"mode":"|"}|INVALID_REQUEST|mode
{"items":[],"|":1}|INVALID_REQUEST|body
{"data":{"items":[],"|":1}}|INVALID_REQUEST|data
DONE
}

@test "import: more items than an account may have are refused unstored, though their keys are the same" {
    new_user
    awk 'BEGIN { printf "{\"items\":[{\"key\":\"k\",\"value\":1}"; for (i = 0; i < 100000; i++) printf ",{\"key\":\"k\",\"value\":2}"; printf "]}" }' \
        >"$BATS_TEST_TMPDIR/many"
    as_user POST /me/import --data-binary "@$BATS_TEST_TMPDIR/many"
    refused 507 QUOTA_EXCEEDED
    same "$(field '.details | keys[0]')" items
    # Those too that have expired and would not be stored.
    awk 'BEGIN { printf "{\"items\":[{\"key\":\"k\",\"value\":1}"; for (i = 0; i < 100000; i++)
        printf ",{\"key\":\"k\",\"value\":2,\"expires_at\":\"2020-01-01T00:00:00Z\"}"; printf "]}" }' >"$BATS_TEST_TMPDIR/many"
    as_user POST /me/import --data-binary "@$BATS_TEST_TMPDIR/many"
    refused 507 QUOTA_EXCEEDED
    same "$(field '.details | keys[0]')" items
    as_user GET '/changes?since=0'
    same "$(field .data.last_version)" 0
}
