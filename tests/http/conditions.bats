# Versions, conditional requests (RFC 9110 section 13) and upsert

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

# unmet [VERSION]: 412, with the item as it is, or null.
unmet() {
    same "$code $(field .code)" '412 PRECONDITION_FAILED'
    same "$(header Content-Type)" application/json
    if [ $# = 1 ]; then
        same "$(field '.data.current.version')" "$1"
        same "$(field '.data.current | has("key") and has("value") and has("updated_at")')" true
        same "$(header ETag)" "\"$1\""
    else
        same "$(field '.data | tojson')" '{"current":null}'
    fi
}

# none_match TAG METHOD PATH [JSON]: a request with If-None-Match, however the server takes it.
none_match() {
    local tag=$1 method=$2 path=$3 options=()
    if [ "$SERVER" = busybox ]; then
        case $path in *\?*) path+='&' ;; *) path+='?' ;; esac
        path+="if_none_match=$(encode_query "$tag")"
    else
        options=(-H "If-None-Match: $tag")
    fi
    if [ $# -ge 4 ]; then
        send "$method" "$path" "$4" "${options[@]}" "${@:5}"
    else
        as_user "$method" "$path" "${options[@]}"
    fi
}

@test "conditions: If-Match lets a write through when it names the version, and gives the present item when not" {
    store m 1
    v=$(field .data.version)
    send PUT /data/m '{"value":2}' -H 'If-Match: "77777"'
    unmet "$v"
    same "$(field .data.current.value)" 1
    send PUT /data/m '{"value":2}' -H "If-Match: \"$v\""
    succeeded 200
    same "$(header ETag)" "\"$((v + 1))\""
    send PUT /data/m '{"value":3}' -H "If-Match: \"$v\""
    unmet $((v + 1))
    same "$(field .data.current.value)" 2
    as_user DELETE /data/m -H "If-Match: \"$v\""
    unmet $((v + 1))
    as_user GET /data/m
    same "$(field .data.value) $(field .data.version)" "2 $((v + 1))"
    as_user DELETE /data/m -H "If-Match: \"$((v + 1))\""
    succeeded 200
}

@test "conditions: If-Match takes lists, *, the suffix of a compressed answer, and the form of the query" {
    store l 0
    for form in '"1", "%s"' '"%s" ,"9999999"' '*' ' * ' '"%s-gzip"' '"x","%s-gzip"' ', "%s",,' '%s' 'W/"1", "%s"' '"a,b", "%s"'; do
        v=$(field .data.version)
        # shellcheck disable=SC2059 # the form is the format
        send PUT /data/l '{"value":1}' -H "If-Match: $(printf "$form" "$v")"
        succeeded 200
    done
    v=$(field .data.version)
    send PUT "/data/l?if_match=%22$v%22" '{"value":2}'
    succeeded 200
    send PUT "/data/l?if_match=$v" '{"value":2}'
    unmet $((v + 1))
    # Any other character may stand in a tag, those beyond ASCII too.
    for other in '%21' '%23' '%7E' '%5C' '%C3%A9' '%FF' '%80' ',' '*' 'W/'; do
        send PUT "/data/l?if_match=%22$other%22,%22$((v + 1))%22" '{"value":2}'
        succeeded 200
        v=$((v + 1))
        send PUT "/data/l?if_match=%22$other%22" '{"value":2}'
        unmet $((v + 1))
    done
    # A weak tag never matches strongly, and only the version itself is the tag.
    v=$((v + 1))
    for tag in "W/\"$v\"" "\"0$v\"" "\"$v-gz\"" "\"-gzip\"" "\"$v\\\"" '""' '"99999999999999999999999"'; do
        send PUT /data/l '{"value":3}' -H "If-Match: $tag"
        unmet "$v"
    done
}

