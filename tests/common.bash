# common.bash - what all bats files share.

bats_require_minimum_version 1.5.0

PASSWORD='Abcdef1!'

# bats notes the place of each command before it runs, which takes longer than most commands do themselves. Once
# setup has called this, it notes those of the test alone, not those within functions that the test calls: a failure
# there is as much a failure, and is told with the line of the test. Each setup begins with it.
note_test_alone() { set +T; }
setup() { note_test_alone; }

# The same language as jq's, at a tenth of the time to start; it sorts the members of objects.
jq() { gojq "$@"; }

# short TEXT: its first lines and bytes; values may be long.
short() { printf '%s\n' "$1" | head -n 60 | cut -b 1-600; }

# same IS WANTED: both are the same text. Says what differs by the `fail` of who loads this.
same() {
    [ "$1" = "$2" ] || fail "is:     $(short "$1")
wanted: $(short "$2")"
}

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
