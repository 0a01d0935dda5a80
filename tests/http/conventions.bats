# What holds for every call: methods, heads, bodies, lengths

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    store there '"value"'
    export user user_id token
}

@test "health: says version, engine and database, without a token" {
    call GET /health
    succeeded 200
    same "$(field .data.database)" ok
    [[ $(field .data.version) =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail 'no version'
    [ "$(field .data.engine)" != null ] || fail 'no engine'
    case $body in *"$DATA"*) fail 'a path' ;; esac
}

@test "methods: HEAD is GET without the body" {
    as_user GET /data/there
    etag=$(header ETag)
    length=$(header Content-Length)
    as_user HEAD /data/there
    same "$code" 200
    same "$(header ETag)" "$etag"
    same "$(header Cache-Control)" 'private, no-cache'
    same "$(header Content-Length)" "$length"
    as_user HEAD /data/nothing
    same "$code" 404
    call HEAD /data/there
    same "$code" 401
    call HEAD /health
    same "$code" 200
}

@test "heads: a range is ignored, every answer is whole" {
    new_user
    for path in /me /me/export /data; do
        as_user GET "$path" -H 'Range: bytes=0-3'
        succeeded 200
        same "$(header Content-Range)" ''
    done
}

@test "methods: OPTIONS answers 204 with Allow, without a token" {
    for pair in '/register POST, OPTIONS' '/token POST, OPTIONS' '/health GET, HEAD, OPTIONS' \
        '/data/x GET, HEAD, PUT, DELETE, OPTIONS' '/data?key=x GET, HEAD, PUT, DELETE, OPTIONS'; do
        call OPTIONS "${pair%% *}"
        same "$code" 204
        check_form
        for method in ${pair#* }; do
            case ", $(header Allow)," in *", ${method%,},"*) ;; *) fail "no $method for ${pair%% *}" ;; esac
        done
        same "$(header Access-Control-Allow-Origin)" ''
    done
}

@test "methods: others are 405 with Allow" {
    as_user DELETE /health
    refused 405 METHOD_NOT_ALLOWED
    same "$(header Allow)" 'GET, HEAD, OPTIONS'
    as_user POST /data/there -d '{"value":1}'
    refused 405 METHOD_NOT_ALLOWED
}

@test "methods: a 405 comes before the token and before the body" {
    call POST /data/there -d 'not json'
    refused 405 METHOD_NOT_ALLOWED
}

@test "methods: an unknown address is 404, in JSON" {
    call GET /nothing
    same "$code" 404
    same "$(field .status)" error
    same "$(field .code)" NOT_FOUND
    call GET /register/extra
    refused 404 NOT_FOUND
    call GET /health/extra
    refused 404 NOT_FOUND
}

@test "override: POST with X-HTTP-Method-Override is that method" {
    store overridden 1
    as_user POST /data/overridden -H 'X-HTTP-Method-Override: PUT' -d '{"value":2}'
    succeeded 200 'Data updated successfully.'
    as_user POST /data/overridden -H 'X-HTTP-Method-Override: DELETE' -d ''
    succeeded 200 'Data deleted successfully.'
    as_user GET /data/overridden
    refused 404 KEY_NOT_FOUND
}

@test "override: counts for POST only, and for no other method" {
    as_user GET /data/there -H 'X-HTTP-Method-Override: DELETE'
    succeeded 200
    same "$(field .data.value)" value
    for word in GET TRACE put '' nonsense; do
        as_user POST /data/there -H "X-HTTP-Method-Override: $word" -d '{"value":1}'
        refused 405 METHOD_NOT_ALLOWED
    done
}

@test "bodies: any content type is taken as JSON" {
    for type in application/json text/plain application/x-www-form-urlencoded 'application/json; charset=utf-8' ''; do
        key=$(fresh_name ct)
        as_user POST /data -H "Content-Type: $type" -d "{\"key\":\"$key\",\"value\":1}"
        succeeded 201
    done
}

