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
    local queries=(limit=0 'limit=0&count=false' limit=1001 limit=-1 limit=x limit= limit=1e2 limit=99999999999999999999 values= values=1 values=True
        count=yes cursor=%40 cursor=a cursor=AA cursor=_w cursor=YS8v cursor=YQ%3D%3D 'limit=%'
        order= order=DESC order=down order=1 path=a path=a/b path=/~ path=/a~2 path=/%FF path=/a%C3 path=%20 since= since=2026-01-31 since=1769860800
        since=yesterday since=2026-02-30T00:00:00Z since=2026-01-31T12:00Z since=2026-01-31T12:00:00 since=2026-01-31T24:00:00Z
        since=2026-01-31T12:00:00%2B24:00 since=2026-01-31T12:00:00%2B1:00 until=2026-01-31T12:00:00-00:60
        until=2026-01-31%2012:00:00Z until=2026-01-31T12:00:00.Z until=2026-01-31T12:00:00.0000000001Z
        since=2026-01-31T12:00:00Z%00 since=2026-01-31T12:00:00Z%00x until=2026-01-31T12:00:00Z%00Z until=2026-01-31T12:00:00.5Z%00z
        since=2026-01-31T12:00:00Z%00%2B01:00 until=2026-01-31T12:00:00%00-01:00 since=%00 until=2026-01-31T12:00:00%00Z
        limit=1%00 limit=1%000 values=true%00 count=true%00 order=asc%00 cursor=YQ%00 path=%00)
    # lighttpd makes a lone % in an address %25 before cubby sees it: a prefix like any other.
    [ "$SERVER" = lighttpd ] || queries+=('prefix=%G1')
    for query in "${queries[@]}"; do
        as_user GET "/data?$query"
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys | tojson')" "[\"${query%%=*}\"]"
    done
    as_user GET '/data?limit=1001&values=2&count=3&order=up&since=now'
    same "$(field '.details | keys | tojson')" '["count","limit","order","since","values"]'
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

# times KEY=TIME…: items last written then.
times() {
    jq -cn '{items: [$ARGS.positional[] | split("=") | {key: .[0], value: {n: .[0]}, created_at: "2020-01-01T00:00:00Z", updated_at: .[1]}]}' \
        --args "$@" >"$BATS_TEST_TMPDIR/times"
    as_user POST /me/import --data-binary "@$BATS_TEST_TMPDIR/times"
    succeeded 200
}

@test "list: order=desc is the other way round, by pages too" {
    new_user
    fill a a/b a/c b p/1 p/2 p/3 q "$(printf 'z%.0s' $(seq 512))"
    list order=desc
    wanted=$(field '.data.items | map(.key) | reverse | tojson')
    list order=asc
    same "$(keys)" "$wanted"
    list
    same "$(keys)" "$wanted"
    list order=desc prefix=p/
    same "$(keys)" '["p/3","p/2","p/1"]'
    all='[]' cursor=''
    for _ in $(seq 9); do
        list order=desc limit=2 ${cursor:+"cursor=$cursor"}
        all=$(jq -c ". + $(keys)" <<<"$all")
        cursor=$(field '.data.next_cursor // ""')
        [ -n "$cursor" ] || break
    done
    same "$(jq -c reverse <<<"$all")" "$wanted"
    # A cursor beyond the prefix, on either side.
    list order=desc "cursor=$(printf q | base64 -w0 | tr -d =)" prefix=p/
    same "$(keys)" '["p/3","p/2","p/1"]'
    list order=desc "cursor=$(printf b | base64 -w0 | tr -d =)" prefix=p/
    same "$(keys)" '[]'
    list order=desc "cursor=$(printf p/2 | base64 -w0 | tr -d =)" prefix=p/
    same "$(keys)" '["p/1"]'
}