@test "conditions: a list that can't be read is refused, not ignored" {
    store r 1
    for list in '"1' 'abc' '"1" "2"' '*, "1"' '"1", *' '*,' ',*' 'w/"1"' ',' '"1 "' '" 1"' '"a b"' '"1", "2 3"' $'"1\t2"' \
        'W/ "1"' 'W/1' 'W/' '1"' '1 2' '"1"2' '1, "2"3' '"1"; "2"' '"1" ""' '**' "'1'" '"'; do
        send PUT /data/r '{"value":2}' -H "If-Match: $list"
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys[0]')" if_match
        none_match "$list" GET /data/r
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys[0]')" if_none_match
    done
    # What no web server lets through in a header: control characters, DEL, and blanks that are no ASCII.
    for list in '%22a%01%22' '%221%0A%22' '%221%0D%0A%22' '%22%1F%22' '%22%7F%22' '%22%09%22' '%221%00%22' '%22+%22' 'W/%221%202%22' \
        '%221%22%0B' '%221%22,%0A%222%22' '%C2%A0%221%22' '%221%22%C2%A0' 'W%2F%22%7F%22,%221%22'; do
        for name in if_match if_none_match; do
            send PUT "/data/r?$name=$list" '{"value":2}'
            refused 400 INVALID_REQUEST
            same "$(field '.details | keys[0]')" "$name"
        done
    done
    send PUT '/data/r?if_match=' '{"value":2}'
    refused 400 INVALID_REQUEST
    # lighttpd passes no header on that is empty, so there it is none.
    if [ "$SERVER" != lighttpd ]; then
        send DELETE /data/r '' -H 'If-Match;'
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys[0]')" if_match
    fi
    send DELETE '/data/r?if_match=' ''
    refused 400 INVALID_REQUEST
    as_user GET /data/r
    same "$(field .data.value)" 1
}