# What is no JSON object (RFC 8259) or not in the limits. refuse_body TEXT [LIKE]
refuse_body() {
    printf '%b' "$1" >"$BATS_TEST_TMPDIR/bad"
    as_user POST /data --data-binary "@$BATS_TEST_TMPDIR/bad"
    refused 400 INVALID_REQUEST
    [[ $(field .details.body) =~ ' at byte '[0-9]+$ ]] || fail "details.body does not say where: $1"
}

@test "bodies: what is no JSON is refused with the byte" {
    for bad in '' ' ' 'x' '{' '}' '{"key"' '{"key":' '{"key":"a"' '{"key":"a",' '{"key":"a",}' '{,}' '{"a":1 "b":2}' '{"a" 1}' \
        "{'a':1}" '{a:1}' '{"a":01}' '{"a":1.}' '{"a":.5}' '{"a":+1}' '{"a":-}' '{"a":1e}' '{"a":0x1}' '{"a":NaN}' \
        '{"a":Infinity}' '{"a":-Infinity}' '{"a":undefined}' '{"a":tru}' '{"a":True}' '{"a":[1,]}' '{"a":[1 2]}' '{"a":[}' \
        '{"a":"}' '{"a":"\\x"}' '{"a":"\\u12"}' '{"a":"\\u12G4"}' '{"a":"a\tb"}' '{"a":"a\nb"}' '{"a":1}/*c*/' '{"a":1}//' \
        '\xef\xbb\xbf{"a":1}' '{"a":1}x' '{"a":1}{}' '{"a":1},' '{"a":1}]' '{"a":--1}' '{"a":1e+}' '{"a":"\\"}'; do
        refuse_body "$bad"
    done
}

@test "bodies: a top level that is no object is refused" {
    for bad in '[]' '"text"' '5' 'true' 'null' '[{"key":"a","value":1}]'; do
        refuse_body "$bad"
    done
}

@test "bodies: bad UTF-8 is refused wherever it stands" {
    for bad in '\xff' '\xfe' '\x80' '\xc0\xaf' '\xc1\xbf' '\xc3' '\xe2\x82' '\xe0\x80\xaf' '\xed\xa0\x80' '\xed\xbf\xbf' \
        '\xf0\x80\x80\xaf' '\xf4\x90\x80\x80' '\xf8\x88\x80\x80\x80' '\xf0\x9f\x98'; do
        refuse_body "{\"key\":\"a\",\"value\":\"$bad\"}"
        refuse_body "{\"key\":\"a\",\"value\":{\"$bad\":1}}"
        refuse_body "{\"key\":\"a\",\"value\":1,\"$bad\":1}"
    done
}

@test "bodies: a NUL byte is refused, and so are lone surrogates" {
    for bad in '{"key":"a\0000b","value":1}' '{"key":"a","value":"\0000"}' '\0000' '{}\0000' '{"key":"a","value":"\\ud800"}' \
        '{"key":"a","value":"\\udc00"}' '{"key":"a","value":"\\ud800\\ud800"}' '{"key":"a","value":"\\ud83dx"}'; do
        refuse_body "$bad"
    done
}

@test "bodies: an escaped NUL is taken in values and the names in them, and comes back to the letter" {
    odd='{"\u0000":"a\u0000b", "a":[1.0,"\u0000"], "a\u0000":{"\u0000":{}}, "\\u0000":"\\\u0000"}'
    store nul "$odd"
    succeeded 201
    as_user GET /data/nul
    same "$(value_text)" "$odd"
    send PUT /data/nul '{"value":"\u0000"}'
    succeeded 200
    same "$(value_text)" '"\u0000"'
    send POST /batch "{\"operations\":[{\"op\":\"put\",\"key\":\"nul\",\"value\":$odd},{\"op\":\"get\",\"key\":\"nul\"}]}"
    succeeded 200
    as_user GET /me/export
    grep -qF "\"value\":$odd}" "$body_file" || fail 'not in the export'
    cp "$body_file" "$BATS_TEST_TMPDIR/sent"
    as_user POST '/me/import?mode=replace' --data-binary "@$BATS_TEST_TMPDIR/sent"
    succeeded 200
    as_user GET /data/nul
    same "$(value_text)" "$odd"
    as_user GET '/data?prefix=nul&values=true'
    grep -qF "\"value\":$odd," "$body_file" || fail 'not in the list'
}