@test "list: since and until bound the time of the last write, the first included and the last not" {
    new_user
    times a=2026-01-31T12:00:00.000Z b=2026-01-31T12:00:00.001Z c=2026-02-01T00:00:00.000Z d=2026-03-01T00:00:00.000Z
    while read -r query wanted; do
        as_user GET "/data?count=true&$query"
        succeeded 200
        same "$(field '[(.data.items | map(.key) | join("")), .data.total] | tojson')" "[\"$wanted\",${#wanted}]"
        as_user GET "/data?order=desc&$query"
        same "$(field '.data.items | map(.key) | reverse | join("")')" "$wanted"
    done <<'DONE'
since=2026-01-31T12:00:00Z abcd
since=2026-01-31T12:00:00.0005Z abcd
since=2026-01-31T12:00:00.001Z bcd
since=2026-01-31T13:00:00.001%2B01:00 bcd
since=2026-01-31T13:00:00.001+01:00 bcd
since=2026-01-31T06:30:00.001-05:30 bcd
since=2026-01-31t12:00:00.001z bcd
until=2026-01-31T12:00:00.001Z a
until=2026-02-01T00:00:00Z ab
since=2026-01-31T12:00:00.001Z&until=2026-03-01T00:00:00Z bc
since=2026-03-01T00:00:00.001Z
until=1970-01-01T00:00:00Z
until=1969-12-31T23:59:59Z
since=0001-01-01T00:00:00Z abcd
since=0000-01-01T00:00:00%2B23:59&until=2026-02-01T00:00:00Z ab
until=9999-12-31T23:59:59.999-23:59 abcd
since=2026-03-01T00:00:00Z&until=2026-02-01T00:00:00Z
since=1970-01-01T00:00:00Z&prefix=c c
DONE
    send PUT /data/a '{"value":2}'
    as_user GET '/data?since=2026-03-01T00:00:00.001Z'
    same "$(keys)" '["a"]'
}

@test "list: limit=0 with count=true answers how many there are" {
    new_user
    fill a a/b b
    as_user GET '/data?limit=0&count=true'
    succeeded 200
    same "$(field '.data | tojson')" '{"items":[],"total":3}'
    same "$(header Link)" ''
    as_user GET '/data?limit=0&count=true&prefix=a'
    same "$(field .data.total)" 2
    as_user GET '/data?limit=0&count=true&since=2999-01-01T00:00:00Z'
    same "$(field .data.total)" 0
    as_user DELETE '/token?all=true'
    as_user GET '/data?limit=0&count=true'
    refused 401 INVALID_TOKEN
}

@test "list: fields shows what it names, and nothing else" {
    new_user
    store k '{"a":[1, 2]}'
    version=$(field .data.version)
    list fields=key
    same "$(field '.data.items | tojson')" '[{"key":"k"}]'
    list fields=size,version
    same "$(field '.data.items | tojson')" "[{\"size\":12,\"version\":$version}]"
    list fields=value
    [[ $body == *'{"value":{"a":[1, 2]}}'* ]] || fail 'not the value'
    list fields=key values=true
    same "$(field '.data.items[0] | keys | tojson')" '["key","value"]'
    list fields=updated_at,created_at,expires_at,key,key
    same "$(field '.data.items[0] | keys | tojson')" '["created_at","key","updated_at"]'
    send PUT '/data/k' '{"value":1,"ttl":60}'
    list fields=expires_at
    same "$(field '.data.items[0] | keys | tojson')" '["expires_at"]'
    list fields=version
    same "$(field '.data.items[0] | keys | tojson')" '["version"]'
    for bad in '' Key 'key,' ',key' 'key,,size' 'key, size' 'key;size' 'keys' '*' 'key,vershun'; do
        as_user GET "/data?fields=$(encode_query "$bad")"
        refused 400 INVALID_REQUEST
        same "$(field '.details | keys | length')" 1
        [[ $(field '.details | keys[0]') == fields.* ]] || fail 'not by name'
    done
    same "$(field '.details | tojson')" '{"fields.vershun":"is unknown; the nearest known is version"}'
}

@test "list: path shows that part of each value, as it is spelled" {
    new_user
    store a '{"x":{"y":[10, 1.50, {"z~/ü\"":true}]},"":"empty"}'
    store b '{"x":5}'
    store c '[{"x":1},"s"]'
    store d '"text"'
    while IFS='|' read -r path wanted; do
        as_user GET "/data?fields=key&path=$(encode_query "$path")"
        succeeded 200
        same "$(sed 's/.*"items":\(.*\)}}$/\1/' "$body_file")" "$wanted"
    done <<'DONE'
/x/y/1|[{"key":"a","value":1.50},{"key":"b"},{"key":"c"},{"key":"d"}]
/x|[{"key":"a","value":{"y":[10, 1.50, {"z~/ü\"":true}]}},{"key":"b","value":5},{"key":"c"},{"key":"d"}]
/x/y/2/z~0~1ü"|[{"key":"a","value":true},{"key":"b"},{"key":"c"},{"key":"d"}]
/|[{"key":"a","value":"empty"},{"key":"b"},{"key":"c"},{"key":"d"}]
/1|[{"key":"a"},{"key":"b"},{"key":"c","value":"s"},{"key":"d"}]
/0/x|[{"key":"a"},{"key":"b"},{"key":"c","value":1},{"key":"d"}]
/2|[{"key":"a"},{"key":"b"},{"key":"c"},{"key":"d"}]
/-|[{"key":"a"},{"key":"b"},{"key":"c"},{"key":"d"}]
/01|[{"key":"a"},{"key":"b"},{"key":"c"},{"key":"d"}]
/x/y/z|[{"key":"a"},{"key":"b"},{"key":"c"},{"key":"d"}]
/X|[{"key":"a"},{"key":"b"},{"key":"c"},{"key":"d"}]
DONE
    list path= prefix=d
    same "$(field '.data.items[0].value')" text
    list path=/x prefix=b
    same "$(field '.data.items[0] | [.value, .size] | tojson')" '[5,7]'
    # Of members of the same name the last counts.
    send PUT /data/d '{"value":[{"x":1,"x":2,"\u0078":3}]}'
    list path=/0/x prefix=d
    same "$(field '.data.items[0].value')" 3
}

