#!/bin/sh
# count.sh - runs the programs of the first build through the calls they are for, so that the
# compiler learns which parts of the libraries run, and how often.
#
#   count.sh BUILD
#
# What a library never does here is compiled to be small, not to be fast: so all calls are made, the
# frequent ones often, and some that are refused.
set -eu

build=$(cd "$1" && pwd)
scratch=$(mktemp -d "$build/run.XXXXXX")
finish() {
    status=$?
    rm -rf "$scratch"
    [ "$status" = 0 ] || echo 'count: "make PROFILE=" builds without this run' >&2
}
trap finish EXIT
conf=$scratch/conf
printf '%s\n' "database = $scratch/cubby.db" "keys = $scratch/keys.json" "log = $scratch/log" \
    'password_cost = 1' 'sandbox = off' >"$conf" # what ran is written at the end, to other files
token=''

# call STATUS METHOD PROGRAM PATH QUERY [BODY]: one request; what comes back must have STATUS.
call() {
    wanted=$1 method=$2 program=$3 path=$4 query=$5 body=${6:-}
    printf '%s' "$body" | env -i CUBBY_CONF="$conf" GATEWAY_INTERFACE=CGI/1.1 \
        SERVER_PROTOCOL=HTTP/1.1 SERVER_NAME=localhost SERVER_PORT=80 REMOTE_ADDR=127.0.0.1 \
        HTTP_HOST=localhost HTTP_ACCEPT='*/*' SCRIPT_NAME="/api/$program" \
        REQUEST_METHOD="$method" PATH_INFO="$path" QUERY_STRING="$query" \
        CONTENT_TYPE=application/json CONTENT_LENGTH="${#body}" \
        ${token:+HTTP_AUTHORIZATION="Bearer $token"} "$build/cgi-bin/$program" >"$scratch/answer"
    case $(head -n 1 "$scratch/answer") in
    "Status: $wanted "*) ;;
    *)
        echo "count: $method $program$path?$query is not answered by $wanted:" >&2
        cat "$scratch/answer" >&2
        exit 1
        ;;
    esac
}

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$scratch/answer"; }

account() { # NAME
    call 201 POST register '' '' "{\"username\":\"$1\",\"email\":\"$1@example.org\",
        \"full_name\":\"Ada Lovelace\",\"age\":36,\"gender\":\"female\",\"password\":\"Engine-1843\"}"
}

login() { # NAME
    call 200 POST token '' '' "{\"username\":\"$1\",\"password\":\"Engine-1843\"}"
    token=$(field access_token)
}

data() { # ROUND: what a user does with items
    call 201 POST data '' '' "{\"key\":\"note $1\",\"value\":{\"text\":\"hello\",\"list\":[1,2.5,true,null]}}"
    call 400 POST data '' '' "{\"key\":\"note $1\",\"value\":1}"
    for _ in 1 2 3 4 5; do
        call 200 GET data "/note $1" ''
        call 200 PUT data "/note $1" '' '{"value":{"text":"hello again","list":[1,2,3]}}'
    done
    call 404 GET data "/none $1" ''
    call 201 PUT data "/list/$1" upsert=true '{"value":[1,{"a":"b"}],"ttl":3600}'
    call 200 PATCH data "/note $1" '' '{"text":"patched"}'
    call 200 GET data '' 'limit=20&values=true'
    call 200 POST batch '' '' "{\"operations\":[{\"op\":\"get\",\"key\":\"note $1\"},
        {\"op\":\"upsert\",\"key\":\"b$1\",\"value\":[]},{\"op\":\"increment\",\"key\":\"count\",\"by\":2}]}"
    call 200 DELETE data "/note $1" ''
    call 200 GET changes '' 'since=0&limit=20'
    call 200 GET me '' ''
}

"$build/bin/cubby" -c "$conf" init >"$scratch/said"
account ada
account bob
login ada
large=$(printf '%01024d' 0)
for round in 1 2 3 4 5 6 7 8; do
    data "$round"
    large=$large$large
done
call 201 POST data '' '' "{\"key\":\"large\",\"value\":\"$(printf '%.200000s' "$large")\"}"
call 200 GET data /large ''
call 200 GET keys '' ''
call 200 PATCH me '' '' '{"age":37}'
call 200 GET me /export ''
call 201 POST keys '' '' '{"name":"sensor","scope":"write","prefix":"list/"}'
access=$token
token=$(field token)
for _ in 1 2 3; do
    call 200 GET data '/list/1' ''
done
token=$access
call 200 POST token /refresh ''
call 200 DELETE token '' ''
call 401 GET data '/list/1' ''
token=''
call 200 GET health '' ''
call 401 GET data '/list/1' ''
call 401 POST token '' '' '{"username":"bob","password":"Engine-1844"}'
login bob
call 200 DELETE me '' '' '{"password":"Engine-1843"}'
