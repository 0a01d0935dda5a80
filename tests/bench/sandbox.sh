#!/bin/bash
# sandbox.sh - what confining itself costs a read in a process of its own, by the clock.
#
# The same program with sandbox = off, on and all, by turns within each round, so that whatever else the machine
# does falls on all three alike: once each (from spawn to exit) and 40 times in a row, which also counts what the
# kernel does after its end. Prints medians, and their ratios to `off`. ROUNDS (200) says how often.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
rounds=${ROUNDS:-200}
# shellcheck source=tests/bench/fixture.bash
. "$root/tests/bench/fixture.bash"

scratch=$(mktemp -d /tmp/cubby-sandbox.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
fixture_make "$scratch/f"

cases=()
for setting in off on all; do
    { cat "$fixture/cubby.conf"; echo "sandbox = $setting"; } >"$scratch/$setting.conf"
    sed "s|^CUBBY_CONF=.*|CUBBY_CONF=$scratch/$setting.conf|" "$fixture/read.environment" >"$scratch/$setting"
    cases+=("$setting" "$root/build/cgi-bin/data" "$scratch/$setting" /dev/null)
done

# measure TITLE ROUNDS EACH
measure() {
    "$root/build/bench/once" "$2" "$3" "${cases[@]}" >"$scratch/once"
    awk -F '\t' -v title="$1" '$NF != 0 { print "a program failed: " $0; exit 1 }
        $1 == "off" { off = $3 }
        { printf "%s, sandbox = %-3s: median %.1f us, %.3f of off\n", title, $1, $3, $3 / off }' "$scratch/once"
}
measure 'one at a time' "$((rounds * 4 > 1000 ? 1000 : rounds * 4))" 1
measure '40 in a row' "$rounds" 40
