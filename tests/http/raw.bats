# Bare values and tokens, without the JSON around them: raw=true; and counting with one call.

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

TEXT='text/plain; charset=utf-8'

# bare STATUS TYPE FILE: the answer is the bytes of FILE, of that type, and nothing else.
bare() {
    same "$code" "$1"
    read_head
    same "${head[content-type]-}" "$2"
    same "${head[x-content-type-options]-}" nosniff
    same "${head[content-security-policy]-}" "$POLICY"
    same "${head[content-length]-}" "$(stat -c %s "$3")"
    cmp "$3" "$body_file" || fail 'other bytes'
}

# put_file FILE PATH [curl option…]: as `curl -T` sends it, by the way that every server takes.
put_file() {
    local file=$1 path=$2
    shift 2
    as_user POST "$path" -H 'X-HTTP-Method-Override: PUT' -H 'Expect:' -T "$file" "$@"
}

# file TEXT: a file with that text, in $file.
file() {
    file=$BATS_TEST_TMPDIR/file
    printf '%s' "$1" >"$file"
}

# holds KEY JSON: the value that is stored.
holds() {
    as_user GET "/data/$1"
    succeeded 200
    same "$(value_text)" "$2"
}

@test "raw: a string comes as its text, to the byte and without a newline" {
    store text '"tea\nr\u00efce \ud83d\ude00\t\"\\\/"'
    printf 'tea\nrïce 😀\t"\\/' >"$BATS_TEST_TMPDIR/wanted"
    as_user GET '/data/text?raw=true'
    bare 200 "$TEXT" "$BATS_TEST_TMPDIR/wanted"
    same "$(header ETag)" "\"$(as_user GET /data/text && field .data.version)\""
    as_user GET '/data?key=text&raw=true'
    bare 200 "$TEXT" "$BATS_TEST_TMPDIR/wanted"
    store empty '""'
    as_user GET '/data/empty?raw=true'
    : >"$BATS_TEST_TMPDIR/wanted"
    bare 200 "$TEXT" "$BATS_TEST_TMPDIR/wanted"
    as_user GET '/data/text?raw=false'
    succeeded 200
}

@test "raw: a NUL inside a text goes in and comes out as the byte, and is an escape in JSON" {
    file=$BATS_TEST_TMPDIR/file
    printf 'a\0b' >"$file"
    put_file "$file" '/data/nul?raw=true&upsert=true' -H 'Content-Type: text/plain'
    succeeded 201
    holds nul '"a\u0000b"'
    as_user GET '/data/nul?raw=true'
    bare 200 "$TEXT" "$file"
}

@test "raw: all else comes as its JSON, as it was spelled, and a newline" {
    for value in 12345678901234567890 1.50 1e400 -0 true false '[]' '{"b": 1,"a" :[ 2 ]}' '[null,"x"]'; do
        send PUT '/data/json?upsert=true' "{\"value\":$value}"
        as_user GET '/data/json?raw=true'
        printf '%s\n' "$value" >"$BATS_TEST_TMPDIR/wanted"
        bare 200 application/json "$BATS_TEST_TMPDIR/wanted"
    done
}

@test "raw: HEAD and conditions are as ever" {
    store cond '"four"'
    version=$(field .data.version)
    as_user HEAD '/data/cond?raw=true'
    same "$code" 200
    same "$(header Content-Type)" "$TEXT"
    same "$(header Content-Length)" 4
    same "$(header Cache-Control)" 'private, no-cache'
    as_user GET "/data/cond?raw=true&if_none_match=$version"
    same "$code" 304
    same "$(header ETag)" "\"$version\""
    [ ! -s "$body_file" ]
    as_user GET "/data/cond?raw=true&if_match=$((version + 1))"
    same "$code" 412
    same "$(field .code)" PRECONDITION_FAILED
    file changed
    put_file "$file" "/data/cond?raw=true&if_match=$((version + 1))"
    same "$code" 412
    holds cond '"four"'
    put_file "$file" "/data/cond?raw=true&if_match=$version"
    succeeded 200 'Data updated successfully.'
    same "$(header ETag)" "\"$(field .data.version)\""
    holds cond '"changed"'
}