@test "bodies: an escaped NUL in a key, or in the name of a member that counts, is none of them" {
    for bad in '{"key":"z\u0000","value":1}' '{"key":"\u0000","value":1}' '{"key\u0000x":"z","value":1}' \
        '{"\u0000key":"z","value":1}' '{"key\u0000":"z","value":1}'; do
        send POST /data "$bad"
        same "$code" 400
    done
    send POST /data '{"key":"z\u0000","value":1}'
    refused 400 INVALID_KEY
    for bad in '{"value\u0000":1}' '{"value\u0000x":1}' '{"\u0000value":1}'; do
        send PUT '/data/z?upsert=true' "$bad"
        same "$code" 400
    done
    for bad in '{"op":"upsert","key":"z\u0000","value":1}' '{"op":"upsert","key":"z","value\u0000":1}' \
        '{"op":"upsert\u0000","key":"z","value":1}' '{"op":"upsert","key\u0000":"z","value":1}'; do
        send POST /batch "{\"operations\":[$bad]}"
        [ "$code" != 200 ] || fail "$bad"
    done
    send POST /batch '{"operations\u0000":[{"op":"upsert","key":"z","value":1}]}'
    same "$code" 400
    for bad in '{"items":[{"key":"z\u0000","value":1}]}' '{"items":[{"key":"z","value\u0000":1}]}' \
        '{"items\u0000":[]}' '{"items":[{"key":"z","value":1,"created_at":"2026-01-31T12:00:00Z\u0000"}]}'; do
        send POST /me/import "$bad"
        same "$code" 400
    done
    as_user GET '/data?prefix=z&count=true'
    same "$(field .data.total)" 0
    for bad in '.username += "\u0000"' '.email += "\u0000"' '.password += "\u0000x"' '.full_name = "\u0000"' '.gender += "\u0000"'; do
        register "$(user_json "$(fresh_name nul)" "$bad")"
        same "$code" 400
    done
}

@test "bodies: duplicate members of the top object are refused, however they are spelled" {
    for bad in '{"key":"a","value":1,"key":"b"}' '{"key":"a","value":1,"value":2}' '{"key":"a","value":1,"x":1,"x":1}' \
        '{"key":"a","value":1,"\\u006bey":"b"}' '{"":1,"":2}'; do
        refuse_body "$bad"
    done
}

@test "bodies: a value of 96 levels is taken by every way in, one of 97 by none" {
    nest() { printf '[%.0s' $(seq "$1") && printf ']%.0s' $(seq "$1"); }
    key=$(fresh_name deep)
    deep=$(nest 96) deeper=$(nest 97)
    store "$key" "$deep"
    succeeded 201
    as_user GET "/data/$key"
    same "$(value_text)" "$deep"
    send PUT "/data/$key" "{\"value\":$deep}"
    succeeded 200
    send POST /batch "{\"operations\":[{\"op\":\"put\",\"key\":\"$key\",\"value\":$deep}]}"
    succeeded 200
    send PATCH "/data/$key" "$deep" -H 'Content-Type: application/merge-patch+json'
    succeeded 200
    send PATCH "/data/$key" "[{\"op\":\"replace\",\"path\":\"\",\"value\":[1]},{\"op\":\"add\",\"path\":\"/0\",\"value\":$(nest 95)}]" \
        -H 'Content-Type: application/json-patch+json'
    succeeded 200
    # Texts with brackets in them are no levels.
    store "$key-text" "[\"$(nest 50)\\\"$(nest 60)\"]"
    succeeded 201
    store "$key-" "$deeper"
    refused 400 INVALID_VALUE
    store "$key-" "$(printf '{"a":%.0s' $(seq 97))1$(printf '}%.0s' $(seq 97))"
    refused 400 INVALID_VALUE
    send PUT "/data/$key" "{\"value\":$deeper}"
    refused 400 INVALID_VALUE
    send POST /batch "{\"operations\":[{\"op\":\"put\",\"key\":\"$key\",\"value\":$deeper}]}"
    refused 409 BATCH_FAILED
    same "$(field .details.code)" INVALID_VALUE
    send POST /me/import "{\"items\":[{\"key\":\"$key\",\"value\":$deeper}]}"
    refused 400 INVALID_VALUE
    send PATCH "/data/$key" "$deeper" -H 'Content-Type: application/merge-patch+json'
    refused 422 PATCH_FAILED
    send PATCH "/data/$key" "{\"a\":$deep}" -H 'Content-Type: application/merge-patch+json'
    refused 422 PATCH_FAILED
    send PATCH "/data/$key" "[{\"op\":\"add\",\"path\":\"/0\",\"value\":$deep}]" -H 'Content-Type: application/json-patch+json'
    refused 422 PATCH_FAILED
    send PATCH "/data/$key" "[{\"op\":\"replace\",\"path\":\"\",\"value\":$deeper}]" -H 'Content-Type: application/json-patch+json'
    refused 422 PATCH_FAILED
    as_user GET "/data/$key"
    same "$(value_text)" "[$(nest 95),1]"
    refuse_body "{\"key\":\"$key-\",\"value\":$(nest 100)}"
    refuse_body "{\"key\":\"$key-\",\"value\":$(printf '{"a":%.0s' $(seq 50000))}"
}

