# lib.bash - what the tests over HTTP share. They know the contract of the API and nothing of the
# code. From the environment: BASE (address of the API), SERVER (apache, busybox, lighttpd),
# DATA (folder of database and keys), TOOL (the tool cubby), CONF (its settings).

# shellcheck source=tests/common.bash
. "${BASH_SOURCE[0]%/*}/../common.bash"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# store_sql SQL: asks the database itself, beside the programs; columns are separated by |. DATA names
# the folder as everywhere.
store_sql() { printf '%s\n' "$1" | store_shell; }

# store_shell: the same for what comes from standard input.
store_shell() {
    case ${ENGINE:-sqlite} in
    postgresql) as_owner psql -XqAt -v ON_ERROR_STOP=1 "$(store_setting database)" ;;
    *) sqlite3 -bail -cmd '.timeout 60000' "$DATA/cubby.db" ;;
    esac
}

# store_setting NAME: what the server's own settings say.
store_setting() { sed -n "s/^$1 = //p" "$DATA/cubby.conf"; }

# as_owner COMMAND…: as the user whom PostgreSQL knows, the programs'.
as_owner() {
    local as=()
    [ "$(id -u)" != 0 ] || as=(setpriv --reuid "$(stat -c %u "$DATA/.")" --regid "$(stat -c %g "$DATA/.")" --clear-groups --)
    "${as[@]}" "$@"
}

# store_content: all that is stored, as text.
store_content() {
    case ${ENGINE:-sqlite} in
    postgresql) as_owner pg_dump "$(store_setting database)" ;;
    *) strings -n 20 "$DATA/cubby.db" ;;
    esac
}

# The beginning of a transaction, for store_shell, that keeps all others from writing.
case ${ENGINE:-sqlite} in
postgresql) LOCK_STORE='BEGIN; LOCK TABLE meta, users, items, tokens, throttle IN EXCLUSIVE MODE;' ;;
*) LOCK_STORE='BEGIN IMMEDIATE;' ;;
esac

# lock_store: in the background somebody keeps all others from writing, from now on until free_store; at the latest
# until the test ends, with which the last writer of the pipe goes. Who is started meanwhile, and outlives the test, is
# such a writer too, unless it is started with {store_lock}>&-.
lock_store() {
    local held=$BATS_TEST_TMPDIR/held free_at
    : >"$held"
    free_at=$(mktemp -u "$BATS_TEST_TMPDIR/free.XXXXXX")
    mkfifo "$free_at"
    exec {store_lock}<>"$free_at"
    {
        exec {store_lock}>&-
        printf '%s\nSELECT 1;\n' "$LOCK_STORE"
        read -r _ <"$free_at" || true
        echo 'ROLLBACK;'
    } 3>&- | store_shell >"$held" 3>&- {store_lock}>&- &
    began
    eventually [ -s "$held" ] || fail 'nobody holds the lock'
}

# free_store: it is let go, when this returns.
free_store() {
    echo >&"$store_lock"
    wait_all
    exec {store_lock}>&-
}

# free_store_after SECONDS: the same in the background, a while from now; when, in milliseconds since 1970, is then in
# the file `freed`.
free_store_after() {
    {
        sleep "$1"
        date +%s%3N >"$BATS_TEST_TMPDIR/freed"
        echo >&"$store_lock"
    } 3>&- &
    began
}

# lose_store, find_store: the database can't be reached until it is found again.
lose_store() {
    case ${ENGINE:-sqlite} in
    postgresql)
        store_server "ALTER DATABASE cubby ALLOW_CONNECTIONS false"
        store_server "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = 'cubby'" >/dev/null
        ;;
    *) mv "$DATA/cubby.db" "$DATA/moved.db" ;;
    esac
}
find_store() {
    case ${ENGINE:-sqlite} in
    postgresql) store_server "ALTER DATABASE cubby ALLOW_CONNECTIONS true" ;;
    *) mv "$DATA/moved.db" "$DATA/cubby.db" ;;
    esac
}
store_server() {
    local database
    database=$(store_setting database)
    as_owner psql -XqAt "${database/\/\/\/cubby//\/\/postgres}" -c "$1"
}

