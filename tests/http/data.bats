# /api/data: store, read, update, delete

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

@test "data: store, read, update, delete, gone" {
    key=$(fresh_name k)
    store "$key" '{"a":[1,2]}'
    succeeded 201 'Data stored successfully.'
    same "$(field .data.key)" "$key"
    same "$(field '.data.version | type')" number
    version=$(field .data.version)
    as_user GET "/data/$key"
    succeeded 200
    same "$(field '.data.value | tojson')" '{"a":[1,2]}'
    same "$(field .data.key)" "$key"
    same "$(field .data.version)" "$version"
    as_user PUT "/data/$key" -d '{"value":"new"}'
    succeeded 200 'Data updated successfully.'
    [ "$(field .data.version)" -gt "$version" ]
    as_user GET "/data/$key"
    same "$(field .data.value)" new
    as_user DELETE "/data/$key"
    succeeded 200 'Data deleted successfully.'
    as_user GET "/data/$key"
    refused 404 KEY_NOT_FOUND "$MESSAGE_NO_KEY"
    as_user DELETE "/data/$key"
    refused 404 KEY_NOT_FOUND "$MESSAGE_NO_KEY"
    as_user PUT "/data/$key" -d '{"value":1}'
    refused 404 KEY_NOT_FOUND "$MESSAGE_NO_KEY"
    store "$key" 2
    succeeded 201
}

@test "data: versions grow by one with every write of the user, and are the ETag" {
    new_user
    store v 1
    first=$(field .data.version)
    same "$(header ETag)" "\"$first\""
    send PUT /data/v '{"value":2}'
    same "$(field .data.version)" $((first + 1))
    same "$(header ETag)" "\"$((first + 1))\""
    as_user GET /data/v
    same "$(header ETag)" "\"$((first + 1))\""
    same "$(header Cache-Control)" 'private, no-cache'
    as_user DELETE /data/v
    store v 3
    same "$(field .data.version)" $((first + 3))
    # Refused writes take no number.
    store v 4
    refused 400 KEY_EXISTS
    send PUT /data/nope '{"value":1}'
    refused 404 KEY_NOT_FOUND
    store w 5
    same "$(field .data.version)" $((first + 4))
}

@test "data: times are RFC 3339 in UTC" {
    store "$(fresh_name t)" 1
    [[ $(field .data.updated_at) =~ ^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?Z$ ]] || fail 'not a time'
}

@test "data: a value comes back as the same JSON text" {
    for value in 9007199254740993 12345678901234567890123 1.0 1e400 -0 -0.0 1E+2 0.1000 '""' '"\u00e9\ud83d\ude00\/\b"' \
        false true 0 '[]' '{}' '{"b":1,"a":2,"b":3}' '[[[[]]],{"":{"":[]}}]' '{ "spaced" : [ 1 , 2 ] }' '"é😀"' \
        '"<>&\u2028"' '{"value":1,"key":"x"}' '[null]' '1e-400' '"\\"'; do
        key=$(fresh_name v)
        store "$key" "$value"
        succeeded 201
        same "$(value_text)" "$value"
        as_user GET "/data/$key"
        same "$(value_text)" "$value"
        send PUT "/data/$key" "{\"value\":$value}"
        same "$(value_text)" "$value"
    done
}

@test "data: null, or no value, is INVALID_VALUE and changes nothing" {
    key=$(fresh_name n)
    for json in "{\"key\":\"$key\",\"value\":null}" "{\"key\":\"$key\"}"; do
        send POST /data "$json"
        refused 400 INVALID_VALUE "$MESSAGE_VALUE"
        same "$(field '.details | has("value")')" true
    done
    as_user GET "/data/$key"
    refused 404 KEY_NOT_FOUND
    store "$key" 1
    for json in '{"value":null}' '{}' '{"key":"x"}'; do
        send PUT "/data/$key" "$json"
        refused 400 INVALID_VALUE "$MESSAGE_VALUE"
    done
    as_user GET "/data/$key"
    same "$(field .data.value)" 1
}

@test "data: a missing or impossible key is INVALID_KEY" {
    long=$(printf 'k%.0s' $(seq 513))
    for key in null '""' 5 true '[]' '{}' '"a\nb"' '"\u007f"' '"\u0085"' '"/"' '"/a"' '"a/"' '"a//b"' '"."' '".."' '"a/./b"' \
        '"a/../b"' "\"$long\"" "\"$(printf 'é%.0s' $(seq 257))\""; do
        send POST /data "{\"key\":$key,\"value\":1}"
        refused 400 INVALID_KEY "$MESSAGE_KEY"
        same "$(field '.details | has("key")')" true
    done
    send POST /data '{"value":1}'
    refused 400 INVALID_KEY "$MESSAGE_KEY"
    # The key is looked at before the value.
    send POST /data '{}'
    refused 400 INVALID_KEY
}

# by_path KEY: stores, reads, updates and deletes by the address
round_trip() {
    local key=$1 address=$2
    store "$key" '"first"'
    succeeded 201
    same "$(field .data.key)" "$key"
    as_user GET "$address"
    succeeded 200
    same "$(field .data.key)" "$key"
    send PUT "$address" '{"value":"second"}'
    succeeded 200
    as_user GET "$address"
    same "$(field .data.value)" second
    store "$key" 1
    refused 400 KEY_EXISTS "$MESSAGE_KEY_EXISTS"
    as_user DELETE "$address"
    succeeded 200
    as_user GET "$address"
    refused 404 KEY_NOT_FOUND
}

