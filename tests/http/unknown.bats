# What is not known is refused: query parameters and members of a body.

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    store k 1
    export user user_id token
}

# unknown CODE NAME NEAREST: refused with CODE, because of NAME alone.
unknown() {
    refused 400 "$1"
    same "$(field '.details | del(.index) | tojson')" "$(jq -cn --arg n "$2" --arg k "$3" '{($n): ("is unknown; the nearest known is " + $k)}')"
}

# none NAME: refused, and this call takes no parameter at all.
none() {
    refused 400 INVALID_PARAMETER
    same "$(field '.details | tojson')" "{\"$1\":\"is unknown; this call takes none\"}"
}

# unchanged: the item k and its account are as they were.
unchanged() {
    as_user GET '/changes?since=0'
    same "$(field '.data | [.last_version, .changes[0].value] | tojson')" '[1,1]'
}

@test "unknown parameter: refused by every call that takes some, and the nearest is named" {
    while IFS='|' read -r method path name nearest body; do
        if [ -n "$body" ]; then send "$method" "$path" "$body"; else as_user "$method" "$path"; fi
        unknown INVALID_PARAMETER "$name" "$nearest"
    done <<'DONE'
GET|/data?prefx=o|prefx|prefix
GET|/data?value=true|value|values
GET|/data?Limit=5|Limit|limit
GET|/data?limit=2&curser=4|curser|cursor
GET|/data?prefix&prefixx=1|prefixx|prefix
GET|/data/k?if_nonematch=1|if_nonematch|if_none_match
GET|/data?key=k&key2=a|key2|key
PUT|/data/k?upser=true|upser|upsert|{"value":2}
PUT|/data?key=k&ups=true|ups|upsert|{"value":2}
PATCH|/data/k?upsert=true|upsert|if_match|{"value":2}
DELETE|/data/k?if_mach=1|if_mach|if_match
DELETE|/data?prefix=k&limit=1|limit|prefix
GET|/changes?sinc=0|sinc|since
GET|/changes?since=0&timeout=5|timeout|limit
DELETE|/token?al=true|al|all
POST|/me/import?mod=replace|mod|mode|{"items":[]}
PUT|/me/password?row=true|row|raw|{"current_password":"x","new_password":"y"}
POST|/keys?Raw=true|Raw|raw|{"name":"n","scope":"read"}
POST|/token/refresh?all=true|all|raw|{}
DONE
    unchanged
}

# Which of two counts, a proxy, a web server and a program may see differently.
@test "parameters: one that is given twice is refused and named, whatever its values" {
    while IFS='|' read -r method path name body; do
        if [ -n "$body" ]; then send "$method" "$path" "$body"; else as_user "$method" "$path"; fi
        refused 400 INVALID_REQUEST
        same "$(field '.details | tojson')" "{\"$name\":\"is given more than once\"}"
    done <<'DONE'
GET|/data?limit=5&limit=5|limit
GET|/data?limit=5&values=true&prefix=k&limit=6|limit
GET|/data?prefix&prefix=k|prefix
GET|/data?key=k&key=l|key
GET|/data/k?raw=false&raw=true|raw
PUT|/data/k?upsert=true&upsert=false|upsert|{"value":2}
PUT|/data/k?raw=true&raw=true|raw|{"value":2}
DELETE|/data?key=k&key=k|key
DELETE|/data?prefix=zz&prefix=k|prefix
DELETE|/data/k?if_match=1&if_match=1|if_match
GET|/changes?since=0&since=5|since
DELETE|/token?all=false&all=true|all
POST|/me/import?mode=merge&mode=replace|mode|{"items":[]}
DONE
    # What is unknown decides the code, and the value of one may look like another.
    as_user GET '/data?limit=5&limit=5&zz=1'
    refused 400 INVALID_PARAMETER
    as_user GET '/data?prefix=limit&limit=5&&'
    succeeded 200
    unchanged
}

