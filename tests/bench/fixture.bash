# fixture.bash - what measurements of single executions share: a small database with one user, and
# for every measured call the environment and the body that a web server would hand to its program.
#
# Sourced. Wants: root (of the checkout). Gives: fixture_make, fixture_each, fixture_run, stop_running.

: "${root:?}"

# Process ids of what a benchmark started; stop_running ends them.
running=()
stop_running() {
    local pid
    for pid in "${running[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in "${running[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    running=()
}

# The names of the measured calls, what each is, and which program it runs.
fixture_calls='
health      health    GET    -          -
read        data      GET    /greeting  -
read-large  data      GET    /large     -
list        data      GET    -          -          limit=20
store       data      POST   -          store.json
update      data      PUT    /greeting  value.json
update-large data     PUT    /large     large.json
delete      data      DELETE /gone      -
batch       batch     POST   -          batch.json
changes     changes   GET    -          -          since=0&limit=20
me          me        GET    -          -
keys        keys      GET    -          -
token       token     POST   -          login.json
register    register  POST   -          person.json
'

# fixture_environment PROGRAM METHOD PATH BODY QUERY >FILE: what a server tells a CGI program.
fixture_environment() {
    printf '%s\n' GATEWAY_INTERFACE=CGI/1.1 SERVER_PROTOCOL=HTTP/1.1 'SERVER_SOFTWARE=bench' \
        SERVER_NAME=localhost SERVER_PORT=80 REMOTE_ADDR=127.0.0.1 REMOTE_PORT=40000 \
        "SCRIPT_NAME=/api/$1" "REQUEST_METHOD=$2" "PATH_INFO=$3" "QUERY_STRING=$5" \
        HTTP_HOST=localhost HTTP_USER_AGENT=bench/1.0 'HTTP_ACCEPT=*/*' PATH=/usr/bin:/bin \
        "CUBBY_CONF=$fixture/cubby.conf"
    [ "$4" = - ] || printf '%s\n' CONTENT_TYPE=application/json \
        "CONTENT_LENGTH=$(stat -c %s "$fixture/$4")"
    [ -z "$fixture_token" ] || printf 'HTTP_AUTHORIZATION=Bearer %s\n' "$fixture_token"
}

# fixture_run CALL [COMMAND…]: one execution, by way of COMMAND if there is one.
fixture_run() {
    local call=$1 program body environment
    shift
    program=$(cat "$fixture/$call.program")
    body=$(cat "$fixture/$call.body")
    mapfile -t environment <"$fixture/$call.environment"
    env -i "${environment[@]}" "$@" "$root/build/cgi-bin/$program" <"$body"
}

fixture_call() {
    local call=$1 program=$2 method=$3 path=$4 body=$5 query=${6:-}
    [ "$path" != - ] || path=''
    fixture_environment "$program" "$method" "$path" "$body" "$query" >"$fixture/$call.environment"
    echo "$program" >"$fixture/$call.program"
    [ "$body" = - ] && body=/dev/null || body=$fixture/$body
    echo "$body" >"$fixture/$call.body"
}

# fixture_each FUNCTION: calls it with the name of every measured call.
fixture_each() {
    local call rest
    while read -r call rest; do
        [ -z "$call" ] || "$1" "$call"
    done <<<"$fixture_calls"
}

fixture_must() {
    local answer
    answer=$(fixture_run "$@" 2>&1)
    case $answer in
    *'"status":"success"'*) ;;
    *)
        echo "bench: $1 went wrong: $answer" >&2
        exit 1
        ;;
    esac
}

# fixture_make FOLDER: FOLDER must not exist; numbers of instructions depend on its length only.
# fixture_cost is the cost of a password, 1 unless it is set.
fixture_make() {
    local call program method path body query
    fixture=$1
    fixture_token=''
    mkdir -m 700 "$fixture"
    printf '%s\n' "database = $fixture/cubby.db" "keys = $fixture/keys.json" \
        "log = $fixture/log" "password_cost = ${fixture_cost:-1}" 'register_limit = 0' 'login_limit_account = 0' \
        'login_limit_address = 0' >"$fixture/cubby.conf"
    CUBBY_CONF=$fixture/cubby.conf "$root/build/bin/cubby" init >"$fixture/init.log" || exit 1
    local person='"full_name":"Ada Lovelace","age":36,"gender":"female","password":"Engine-1843"'
    printf '{"username":"ada","email":"ada@example.org",%s}' "$person" >"$fixture/first.json"
    printf '{"username":"bob","email":"bob@example.org",%s}' "$person" >"$fixture/person.json"
    echo '{"username":"ada","password":"Engine-1843"}' >"$fixture/login.json"
    echo '{"value":{"text":"hello world","list":[1,2,3]}}' >"$fixture/value.json"
    echo '{"key":"new","value":{"text":"hello world","list":[1,2,3]}}' >"$fixture/store.json"
    jq -nc '{operations: [range(10) | {op: "upsert", key: "batch-\(.)", value: {text: "hello", n: .}}]}' \
        >"$fixture/batch.json"
    { printf '{"value":"' && head -c 262142 /dev/zero | tr '\0' x && printf '"}'; } \
        >"$fixture/large.json"
    fixture_call first register POST - first.json
    fixture_must first
    fixture_call login token POST - login.json
    fixture_token=$(fixture_run login | tail -n 1 | jq -r .token)
    while read -r call program method path body query; do
        [ -z "$call" ] || fixture_call "$call" "$program" "$method" "$path" "$body" "$query"
    done <<<"$fixture_calls"
    for i in greeting large gone $(seq -f 'item-%03g' 100); do
        printf '{"key":"%s","value":{"text":"hello","list":[1,2,3]}}' "$i" >"$fixture/one.json"
        fixture_call one data POST - one.json
        fixture_must one
    done
    fixture_must update-large
    cp "$fixture/cubby.db" "$fixture/cubby.db.start"
}

# Back to the first state of the database, so that a call finds what it found the first time.
fixture_reset() { cp "$fixture/cubby.db.start" "$fixture/cubby.db"; }
