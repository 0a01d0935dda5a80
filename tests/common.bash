# common.bash - what all bats files share.

bats_require_minimum_version 1.5.0

PASSWORD='Abcdef1!'

# bats notes the place of each command before it runs, which takes longer than most commands do themselves. Once
# setup has called this, it notes those of the test alone, not those within functions that the test calls: a failure
# there is as much a failure, and is told with the line of the test. Each setup begins with it.
note_test_alone() { set +T; }
setup() { note_test_alone; }

# may_take SECONDS: at the head of a file; each of its tests may take as long, where those of other files have less. It is
# for files whose tests build, or start many servers.
may_take() { [ "${BATS_TEST_TIMEOUT:-$1}" -ge "$1" ] || BATS_TEST_TIMEOUT=$1; }

# The same language as jq's, at a tenth of the time to start; it sorts the members of objects.
jq() { gojq "$@"; }

# short TEXT: its first lines and bytes; values may be long.
short() { printf '%s\n' "$1" | head -n 60 | cut -b 1-600; }

# same IS WANTED: both are the same text. Says what differs by the `fail` of who loads this.
same() {
    [ "$1" = "$2" ] || fail "is:     $(short "$1")
wanted: $(short "$2")"
}

is_root() { [ "$(id -u)" = 0 ]; }

# places FILE: how many locks there are on it
places() { grep -c "OFDLCK.*:$(stat -c %i "$1" 2>/dev/null) " /proc/locks || true; }

# shellcheck source=tests/waiting.bash
. "${BASH_SOURCE[0]%/*}/waiting.bash"
