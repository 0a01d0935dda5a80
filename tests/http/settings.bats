# Settings that show over HTTP: a second server of the same kind, with its own settings

load lib.bash

# Longer than a machine that is busy with others stands still, shorter than the default, which is 30 s.
BODY_TIMEOUT=8

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    export DATA=$BATS_FILE_TMPDIR/data
    mkdir -m 700 "$DATA"
    cat >"$DATA/cubby.conf" <<CONF
password_cost = 1
cors_origins = https://app.example http://localhost:3000
max_value_bytes = 100
max_body_bytes = 2000
token_lifetime = 600
busy_timeout = 3000
body_timeout = $BODY_TIMEOUT
CONF
    export READY=$BATS_FILE_TMPDIR/ready
    PORT=0 sh "$RUN_SH" >"$BATS_FILE_TMPDIR/server.log" 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/server.pid"
    eventually [ -f "$READY" ] || { cat "$BATS_FILE_TMPDIR/server.log"; return 1; }
    BASE=$(cat "$READY")
    export BASE
    new_user
    export user token
    # They take their time, while other tests run; what keeps them from being stored comes behind.
    for framing in length chunks; do
        drip "$framing" >/dev/null 2>&1 3>&- &
    done
    slowly stalls.chunks "$(post /data 'Transfer-Encoding: chunked')5\r\n{\"key\r\n" >/dev/null 2>&1 3>&- &
}

teardown_file() {
    kill "$(cat "$BATS_FILE_TMPDIR/server.pid")"
    eventually process_gone "$(cat "$BATS_FILE_TMPDIR/server.pid")"
}

setup() {
    note_test_alone
    login "$user"
}

# slowly NAME PART…: sends those as `raw` does; the answer is then in the file NAME, how many milliseconds it took in
# NAME.took
slowly() {
    TOOK=$BATS_FILE_TMPDIR/$1.took raw "${@:2}" >"$BATS_FILE_TMPDIR/$1"
}

# answer_to NAME: once it is there
answer_to() {
    eventually [ -s "$BATS_FILE_TMPDIR/$1.took" ] || return
    cat "$BATS_FILE_TMPDIR/$1"
}

# dripping length|chunks: what must come of such a body, which never pauses for long
dripping() {
    case $1-$SERVER in
    *-nginx | chunks-lighttpd) echo stored ;;
    chunks-busybox) echo LENGTH_REQUIRED ;;
    *) echo INCOMPLETE_BODY ;;
    esac
}

# post PATH HEADER: the head of such a request, with that field
post() {
    printf '%s' "POST $(prefix)$1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $token\r\n$2\r\n\r\n"
}

# drip length|chunks: such a body, which comes for a fourth longer than body_timeout, or where it must be refused for
# three times as long, which is still shorter than the default. It stores a key `drip.length` or `drip.chunks`. A process
# that stays and reads a body which keeps others waiting gives way to them, so the one that may be read like that goes to
# a program that no other test here asks.
drip() {
    local seconds=$((BODY_TIMEOUT * 5 / 4)) count path=/data header first each=x last='"}' parts=()
    [ "$(dripping "$1")" = stored ] || seconds=$((BODY_TIMEOUT * 3))
    count=$((seconds * 5 / 2))
    first="{\"key\":\"drip.$1\",\"value\":\""
    if [ "$1" = chunks ]; then
        header='Transfer-Encoding: chunked'
        first="$(printf %x ${#first})\r\n$first\r\n" each='1\r\nx\r\n' last='2\r\n"}\r\n0\r\n\r\n'
    else
        path=/batch first="{\"operations\":[{\"op\":\"create\",${first#\{}" last+=']}'
        header="Content-Length: $((${#first} + count + ${#last}))"
    fi
    for ((; count > 0; count--)); do parts+=(400 "$each"); done
    slowly "drip.$1" "$(post "$path" "$header")$first" "${parts[@]}" 400 "$last"
}

