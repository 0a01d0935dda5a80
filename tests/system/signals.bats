# signals.bats - what a process is started with: signals that are ignored or blocked go on to what it executes, and
# change nothing that anybody notices.

load tool
load loop.bash

setup() {
    note_test_alone
    token=''
    installation 'busy_timeout = 1000'
    new_user ann
    store a 1
    # with_ignored, with_blocked PROGRAM WORD…: executes it so
    cat >"$BATS_TEST_TMPDIR/with_ignored" <<'PERL'
#!/usr/bin/perl
$SIG{$_} = 'IGNORE' for qw(CHLD TERM HUP INT USR1 USR2 ALRM PIPE XFSZ XCPU);
exec @ARGV;
PERL
    cat >"$BATS_TEST_TMPDIR/with_blocked" <<'PERL'
#!/usr/bin/perl
use POSIX;
sigprocmask(SIG_BLOCK, POSIX::SigSet->new(1 .. 31, 34 .. 64)) or die;
exec @ARGV;
PERL
    chmod 755 "$BATS_TEST_TMPDIR"/with_*
}
teardown() {
    [ -z "${keeper:-}" ] || keeper_stop || true
    [ ! -e "$BATS_TEST_TMPDIR/hold" ] || released
    [ -z "${waiting:-}" ] || kill -KILL "$waiting" 2>/dev/null || true
    loops_stop
}

# released: as let_go, and it can be held once more
released() {
    let_go
    rm "$BATS_TEST_TMPDIR/hold"
}

# started HOW: the programs as started by such a process, in the folder $BATS_TEST_TMPDIR/HOW
started() {
    mkdir -p "$BATS_TEST_TMPDIR/$1"
    for program in data health; do
        printf '#!/bin/sh\nexec "%s" "%s"\n' "$BATS_TEST_TMPDIR/with_$1" "$PROGRAMS/$program" >"$BATS_TEST_TMPDIR/$1/$program"
        chmod 755 "$BATS_TEST_TMPDIR/$1/$program"
    done
}

another_serves() {
    local now
    now=$(pgrep -P "$loop_data") && [ "$now" != "$child" ]
}

@test "signals: a process that keeps the socket notices that its child has ended, and ends when it is told to" {
    for how in ignored blocked; do
        started "$how"
        LOOP_VARIABLE=CUBBY_KEEP=yes LOOP_PROGRAMS=$BATS_TEST_TMPDIR/$how loop_start data
        ask data GET /a
        answered 200
        for _ in 1 2; do
            child=$(pgrep -P "$loop_data")
            kill -KILL "$child"
            eventually another_serves || fail 'nobody serves in its place'
            ask data GET /a
            answered 200
        done
        child=$(pgrep -P "$loop_data")
        kill -TERM "$loop_data"
        ends "$loop_data"
        process_gone "$child" || fail 'the one that served is left'
        # Nor is it left by one that was killed.
        LOOP_VARIABLE=CUBBY_KEEP=yes LOOP_PROGRAMS=$BATS_TEST_TMPDIR/$how loop_start data
        ask data GET /a
        answered 200
        child=$(pgrep -P "$loop_data")
        kill -KILL "$loop_data"
        eventually process_gone "$child"
    done
}

@test "signals: a child that somebody else has waited for is one that has ended" {
    # The kernel tells such a process of no child's end, and forgets it at once.
    printf '#!/bin/sh\nexec "%s" strace -f -qq -o "%s" -e trace=rt_sigaction -e inject=rt_sigaction:retval=0 "%s"\n' \
        "$BATS_TEST_TMPDIR/with_ignored" "$BATS_TEST_TMPDIR/trace" "$PROGRAMS/data" >"$BATS_TEST_TMPDIR/data"
    chmod 755 "$BATS_TEST_TMPDIR/data"
    LOOP_VARIABLE=CUBBY_KEEP=yes LOOP_PROGRAMS=$BATS_TEST_TMPDIR loop_start data
    loop_serves() { pgrep -P "$(pgrep -P "$loop_data")" >/dev/null; }
    eventually loop_serves
    parent=$(pgrep -P "$loop_data")
    child=$(pgrep -P "$parent")
    kill -KILL "$child"
    eventually process_gone "$child" # strace waits for it first
    kill -TERM "$parent"
    eventually process_gone "$parent" || { kill -KILL "$parent"; fail 'it waits for a child that is gone'; }
}

