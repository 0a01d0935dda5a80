# system.bash - what the tests of building, running and installing share.

# shellcheck source=tests/common.bash
. "${BASH_SOURCE[0]%/*}/../common.bash"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export TOOL=${TOOL:-$root/build/bin/cubby} PROGRAMS=${PROGRAMS:-$root/build/cgi-bin}

fail() {
    short "$*"
    return 1
}

# has TEXT PART: TEXT has PART in it.
has() {
    case $1 in *"$2"*) ;; *) fail "\"$2\" is not in: $1" ;; esac
}

# A copy of the sources at FOLDER, with the libraries that are built already. copy_checkout FOLDER
copy_checkout() {
    mkdir -p "$1/build"
    tar -C "$root" --exclude=./build --exclude=./.git --exclude=./data --exclude=./node_modules -cf - . | tar -C "$1" -xf -
    ln -s "$root/build/deps" "$1/build/deps"
}

# The same with everything that was built, as new as it is: make has nothing to do there.
copy_built_checkout() {
    copy_checkout "$1"
    cp -a "$root"/build/obj* "$root"/build/bin "$root"/build/generated "$root"/build/docs "$root"/build/cgi-bin "$root"/build/.flags "$1/build/"
}

# make without what the make above passed on
make_in() {
    local folder=$1
    shift
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u MAKEOVERRIDES make --no-print-directory -C "$folder" "$@"
}

# call METHOD ADDRESS [curl option…]: leaves $code and $body; with $token if that is set.
call() {
    local method=$1 address=$2
    shift 2
    body=$(curl -sS --max-time 120 -X "$method" -w '\n%{http_code}' \
        ${token:+-H "Authorization: Bearer $token"} "$@" "$address")
    code=${body##*$'\n'}
    body=${body%$'\n'*}
}

# six_calls BASE [NAME]: all of them work there; leaves $token of the new user.
six_calls() {
    local base=$1 name=${2:-ann$RANDOM$RANDOM}
    token=''
    call POST "$base/register" -d "{\"username\":\"$name\",\"email\":\"$name@example.org\",\"full_name\":\"Ann\",\"age\":30,\"gender\":\"female\",\"password\":\"$PASSWORD\"}"
    same "$code" 201
    call POST "$base/token" -d "{\"username\":\"$name\",\"password\":\"$PASSWORD\"}"
    same "$code" 200
    token=$(jq -r .token <<<"$body")
    call POST "$base/data" -d '{"key":"a/b","value":{"n":1.0}}'
    same "$code" 201
    call GET "$base/data/a/b"
    same "$code" 200
    has "$body" '"value":{"n":1.0}'
    call PUT "$base/data/a/b" -d '{"value":"two"}'
    same "$code" 200
    call GET "$base/data?key=a%2Fb"
    same "$(jq -r .data.value <<<"$body")" two
    call DELETE "$base/data/a/b"
    same "$code" 200
    call GET "$base/data/a/b"
    same "$code" 404
    call GET "$base/health"
    same "$code" 200
}

# run_start COMMAND…: starts a command that serves, as the leader of a process group, without a
# terminal and with signals as a terminal has them, though the tests run under nohup; what it prints
# goes to $run_output. Leaves its number in $run_pid.
run_start() {
    run_output=$BATS_TEST_TMPDIR/output.$((run_number = ${run_number:-0} + 1))
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u MAKEOVERRIDES --default-signal=HUP,INT,QUIT,PIPE,TERM setsid "$@" \
        >"$run_output" 2>&1 </dev/null 3>&- 4>&- &
    run_pid=$!
    note_process "$run_pid" "$BATS_TEST_TMPDIR/started"
}

run_gone() { ! kill -0 "$run_pid" 2>/dev/null && ! kill -0 -- "-$run_pid" 2>/dev/null; }

# run_wait: until it serves, and has said its last line; leaves $base.
run_serves() { grep -q '^tool: ' "$run_output" || run_gone; }
run_wait() {
    eventually run_serves || fail "does not come up: $(cat "$run_output")"
    base=$(sed -n 's/^cubby serves at \([^ ]*\) .*/\1/p' "$run_output")
    [ -n "$base" ] || fail "does not serve: $(cat "$run_output")"
}

# run_stop SIGNAL: to the whole group, as a terminal does; leaves $status.
run_stop() {
    kill -s "$1" -- "-$run_pid"
    eventually run_gone || fail "still there after $1: $(ps -o pid,args -g "$run_pid")"
    status=0
    wait "$run_pid" || status=$?
}

# For teardown: nothing that a test started outlives it.
stop_all() {
    local now since
    [ -f "$BATS_TEST_TMPDIR/started" ] || return 0
    while read -r run_pid since; do
        now=$(born "$run_pid")
        [ -z "$now" ] || [ "$now" = "$since" ] || continue # a group's number is not given away while a process is in it
        run_gone || kill -TERM -- "-$run_pid" 2>/dev/null || true
        until_true 15 run_gone || kill -KILL -- "-$run_pid" 2>/dev/null || true
    done <"$BATS_TEST_TMPDIR/started"
}
