# Settings that show over HTTP: a second server of the same kind, with its own settings

load lib.bash

setup_file() {
    export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    export DATA=$BATS_FILE_TMPDIR/data
    mkdir -m 700 "$DATA"
    cat >"$DATA/cubby.conf" <<'CONF'
password_cost = 1
cors_origins = https://app.example http://localhost:3000
max_value_bytes = 100
max_body_bytes = 2000
token_lifetime = 600
busy_timeout = 400
body_timeout = 2
CONF
    export READY=$BATS_FILE_TMPDIR/ready
    PORT=0 sh "$RUN_SH" >"$BATS_FILE_TMPDIR/server.log" 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/server.pid"
    eventually [ -f "$READY" ] || { cat "$BATS_FILE_TMPDIR/server.log"; return 1; }
    BASE=$(cat "$READY")
    export BASE
    new_user
    export user token
}

teardown_file() {
    kill "$(cat "$BATS_FILE_TMPDIR/server.pid")"
    eventually process_gone "$(cat "$BATS_FILE_TMPDIR/server.pid")"
}

setup() {
    note_test_alone
    login "$user"
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
    sed -i 's/^token_lifetime = .*/token_lifetime = 1/' "$DATA/cubby.conf"
    login "$user"
    sed -i 's/^token_lifetime = .*/token_lifetime = 600/' "$DATA/cubby.conf"
    same "$(field .data.expires_in)" 1
    sleep 1.1
    as_user GET /data/x
    refused 401 INVALID_TOKEN "$MESSAGE_TOKEN"
    same "$(field .details.token)" expired
}

@test "settings: while another process holds the lock, writes are 503 with Retry-After, and reads go on" {
    store held 1
    lock_store 30
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

@test "settings: a client that stalls is told so after body_timeout, under every server" {
    spaces=$(printf '%30000s' '')
    while IFS='|' read -r path length sent; do
        begun=$(date +%s%N)
        answer=$(raw "POST $(prefix)$path HTTP/1.1\r\nHost: x\r\nAuthorization: $token\r\nContent-Length: $length\r\n\r\n$sent")
        took=$((($(date +%s%N) - begun) / 1000000))
        [ "$took" -ge 1500 ] && [ "$took" -lt 7000 ] || fail "$path took $took ms"
        # nginx waits for the whole body itself, and hangs up.
        [ -n "$answer" ] || [ "$SERVER" != nginx ] || continue
        # Apache waits as well, and its status for that is 408.
        [[ $answer = 'HTTP/1.'?' 400 '* || ($SERVER = apache && $answer = 'HTTP/1.'?' 408 '*) ]] || fail "$answer"
        [[ $answer == *'"code":"INCOMPLETE_BODY"'* ]] || fail "$answer"
    done <<DONE
/data|400|
/data|400|{"key":"stalled",
/me/import|90000|{"items":[$spaces
DONE
    login "$user"
    as_user GET /data/stalled
    refused 404 KEY_NOT_FOUND
}

@test "settings: a chunked body that stops coming keeps nobody waiting either" {
    begun=$(date +%s)
    answer=$(raw "POST $(prefix)/data HTTP/1.1\r\nHost: x\r\nAuthorization: $token\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"key\r\n")
    [ $(($(date +%s) - begun)) -lt 9 ] || fail 'waited'
    case $SERVER in
    busybox) [[ $answer == *LENGTH_REQUIRED* ]] || fail "$answer" ;;
    apache) [[ $answer == *INCOMPLETE_BODY* ]] || fail "$answer" ;;
    lighttpd | nginx) [ -z "$answer" ] || fail "$answer" ;; # they hang up
    esac
}

# drips HEADER LAST PIECE…: the answer to a body that comes for four seconds, never pausing for long
drips() {
    local header=$1 last=$2 each parts=()
    for each in "${@:3}"; do parts+=(400 "$each"); done
    raw "POST $(prefix)/data HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $token\r\n$header\r\n\r\n" "${parts[@]}" 400 "$last"
}

# What came of it: stored, or refused after body_timeout.
came_of() { # KEY ANSWER WANTED
    case $3 in
    stored) [[ $2 == 'HTTP/1.1 201 '* ]] || fail "$2" ;;
    *) [[ $2 == 'HTTP/1.'?' 4'*"\"code\":\"$3\""* ]] || fail "$2" ;;
    esac
    as_user GET "/data/$1"
    if [ "$3" = stored ]; then succeeded 200; else refused 404 KEY_NOT_FOUND; fi
}

@test "settings: a body that drips is refused after body_timeout where a program or Apache reads it, not where it is gathered" {
    key=$(fresh_name drip)
    json="{\"key\":\"$key\",\"value\":\"xxxxxxxxxx\"}"
    answer=$(drips "Content-Length: ${#json}" '"}' "${json%xxxxxxxxxx*}" x x x x x x x x x x)
    wanted=INCOMPLETE_BODY
    [ "$SERVER" != nginx ] || wanted=stored
    came_of "$key" "$answer" "$wanted"
    login "$user"
    key=$(fresh_name chunks)
    each='1\r\nx\r\n'
    first="{\"key\":\"$key\",\"value\":\""
    answer=$(drips 'Transfer-Encoding: chunked' '2\r\n"}\r\n0\r\n\r\n' \
        "$(printf %x ${#first})\\r\\n$first\\r\\n" "$each" "$each" "$each" "$each" "$each" "$each" "$each" "$each" "$each" "$each")
    case $SERVER in
    busybox) wanted=LENGTH_REQUIRED ;;
    apache) wanted=INCOMPLETE_BODY ;;
    lighttpd | nginx) wanted=stored ;;
    esac
    came_of "$key" "$answer" "$wanted"
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