@test "settings: a listed origin may call, and is told what it may" {
    as_user GET /data/x -H 'Origin: https://app.example'
    refused 404 KEY_NOT_FOUND
    same "$(header Access-Control-Allow-Origin)" https://app.example
    # Apache takes the blank out.
    same "$(grep -i '^vary:' "$head_file" | tr -d '\r ')" 'Vary:Origin,Authorization'
    [[ $(header Access-Control-Expose-Headers) == *ETag* ]] || fail 'ETag not exposed'
    call OPTIONS /data/x -H 'Origin: http://localhost:3000' -H 'Access-Control-Request-Method: PUT'
    same "$code" 204
    same "$(header Vary)" Origin
    same "$(header Access-Control-Allow-Origin)" http://localhost:3000
    [[ $(header Access-Control-Allow-Methods) == *PUT* ]] || fail 'PUT not allowed'
    [[ $(header Access-Control-Allow-Headers) == *Authorization* ]] || fail 'Authorization not allowed'
}

@test "settings: another origin is told nothing" {
    for origin in https://evil.example https://app.example.evil http://app.example null https://app.exampl 'https://app.example http://localhost:3000'; do
        as_user GET /data/x -H "Origin: $origin"
        same "$(header Access-Control-Allow-Origin)" ''
        call OPTIONS /data/x -H "Origin: $origin" -H 'Access-Control-Request-Method: PUT'
        same "$code" 204
        same "$(header Access-Control-Allow-Origin)" ''
    done
}

@test "settings: limits of values and bodies are the configured ones" {
    store a "\"$(printf 'x%.0s' $(seq 98))\""
    succeeded 201
    store b "\"$(printf 'x%.0s' $(seq 99))\""
    refused 413 VALUE_TOO_LARGE
    store c "\"$(printf 'x%.0s' $(seq 2000))\""
    refused 413 BODY_TOO_LARGE
}

@test "settings: a token ends with its lifetime" {
    same "$(field .data.expires_in)" 600
    as_user GET /data/x
    refused 404 KEY_NOT_FOUND
    claims=$(token_part 2)
    same "$(jq '.exp - .iat' <<<"$claims")" 600
    token=$(forge "$DATA/keys.json" '{"alg":"HS256","typ":"JWT","kid":"@KID@"}' "$(jq -c ".exp = $(date +%s) + 1" <<<"$claims")")
    is_over() { as_user GET /data/x && [ "$code" != 404 ]; }
    eventually is_over
    refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
    same "$(field .details.token)" expired
}

@test "settings: a client that stalls is told so after body_timeout, under every server" {
    # Each at a program that nobody else asks meanwhile, for whom it would give way.
    spaces=$(printf '%30000s' '')
    paths=()
    while IFS='|' read -r path length sent; do
        paths+=("$path")
        slowly "stalls.${#paths[@]}" \
            "POST $(prefix)$path HTTP/1.1\r\nHost: x\r\nAuthorization: $token\r\nContent-Length: $length\r\n\r\n$sent" 3>&- &
        began
    done <<DONE
/keys|400|
/register|400|{"username":"stalled",
/me/import|90000|{"items":[$spaces
DONE
    wait_all
    for number in 1 2 3; do
        answer=$(answer_to "stalls.$number") took=$(<"$BATS_FILE_TMPDIR/stalls.$number.took")
        # The default is 30 seconds.
        [ "$took" -ge $((BODY_TIMEOUT * 1000 - 500)) ] && [ "$took" -lt 25000 ] || fail "${paths[number - 1]} took $took ms"
        # nginx waits for the whole body itself, and hangs up.
        [ -n "$answer" ] || [ "$SERVER" != nginx ] || continue
        # Apache waits as well, and its status for that is 408.
        [[ $answer = 'HTTP/1.'?' 400 '* || ($SERVER = apache && $answer = 'HTTP/1.'?' 408 '*) ]] || fail "$answer"
        [[ $answer == *'"code":"INCOMPLETE_BODY"'* ]] || fail "$answer"
    done
    # Nothing came of what was sent.
    register "$(user_json stalled)"
    succeeded 201
}

@test "settings: a chunked body that stops coming keeps nobody waiting either" {
    answer=$(answer_to stalls.chunks)
    [ "$(<"$BATS_FILE_TMPDIR/stalls.chunks.took")" -lt 25000 ] || fail 'waited'
    case $SERVER in
    busybox) [[ $answer == *LENGTH_REQUIRED* ]] || fail "$answer" ;;
    apache) [[ $answer == *INCOMPLETE_BODY* ]] || fail "$answer" ;;
    lighttpd | nginx) [ -z "$answer" ] || fail "$answer" ;; # they hang up
    esac
}