@test "raw: curl -T keeps every byte of a text, with no content type or text/plain" {
    node -e 'let all = ""; for (let i = 1; i < 0x3000; i++) all += String.fromCodePoint(i); process.stdout.write(all + "\u{10ffff}\ufeff\r\n\n")' >"$BATS_TEST_TMPDIR/all"
    types=('' text/plain 'text/plain; charset=utf-8' 'TEXT/Plain;charset="UTF-8"' 'text/plain; charset=US-ASCII; x=y'
        'text/plain; charset=utf8'         'text/plain;' 'text/plain ; ; charset="utf\-8" ;' $'text/plain\t;\tformat=flowed' 'text/plain; xcharset=latin1; x="; charset=latin1"' 'text/plain;x="a\"b"')
    for type in "${types[@]}"; do
        given=()
        [ -z "$type" ] || given=(-H "Content-Type: $type")
        put_file "$BATS_TEST_TMPDIR/all" '/data/all?raw=true&upsert=true' "${given[@]}"
        [ "$code" = 200 ] || [ "$code" = 201 ] || fail "$type"
        check_form
        as_user GET '/data/all?raw=true'
        bare 200 "$TEXT" "$BATS_TEST_TMPDIR/all"
        as_user DELETE /data/all
    done
    # What looks like JSON is text too, unless it is said to be JSON.
    file '{"a": 1}
'
    put_file "$file" '/data/all?raw=true&upsert=true'
    holds all '"{\"a\": 1}\n"'
    as_user GET '/data/all?raw=true'
    bare 200 "$TEXT" "$file"
    file ''
    put_file "$file" '/data/all?raw=true'
    holds all '""'
}

@test "raw: application/json takes any JSON, and keeps its spelling" {
    for value in '{"b": 1.0,"a" :[ 2 ]}' 1e400 '"t\u00e9xt"' false; do
        file $' \r\n\t'"$value"$'\n'
        put_file "$file" '/data/any?raw=true&upsert=true' -H 'Content-Type: application/json'
        holds any "$value"
    done
    put_file "$file" '/data/any?raw=true' -H 'Content-Type: Application/JSON ; charset=UTF-8'
    succeeded 200
    put_file "$file" '/data/any?raw=true' -H 'Content-Type: application/json; charset="Utf8"'
    succeeded 200
}

# What is no parameter of a media type, or another charset.
malformed_types=($'\ttext' ' text' ';charset' ';charset=' '; charset="utf-8' '; charset=utf-8"' '; charset =utf-8' '; charset= utf-8' ';=utf-8'
    '; charset=utf-8; charset=utf-8' ';charset=utf-8;CHARSET="us-ascii"' '; charset=utf-8 x' '; x' '; charset=""' "; charset='utf-8'" ';x="a\"'
    '; charset=utf-8, text/html' '; charset=utf-8;x=y z' '; charset="utf-8 "' ';charset=utf-8;x="y"z' ',charset=utf-8' '; char set=utf-8')

# type_fault TYPE WANTED: what details say of a content type that the call does not take
type_fault() {
    case $1 in
    *'charset=utf-8; charset='* | *'charset=utf-8;CHARSET='*) same "$(field .details.content_type)" 'names a charset twice' ;;
    *'charset=iso-8859-1' | *'charset=utf-16' | *'charset=latin1' | *'charset=""' | *"charset='utf-8'" | *'charset="utf-8 "')
        same "$(field .details.content_type)" 'names another charset than UTF-8'
        ;;
    *) same "$(field .details.content_type)" "$2" ;;
    esac
}

@test "raw: other content types are 415, and the answer says what is wrong; nothing is stored" {
    store type '"before"'
    file '1'
    others=(application/x-www-form-urlencoded text/html text/plainer application/xml application/octet-stream application/merge-patch+json
        multipart/form-data 'text/html; charset=utf8')
    for type in "${others[@]}" 'text/plain; charset=iso-8859-1' 'text/plain;charset=utf-16' 'application/json; charset=latin1' x \
        "${malformed_types[@]/#/text/plain}" "${malformed_types[@]/#/application/json}" 'text /plain' 'text/ plain' /json application/ \
        'text/plain, application/json' '"text/plain"' 'text/plain/x'; do
        wanted='is malformed'
        ! printf '%s\n' "${others[@]}" | grep -qxF -- "$type" || wanted='must be application/json or text/plain, in UTF-8'
        for way in '/data/type?raw=true' '/data/type?raw=true&upsert=true'; do
            put_file "$file" "$way" -H "Content-Type: $type"
            refused 415 UNSUPPORTED_MEDIA_TYPE
            type_fault "$type" "$wanted"
        done
        as_user POST '/data/fresh?raw=true' -H "Content-Type: $type" --data-binary 1
        refused 415 UNSUPPORTED_MEDIA_TYPE
    done
    # As curl -d sends it.
    as_user POST '/data/fresh?raw=true' -d 1
    refused 415 UNSUPPORTED_MEDIA_TYPE
    holds type '"before"'
    as_user GET /data/fresh
    refused 404 KEY_NOT_FOUND
}