@test "parameters: nothing hides behind an encoded NUL" {
    while IFS='|' read -r method path name body; do
        length=()
        [ "$method" != POST ] || length=(--data-binary '') # lighttpd wants a length with each POST
        if [ -n "$body" ]; then send "$method" "$path" "$body"; else as_user "$method" "$path" "${length[@]}"; fi
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys | tojson')" "[\"$name\"]"
    done <<'DONE'
GET|/data?limit=5%00|limit
GET|/data?prefix=k%00|prefix
GET|/data?count=true%00|count
GET|/data?order=desc%00|order
GET|/data?since=2026-01-31T12:00:00Z%00%2B01:00|since
GET|/data?until=2026-01-31T12:00:00Z%00Z|until
GET|/data/k?raw=true%00|raw
GET|/data/k?if_none_match=1%00|if_none_match
PUT|/data/k?upsert=true%00|upsert|{"value":2}
PUT|/data/k?raw=true%00|raw|{"value":2}
PUT|/data/k?if_match=*%00|if_match|{"value":2}
PUT|/data/k?raw=true&ttl=5%00|ttl|{"value":2}
POST|/data/k?increment=1%00|increment
DELETE|/data?prefix=k%00|prefix
GET|/changes?since=0%00|since
GET|/changes?since=0&wait=1%00|wait
GET|/changes?since=0&prefix=k%00|prefix
DELETE|/token?all=true%00|all
POST|/me/import?mode=merge%00|mode|{"items":[]}
POST|/keys?raw=true%00|raw|{"name":"n","scope":"read"}
POST|/token/refresh?raw=true%00|raw
DONE
    # A name that ends with one is another name.
    as_user GET '/data?limit%00=5'
    refused 400 INVALID_PARAMETER
    as_user GET '/data?fields=key%00'
    refused 400 INVALID_REQUEST
    unchanged
}

@test "unknown parameter: refused by every call that takes none" {
    while IFS='|' read -r method path body; do
        if [ -n "$body" ]; then send "$method" "$path?zz=1" "$body"; else as_user "$method" "$path?zz=1"; fi
        none zz
    done <<'DONE'
POST|/register|{}
POST|/batch|{"operations":[{"op":"get","key":"k"}]}
GET|/me
PATCH|/me|{"age":40}
DELETE|/me|{"password":"x"}
GET|/me/export
GET|/keys
DELETE|/keys/1
POST|/reset|{}
GET|/health
DONE
    call HEAD '/health?zz=1'
    same "$code" 400
    unchanged
}

@test "unknown parameter: several are all named, whatever they look like, but no more than 16" {
    as_user GET '/data?a&b=&limit=5&=x&&%C3%BC=1&limits=2'
    refused 400 INVALID_PARAMETER
    same "$(field '.details | keys | tojson')" '["","%C3%BC","a","b","limits"]'
    # Encoded, a name is no name: what is meant would not be read either. lighttpd decodes it before.
    if [ "$SERVER" != lighttpd ]; then
        as_user GET '/data?%70refix=a'
        unknown INVALID_PARAMETER %70refix prefix
    fi
    as_user GET "/data?$(printf 'n%.0s' {1..4000})=1"
    refused 400 INVALID_PARAMETER
    same "$(field '.details | keys | tojson')" "[\"$(printf 'n%.0s' {1..64})\"]"
    as_user GET "/data?$(printf 'p%s=1&' {1..40})"
    refused 400 INVALID_PARAMETER
    same "$(field '.details | length')" 16
}

@test "unknown parameter: bytes that are no text do not get into the answer" {
    [ "$SERVER" != lighttpd ] || return 0 # it encodes them itself
    answer=$(raw "GET $(prefix)/data?a\xff\xc3\x07b\"=1 HTTP/1.0\r\nHost: x\r\nAuthorization: $token\r\n\r\n")
    [[ $answer == *'"a???b\""'* || $answer == *' 400 '* ]] || fail "$answer"
    [[ $answer != *$'\xff'* ]] || fail "$answer"
}