@test "bodies: a refused body changes nothing" {
    as_user GET /data/a
    refused 404 KEY_NOT_FOUND
    as_user GET /data/b
    refused 404 KEY_NOT_FOUND
}

@test "bodies: a million digits and a hundred thousand members are no trouble" {
    key=$(fresh_name long)
    { printf '{"key":"%s","value":' "$key" && head -c 200000 /dev/zero | tr '\0' 9 && printf '}'; } >"$BATS_TEST_TMPDIR/digits"
    as_user POST /data --data-binary "@$BATS_TEST_TMPDIR/digits"
    succeeded 201
    { printf '{"key":"%s2","value":[0' "$key" && printf ',%d' $(seq 40000) && printf ']}'; } >"$BATS_TEST_TMPDIR/members"
    as_user POST /data --data-binary "@$BATS_TEST_TMPDIR/members"
    succeeded 201
    { printf '{"key":"%s3","value":1' "$key" && for i in $(seq 3000); do printf ',"m%d":1' "$i"; done && printf '}'; } >"$BATS_TEST_TMPDIR/fields"
    as_user POST /data --data-binary "@$BATS_TEST_TMPDIR/fields"
    refused 400 INVALID_FIELD
}

@test "lengths: a body above the limit is BODY_TOO_LARGE before the token is looked at" {
    head -c 1500000 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/large"
    call POST /data --data-binary "@$BATS_TEST_TMPDIR/large"
    refused 413 BODY_TOO_LARGE
    call POST /register --data-binary "@$BATS_TEST_TMPDIR/large"
    refused 413 BODY_TOO_LARGE
    call POST /token --data-binary "@$BATS_TEST_TMPDIR/large"
    refused 413 BODY_TOO_LARGE
}

@test "heads: far too many headers are refused in JSON" {
    seq -f 'X-Header-%g: value' 5000 >"$BATS_TEST_TMPDIR/headers"
    call GET /health -H "@$BATS_TEST_TMPDIR/headers"
    case $code in
    400 | 413 | 431) ;;
    *) fail 'not refused' ;;
    esac
    same "$(field .status)" error
}

@test "lengths: an announced length that no body follows is refused at once" {
    answer=$(raw "POST $(prefix)/data HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 99999999999999999999\r\n\r\n")
    [[ $answer =~ 'HTTP/1.'[01]' '(400|413)' ' ]] || fail "$answer"
}