@test "list: the link carries all that was asked for" {
    new_user
    times a=2026-01-31T12:00:00Z b=2026-01-31T12:00:01Z c=2026-01-31T12:00:02Z d=2026-03-01T00:00:00Z
    as_user GET '/data?order=desc&since=2026-01-31T13:00:00%2B01:00&until=2026-02-01T00:00:00Z&fields=key&path=/n&limit=1&count=true'
    seen=''
    for _ in 1 2 3; do
        succeeded 200
        same "$(field '[.data.total, (.data.items[0] | keys)] | tojson')" '[3,["key","value"]]'
        seen+=$(field '.data.items[0] | .key + .value')
        link=$(header Link)
        [[ $link =~ ^\<(\?[^\>]*)\>\;\ rel=\"next\"$ ]] || break
        as_user GET "/data${BASH_REMATCH[1]}"
    done
    same "$seen" ccbbaa
    same "$(header Link)" ''
}

@test "list: a link that is too long for a web server is left out, and the cursor is not" {
    new_user
    fill a b
    for character in / x; do
        path=/$(head -c 1500 /dev/zero | tr '\0' "$character")
        as_user GET "/data?limit=1&path=$path&fields=key,key,key"
        succeeded 200
        [ -n "$(field .data.next_cursor)" ] || fail 'no cursor'
        case $character in
        /) same "$(header Link)" '' ;;
        x) [[ $(header Link) == *"&path=%2Fxxx"*'rel="next"' ]] || fail "$(header Link)" ;;
        esac
    done
}

@test "list: a device token lists within its prefix only, in whatever order" {
    new_user
    fill dev/1 dev/2 other
    send POST '/keys?raw=true' '{"name":"r","scope":"read","prefix":"dev/"}'
    token=$(cat "$body_file")
    list order=desc prefix=dev/
    same "$(keys)" '["dev/2","dev/1"]'
    for query in order=desc 'limit=0&count=true' since=2026-01-31T12:00:00Z 'prefix=de&path=/a'; do
        as_user GET "/data?$query"
        refused 403 FORBIDDEN
    done
}

@test "list: of members of one name path= takes the last" {
    new_user
    store twice '{"a": 1, "a": {"b": 2, "b": 3}}'
    as_user GET '/data?path=/a/b'
    succeeded 200
    same "$(field .data.items[0].value)" 3
}

@test "list: a path that has to go far through large values ends a page early, and no item is missed" {
    new_user
    deep=$(printf '{"a":%.0s' $(seq 90))\"$(printf '%0200000d' 0)\"$(printf '}%.0s' $(seq 90))
    for number in 1 2 3 4 5 6; do
        send PUT "/data/deep$number?upsert=true" "{\"value\":$deep}"
        succeeded 201
    done
    path=$(printf '/a%.0s' $(seq 90))/none
    seen='' pages=0 cursor=''
    while :; do
        as_user GET "/data?limit=1000&path=$path${cursor:+&cursor=$cursor}"
        succeeded 200
        seen+=$(field '.data.items | map(.key) | join(" ")')' ' pages=$((pages + 1))
        cursor=$(field '.data.next_cursor // ""')
        [ -n "$cursor" ] || break
    done
    same "${seen% }" 'deep1 deep2 deep3 deep4 deep5 deep6'
    [ "$pages" -ge 3 ] || fail "$pages pages"
    # Where it is not far they are on one page.
    as_user GET '/data?limit=1000&path=/none'
    same "$(field '.data.items | length')" 6
}
