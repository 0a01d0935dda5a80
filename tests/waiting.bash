# waiting.bash - finding what is under way, and waiting for it, in tests and benchmarks.

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

# server_of_run PID: the web server that the run.sh of that number has started. Its other child, which guards it, is
# in another session than the server and its programs.
server_of_run() { pgrep -a -P "$1" | sed -n '/ending\.sh/!{s/ .*//p;q}'; }

# loop_is_past_start SESSION: waits until cubby-loop has seen that all that it started is there, a second after; what
# ends before that takes all along.
loop_is_past_start() {
    sleep 0.5
    eventually eval "! pgrep -s $1 -x sleep >/dev/null"
}

# served SOCKET: somebody listens there. That the file exists does not tell: it may be left of a former one, and is made
# before its process listens.
served() { awk -v path="$1" '$4 == "00010000" && $NF == path { found = 1 } END { exit !found }' /proc/net/unix; }
