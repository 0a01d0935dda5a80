# loop.bash - programs that stay (FastCGI), asked without a web server by cgi-fcgi, which hands over its
# environment and standard input as a web server would.

# loop_start PROGRAM…: one process of each, at the socket $sockets/PROGRAM; their numbers in $loop_PROGRAM.
loop_start() {
    local name
    sockets=$BATS_TEST_TMPDIR/sockets
    mkdir -p "$sockets" "$BATS_TEST_TMPDIR/asking"
    for name; do
        rm -f "$sockets/$name"
        env -i CUBBY_CONF="$conf" PATH="$PATH" spawn-fcgi -n -s "$sockets/$name" -- "${LOOP_PROGRAMS:-$PROGRAMS}/$name" \
            >>"$BATS_TEST_TMPDIR/log" 2>&1 </dev/null 3>&- 4>&- 5>&- &
        eval "loop_$name=\$!"
        echo "$!" >>"$BATS_TEST_TMPDIR/loops"
        printf '#!/bin/sh\nexec cgi-fcgi -bind -connect "%s"\n' "$sockets/$name" >"$BATS_TEST_TMPDIR/asking/$name"
        chmod 755 "$BATS_TEST_TMPDIR/asking/$name"
        for _ in $(seq 100); do
            [ ! -S "$sockets/$name" ] || break
            sleep 0.05
        done
    done
}

# looped COMMAND…: with the programs that stay in the place of those that do not.
looped() {
    local plain=$PROGRAMS
    PROGRAMS=$BATS_TEST_TMPDIR/asking
    "$@"
    PROGRAMS=$plain
}

# ask PROGRAM METHOD [PATH [BODY]]: cgi, of a program that stays.
ask() { looped cgi "$@"; }

# answered CODE [ERROR]
answered() {
    same "$code" "$1"
    [ $# -lt 2 ] || same "$(jq -r .code <<<"$body")" "$2"
}

loop_gone() { ! kill -0 "$1" 2>/dev/null; }

# ends PID: it ends by itself, and well.
ends() {
    local status=0
    for _ in $(seq 100); do
        loop_gone "$1" && break
        sleep 0.05
    done
    loop_gone "$1" || fail "process $1 does not end"
    wait "$1" || status=$?
    same "$status" 0
}

# made_anew PROGRAM: its process, which is confined, ends before it takes another request, as settings have
# changed; and whoever keeps the processes starts one.
made_anew() {
    eval "set -- $1 \$loop_$1"
    ask "$1" GET || true
    ends "$2"
    loop_start "$1"
}

loops_stop() {
    local pid
    [ -f "$BATS_TEST_TMPDIR/loops" ] || return 0
    while read -r pid; do
        kill -KILL "$pid" 2>/dev/null || true
    done <"$BATS_TEST_TMPDIR/loops"
}
