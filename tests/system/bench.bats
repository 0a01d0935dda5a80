#!/usr/bin/env bats
# The measurements: that each side of the comparison runs, and answers what the others answer.

. "${BATS_TEST_FILENAME%/*}/system.bash"
may_take 1500

@test "bench: cubby, Flask and Fastify do the same read and update, and each gets a figure" {
    results=$BATS_TEST_TMPDIR/peers.json
    TMPDIR=$BATS_TEST_TMPDIR ROUNDS=1 SECONDS_EACH=1 CONNECTIONS=2 JOURNALS=wal RESULTS=$results \
        run timeout 1400 bash "$root/tests/bench/peers.sh"
    [ "$status" = 0 ] || fail "$output"
    has "$output" 'Reads a second, journal wal:'
    has "$output" 'Updates a second, journal wal:'
    sides=$(jq -c '[.rows[] | {call, sides: [.sides | to_entries[] | select(.value.per_second > 0) | .key]}]' "$results")
    [ "$sides" = "$(jq -c . <<<'[
        {"call":"read","sides":["cgi","empty-lighttpd","empty-nginx","fastify","flask","lighttpd","nginx"]},
        {"call":"update","sides":["cgi","fastify","flask","lighttpd","nginx"]}]')" ] || fail "$sides"
    [ "$(jq '[.rows[] | .to_peer.lighttpd, .to_peer.nginx, .to_peer.cgi | numbers | select(. > 0)] | length' "$results")" = 6 ]
}
