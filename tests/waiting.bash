# waiting.bash - finding what is under way, and waiting for it, in tests and benchmarks; and ports for it.

# began: notes the command just put into the background. wait_all: waits for those, and for nothing
# else; bats has a watchdog of its own in the background of each test.
started=()
began() { started+=("$!"); }
wait_all() {
    local pid
    for pid in "${started[@]}"; do
        wait "$pid" || true
    done
    started=()
}

# eventually COMMAND…: until it succeeds, for longer than a busy machine needs; says so if it never does.
eventually() { until_true 90 "$@" || { echo "never: $*" >&2; return 1; }; }

# until_true SECONDS COMMAND…: asks ten times a second.
until_true() {
    local left=$(($1 * 10))
    shift
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 0.1
    done
}

# process_gone PID: there is no such process
process_gone() { ! kill -0 "$1" 2>/dev/null; }

# born PID: when that process was started; nothing, when there is none. Numbers are given again; on a busy machine after
# seconds. With the time of its start a process is told from a later one of that number.
born() {
    local line words
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
    read -ra words <<<"${line##*) }"
    echo "${words[19]}"
}

# note_process PID FILE / noted_processes FILE: the numbers of those of them that are still the same
note_process() { echo "$1 $(born "$1")" >>"$2"; }
noted_processes() {
    local pid born
    [ -f "$1" ] || return 0
    while read -r pid born; do
        [ -z "$born" ] || [ "$(born "$pid")" != "$born" ] || echo "$pid"
    done <"$1"
}

# waits_for_something PID: it sleeps, and neither works, nor has been stopped, nor waits for a disk
waits_for_something() {
    local line
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    [[ ${line##*) } == S* ]]
}

# server_of_run PID: the web server that the run.sh of that number has started: it leads a session. Its other children that
# do are what guards it and, over PostgreSQL, the database server.
server_of_run() { ps --ppid "$1" -o pid=,sid=,args= | awk '$1 == $2 && !/ending\.sh|postgres -D/ { print $1; exit }'; }

# loop_is_past_start SESSION: waits until cubby-loop has seen that all that it started is there, which is some time after
# it serves; what ends before that takes all along.
loop_is_past_start() { eventually loop_keeps "$1" || return 1; }

# loop_keeps SESSION: each of its children has become one that keeps a program, and it waits for these alone: it has no
# other, such as the pause between two looks at them, and has slept while that was seen.
loop_keeps() {
    local loop slept
    # What it starts is called the same for a moment.
    loop=$(pgrep -o -s "$1" -f '/cubby-loop run$') && slept=$(switches "$loop") && pgrep -P "$loop" >/dev/null &&
        [ "$(pgrep -c -P "$loop")" = "$(pgrep -c -P "$loop" -f '^(/bin/sh|setpriv) .*/cubby-loop keep')" ] &&
        waits_for_something "$loop" && [ "$(switches "$loop")" = "$slept" ]
}

# switches PID…: how often these went to sleep
switches() {
    local pid
    for pid; do
        awk '$1 == "voluntary_ctxt_switches:" { print $2 }' "/proc/$pid/status"
    done | awk '{ n += $1 } END { print n }'
}

# listeners SOCKET: the numbers (inodes) of what listens there, also of what can't be reached any more, as its file was
# removed
listeners() { awk -v path="$1" '$4 == "00010000" && $NF == path { print $7 }' /proc/net/unix; }

# served SOCKET [FORMER]: somebody listens there, and not only what `listeners` printed before. That the file exists does
# not tell: it may be left of a former one, and is made before its process listens.
served() { [ -S "$1" ] && listeners "$1" | grep -qvxF "${2:-none}"; }

# free_port: prints a port at which nobody listens, and which no other test of this run is given: each takes the next
# one, as $PORTS tells. What run.sh finds by itself is from 20000 on.
free_port() {
    local port ports=${PORTS:-${BATS_RUN_TMPDIR:-/tmp}/ports}
    {
        flock 9
        read -r port <&9 || port=$((10000 + RANDOM % 10000))
        while
            port=$((port < 19999 ? port + 1 : 10000))
            (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null
        do :; done
        echo "$port" | tee "$ports"
    } 9<>"$ports"
}
