# GET /api/data: lists, and DELETE /api/data?prefix=

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    new_user
    export user user_id token
}

# fill KEY…: stores each with the value 1, in one request.
fill() {
    jq -cn '{operations: [$ARGS.positional[] | {op: "upsert", key: ., value: 1}]}' --args "$@" >"$BATS_TEST_TMPDIR/fill"
    as_user POST /batch --data-binary "@$BATS_TEST_TMPDIR/fill"
    succeeded 200
}

keys() { field '.data.items | map(.key) | tojson'; }

# list QUERY…: the list with these parameters, name=value, each encoded.
list() {
    local query=''
    for one; do query+="&${one%%=*}=$(encode_query "${one#*=}")"; done
    as_user GET "/data?${query#&}"
    succeeded 200
}

@test "list: own items with what they are, without values" {
    new_user
    list
    same "$(field '.data | tojson')" '{"items":[]}'
    store k '{"a":[1, 2]}'
    item=$(field '.data | del(.value)')
    list
    same "$(field '.data.items[0] | del(.size) | tojson')" "$(jq -c . <<<"$item")"
    same "$(field '[.data.items[0].size, (.data | has("next_cursor") or has("total")), (.data.items[0] | has("value"))] | tojson')" '[12,false,false]'
    same "$(header Link)" ''
    same "$(header Cache-Control)" no-store
    as_user HEAD /data
    same "$code" 200
}

@test "list: in byte order of the key, all scripts" {
    new_user
    order=(' ' '!' '$x' '%41' '-' 0 10 9 A Z a 'a b' a-b a.b a/b a0 ab é ü Ω ж 中 '�' '𐀀' '😀' $'\U10FFFF')
    mapfile -t mixed < <(printf '%s\n' "${order[@]}" | sort -R)
    fill "${mixed[@]}"
    list limit=1000
    same "$(keys)" "$(jq -cn '$ARGS.positional' --args "${order[@]}")"
    # By pages of 2 it is the same.
    all='[]' cursor=''
    for _ in $(seq 20); do
        list limit=2 ${cursor:+"cursor=$cursor"}
        all=$(jq -c ". + $(keys)" <<<"$all")
        cursor=$(field '.data.next_cursor // ""')
        [ -n "$cursor" ] || break
    done
    same "$all" "$(jq -cn '$ARGS.positional' --args "${order[@]}")"
}

@test "list: prefixes, to their edges" {
    new_user
    last=$'\U10FFFF'
    fill a a/ab a/b a/b/c aa ab 'a ' 'a!' A b é éa "$last" "a$last" "a$last$last" "b$last" '_' '%' 'a%b'
    list prefix=a
    same "$(keys)" "$(jq -cn '$ARGS.positional' --args a 'a ' 'a!' 'a%b' a/ab a/b a/b/c aa ab "a$last" "a$last$last")"
    list prefix=a/
    same "$(keys)" '["a/ab","a/b","a/b/c"]'
    list prefix=a/b
    same "$(keys)" '["a/b","a/b/c"]'
    list prefix="$last"
    same "$(keys)" "[\"$last\"]"
    list prefix="a$last"
    same "$(keys)" "[\"a$last\",\"a$last$last\"]"
    list prefix=é
    same "$(keys)" '["é","éa"]'
    list prefix=%
    same "$(keys)" '["%"]'
    list prefix=_
    same "$(keys)" '["_"]'
    for prefix in A/ aab "$last$last" "$(printf "$last%.0s" $(seq 128))" "$(printf 'a%.0s' $(seq 512))"; do
        list prefix="$prefix"
        same "$(keys)" '[]'
    done
    list prefix=
    same "$(field '.data.items | length')" 19
    for prefix in %FF %C3 %ED%A0%80 %F4%90%80%80 a%00 %0A %7F "$(printf 'a%.0s' $(seq 513))"; do
        as_user GET "/data?prefix=$prefix"
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys | tojson')" '["prefix"]'
        as_user DELETE "/data?prefix=$prefix"
        refused 400 INVALID_REQUEST
    done
}

@test "list: limit, cursor, next_cursor and the link agree" {
    new_user
    fill p/1 p/2 p/3 'p/ä&=#+' q
    list prefix=p/ limit=2 values=true count=true
    same "$(field '[(.data.items | map([.key, .value])), .data.total] | tojson')" '[[["p/1",1],["p/2",1]],4]'
    link=$(header Link)
    [[ $link =~ ^\<(\?.*)\>\;\ rel=\"next\"$ ]] || fail "Link: $link"
    as_user GET "/data${BASH_REMATCH[1]}"
    same "$(field '[(.data.items | map([.key, .value])), .data.total, (.data | has("next_cursor"))] | tojson')" \
        '[[["p/3",1],["p/ä&=#+",1]],4,false]'
    same "$(header Link)" ''
    list prefix=p/ limit=1
    [[ $(header Link) =~ ^\<(\?.*)\> ]] || fail 'no Link'
    as_user GET "/data${BASH_REMATCH[1]}"
    same "$(keys)" '["p/2"]'
    list limit=5
    same "$(field '.data | has("next_cursor")')" false
    list limit=4
    cursor=$(field .data.next_cursor)
    # A cursor is good for itself: with its key gone, another limit, another prefix.
    as_user DELETE "/data?key=$(encode_query 'p/ä&=#+')"
    list "cursor=$cursor" limit=1000
    same "$(keys)" '["q"]'
    list "cursor=$cursor" prefix=q
    same "$(keys)" '["q"]'
    list "cursor=$cursor" prefix=p
    same "$(keys)" '[]'
    list prefix=a "cursor=$cursor"
    same "$(keys)" '[]'
}

@test "list: parameters that are none are refused, each by name" {
    local queries=(limit=0 limit=1001 limit=-1 limit=x limit= limit=1e2 limit=99999999999999999999 values= values=1 values=True
        count=yes cursor=%40 cursor=a cursor=AA cursor=_w cursor=YS8v cursor=YQ%3D%3D 'limit=%')
    # lighttpd makes a lone % in an address %25 before cubby sees it: a prefix like any other.
    [ "$SERVER" = lighttpd ] || queries+=('prefix=%G1')
    for query in "${queries[@]}"; do
        as_user GET "/data?$query"
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys | tojson')" "[\"${query%%=*}\"]"
    done
    as_user GET '/data?limit=0&values=2&count=3'
    same "$(field '.details | keys | tojson')" '["count","limit","values"]'
}

@test "list: a page ends at about a MiB, and the next goes on" {
    new_user
    for i in 1 2 3 4 5 6; do
        printf '{"key":"big%s","value":"%s"}' "$i" "$(head -c 240000 /dev/zero | tr '\0' x)" >"$BATS_TEST_TMPDIR/big"
        as_user POST /data --data-binary "@$BATS_TEST_TMPDIR/big"
    done
    as_user GET '/data?values=true'
    succeeded 200
    same "$(field '.data.items | map(.key) | tojson')" '["big1","big2","big3","big4"]'
    [ "$(wc -c <"$body_file")" -le 1100000 ]
    as_user GET "/data?values=true&cursor=$(field .data.next_cursor)"
    same "$(keys)" '["big5","big6"]'
    as_user GET '/data'
    same "$(field '.data.items | length')" 6
    as_user GET '/changes?since=0'
    same "$(field '[(.data.changes | length), .data.more, .data.last_version] | tojson')" '[4,true,4]'
}

@test "list: 1000 items in one page, 1001 in two" {
    new_user
    for part in 1 2 3; do
        jq -cn --argjson p $part '{operations: [range(334) | {op: "create", key: "k\($p)/\(.)", value: .}]}' >"$BATS_TEST_TMPDIR/fill"
        as_user POST /batch --data-binary "@$BATS_TEST_TMPDIR/fill"
    done
    as_user DELETE /data/k3/333
    list limit=1000 count=true
    same "$(field '[(.data.items | length), (.data.items | map(.key) | unique | length), .data.total] | tojson')" '[1000,1000,1001]'
    list limit=1000 "cursor=$(field .data.next_cursor)"
    same "$(field '.data.items | length')" 1
    list
    same "$(field '.data.items | length')" 100
}

@test "list: nobody sees, counts or deletes another's" {
    new_user
    fill mine/1 mine/2
    first=$token
    new_user
    list count=true
    same "$(field '.data | tojson')" '{"items":[],"total":0}'
    as_user DELETE '/data?prefix=mine/'
    same "$(field .data.deleted)" 0
    token=$first
    list count=true
    same "$(field .data.total)" 2
}

@test "list: deleting by prefix deletes all under it and nothing else, each with a version of its own" {
    new_user
    last=$'\U10FFFF'
    fill d d/1 d/2 d/3 "d$last" d0 e "$last"
    version=$(field '.data.results[-1].version')
    as_user DELETE '/data?prefix=d/'
    succeeded 200 'Data deleted successfully.'
    same "$(field '.data.deleted')" 3
    as_user GET "/changes?since=$version"
    same "$(field '.data.changes | map([.key, .version - '"$version"', .deleted]) | tojson')" '[["d/1",1,true],["d/2",2,true],["d/3",3,true]]'
    list
    same "$(keys)" "[\"d\",\"d0\",\"d$last\",\"e\",\"$last\"]"
    as_user DELETE '/data?prefix=d/'
    same "$(field '.data.deleted')" 0
    as_user DELETE "/data?prefix=$(encode_query "$last")"
    same "$(field '.data.deleted')" 1
    as_user DELETE "/data?prefix=d"
    same "$(field '.data.deleted')" 3
    for query in '' '?prefix=' '?prefix'; do
        as_user DELETE "/data$query"
        refused 400 INVALID_REQUEST
        same "$(field '.details.prefix')" 'must not be empty'
    done
    list
    same "$(keys)" '["e"]'
}

@test "list: the address without a key takes GET, POST and DELETE" {
    as_user PUT /data
    refused 405 METHOD_NOT_ALLOWED
    same "$(header Allow)" 'GET, HEAD, POST, DELETE, OPTIONS'
    as_user POST /data/some -d '{}'
    refused 405 METHOD_NOT_ALLOWED
    same "$(header Allow)" 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'
}