@test "lengths: a body that ends early is INCOMPLETE_BODY and stores nothing" {
    key=$(fresh_name cut)
    cut="POST $(prefix)/data HTTP/1.1\r\nHost: x\r\nAuthorization: $token\r\nContent-Length: 500\r\n\r\n{\"key\":\"$key\",\"value\":1}"
    answer=$(raw "$cut" 300 END)
    case $SERVER in
    busybox) [[ $answer == 'HTTP/1.'?' 400 '*'"code":"INCOMPLETE_BODY"'* ]] || fail "$answer" ;;
    apache) [[ $answer == 'HTTP/1.'?' 400 '*'"code":"INVALID_REQUEST"'* ]] || fail "$answer" ;; # its own
    lighttpd | nginx) [ -z "$answer" ] || fail "$answer" ;; # who has closed a side is gone to them
    esac
    # and who closes both
    raw "$cut" 300 HANGUP
    sleep 0.5
    as_user GET "/data/$key"
    refused 404 KEY_NOT_FOUND
}

@test "lengths: text after the object is refused, the announced length counts" {
    json='{"key":"lengths-short","value":1}'
    answer=$(raw "POST $(prefix)/data HTTP/1.0\r\nHost: x\r\nAuthorization: $token\r\nContent-Length: 20\r\n\r\n$json")
    [[ $answer == *INVALID_REQUEST* ]] || fail "$answer"
    as_user GET /data/lengths-short
    refused 404 KEY_NOT_FOUND
}

@test "lengths: negative, empty and nonsensical ones are refused" {
    for length in -1 abc 1x '1 2' 0x10 1.5; do
        answer=$(raw "POST $(prefix)/data HTTP/1.0\r\nHost: x\r\nAuthorization: $token\r\nContent-Length: $length\r\n\r\n{}")
        # busybox httpd may drop the connection, or take the number at the front.
        [[ $answer != *'"status":"success"'* ]] || fail "$length: $answer"
        [[ $answer != 'HTTP/1.'?' 5'* || $SERVER = lighttpd ]] || fail "$length: $answer"
    done
}

@test "lengths: chunked bodies are taken where the server decodes them, else 411" {
    key=$(fresh_name chunked)
    as_user POST /data -H 'Transfer-Encoding: chunked' -d "{\"key\":\"$key\",\"value\":1}"
    if [ "$SERVER" = busybox ]; then
        refused 411 LENGTH_REQUIRED
        as_user GET "/data/$key"
        refused 404 KEY_NOT_FOUND
    else
        succeeded 201
        as_user GET "/data/$key"
        succeeded 200
    fi
}

@test "lengths: a PUT of 100 KB is whole, or refused with the way out, and the override works" {
    key=$(fresh_name put)
    store "$key" '"before"'
    fill=$(head -c 100000 /dev/zero | tr '\0' p)
    printf '{"value":"%s"}' "$fill" >"$BATS_TEST_TMPDIR/put"
    as_user PUT "/data/$key" --data-binary "@$BATS_TEST_TMPDIR/put"
    if [ "$SERVER" = busybox ]; then
        refused 400 INCOMPLETE_BODY
        [[ $(field .message) == *X-HTTP-Method-Override* ]] || fail 'the override is not named'
        as_user GET "/data/$key"
        same "$(field .data.value)" before
    else
        succeeded 200
    fi
    as_user POST "/data/$key" -H 'X-HTTP-Method-Override: PUT' --data-binary "@$BATS_TEST_TMPDIR/put"
    succeeded 200
    as_user GET "/data/$key"
    same "$(field '.data.value | length')" 100000
}

@test "heads: nothing a client sends becomes a setting" {
    as_user GET /data/there -H 'Proxy: http://127.0.0.1:1/' -H 'Cubby-Conf: /etc/passwd' -H 'CUBBY_CONF: /etc/passwd'
    succeeded 200
}

@test "heads: a query or a fragment of nonsense is no trouble" {
    for query in '?' '?&&&' '?raw=false&&'; do
        as_user GET "/data/there$query"
        succeeded 200
    done
    for query in '?=' '?%' '?%zz' '?key' '?a=b=c' "?$(printf 'x%.0s' $(seq 4000))" '?<script>'; do
        as_user GET "/data/there$query"
        refused 400 INVALID_PARAMETER
    done
}

@test "errors: an expectation that nobody knows is answered in JSON, whoever answers" {
    as_user GET /data/there -H 'Expect: the-unexpected'
    if [ "$code" = 417 ]; then
        same "$(field .code)" EXPECTATION_FAILED
    else
        succeeded 200
    fi
}