@test "raw: what is no JSON, no UTF-8, null, too deep or too large is refused, and nothing is stored" {
    store bad '"before"'
    deep=$(printf '[%.0s' {1..97})$(printf ']%.0s' {1..97})
    while IFS='|' read -r value wanted field; do
        file "$value"
        put_file "$file" '/data/bad?raw=true' -H 'Content-Type: application/json'
        refused 400 "$wanted"
        same "$(field '.details | keys | tojson')" "[\"$field\"]"
    done <<DONE
|INVALID_REQUEST|body
 |INVALID_REQUEST|body
{"a":1|INVALID_REQUEST|body
01|INVALID_REQUEST|body
1 2|INVALID_REQUEST|body
tea|INVALID_REQUEST|body
"\\ud800"|INVALID_REQUEST|body
null|INVALID_VALUE|value
 null |INVALID_VALUE|value
$deep|INVALID_VALUE|value
DONE
    for bytes in '\xff' 'a\xc3' '\xed\xa0\x80' 'x\xc0\x80'; do
        # shellcheck disable=SC2059 # the bytes are a format
        printf "$bytes" >"$file"
        put_file "$file" '/data/bad?raw=true'
        refused 400 INVALID_VALUE
        [[ $(field .details.value) == 'is not UTF-8 at byte '[01] ]] || fail 'not the place'
    done
    # The limit is of the JSON text: two quotes, and a newline is two characters there.
    { head -c 262141 /dev/zero | tr '\0' x && echo; } >"$file"
    put_file "$file" '/data/bad?raw=true'
    refused 413 VALUE_TOO_LARGE
    holds bad '"before"'
    head -c 262142 /dev/zero | tr '\0' x >"$file"
    put_file "$file" '/data/bad?raw=true'
    succeeded 200
    as_user GET '/data/bad?raw=true'
    bare 200 "$TEXT" "$file"
}

@test "raw: the limit is of the JSON that a text becomes, however much longer escapes make it" {
    store grown '"before"'
    file=$BATS_TEST_TMPDIR/file
    # The largest body that is read, of bytes that take six, two and one in JSON.
    while read -r bytes byte length; do
        head -c "$bytes" /dev/zero | tr '\0' "$byte" >"$file"
        for way in PUT POST chunked; do
            case $way in
            PUT) put_file "$file" '/data/grown?raw=true' -H 'Content-Type: text/plain' ;;
            POST) as_user POST '/data/grown2?raw=true' -H 'Content-Type: text/plain' --data-binary "@$file" ;;
            chunked)
                # busybox httpd takes none, and closes the connection before they are sent.
                [ "$SERVER" != busybox ] || continue
                put_file "$file" '/data/grown?raw=true' -H 'Content-Type: text/plain' -H 'Transfer-Encoding: chunked'
                ;;
            esac
            refused 413 VALUE_TOO_LARGE
            same "$(field .details.value)" "must have at most 262144 bytes, has $length"
        done
    done <<'DONE'
1048576 \001 6291458
1048576 " 2097154
1048576 x 1048578
131072 " 262146
43691 \001 262148
DONE
    holds grown '"before"'
    head -c 131071 /dev/zero | tr '\0' '"' >"$file"
    put_file "$file" '/data/grown?raw=true' -H 'Content-Type: text/plain'
    succeeded 200
    as_user GET '/data/grown?raw=true'
    bare 200 "$TEXT" "$file"
}