@test "unknown parameter: a token is asked for first, and address and method before it" {
    call GET '/data?zz=1'
    refused 401 INVALID_TOKEN
    as_user PUT '/data?zz=1'
    refused 405 METHOD_NOT_ALLOWED
    as_user GET '/nothing?zz=1'
    same "$code" 404
    call OPTIONS '/data?zz=1'
    same "$code" 204
}

@test "unknown parameter: the key is one only where it names the item" {
    as_user GET '/data/k?key=other'
    unknown INVALID_PARAMETER key raw
    send POST '/batch?key=k' '{"operations":[{"op":"get","key":"k"}]}'
    none key
    as_user GET '/data?key=k'
    succeeded 200
    as_user GET '/data?&key=k&'
    succeeded 200
}

@test "unknown member: refused where an item is stored, and nothing is" {
    while IFS='|' read -r method path body name nearest; do
        send "$method" "$path" "$body"
        unknown INVALID_FIELD "$name" "$nearest"
    done <<'DONE'
POST|/data|{"key":"new","value":1,"tll":5}|tll|ttl
POST|/data|{"key":"new","value":1,"":2}||key
POST|/data|{"key":"new","value":1,"t\u0074ll":5}|ttll|ttl
PUT|/data/k|{"value":2,"tll":5}|tll|ttl
PUT|/data/k|{"value":2,"key":"k"}|key|value
PUT|/data/new?upsert=true|{"value":2,"if_version":0}|if_version|value
PUT|/me/password|{"current_password":"x","new_password":"Other-horse-2","password":"x"}|password|new_password
DELETE|/me|{"password":"x","passwort":"x"}|passwort|password
POST|/reset|{"username":"x","code":"c","new_password":"Other-horse-2","user":"x"}|user|username
POST|/keys|{"name":"n","scope":"read","prefx":"a/"}|prefx|prefix
POST|/keys|{"name":"n","scope":"read","tl":5}|tl|ttl
PATCH|/me|{"fullname":"A B"}|fullname|full_name
PATCH|/me|{"age":40,"username":"other"}|username|full_name
POST|/batch|{"ops":[]}|ops|operations
POST|/batch|{"operations":[{"op":"get","key":"k"}],"atomic":false}|atomic|operations
POST|/me/import|{"items":[],"mod":"replace"}|mod|mode
POST|/me/import|{"item":[]}|item|items
POST|/me/import|{"data":{"items":[],"itms":[]}}|data.itms|items
POST|/me/import|{"items":[{"key":"new","value":1},{"key":"new2","value":1,"ttl":5}]}|items[1].ttl|key
DONE
    unchanged
    as_user GET /data/new
    refused 404 KEY_NOT_FOUND
    as_user GET /me
    same "$(field .data.age)" 30
}

@test "unknown member: what is missing decides the code, and the details name both" {
    while IFS='|' read -r method path body wanted missing name nearest; do
        send "$method" "$path" "$body"
        refused 400 "$wanted"
        same "$(field '.details | tojson')" \
            "$(jq -rn --arg m "$missing" --arg n "$name" --arg k "$nearest" '{($m): "is missing", ($n): ("is unknown; the nearest known is " + $k)} | tojson')"
    done <<'DONE'
POST|/data|{"key":"new","val":1}|INVALID_VALUE|value|val|value
POST|/data|{"KEY":"new","value":1}|INVALID_KEY|key|KEY|key
PUT|/data/k|{"vlaue":1}|INVALID_VALUE|value|vlaue|value
DELETE|/me|{"passwort":"x"}|INVALID_REQUEST|password|passwort|password
POST|/reset|{"user":"x","code":"c","new_password":"Other-horse-2"}|INVALID_REQUEST|username|user|username
POST|/keys|{"name":"n","skope":"read"}|INVALID_REQUEST|scope|skope|scope
DONE
    unchanged
}