# came_of KEY WANTED: stored, or refused after body_timeout
came_of() {
    local answer
    answer=$(answer_to "$1")
    case $2 in
    stored) [[ $answer == 'HTTP/1.1 20'[01]' '* ]] || fail "$answer" ;;
    *)
        # Apache says 503 where it has a piece for a program that stays, and which has hung up by then.
        [[ $answer == 'HTTP/1.'?' 4'*"\"code\":\"$2\""* ||
            ($SERVER-$MODE = apache-fastcgi && $answer == 'HTTP/1.'?' 503 '*'"code":"SERVICE_UNAVAILABLE"'*) ]] || fail "$answer"
        ;;
    esac
    as_user GET "/data/$1"
    if [ "$2" = stored ]; then succeeded 200; else refused 404 KEY_NOT_FOUND; fi
}

@test "settings: a body that drips is refused after body_timeout where a program or Apache reads it, not where it is gathered" {
    came_of drip.length "$(dripping length)"
    came_of drip.chunks "$(dripping chunks)"
}

@test "settings: while another process holds the lock, writes are 503 with Retry-After, and reads go on" {
    store held 1
    lock_store
    store blocked 1
    refused 503 SERVICE_UNAVAILABLE
    as_user GET /data/held
    succeeded 200
    free_store
    login "$user"
    as_user GET /data/blocked
    refused 404 KEY_NOT_FOUND
    store blocked 1
    succeeded 201
}

@test "settings: without a database, health is 503 and calls are 5xx, and nothing is shown" {
    lose_store
    call GET /health
    health=$code
    state=$(field .code)
    as_user GET /data/x
    read_code=$code
    read_body=$body
    register "$(user_json "$(fresh_name)")"
    made=$([ -e "$DATA/cubby.db" ] && echo made || echo none)
    find_store
    same "$health" 503
    same "$state" SERVICE_UNAVAILABLE
    # A server may come back by itself, a file does not.
    wanted='500 INTERNAL_ERROR'
    [ "${ENGINE:-sqlite}" = sqlite ] || wanted='503 SERVICE_UNAVAILABLE'
    same "$read_code" "${wanted% *}"
    [[ $read_body == *"${wanted#* }"* && $read_body != *cubby.db* && $read_body != *postgresql* ]] || fail "$read_body"
    same "$code" "${wanted% *}"
    same "$made" none
    call GET /health
    succeeded 200
}

@test "settings: the log names causes and holds no secret" {
    login "$user" 'Wrong-pass1!'
    log=$(cat "$BATS_FILE_TMPDIR/server.log")
    cause='cubby init'
    [ "${ENGINE:-sqlite}" = sqlite ] || cause='not currently accepting connections'
    [[ $log == *"$cause"* ]] || fail "$log"
    for secret in "$PASSWORD" 'Wrong-pass1!' "$token" "$(jq -r '.keys[0].k' "$DATA/keys.json")" '$y$'; do
        [[ -z $secret || $log != *"$secret"* ]] || fail "the log shows $secret"
    done
}

@test "settings: a setting that is unknown or bad stops every call with file and line in the log" {
    file=$BATS_TEST_TMPDIR/conf
    for line in 'databse = x' 'token_lifetime = soon' 'password_method = md5' 'no equals sign'; do
        { echo '# comment'; echo "$line"; } >"$file"
        run -1 "$TOOL" -c "$file" check
        [[ $output == *"$file:2:"* ]] || fail "$output"
    done
}