# How long an answer is waited for, in seconds: longer than any takes, shorter than a test may.
PATIENCE=200

# call METHOD PATH [curl option…]: sends a request; leaves $code, $body, its $size and the head in $head_file.
call() {
    local method=$1 path=$2 said
    shift 2
    body_file=$BATS_TEST_TMPDIR/body
    head_file=$BATS_TEST_TMPDIR/head
    : >"$body_file"
    local options=(-X "$method")
    [ "$method" != HEAD ] || options=(-I)
    said=$(curl -sS --path-as-is --max-time "$PATIENCE" -o "$body_file" -D "$head_file" -w '%{http_code} %{size_download}' \
        "${options[@]}" "$@" "$BASE$path")
    code=${said% *} size=${said#* }
    body=$(<"$body_file")
    [ "$method" != HEAD ] || body=''
}

# As the user whose token is in $token.
as_user() {
    local method=$1 path=$2
    shift 2
    call "$method" "$path" -H "Authorization: Bearer $token" "$@"
}

# send METHOD PATH JSON: with a token and a body, as the web server at hand takes bodies best.
send() {
    local method=$1 path=$2 json=$3
    shift 3
    printf '%s' "$json" >"$BATS_TEST_TMPDIR/sent"
    if [ "$method" = POST ]; then
        as_user POST "$path" --data-binary "@$BATS_TEST_TMPDIR/sent" "$@"
    else
        as_user POST "$path" -H "X-HTTP-Method-Override: $method" \
            --data-binary "@$BATS_TEST_TMPDIR/sent" "$@"
    fi
}

# read_head: all fields of the answer's head into $head, by their names in small letters.
read_head() {
    local line name value
    declare -gA head=()
    while IFS= read -r line; do
        line=${line%$'\r'} name=${line%%:*} value=${line#*:}
        [ "$name" = "$line" ] || head[${name,,}]=${value# }
    done <"$head_file"
}

# header NAME: the value of a field of the answer's head; the last, should there be more.
header() {
    read_head
    printf '%s' "${head[${1,,}]-}"
}

# field JQ-PATH: something of the body.
field() { jq -r "$1" <"$body_file"; }

show() {
    printf 'answer: %s\n' "$code"
    short "$(cat "$head_file")"
    short "$(head -c 2000 "$body_file" | tr -d '\0')"
}

fail() {
    short "$*"
    show
    return 1
}

# No browser may show an answer inside of a page, or load or run what it names.
POLICY="default-src 'none'; base-uri 'none'; frame-ancestors 'none'"

# The form that every answer has. Leaves what the body says in $said_status, $said_code,
# $said_message and $said_data (whether there are data).
check_form() {
    read_head
    case $code in
    204 | 304) [ ! -s "$body_file" ] || fail 'a body where none may be' ;;
    *)
        same "${head[content-type]-}" application/json
        if [ -s "$body_file" ]; then
            { read -r said_status && read -r said_code && read -r said_message && read -r said_data; } < <(
                jq -r '.status, .code // "", .message // "", has("data")' <"$body_file"
            ) || fail 'no JSON object'
            same "${head[content-length]-}" "$size"
        fi
        ;;
    esac
    same "${head[x-content-type-options]-}" nosniff
    [ -n "${head[cache-control]-}" ] || fail 'no Cache-Control'
    same "${head[content-security-policy]-}" "$POLICY"
}

# succeeded CODE [MESSAGE]
succeeded() {
    same "$code" "$1"
    check_form
    same "$said_status" success
    [ $# -lt 2 ] || same "$said_message" "$2"
}

# refused STATUS CODE [MESSAGE]
refused() {
    same "$code" "$1"
    check_form
    same "$said_status" error
    same "$said_code" "$2"
    same "$said_data" false
    [ -n "$said_message" ] || fail 'no message'
    [ $# -lt 3 ] || same "$said_message" "$3"
    case $1 in
    401) case ${head[www-authenticate]-} in Bearer*) ;; *) fail 'no WWW-Authenticate' ;; esac ;;
    405) [ -n "${head[allow]-}" ] || fail 'no Allow' ;;
    429 | 503) [ -n "${head[retry-after]-}" ] || fail 'no Retry-After' ;;
    esac
}