@test "unknown member: several are all named, cut where they are long" {
    send POST /data '{"a":1,"b":2,"key":"new","value":1}'
    refused 400 INVALID_FIELD
    same "$(field '.details | keys | tojson')" '["a","b"]'
    # 62 bytes and then a character of three: what is left of it is no text.
    send POST /data "{\"$(printf 'n%.0s' {1..62})€€\":1,\"key\":\"new\",\"value\":1}"
    refused 400 INVALID_FIELD
    same "$(field '.details | keys[0]')" "$(printf 'n%.0s' {1..62})??"
    jq -cn '{key: "new", value: 1} + ([range(100) | {("m\(.)"): 1}] | add)' >"$BATS_TEST_TMPDIR/many"
    as_user POST /data --data-binary "@$BATS_TEST_TMPDIR/many"
    refused 400 INVALID_FIELD
    same "$(field '.details | length')" 16
}

@test "unknown member: in an operation of a batch it is named with the operation's place, and nothing is done" {
    send POST /batch '{"operations":[{"op":"put","key":"k","value":5},{"op":"increment","key":"n","bye":2}]}'
    unknown INVALID_FIELD bye by
    same "$(field .details.index)" 1
    send POST /batch '{"operations":[{"op":"put","key":"k","value":5,"version":1}]}'
    unknown INVALID_FIELD version if_version
    same "$(field .details.index)" 0
    unchanged
}

@test "unknown member: a member of another operation of a batch is none of this one, and nothing is done" {
    while IFS='|' read -r op member; do
        send POST /batch "{\"operations\":[{\"op\":\"put\",\"key\":\"k\",\"value\":5},$op]}"
        refused 400 INVALID_FIELD
        same "$(field ".details.\"${member% *}\"")" "is no member of ${member#* }"
        same "$(field .details.index)" 1
    done <<'DONE'
{"op":"put","key":"k","value":6,"by":1}|by put
{"op":"create","key":"new","value":6,"by":1}|by create
{"op":"upsert","key":"new","by":1,"value":6}|by upsert
{"op":"get","key":"k","ttl":5}|ttl get
{"op":"get","key":"k","by":1}|by get
{"op":"delete","key":"k","ttl":5}|ttl delete
{"op":"delete","key":"k","value":5}|value delete
{"op":"increment","key":"n","value":5}|value increment
{"op":"increment","key":"n","by":2,"value":{}}|value increment
DONE
    unchanged
}

@test "unknown member: registering and logging in take a whole user object, as ever" {
    name=$(fresh_name)
    register "$(user_json "$name" '. + {id: 7, roles: ["a"], tll: 1}')"
    succeeded 201
    call POST /token --data-binary "$(user_json "$name" '. + {id: 7, remember_me: true}')"
    succeeded 200
}

@test "unknown member: inside of a value, and in a patch, everything goes" {
    new_user
    store deep '{"tll":1,"key":{"vlaue":2}}'
    succeeded 201
    send PATCH /data/deep '{"zz":5}' -H 'Content-Type: application/merge-patch+json'
    succeeded 200
    # RFC 6902 section 4: members that an operation does not define are ignored.
    send PATCH /data/deep '[{"op":"add","path":"/a","value":1,"comment":"x"}]' -H 'Content-Type: application/json-patch+json'
    succeeded 200
}

@test "unknown member: what an export or a list shows can be given back" {
    new_user
    store a '{"x":1}'
    as_user GET /me/export
    cp "$body_file" "$BATS_TEST_TMPDIR/export"
    as_user POST /me/import --data-binary "@$BATS_TEST_TMPDIR/export"
    succeeded 200
    as_user GET '/data?values=true'
    jq -c '{items: .data.items}' "$body_file" >"$BATS_TEST_TMPDIR/listed"
    as_user POST /me/import --data-binary "@$BATS_TEST_TMPDIR/listed"
    succeeded 200
    same "$(field .data.imported)" 1
}