KEYS=('with space' ' lead and trail ' 'ключ' '鍵' 'مفتاح' 'कुंजी' '😀👩‍👩‍👧' '100%' '%41' '%2F' '5%1' '100%0ff' 'a_%7F' '%00' 'a?b=c&d' 'a#b' "it's" '"quoted"' 'back\slash'
    'a+b' 'a/b/c' 'a/b c/é' '...' '.hidden' 'a/...' 'semi;colon' 'eq=al' 'amp&' '<b>' '{}' '[0]' '~' '*' 'a:b' 'a,b' '@' '$x' 'e'$'\u0301')

@test "data: keys of every kind, by path" {
    new_user
    for key in "${KEYS[@]}"; do
        round_trip "$key" "/data/$(encode "$key")"
    done
}

@test "data: keys of every kind, by ?key=" {
    new_user
    for key in "${KEYS[@]}"; do
        round_trip "$key" "/data?key=$(encode_query "$key")"
    done
}

@test "data: in a query, + is a space and %2B a plus" {
    new_user
    store 'a b' '"space"'
    store 'a+b' '"plus"'
    as_user GET '/data?key=a+b'
    same "$(field .data.value)" space
    as_user GET '/data?key=a%2Bb'
    same "$(field .data.value)" plus
    as_user GET '/data/a+b'
    same "$(field .data.value)" plus
}

@test "data: keys of 512 bytes, by path and by query" {
    for key in "$(printf 'k%.0s' $(seq 512))" "$(printf 'é%.0s' $(seq 256))" "$(printf '😀%.0s' $(seq 128))"; do
        round_trip "$key" "/data/$(encode "$key")"
        round_trip "$key" "/data?key=$(encode_query "$key")"
    done
}

@test "data: keys differ in case, in normal form, and in every byte" {
    new_user
    for key in a A é $'e\u0301' 'a ' ' a' a/b a.b; do
        store "$key" "$(jq -cn --arg k "$key" '$k')"
        succeeded 201
    done
    for key in a A é $'e\u0301' 'a ' ' a' a/b a.b; do
        as_user GET "/data?key=$(encode_query "$key")"
        same "$(field .data.value)" "$key"
    done
}

@test "data: an address that can be no key names nothing" {
    for key in '' '%2E' '..' 'a%0Ab' '%FF' '%C3' '%C0%AF' 'a//b' '/a' 'a/' '%00' '%' '%G1' "$(printf 'k%.0s' $(seq 513))"; do
        as_user GET "/data?key=$key"
        refused 404 KEY_NOT_FOUND "$MESSAGE_NO_KEY"
        as_user DELETE "/data?key=$key"
        refused 404 KEY_NOT_FOUND "$MESSAGE_NO_KEY"
        send PUT "/data?key=$key" '{"value":1}'
        refused 404 KEY_NOT_FOUND "$MESSAGE_NO_KEY"
    done
    as_user GET "/data/$(printf 'k%.0s' $(seq 513))"
    refused 404 KEY_NOT_FOUND "$MESSAGE_NO_KEY"
}

@test "data: a path with bytes that can be no key reaches no other key, and no file" {
    new_user
    store _ 1
    store x_y 1
    for key in %FF %C3%28 a%FF/b %C0%AF %00 %0A x%00y x%0ay %1F %7f; do
        for method in GET DELETE PUT; do
            [ "$method" = PUT ] && send PUT "/data/$key?upsert=true" '{"value":2}' || as_user "$method" "/data/$key"
            case $code in 400 | 404) ;; *) fail "$method $key: $code" ;; esac
            ! grep -q ELF <<<"$body" || fail "$method $key: a program's file"
        done
    done
    as_user GET /data/_
    same "$(field .data.value)" 1
    as_user GET /data/x_y
    same "$(field .data.value)" 1
    as_user GET '/data?limit=0&count=true'
    same "$(field .data.total)" 2
    for path in /data/%FF /health/%FF /register/%C3%28; do
        code=$(curl -s -o "$BATS_TEST_TMPDIR/answer" -w '%{http_code}' "$BASE$path")
        case $code in 400 | 401 | 404) ;; *) fail "$path: $code" ;; esac
    done
}

@test "data: values up to 256 KiB, not one byte more" {
    key=$(fresh_name big)
    fill=$(head -c 262142 /dev/zero | tr '\0' v)
    store "$key" "\"$fill\""
    succeeded 201
    as_user GET "/data/$key"
    same "$(value_text | tr -d '\n' | wc -c)" 262144
    store "$key-" "\"${fill}v\""
    refused 413 VALUE_TOO_LARGE
    as_user GET "/data/$key-"
    refused 404 KEY_NOT_FOUND
    send PUT "/data/$key" "{\"value\":\"${fill}v\"}"
    refused 413 VALUE_TOO_LARGE
    as_user GET "/data/$key"
    same "$(value_text | tr -d '\n' | wc -c)" 262144
    as_user DELETE "/data/$key"
}

@test "data: one user's keys are nothing to another in every call" {
    new_user
    store shared '"of the first"'
    first=$token
    new_user
    as_user GET /data/shared
    refused 404 KEY_NOT_FOUND
    send PUT /data/shared '{"value":"stolen"}'
    refused 404 KEY_NOT_FOUND
    as_user DELETE /data/shared
    refused 404 KEY_NOT_FOUND
    store shared '"of the second"'
    succeeded 201
    as_user DELETE /data/shared
    succeeded 200
    token=$first
    as_user GET /data/shared
    same "$(field .data.value)" 'of the first'
}

@test "data: every call needs a token" {
    for method in GET PUT DELETE; do
        call "$method" /data/x -d '{"value":1}'
        refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
    done
    call POST /data -d '{"key":"x","value":1}'
    refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
    # Also where the key is impossible or unknown: a stranger learns nothing of keys.
    call GET /data?key=
    refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
}
