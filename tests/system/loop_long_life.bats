# A program that stays, after very many requests

load tool.bash
load loop.bash
may_take 1500

teardown() { servers_stop "$BATS_TEST_TMPDIR/data.server"; }

@test "loop: a process has the same memory after 200,000 requests as after 1,000, and no more open files" {
    # shellcheck source=tests/soak/long_life.bash
    . "$root/tests/soak/long_life.bash"
    long_life_start "$BATS_TEST_TMPDIR/data"
    long_life 200000 || fail "$life"
    echo "# $life" >&3
}