MESSAGE_TOKEN='Invalid access token provided.'
MESSAGE_KEY='The provided key is not valid or missing.'
MESSAGE_VALUE='The provided value is not valid or missing.'
MESSAGE_KEY_EXISTS='The provided key already exists in the database. To update an existing key, use the update API.'
MESSAGE_NO_KEY='The provided key does not exist in the database.'
MESSAGE_REGISTER='Invalid request. Please provide all required fields: username, email, password, full_name.'
MESSAGE_AGE='Invalid age value. Age must be a positive integer.'
MESSAGE_GENDER='Gender field is required. Please specify the gender (e.g., male, female, non-binary).'
MESSAGE_PASSWORD='The provided password does not meet the requirements. Password must be at least 8 characters long and contain a mix of uppercase and lowercase letters, numbers, and special characters.'
MESSAGE_USERNAME='The provided username is already taken. Please choose a different username.'
MESSAGE_EMAIL='The provided email is already registered. Please use a different email address.'
MESSAGE_FIELDS='Missing fields. Please provide both username and password.'
MESSAGE_CREDENTIALS='Invalid credentials. The provided username or password is incorrect.'

# A name no other test uses.
fresh_name() { printf '%s%s%s' "${1:-u}" "$(date +%s%N)" "$RANDOM"; }

# user_json NAME [JQ-CHANGE]: a registration that is in order, then changed.
user_json() {
    jq -cn --arg name "$1" --arg password "$PASSWORD" \
        '{username: $name, email: ($name + "@example.org"), full_name: "Test User", age: 30,
          gender: "female", password: $password} | '"${2:-.}"
}

register() { call POST /register --data-binary "$1"; }

# login NAME [PASSWORD]: sets $token
login() {
    call POST /token --data-binary "$(jq -cn --arg u "$1" --arg p "${2:-$PASSWORD}" '{username: $u, password: $p}')"
    token=$(field '.token // ""')
}

# new_user: registers somebody; sets $user, $user_id and $token.
new_user() {
    user=$(fresh_name)
    register "$(user_json "$user")"
    [ "$code" = 201 ] || fail 'registering failed'
    user_id=$(field .data.user_id)
    login "$user"
    [ -n "$token" ] || fail 'login failed'
}

# encode_query KEY, encode KEY: as a query's value or a path, percent-encoded (RFC 3986, section 2.1)
encode_query() {
    local LC_ALL=C text=$1 kept=${2:-} out='' character i
    for ((i = 0; i < ${#text}; i++)); do
        character=${text:i:1}
        case $character in
        [A-Za-z0-9._~-] | ["$kept"]) out+=$character ;;
        *) printf -v out '%s%%%02X' "$out" "'$character" ;;
        esac
    done
    printf '%s' "$out"
}
encode() { encode_query "$1" /; }

# store KEY VALUE-JSON
store() { send POST /data "{\"key\":$(jq -cn --arg k "$1" '$k'),\"value\":$2}"; }

# The value in the answer, as its text. Within texts a quote is escaped, so the first "value": is
# the member's.
value_text() {
    sed -n 's/"value":/\n/; s/^.*\n//; s/,"version":[0-9]*,"created_at":.*$//p' "$body_file"
}

# token_part N: the N-th part of the token in $token, decoded.
token_part() { node -p 'Buffer.from(process.argv[1].split(".")[process.argv[2] - 1], "base64url").toString()' "$token" "$1"; }

# woken [PID…]: those requests, or all in the background, are answered, well before the 25 seconds are over that they
# wait for changes
woken() {
    local before=$SECONDS
    if [ $# = 0 ]; then wait_all; else wait "$@"; fi
    [ $((SECONDS - before)) -lt 20 ] || fail 'nobody woke'
}

# forge: prints a JWT; see jwt.js
forge() { node "$here/jwt.js" "$@"; }

# raw TEXT [MILLISECONDS TEXT]…: sends bytes as they are, after pauses; prints all of the answer.
raw() { node "$here/raw.js" "$BASE" "$@"; }

prefix() { printf '/%s' "${BASE##*/}"; }