@test "signals: a program that stays ends when it is told to, and no wait for a lock is without limit" {
    for how in ignored blocked; do
        started "$how"
        LOOP_PROGRAMS=$BATS_TEST_TMPDIR/$how loop_start data
        ask data GET /a
        answered 200
        hold
        ask data PUT /a '{"value":2}'
        answered 503
        released
        ask data PUT /a '{"value":2}'
        answered 200
        kill -TERM "$loop_data"
        ends "$loop_data"
    done
}

@test "signals: a process for each request answers as ever" {
    for how in ignored blocked; do
        started "$how"
        PROGRAMS=$BATS_TEST_TMPDIR/$how cgi data GET /a
        answered 200
        hold
        PROGRAMS=$BATS_TEST_TMPDIR/$how cgi data PUT /a '{"value":3}'
        answered 503
        released
        PROGRAMS=$BATS_TEST_TMPDIR/$how cgi data PUT /a '{"value":3}'
        answered 200
        PROGRAMS=$BATS_TEST_TMPDIR/$how cgi health GET
        answered 200
    done
}

@test "signals: what was blocked when the tool began does not keep it from ending; what was ignored, as after nohup, does" {
    sed -i 's/^busy_timeout = .*/busy_timeout = 60000/' "$conf"
    hold
    "$BATS_TEST_TMPDIR/with_blocked" "$TOOL" gc >/dev/null 2>&1 3>&- 5>&- &
    waiting=$!
    tool_waits() { grep -q "^$TOOL" "/proc/$waiting/cmdline" && places "$database" | grep -q '[1-9]'; }
    eventually tool_waits || fail 'it does not wait'
    kill -TERM "$waiting"
    eventually process_gone "$waiting" || fail 'it goes on'
    waiting=''
    released
    "$BATS_TEST_TMPDIR/with_ignored" "$TOOL" check
}

@test "signals: the tool waits for the program that it starts, and kills no number that is another process's by then" {
    for how in ignored blocked; do
        strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=wait4,waitid,kill,execve "$BATS_TEST_TMPDIR/with_$how" "$TOOL" doctor https://127.0.0.1:1/api \
            >/dev/null 2>&1 && fail 'somebody answers at port 1'
        grep -q 'execve(.*curl' "$BATS_TEST_TMPDIR/trace" || fail 'no curl'
        ! grep -E 'ECHILD|ESRCH' "$BATS_TEST_TMPDIR/trace" || fail 'the child was gone'
    done
}

@test "signals: cubby-loop starts anew what ends, and ends when it is told to" {
    for how in ignored blocked; do
        keeper_by=$BATS_TEST_TMPDIR/with_$how keeper
        ask data GET /a
        answered 200
        pids_of data | xargs kill -KILL
        ask data GET /a
        answered 200
        keeper_stop
        keeper=''
        rm -r "$sockets"
    done
    # Where env can't put that right, as busybox's, it says so.
    mkdir "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\nexit 1\n' >"$BATS_TEST_TMPDIR/bin/env"
    chmod 755 "$BATS_TEST_TMPDIR/bin/env"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run timeout -s KILL 200 "$BATS_TEST_TMPDIR/with_ignored" sh "$BATS_TEST_TMPDIR/cubby-loop" run
    same "$status" 1
    same "$output" 'cubby-loop: started with SIGTERM ignored, so that nothing could end it; start it by something that does not ignore that'
}
