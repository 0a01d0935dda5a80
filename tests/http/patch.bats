# PATCH /api/data/{key}: JSON Merge Patch (RFC 7396) and JSON Patch (RFC 6902)

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

MERGE='Content-Type: application/merge-patch+json'
JSON_PATCH='Content-Type: application/json-patch+json'

@test "patch: the examples of both RFCs, and what follows from their rules" {
    # All of it under one server; the others show that it gets through to them.
    every=7
    [ "$SERVER" != lighttpd ] || every=1
    BASE=$BASE TOKEN=$token EVERY=$every node "$here/patch.js"
}

@test "patch: the answer is that of an update" {
    store p '{"a":1,"b":2}'
    version=$(field .data.version)
    send PATCH /data/p '{"a":3}' -H "$MERGE"
    succeeded 200 'Data updated successfully.'
    same "$(value_text)" '{"a":3,"b":2}'
    same "$(field .data.version)" $((version + 1))
    same "$(header ETag)" "\"$((version + 1))\""
    as_user GET /data/p
    same "$(value_text)" '{"a":3,"b":2}'
    same "$(header ETag)" "\"$((version + 1))\""
    send PATCH '/data?key=p' '[{"op":"remove","path":"/b"}]' -H "$JSON_PATCH"
    same "$(value_text)" '{"a":3}'
}

@test "patch: the content type selects the format, with parameters and in any case" {
    for type in application/json 'APPLICATION/Merge-Patch+JSON' 'application/merge-patch+json; charset=utf-8' \
        'application/json;charset=UTF-8' 'application/json; charset=utf8' 'application/merge-patch+json; charset="UTF8"'; do
        send PUT '/data/t?upsert=true' '{"value":{"a":1}}'
        send PATCH /data/t '{"b":2}' -H "Content-Type: $type"
        same "$(value_text)" '{"a":1,"b":2}'
    done
    send PATCH /data/t '[{"op":"remove","path":"/a"}]' -H 'Content-Type: application/JSON-patch+json ; x=y'
    same "$(value_text)" '{"b":2}'
}

@test "patch: another content type, or none, is 415 and says what is taken" {
    store u '{"a":1}'
    for type in text/plain application/x-www-form-urlencoded application/xml application/jsonp application/merge-patch '' \
        'application/json; charset=latin1' 'application/json; charset' $'application/json\ttext' 'application/json x' \
        'application/merge-patch+json; charset=utf-8; charset=utf-8' 'application/merge-patch+json,application/json' 'application/json-patch+json;=x'; do
        send PATCH /data/u '{"a":2}' -H "Content-Type: $type" ${type:+-H "X-Nothing: 1"}
        refused 415 UNSUPPORTED_MEDIA_TYPE
        same "$(header Accept-Patch)" 'application/merge-patch+json, application/json-patch+json'
        case $type in
        *charset=latin1) wanted='names another charset than UTF-8' ;;
        *'; charset=utf-8; '*) wanted='names a charset twice' ;;
        *' x' | *'; charset' | *$'\t'* | *,* | *';=x') wanted='is malformed' ;;
        *) wanted='must be application/merge-patch+json, application/json or application/json-patch+json' ;;
        esac
        same "$(field .details.content_type)" "$wanted"
    done
    as_user GET /data/u
    same "$(value_text)" '{"a":1}'
}

@test "patch: details name the operation that failed; where none did, but the result can't be a value, the value" {
    store d '{"a":1}'
    send PATCH /data/d '[{"op":"test","path":"/a","value":1},{"op":"test","path":"/a","value":2}]' -H "$JSON_PATCH"
    refused 422 PATCH_FAILED
    same "$(field '.details | tojson')" '{"operation":"1: is not what the test says"}'
    for patch in '[{"op":"replace","path":"","value":null}]' '[{"op":"test","path":"/a","value":1},{"op":"add","path":"","value":null}]'; do
        send PATCH /data/d "$patch" -H "$JSON_PATCH"
        refused 422 PATCH_FAILED
        same "$(field '.details | tojson')" '{"value":"would be null"}'
    done
    send PATCH /data/d null -H "$MERGE"
    refused 422 PATCH_FAILED
    same "$(field '.details | tojson')" '{"value":"would be null"}'
    as_user GET /data/d
    same "$(value_text)" '{"a":1}'
}

