# GET /api: what is here.

load lib.bash

@test "api: health tells name, version, endpoints and links, and the links lead somewhere" {
    call GET /health
    succeeded 200
    same "$(field '.data | [.name, .database, (.version | test("^[0-9]+[.]"))] | tojson')" '["cubby","ok",true]'
    for call in 'POST /register' 'POST /token' 'GET /data/{key}' 'POST /data/{key}' 'GET /health'; do
        same "$(field ".data.endpoints | index(\"$call\") != null")" true
    done
    site=${BASE%/*}
    page=$(field .data.links.page) openapi=$(field .data.links.openapi)
    same "$(curl -sS -o "$BATS_TEST_TMPDIR/page" -w '%{http_code}' "$site$page")" 200
    grep -q '<html' "$BATS_TEST_TMPDIR/page"
    same "$(curl -sS "$site$openapi" | jq -r .info.title)" cubby
}

@test "api: the address of the API itself answers the same, with a slash and without" {
    call GET /health
    wanted=$(field '.data | tojson')
    for path in '' /; do
        call GET "$path"
        if [ "$SERVER" = busybox ]; then # it serves nothing there
            [ "$code" != 200 ] || fail 'it does answer: tell the page'
            continue
        fi
        succeeded 200
        same "$(field '.data | tojson')" "$wanted"
        call HEAD "$path"
        same "$code" 200
        call OPTIONS "$path"
        same "$(header Allow)" 'GET, HEAD, OPTIONS'
        call POST "$path" -d '{}'
        refused 405 METHOD_NOT_ALLOWED
        call GET "$path?zz=1"
        refused 400 INVALID_PARAMETER
    done
}

@test "api: addresses near it are none" {
    for path in x /. /x /healthx /health/; do
        call GET "$path"
        [ "$code" != 200 ] || [ "$path" = /. ] || fail "$path"
    done
}