@test "errors: no answer shows a path, a query text or a hash" {
    for path in /register /token /data '/data/x' /health; do
        leaks=("$DATA" SELECT INSERT '$y$' cubby.db /tmp/ .c:)
        # Health names the engine, and means to.
        [ "$path" = /health ] || leaks+=(sqlite)
        for method in GET POST PUT DELETE; do
            call "$method" "$path" -d '{"key":"'"'"';--","username":"'"'"'"}'
            for leak in "${leaks[@]}"; do
                ! grep -qiF -- "$leak" "$body_file" || fail "shows $leak"
            done
        done
    done
}

@test "addresses: one that names scheme and host, as to a proxy, is the same; an empty segment still names nothing" {
    send PUT '/data/form/of?upsert=true' '{"value":"as to a proxy"}'
    host=${BASE#http://} host=${host%%/*}
    rest="HTTP/1.1\r\nHost: $host\r\nConnection: close\r\nAuthorization: $token\r\n\r\n"
    answer=$(raw "GET $BASE/data/form/of $rest")
    case $SERVER in
    busybox) [[ $answer == 'HTTP/1.'[01]' 400 '* ]] || fail "$answer" ;;
    *) [[ $answer == 'HTTP/1.1 200 '*'as to a proxy'* ]] || fail "$answer" ;;
    esac
    answer=$(raw "GET $BASE/data/form//of $rest")
    case $SERVER in
    lighttpd) [[ $answer == 'HTTP/1.1 200 '*'as to a proxy'* ]] || fail "$answer" ;;
    *) [[ $answer == 'HTTP/1.'[01]' 40'[04]' '* ]] || fail "$answer" ;;
    esac
}

@test "answers: each one with a body ends with one newline, and Content-Length counts it" {
    new_user
    store line '"x"'
    for request in 'GET /health' 'GET /data/line' 'GET /data' 'GET /data/none' 'GET /nothing' 'PUT /health' 'GET /me/export' 'GET /changes?since=0'; do
        as_user ${request% *} "${request#* }"
        [ "$(tail -c 1 "$body_file" | od -An -tx1)" = ' 0a' ] || fail "$request: no newline at the end"
        [ "$(tail -c 2 "$body_file" | od -An -tx1)" != ' 0a 0a' ] || fail "$request: two newlines"
        [ -z "$(header Content-Length)" ] || same "$(header Content-Length)" "$(stat -c %s "$body_file")"
    done
}

@test "addresses: a program's name with a slash behind it names nothing, under every web server" {
    new_user
    for path in /data/ /health/ /me/ /changes/ '/data/?key=a'; do
        as_user GET "$path"
        same "$code" 404
        # busybox httpd says so itself, and in a page of its own.
        [ "$SERVER" = busybox ] || refused 404 NOT_FOUND
    done
    send POST /data/ '{"key":"a","value":1}'
    same "$code" 404
    as_user GET /data/a
    refused 404 KEY_NOT_FOUND
}

@test "addresses: a slash behind a key names no key, and one more before a program only what the page says" {
    new_user
    store a 1
    succeeded 201
    # busybox httpd looks for a folder there, and asks no program
    if [ "$SERVER" = busybox ]; then missing='404 NOT_FOUND' other='404 NOT_FOUND'; else missing='404 KEY_NOT_FOUND' other='405 METHOD_NOT_ALLOWED'; fi
    as_user GET /data/a/
    same "$code $(field .code)" "$missing"
    as_user DELETE /data/a/
    same "$code $(field .code)" "$missing"
    as_user POST /data/a/ -d '{"value":2}'
    same "$code $(field .code)" "$other"
    as_user PUT '/data/a/?upsert=true' -d '{"value":2}'
    [ "$code" = 400 ] || same "$code" 404
    as_user GET /data/a
    same "$(field .data.value)" 1
    as_user GET //health
    case $SERVER in
    busybox | lighttpd) succeeded 200 ;;
    *) refused 404 NOT_FOUND ;;
    esac
}