@test "patch: a key that is not there is not made" {
    for key in nothing '?key=' "$(printf 'k%.0s' $(seq 513))"; do
        send PATCH "/data${key/#[!?]*//$key}" '{"a":1}' -H "$MERGE"
        refused 404 KEY_NOT_FOUND "$MESSAGE_NO_KEY"
    done
    as_user GET /data/nothing
    refused 404 KEY_NOT_FOUND
}

@test "patch: a refusal says which operation failed, and why" {
    store f '{"a":1}'
    send PATCH /data/f '[{"op":"test","path":"/a","value":1},{"op":"test","path":"/a","value":2}]' -H "$JSON_PATCH"
    refused 422 PATCH_FAILED
    same "$(field .details.operation)" '1: is not what the test says'
    send PATCH /data/f '[{"op":"add","path":"b","value":1}]' -H "$JSON_PATCH"
    refused 400 INVALID_PATCH
    same "$(field .details.operation)" '0: must have a path, a JSON Pointer'
    send PATCH /data/f '{"a":1' -H "$MERGE"
    refused 400 INVALID_REQUEST
    same "$(field '.details | has("body")')" true
}

@test "patch: whether it is malformed does not depend on the value" {
    store malformed '{"a":{"b":1}}'
    for wrong in '{"op":"bogus","path":"/a"}' '{"op":"remove","path":3}' '{"op":"remove","path":"/~3"}' \
        '{"op":"add","path":"/a"}' '{"op":"copy","path":"/a"}' '{"op":"move","from":"/a","path":"/a/b"}' 7; do
        for first in '{"op":"remove","path":"/x"}' '{"op":"remove","path":"/a"}' \
            '{"op":"test","path":"/a","value":2}'; do
            send PATCH /data/malformed "[$first,$wrong]" -H "$JSON_PATCH"
            refused 400 INVALID_PATCH
            [[ $(field .details.operation) == '1: '* ]] || fail "another operation: $body"
        done
    done
    as_user GET /data/malformed
    same "$(value_text)" '{"a":{"b":1}}'
}

@test "patch: conditions hold for it as for an update" {
    store c '{"n":1}'
    version=$(field .data.version)
    send PATCH /data/c '{"n":2}' -H "$MERGE" -H 'If-Match: "999"'
    same "$code $(field .code)" '412 PRECONDITION_FAILED'
    same "$(field .data.current.version)" "$version"
    send PATCH /data/c '{"n":2}' -H "$MERGE" -H "If-Match: \"$version\""
    succeeded 200
    # A patch that fails for itself is not looked at before its condition.
    send PATCH /data/c '[{"op":"remove","path":"/x"}]' -H "$JSON_PATCH" -H "If-Match: \"$version\""
    same "$code" 412
}

@test "patch: the time a value expires at stays" {
    send POST /data '{"key":"ttl","value":{"a":1},"ttl":1000}'
    expires=$(field .data.expires_at)
    send PATCH /data/ttl '{"a":2}' -H "$MERGE"
    same "$(field .data.expires_at)" "$expires"
}

@test "patch: 10 clients that add a member each at once lose none" {
    store m '{}'
    for i in $(seq 10); do
        curl -sS --max-time "$PATIENCE" -o /dev/null -X POST -H "Authorization: $token" -H 'X-HTTP-Method-Override: PATCH' \
            -H "$MERGE" -d "{\"k$i\":$i}" "$BASE/data/m" &
        began
    done
    wait_all
    as_user GET /data/m
    same "$(field '.data.value | length')" 10
}