# busybox httpd passes on the last line alone, and If-None-Match never; nginx before 1.23 refuses two lines itself.
@test "conditions: in several lines they are one list, whichever of them names the version" {
    store lines 1
    for form in '%s|"99999"' '"99999"|%s' '"1", |%s' 'W/"2"|%s, "3"' ',|%s'; do
        [ "$SERVER" != busybox ] || [[ ${form#*|} == *%s* ]] || continue
        tag=$(header ETag)
        both=${form/\%s/$tag}
        send PUT /data/lines '{"value":2}' -H "If-Match: ${both%|*}" -H "If-Match: ${both#*|}"
        if [ "$SERVER" = nginx ] && [ "$code" = 400 ]; then
            as_user GET /data/lines
        else
            succeeded 200
        fi
    done
    tag=$(header ETag)
    for both in '"99998"|"99999"' '*|"99999"' "$tag|*" "$tag|\"9" "\"9|$tag" 'nonsense|*'; do
        wanted=400
        [ "$both" != '"99998"|"99999"' ] || [ "$SERVER" = nginx ] || wanted=412
        # Of those that busybox takes for good, the others tell.
        last=${both#*|}
        if [ "$SERVER" != busybox ] || [ "$last" = '"99999"' ] || [ "$last" = '"9' ]; then
            send PUT /data/lines '{"value":3}' -H "If-Match: ${both%|*}" -H "If-Match: ${both#*|}"
            [ "$SERVER" != busybox ] || [ "$last" = '"9' ] || wanted=412
            same "$code" "$wanted"
        fi
        if [ "$SERVER" != busybox ]; then
            for order in "$last|$tag" "$tag|$last"; do
                # Of this header lighttpd passes on the first line alone.
                [ "$SERVER" != lighttpd ] || [ "$order" != "\"99999\"|$tag" ] || continue
                send PUT /data/lines '{"value":3}' -H "If-None-Match: ${order%|*}" -H "If-None-Match: ${order#*|}"
                case $code in 400 | 412) ;; *) fail "$order: $code" ;; esac
            done
        fi
    done
    as_user GET /data/lines
    same "$(header ETag)" "$tag"
}

@test "conditions: ?if_match= means what the header means; both, and different, is refused" {
    store both 1
    tag=$(header ETag)
    send PUT "/data/both?if_match=$(encode_query "$tag")" '{"value":2}'
    succeeded 200
    now=$(encode_query "$(header ETag)")
    for method in PUT PATCH DELETE; do
        send "$method" "/data/both?if_match=$(encode_query "$tag")" '{"value":3}' -H 'Content-Type: application/json'
        same "$code $(field .code)" '412 PRECONDITION_FAILED'
        same "$(field .data.current.value)" 2
    done
    # What would hold up to a NUL is no list.
    for list in "$now%00" "$now%00,%221%22" '*%00'; do
        send PUT "/data/both?if_match=$list" '{"value":3}'
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys[0]')" if_match
    done
    send PUT "/data/both?if_match=*" '{"value":3}'
    succeeded 200
    tag=$(header ETag)
    for other in '"1"' '*' "$tag, \"1\""; do
        send PUT "/data/both?if_match=$(encode_query "$tag")" '{"value":4}' -H "If-Match: $other"
        refused 400 INVALID_REQUEST
        same "$(field .details.if_match)" 'differs from the header of that name'
    done
    send DELETE "/data/both?if_match=$(encode_query "$tag")" '' -H "If-Match: $tag"
    succeeded 200
}

@test "conditions: a key that is not there is 404 whatever the condition; with upsert If-Match is not met" {
    for tag in '*' '"1"'; do
        send PUT /data/absent '{"value":1}' -H "If-Match: $tag"
        refused 404 KEY_NOT_FOUND "$MESSAGE_NO_KEY"
        as_user DELETE /data/absent -H "If-Match: $tag"
        refused 404 KEY_NOT_FOUND
        send PUT '/data/absent?upsert=true' '{"value":1}' -H "If-Match: $tag"
        unmet
    done
    as_user GET /data/absent -H 'If-Match: *'
    refused 404 KEY_NOT_FOUND
}

@test "conditions: PUT with If-None-Match: * creates, and only creates" {
    none_match '*' PUT /data/created '{"value":1}'
    succeeded 201 'Data stored successfully.'
    v=$(field .data.version)
    same "$(header ETag)" "\"$v\""
    none_match '*' PUT /data/created '{"value":2}'
    unmet "$v"
    none_match '*' PUT '/data/created?upsert=true' '{"value":2}'
    unmet "$v"
    as_user DELETE /data/created
    none_match '*' PUT '/data/created?upsert=true' '{"value":3}'
    succeeded 201
    none_match '*' PUT '/data?key=' '{"value":3}'
    refused 400 INVALID_KEY "$MESSAGE_KEY"
}

@test "conditions: If-None-Match with tags stops a write of that version" {
    store n 1
    v=$(field .data.version)
    none_match "\"$v\"" PUT /data/n '{"value":2}'
    unmet "$v"
    none_match "W/\"$v\"" DELETE /data/n
    unmet "$v"
    none_match '"1","2"' PUT /data/n '{"value":2}'
    succeeded 200
    none_match '"1"' PUT /data/nn '{"value":2}'
    refused 404 KEY_NOT_FOUND
}

@test "conditions: GET and HEAD with the version known are 304" {
    store g '"something"'
    v=$(field .data.version)
    for tag in "\"$v\"" "W/\"$v\"" "\"$v-gzip\"" "W/\"$v-gzip\"" '*' "\"1\", \"$v\""; do
        none_match "$tag" GET /data/g
        same "$code" 304
        [ ! -s "$body_file" ] || fail 'a body with 304'
        same "$(header ETag)" "\"$v\""
        same "$(header Cache-Control)" 'private, no-cache'
    done
    none_match "\"$v\"" HEAD /data/g
    same "$code $(header ETag)" "304 \"$v\""
    none_match '"77777"' GET /data/g
    succeeded 200
    same "$(field .data.value)" something
    as_user GET "/data/g?if_none_match=%22$v%22"
    same "$code" 304
    as_user GET "/data/g?if_none_match=$v"
    same "$code" 304
    none_match '*' GET /data/nothing-there
    refused 404 KEY_NOT_FOUND
}

@test "conditions: If-Match is looked at before If-None-Match" {
    store o 1
    v=$(field .data.version)
    none_match "\"$v\"" GET "/data/o?if_match=%221%22"
    unmet "$v"
    none_match "\"$v\"" GET "/data/o?if_match=%22$v%22"
    same "$code" 304
    none_match "\"$v\"" PUT "/data/o?if_match=%22$v%22" '{"value":2}'
    unmet "$v"
    none_match '"1"' PUT "/data/o?if_match=%22$v%22" '{"value":2}'
    succeeded 200
}

@test "conditions: GET, HEAD, POST, PUT and PATCH carry the version as ETag; a refusal carries none" {
    store e 1
    v=$(field .data.version)
    same "$(header ETag)" "\"$v\""
    for method in GET HEAD; do
        as_user "$method" /data/e
        same "$(header ETag)" "\"$v\""
    done
    send PUT /data/e '{"value":2}'
    same "$(header ETag)" "\"$((v + 1))\""
    send PATCH /data/e '3' -H 'Content-Type: application/json'
    same "$(header ETag)" "\"$((v + 2))\""
    as_user GET /data/e-not
    same "$(header ETag)" ''
    store e 1
    same "$code$(header ETag)" 400
}

@test "conditions: upsert creates or replaces" {
    send PUT '/data/up?upsert=true' '{"value":1}'
    succeeded 201 'Data stored successfully.'
    created=$(field .data.created_at)
    send PUT '/data/up?upsert=true' '{"value":2}'
    succeeded 200 'Data updated successfully.'
    same "$(field .data.created_at)" "$created"
    send PUT '/data/up-not?upsert=false' '{"value":2}'
    refused 404 KEY_NOT_FOUND
    for value in '' yes 1 TRUE; do
        send PUT "/data/up?upsert=$value" '{"value":3}'
        refused 400 INVALID_REQUEST
        same "$(field .details.upsert)" 'must be true or false'
    done
    send PUT '/data?upsert=true&key=a//b' '{"value":2}'
    refused 400 INVALID_KEY "$MESSAGE_KEY"
    send PUT '/data/up?upsert=true' '{"value":null}'
    refused 400 INVALID_VALUE "$MESSAGE_VALUE"
    as_user GET /data/up
    same "$(field .data.value)" 2
}

@test "conditions: of 12 writes with one tag at once one gets through" {
    store race 0
    tag=$(header ETag)
    for i in $(seq 12); do
        curl -sS --max-time "$PATIENCE" -o /dev/null -w '%{http_code}\n' -X POST -H 'X-HTTP-Method-Override: PUT' \
            -H "Authorization: $token" -H "If-Match: $tag" -d "{\"value\":$i}" "$BASE/data/race" >"$BATS_TEST_TMPDIR/race.$i" &
        began
    done
    wait_all
    same "$(sort "$BATS_TEST_TMPDIR"/race.* | uniq -c | tr -s ' \n' ' ')" ' 1 200 11 412 '
}

@test "conditions: a call that changes something and takes none refuses If-Match, and changes nothing" {
    new_user
    store kept 1
    succeeded 201
    # What takes none, with every header of a condition that reaches the program.
    login="{\"username\":\"$user\",\"password\":\"$PASSWORD\"}"
    writes=('DELETE|/data?prefix=kept|' 'POST|/batch|{"operations":[{"op":"delete","key":"kept"}]}' 'DELETE|/token?all=true|'
        'PATCH|/me|{"age":99}' "DELETE|/me|{\"password\":\"$PASSWORD\"}" 'POST|/keys|{"name":"n","scope":"read"}'
        'POST|/me/import|{"items":[]}' 'POST|/token/refresh|' "POST|/token|$login" "POST|/register|$(user_json "${user}x")"
        "POST|/reset|{\"username\":\"$user\",\"code\":\"7MZQ2-K4T9A-0XHBN-PD6WE\",\"new_password\":\"Other-pass2?\"}"
        "PUT|/me/password|{\"password\":\"$PASSWORD\",\"new_password\":\"Other-pass2?\"}")
    headers=(If-Match:if_match If-Unmodified-Since:if_unmodified_since)
    [ "$SERVER" = busybox ] || headers+=(If-None-Match:if_none_match)
    for header in "${headers[@]}"; do
        for condition in '"1"' '*' 'Sat, 29 Oct 1994 19:43:31 GMT' 'nonsense'; do
            for write in "${writes[@]}"; do
                IFS='|' read -r method path json <<<"$write"
                send "$method" "$path" "$json" -H "${header%:*}: $condition"
                refused 400 INVALID_REQUEST
                same "$(field '.details | tojson')" "{\"${header#*:}\":\"this call takes no condition\"}"
            done
        done
    done
    for write in "${writes[@]}" 'POST|/data|{"key":"other","value":1}'; do
        IFS='|' read -r method path json <<<"$write"
        send "$method" "$path" "$json" -H 'Content-Range: bytes 0-0/1'
        refused 400 INVALID_REQUEST
        same "$(field '.details | tojson')" '{"content_range":"no part can be sent"}'
    done
    for condition in '"1"' '"999"' '*' 'nonsense'; do
        as_user DELETE '/data?prefix=kept' -H "If-Match: $condition"
        refused 400 INVALID_REQUEST
        same "$(field '.details.if_match')" 'this call takes no condition'
        send POST /batch '{"operations":[{"op":"delete","key":"kept"}]}' -H "If-Match: $condition"
        refused 400 INVALID_REQUEST
        as_user DELETE '/token?all=true' -H "If-Match: $condition"
        refused 400 INVALID_REQUEST
    done
    as_user GET /data
    succeeded 200
    same "$(field '.data.items | map(.key) | join(" ")')" kept
    as_user GET /data -H 'If-Match: "999"'
    succeeded 200
    # The password is still that one.
    send POST /token "$login"
    succeeded 200
}

@test "conditions: creating takes them as the same with a bare value does: * is what it does anyway" {
    new_user
    bare=(-H 'Content-Type: application/json')
    for condition in '*' '"1"' '1, "2"'; do
        as_user DELETE /data/made
        none_match "$condition" POST /data '{"key":"made","value":1}'
        succeeded 201
        tag=$(header ETag)
        as_user DELETE /data/bare
        none_match "$condition" POST '/data/bare?raw=true' 1 "${bare[@]}"
        succeeded 201
    done
    none_match '*' POST /data '{"key":"made","value":2}'
    unmet "${tag//\"/}"
    none_match "$tag" POST /data '{"key":"made","value":2}'
    unmet "${tag//\"/}"
    none_match '"99999"' POST /data '{"key":"made","value":2}'
    refused 400 KEY_EXISTS
    none_match '"99999"' POST '/data/bare?raw=true' 2 "${bare[@]}"
    refused 400 KEY_EXISTS
    send POST /data '{"key":"made","value":2}' -H "If-Match: $tag"
    refused 400 KEY_EXISTS
    send POST "/data?if_match=${tag//\"/%22}" '{"key":"made","value":2}'
    refused 400 KEY_EXISTS
    for condition in '*' "$tag"; do
        send POST /data '{"key":"other","value":2}' -H "If-Match: $condition"
        unmet
    done
    for condition in nonsense '' '*, *'; do
        send POST "/data?if_none_match=$(printf '%s' "$condition" | jq -sRr @uri)" '{"key":"other","value":2}'
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys | tojson')" '["if_none_match"]'
    done
    as_user GET /data
    same "$(field '.data.items | map(.key) | join(" ")')" 'bare made'
    as_user GET /data/made
    same "$(field .data.value)" 1
}

@test "conditions: a time or a part, which a write can't be about, is refused; a read passes over them" {
    new_user
    store dated 1
    tag=$(header ETag)
    long_ago='Sat, 29 Oct 1994 19:43:31 GMT'
    for way in 'PUT {"value":2}' 'PATCH 2' 'DELETE '; do
        for named in "If-Unmodified-Since|if_unmodified_since|$long_ago" 'If-Unmodified-Since|if_unmodified_since|soon' \
            'Content-Range|content_range|bytes 0-0/1'; do
            IFS='|' read -r header name value <<<"$named"
            send "${way%% *}" /data/dated "${way#* }" -H "$header: $value" -H 'Content-Type: application/json'
            refused 400 INVALID_REQUEST
            same "$(field '.details | keys | tojson')" "[\"$name\"]"
        done
    done
    for way in "POST|/data/dated?increment=1|" 'PUT|/data/new?upsert=true|{"value":1}' 'POST|/data|{"key":"new","value":1}'; do
        IFS='|' read -r method path json <<<"$way"
        send "$method" "$path" "$json" -H "If-Unmodified-Since: $long_ago"
        refused 400 INVALID_REQUEST
        same "$(field .details.if_unmodified_since)" 'is no condition here; If-Match and If-None-Match are'
    done
    # Beside a tag, a time is not looked at (RFC 9110 section 13.1.4); a tag that says no is no matter for it.
    send PUT /data/dated '{"value":2}' -H 'If-Match: "99999"' -H "If-Unmodified-Since: $long_ago"
    unmet "${tag//\"/}"
    send PUT "/data/dated?if_match=${tag//\"/%22}" '{"value":2}' -H "If-Unmodified-Since: $long_ago"
    succeeded 200
    tag=$(header ETag)
    none_match '"99999"' PUT /data/dated '{"value":3}'
    succeeded 200
    # If-Modified-Since, If-Range and Range say nothing of a write (sections 13.1.3, 13.1.5 and 14.2).
    send PUT /data/dated '{"value":4}' -H "If-Modified-Since: $long_ago" -H "If-Range: $tag" -H 'Range: bytes=0-0'
    succeeded 200
    for path in /data/dated /data /me /health '/data/dated?raw=true'; do
        for method in GET HEAD; do
            as_user "$method" "$path" -H "If-Unmodified-Since: $long_ago" -H 'If-Modified-Since: Sat, 29 Oct 2094 19:43:31 GMT'
            same "$code" 200
        done
    done
    as_user GET /data/dated
    same "$(field .data.value)" 4
}

@test "conditions: what is for the holder of a token alone says so to caches, with every status; what is for all does not" {
    store vary 1
    v=$(field .data.version)
    while IFS='|' read -r status method path; do
        given=()
        [ "$method" != POST ] || given=(-d '')
        as_user "$method" "$path" "${given[@]}"
        same "$code" "$status"
        same "$(grep -i '^vary:' "$head_file" | tr -d '\r')" 'Vary: Authorization'
    done <<DONE
200|GET|/data/vary
200|GET|/data/vary?raw=true
304|GET|/data/vary?if_none_match=$v
412|GET|/data/vary?if_match=$((v + 1))
404|GET|/data/none
200|GET|/data?prefix=v
400|GET|/data?limit=x
200|GET|/changes?since=0
200|GET|/me
200|GET|/me/export
200|GET|/keys
400|POST|/batch
DONE
    as_user HEAD /data/vary
    same "$(header Vary)" Authorization
    call GET /data/vary
    same "$code $(header Vary)" '401 Authorization'
    while IFS='|' read -r status method path; do
        given=()
        [ "$method" != POST ] || given=(-d '')
        as_user "$method" "$path" "${given[@]}"
        same "$code" "$status"
        same "$(grep -ci '^vary:' "$head_file")" 0
    done <<DONE
200|GET|/health
204|OPTIONS|/data/vary
405|POST|/health
400|POST|/register
400|POST|/token
400|POST|/reset
DONE
}