@test "raw: parameters that are none are refused, each by name" {
    store par 1
    file 2
    for query in raw= raw=1 raw=True 'raw=true&ttl=0' 'raw=true&ttl=x' 'raw=true&ttl=315360001' 'raw=true&upsert=1'; do
        put_file "$file" "/data/par?$query"
        refused 400 INVALID_REQUEST
        name=${query##*&}
        same "$(field '.details | keys | tojson')" "[\"${name%%=*}\"]"
    done
    as_user GET '/data/par?raw=yes'
    refused 400 INVALID_REQUEST
    same "$(field .details.raw)" 'must be true or false'
    # Without raw the time to live is a member of the body.
    send PUT '/data/par?ttl=60' '{"value":2}'
    refused 400 INVALID_REQUEST
    same "$(field '.details | keys | tojson')" '["ttl"]'
    send PUT '/data/par?raw=false' '2'
    refused 400 INVALID_REQUEST
    for path in '/data?raw=true' '/data?prefix=p&raw=true' '/changes?since=0&raw=true' '/me?raw=true' '/keys?raw=true'; do
        as_user GET "$path"
        refused 400 INVALID_PARAMETER
    done
    holds par 1
}

@test "raw: errors are JSON, as everywhere" {
    as_user GET '/data/nothing?raw=true'
    refused 404 KEY_NOT_FOUND "$MESSAGE_NO_KEY"
    call GET '/data/nothing?raw=true'
    refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
    file x
    put_file "$file" '/data/nothing?raw=true'
    refused 404 KEY_NOT_FOUND "$MESSAGE_NO_KEY"
    put_file "$file" '/data?key=a%2F%2Fb&raw=true&upsert=true'
    refused 400 INVALID_KEY "$MESSAGE_KEY"
    # With curl -f nothing gets into a variable.
    got=$(curl -sf "$BASE/data/nothing?raw=true" -H "Authorization: $token" || true)
    same "$got" ''
}

@test "raw: POST creates, and does not replace" {
    file $'line\n'
    as_user POST '/data?key=new%2Fone&raw=true&ttl=60' -H 'Content-Type: text/plain' --data-binary "@$file"
    succeeded 201 'Data stored successfully.'
    same "$(field '[.data.key, .data.value, (.data | has("expires_at"))] | tojson')" '["new/one","line\n",true]'
    as_user POST '/data/new/one?raw=true' -H 'Content-Type: application/json' -d 2
    refused 400 KEY_EXISTS "$MESSAGE_KEY_EXISTS"
    as_user POST '/data/new/two?raw=true' -H 'Content-Type: application/json' -d '{"x":2}'
    succeeded 201
    holds new/two '{"x":2}'
    for key in '' a%2F%2Fb .. %0a "$(printf 'k%.0s' {1..513})"; do
        as_user POST "/data?key=$key&raw=true" -H 'Content-Type: text/plain' -d x
        refused 400 INVALID_KEY "$MESSAGE_KEY"
    done
    as_user POST '/data/new/three?raw=true&if_match=1' -H 'Content-Type: text/plain' -d x
    same "$code" 412
    as_user POST '/data/new/three?raw=true&upsert=true' -H 'Content-Type: text/plain' -d x
    refused 400 INVALID_PARAMETER
    as_user GET /data/new/three
    refused 404 KEY_NOT_FOUND
}

@test "raw: a device token reads and writes within its scope and prefix" {
    send POST '/keys?raw=true' '{"name":"r","scope":"read","prefix":"dev/"}'
    same "$code" 201
    same "$(header Content-Type)" "$TEXT"
    [[ $(head -c 6 "$body_file") == cubby_ ]] || fail 'no device token'
    device=$(cat "$body_file")
    store dev/a '"x"'
    store other '"y"'
    user_token=$token token=$device
    as_user GET '/data/dev/a?raw=true'
    same "$(cat "$body_file")" x
    for path in '/data/other?raw=true' '/data/nothing?raw=true'; do
        as_user GET "$path"
        refused 403 FORBIDDEN
    done
    file z
    put_file "$file" '/data/dev/a?raw=true'
    refused 403 FORBIDDEN
    for path in '/data/dev/b?raw=true' '/data/dev/n?increment=1'; do
        as_user POST "$path" -H 'Content-Type: text/plain' -d ''
        refused 403 FORBIDDEN
    done
    token=$user_token
}

@test "raw: tokens come alone, with a newline, and a failure leaves a variable empty" {
    login=$(jq -cn --arg u "$user" --arg p "$PASSWORD" '{username: $u, password: $p}')
    call POST '/token?raw=true' -d "$login"
    same "$code" 200
    same "$(header Content-Type)" "$TEXT"
    same "$(header Cache-Control)" no-store
    [[ $body =~ ^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$ ]] || fail 'no token'
    same "$(tail -c 1 "$body_file" | od -An -tx1)" ' 0a'
    token=$body
    as_user GET /me
    succeeded 200
    as_user POST '/token/refresh?raw=true' -d ''
    same "$code" 200
    [[ $body == eyJ* ]] || fail 'no token'
    got=$(curl -sf "$BASE/token?raw=true" -d '{"username":"nobody","password":"x"}' || true)
    same "$got" ''
    call POST '/token?raw=true' -d '{"username":"nobody","password":"x"}'
    refused 401 INVALID_CREDENTIALS "$MESSAGE_CREDENTIALS"
    call POST '/token?raw=maybe' -d "$login"
    refused 400 INVALID_REQUEST
    same "$(field .details.raw)" 'must be true or false'
    call POST '/register?raw=true' -d '{}'
    refused 400 INVALID_PARAMETER
    new_user
    send PUT '/me/password?raw=true' "{\"current_password\":\"$PASSWORD\",\"new_password\":\"Other-horse-2\"}"
    same "$code" 200
    token=$body
    as_user GET /me
    succeeded 200
}

@test "increment: one call counts one key, from 0, and keeps its expiry" {
    as_user POST '/data/count?increment=2' -d ''
    succeeded 201 'Data stored successfully.'
    same "$(field '[.data.key, .data.value] | tojson')" '["count",2]'
    as_user POST '/data/count?increment=-5' -d ''
    succeeded 200 'Data updated successfully.'
    same "$(field .data.value)" -3
    same "$(header ETag)" "\"$(field .data.version)\""
    as_user POST '/data?key=count&increment=0&ttl=60' -d ''
    expires=$(field .data.expires_at)
    as_user POST '/data/count?increment=1' -d ''
    same "$(field '[.data.value, .data.expires_at] | tojson')" "[-2,\"$expires\"]"
    as_user POST '/data/count?increment=3&raw=true' -d ''
    printf '1\n' >"$BATS_TEST_TMPDIR/wanted"
    bare 200 application/json "$BATS_TEST_TMPDIR/wanted"
    as_user POST "/data/count?increment=1&if_match=1" -d ''
    same "$code" 412
    holds count 1
}

@test "increment: what is no whole number is refused, in the parameter and in the value" {
    store n 1
    for by in '' x 1.5 1e3 +1 0x1 - --1 9007199254740992 -9007199254740992 99999999999999999999; do
        as_user POST "/data/n?increment=$(encode_query "$by")" -d ''
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys | tojson')" '["increment"]'
    done
    as_user POST '/data/n?increment' -d ''
    refused 400 INVALID_REQUEST
    for body in 1 '{}' '{"by":2}'; do
        as_user POST '/data/n?increment=1' -d "$body"
        refused 400 INVALID_REQUEST
        same "$(field .details.body)" 'must be empty with increment'
    done
    holds n 1
    for value in '"1"' 1.5 true '[1]' 9007199254740993; do
        send PUT /data/n "{\"value\":$value}"
        as_user POST '/data/n?increment=1' -d ''
        refused 400 INVALID_VALUE
        same "$(field .details.value)" 'must be a whole number within 2^53 to count'
        holds n "$value"
    done
    send PUT /data/n '{"value":9007199254740992}'
    as_user POST '/data/n?increment=1' -d ''
    refused 400 INVALID_VALUE
    same "$(field .details.increment)" 'would lead beyond 2^53'
    as_user POST '/data?key=a%2F%2Fb&increment=1' -d ''
    refused 400 INVALID_KEY "$MESSAGE_KEY"
    call POST '/data/n?increment=1' -d ''
    refused 401 INVALID_TOKEN
}

@test "increment: POST on a key without it, and without raw, says what it takes" {
    as_user POST '/data/n?ttl=5' -d ''
    refused 400 INVALID_REQUEST
    same "$(field '.details | keys | tojson')" '["increment"]'
    as_user POST '/data/n?incremnt=5' -d ''
    refused 400 INVALID_PARAMETER
    same "$(field .details.incremnt)" 'is unknown; the nearest known is increment'
    as_user POST /data/n -d '{"value":1}'
    refused 405 METHOD_NOT_ALLOWED
    same "$(header Allow)" 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'
    as_user POST '/data?key=n' -d '{"value":1}'
    refused 405 METHOD_NOT_ALLOWED
    call OPTIONS '/data/n?increment=1'
    same "$(header Allow)" 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
}

@test "increment: twenty at once lose nothing" {
    pids=()
    for _ in $(seq 20); do
        curl -sS -o /dev/null -X POST -d '' "$BASE/data/many?increment=1" -H "Authorization: $token" 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
    holds many 20
}
