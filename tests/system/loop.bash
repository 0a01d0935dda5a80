# loop.bash - programs that stay (FastCGI), asked without a web server by cgi-fcgi, which hands over its
# environment and standard input as a web server would.

# loop_start PROGRAM…: one process of each, at the socket $sockets/PROGRAM; their numbers in $loop_PROGRAM.
# $LOOP_VARIABLE, NAME=VALUE, is in their environment. With an empty $LOOP_CONF the settings are not, and
# only requests name them; with $LOOP_TCP the socket is a port of this machine.
loop_start() {
    local name at reach former
    sockets=$BATS_TEST_TMPDIR/sockets
    mkdir -p "$sockets" "$BATS_TEST_TMPDIR/asking"
    for name; do
        former=$(listeners "$sockets/$name")
        rm -f "$sockets/$name"
        at=(-s "$sockets/$name") reach=$sockets/$name
        [ -z "${LOOP_TCP:-}" ] || {
            reach=127.0.0.1:$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
            at=(-a 127.0.0.1 -p "${reach#*:}")
        }
        env -i ${LOOP_CONF-CUBBY_CONF="$conf"} PATH="$PATH" ${LOOP_VARIABLE:+"$LOOP_VARIABLE"} spawn-fcgi -n "${at[@]}" -- "${LOOP_PROGRAMS:-$PROGRAMS}/$name" \
            >>"$BATS_TEST_TMPDIR/log" 2>&1 </dev/null 3>&- 4>&- 5>&- &
        eval "loop_$name=\$!"
        note_process "$!" "$BATS_TEST_TMPDIR/loops"
        printf '#!/bin/sh\nexec cgi-fcgi -bind -connect "%s"\n' "$reach" >"$BATS_TEST_TMPDIR/asking/$name"
        chmod 755 "$BATS_TEST_TMPDIR/asking/$name"
        eventually loop_listens "$sockets/$name" "$reach" "$former" || fail "$(cat "$BATS_TEST_TMPDIR/log")"
    done
}

# loop_listens SOCKET ADDRESS FORMER
loop_listens() { served "$1" "$3" || { [ -n "${LOOP_TCP:-}" ] && (: <"/dev/tcp/127.0.0.1/${2#*:}") 2>/dev/null; }; }

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

# ends PID: it ends by itself, and well.
ends() {
    local status=0
    eventually process_gone "$1" || fail "process $1 does not end"
    wait "$1" || status=$?
    same "$status" 0
}

# on_socket SOCKET: how many there are to it, those that nobody has taken yet too
on_socket() { awk -v path="$1" '$4 != "00010000" && $NF == path { count++ } END { print count + 0 }' /proc/net/unix; }
connected() { [ "$(on_socket "$1")" -ge "$2" ]; }

# at_rest PID: a program that stays has nothing in hand. What it has to do after an answer it may do when that has come.
at_rest() { eventually waits_for_something "$1"; }

# has_in_hand PROGRAM: it has a request, and waits for the rest of it, or for what is asked for
has_in_hand() {
    local pid
    eval "pid=\$loop_$1"
    connected "$sockets/$1" 1 && [ "$(find "/proc/$pid/fd" -lname 'socket:*' | wc -l)" -ge 2 ] && waits_for_something "$pid"
}

# made_anew PROGRAM: its process, which is confined, ends before it takes another request, as settings have
# changed; and whoever keeps the processes starts one.
made_anew() {
    eval "set -- $1 \$loop_$1"
    ask "$1" GET || true
    ends "$2"
    loop_start "$1"
}

# loops_stop: those, and what else is noted with them; back when they are gone, with their sockets
loops_stop() {
    local pid
    [ -f "$BATS_TEST_TMPDIR/loops" ] || return 0
    for pid in $(noted_processes "$BATS_TEST_TMPDIR/loops"); do
        kill -KILL "$pid" 2>/dev/null || true
    done
    eventually loops_gone || true
    rm "$BATS_TEST_TMPDIR/loops"
}
loops_gone() {
    local pid
    for pid in $(noted_processes "$BATS_TEST_TMPDIR/loops"); do
        [ "$(ps -o stat= -p "$pid" | cut -c 1)" = Z ] || [ -z "$(born "$pid")" ] || return 1
    done
}

