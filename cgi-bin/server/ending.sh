# shellcheck shell=sh
# ending.sh - how run.sh ends what it has started, and what does so in its place when it is killed: a process of a
# session of its own, which waits until nobody can write any more to the pipe that run.sh alone has open.

run=''
ready=''
address=''
guarded=''
server_pid=''
database_pid=''

finish() {
    trap '' INT TERM HUP
    stop_server
    stop_database
    [ -z "$run" ] || rm -rf "$run"
    # That of the next run may be there already.
    [ -z "$ready" ] || [ "$(cat "$ready" 2>/dev/null)" != "$address" ] || rm -f "$ready"
}

# The server and all its children are one process group, named by the server's process id.
tell_group() { kill -s "$1" -- "-$server_pid" 2>/dev/null; } # dash knows no "kill -TERM --"
group_lives() { tell_group 0; }

# Of a server that has ended already the children are told at once: lighttpd that can't start leaves those of its
# programs that stay.
stop_server() {
    [ -n "$server_pid" ] || return 0
    tries=0
    kill -TERM "$server_pid" 2>/dev/null || {
        tell_group TERM || true
        tries=50
    }
    while group_lives; do
        tries=$((tries + 1))
        case $tries in
        50) tell_group TERM || true ;;
        80) tell_group KILL || true ;;
        100) break ;;
        esac
        sleep 0.1
    done
    wait "$server_pid" 2>/dev/null || true
    server_pid=''
}

# SIGINT is its fast way to stop: transactions are rolled back.
stop_database() {
    [ -n "$database_pid" ] || return 0
    kill -INT "$database_pid" 2>/dev/null || true
    tries=0
    while kill -0 "$database_pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        [ "$tries" != 80 ] || kill -QUIT "$database_pid" 2>/dev/null || true
        sleep 0.1
    done
    wait "$database_pid" 2>/dev/null || true
    database_pid=''
}

# start_guard: once there is a run folder. What outlives run.sh must not have the pipe (9>&-), and what is not
# run.sh's user's must not write to it.
start_guard() {
    mkfifo -m 600 "$run/state/alive"
    exec 9<>"$run/state/alive"
    guarded=yes
    # It opens the pipe while that has a writer, itself, and so need not wait for one.
    # shellcheck disable=SC2016 # for the inner shell
    setsid sh -c '. "$0" && guard "$1" "$2"' "$here/ending.sh" "$run" "$ready" <"$run/state/alive" 9>&- >/dev/null 2>&1 &
}

# under_guard WORD NAME=VALUE… COMMAND…: becomes that command, in a session of its own and with no other environment,
# once it has told the guard that it is the server or the database: run.sh may be killed before it could tell.
under_guard() {
    # shellcheck disable=SC2016 # for the inner shell
    exec setsid sh -c 'echo "$0 $$" >&9 && exec env -i "$@" 9>&-' "$@"
}

# tell_guard WORD [VALUE]: ready, and the address; or done
tell_guard() { [ -z "$guarded" ] || printf '%s\n' "$*" >&9; }

guard() {
    trap '' INT TERM HUP
    run=$1
    ready=$2
    while read -r word value; do
        case $word in
        server) server_pid=$value ;;
        database) database_pid=$value ;;
        ready) address=$value ;;
        done) exit 0 ;;
        esac
    done
    finish
}