# keeper_script: cubby-loop of this checkout, whose settings are here; with $lean it finds commands in that folder alone
keeper_script() {
    sed -e "/^@WHO_ELSE@/{r $root/cgi-bin/server/who_else.sh" -e 'd;}' -e "s|@CGIDIR@|$PROGRAMS|g; s|@SBINDIR@|$(dirname "$TOOL")|g; s|@SYSCONFDIR@|$BATS_TEST_TMPDIR|g" \
        ${lean:+-e "s|^PATH=.*|PATH=$BATS_TEST_TMPDIR/lean|"} "$root/cgi-bin/server/cubby-loop.in" >"$BATS_TEST_TMPDIR/cubby-loop"
    chmod 755 "$BATS_TEST_TMPDIR/cubby-loop"
}

# keeper LINE…: cubby-loop of this checkout, with its sockets in $sockets and these lines of settings;
# started by the words in $keeper_by
keeper() {
    sockets=$BATS_TEST_TMPDIR/kept
    mkdir -p "$sockets" "$BATS_TEST_TMPDIR/asking"
    keeper_script
    printf '%s\n' "RUNDIR=$sockets" "RUN_USER=$(id -un)" "WEB_GROUP=$(id -gn)" "$@" >"$BATS_TEST_TMPDIR/cubby-loop.conf"
    # shellcheck disable=SC2086 # words
    env CUBBY_CONF="$conf" setsid ${keeper_by:-} sh "$BATS_TEST_TMPDIR/cubby-loop" run >>"$BATS_TEST_TMPDIR/log" 2>&1 </dev/null 3>&- 4>&- &
    keeper=$!
    for name in "$PROGRAMS"/*; do
        name=${name##*/}
        printf '#!/bin/sh\nexec cgi-fcgi -bind -connect "%s"\n' "$sockets/$name.sock" >"$BATS_TEST_TMPDIR/asking/$name"
        chmod 755 "$BATS_TEST_TMPDIR/asking/$name"
        eventually served "$sockets/$name.sock" || fail "$(cat "$BATS_TEST_TMPDIR/log")"
    done
}

keeper_stop() {
    kill -TERM "$keeper"
    keeper_ends
}

# keeper_ends: it does, with all that it has started; nothing is told to its number then, which may be another's soon
keeper_ends() {
    if eventually group_gone "$keeper"; then
        keeper=''
        return 0
    fi
    kill -KILL -- "-$keeper"
    fail "cubby-loop, or what it started, is still there: $(pgrep -g "$keeper" -a)"
}

# group_gone LEADER: no process of its group is left
group_gone() { ! pgrep -g "$1" >/dev/null; }

# pids_of PROGRAM: of the processes that cubby-loop keeps
pids_of() { pgrep -g "$keeper" -f "^$PROGRAMS/$1\$" || true; }

# keeps COUNT PROGRAM: so many of these are there
keeps() { [ "$(pids_of "$2" | wc -l)" = "$1" ]; }

# served_by SERVER MODE: run.sh over the installation's database; sets $address and $server
served_by() {
    [ -f "$home/cubby.conf" ] || sed '/^database\|^keys/d' "$conf" >"$home/cubby.conf"
    SERVER=$1 MODE=$2 PORT=0 DATA=$home READY=$BATS_TEST_TMPDIR/ready.$1 sh "$root/cgi-bin/server/run.sh" \
        >"$BATS_TEST_TMPDIR/$1.log" 2>&1 3>&- 4>&- &
    server=$!
    note_process "$server" "$BATS_TEST_TMPDIR/servers"
    serves_or_ends() { [ -f "$BATS_TEST_TMPDIR/ready.$1" ] || process_gone "$server"; }
    eventually serves_or_ends "$1" || fail "$(cat "$BATS_TEST_TMPDIR/$1.log")"
    address=$(cat "$BATS_TEST_TMPDIR/ready.$1") || fail "$(cat "$BATS_TEST_TMPDIR/$1.log")"
}

# sockets_of_server: the folder with the sockets of the programs that stay, of the one that runs
sockets_of_server() { tr '\0' '\n' <"/proc/$(server_of_run "$server")/environ" | sed -n 's/^RUNDIR=//p'; }

# servers_stop [FILE]: those, or the ones that are noted in FILE, and all that they started
servers_stop() {
    local pid file=${1:-$BATS_TEST_TMPDIR/servers}
    [ -f "$file" ] || return 0
    for pid in $(noted_processes "$file"); do
        kill -TERM "$pid" 2>/dev/null || true
        wait "$pid" || true
    done
    rm "$file"
}
