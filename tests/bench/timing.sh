#!/bin/bash
# timing.sh - whether the time of an answer tells who has an account: unknown user, wrong password,
# disabled user, wrong code of a user who has been given one, of one who has not, and of an unknown
# user, N samples each (500), in turn, so that what else the machine does falls on all alike. Prints
# the median of each in microseconds, and by how much it differs from that of the wrong password;
# `again` is the wrong password a second time, so that its difference is the noise, which no other
# should exceed by much.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
programs=${PROGRAMS:-$root/build/cgi-bin} tool=${TOOL:-$root/build/bin/cubby} samples=${N:-500}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/conf" <<CONF
database = $scratch/state/cubby.db
keys = $scratch/state/keys.json
log = $scratch/log
login_limit_account = 1000000
login_limit_address = 1000000
CONF
"$tool" -c "$scratch/conf" init >/dev/null

ask() {
    env -i CUBBY_CONF="$scratch/conf" REQUEST_METHOD=POST REMOTE_ADDR=192.0.2.1 \
        CONTENT_LENGTH="${#2}" "$programs/$1" <<<"$2"
}

for name in ann bob off; do
    ask register "{\"username\":\"$name\",\"email\":\"$name@example.org\",\"full_name\":\"T\",\"age\":3,\"gender\":\"x\",\"password\":\"Abcdef1!\"}" >/dev/null
done
"$tool" -c "$scratch/conf" user reset-code ann >/dev/null 2>&1
sqlite3 "$scratch/state/cubby.db" "UPDATE users SET disabled = 1 WHERE username = 'off'"

declare -A program=([wrong]=token [unknown]=token [disabled]=token [again]=token [code]=reset [nocode]=reset [nobody]=reset)
declare -A body=(
    [wrong]='{"username":"ann","password":"Wrong-pass1!"}'
    [again]='{"username":"ann","password":"Wrong-pass1!"}'
    [unknown]='{"username":"nob","password":"Wrong-pass1!"}'
    [disabled]='{"username":"off","password":"Abcdef1!"}'
    [code]='{"username":"ann","code":"7MZQ2K4T9A0XHBNPD6WE","new_password":"Wrong-pass1!"}'
    [nocode]='{"username":"bob","code":"7MZQ2K4T9A0XHBNPD6WE","new_password":"Wrong-pass1!"}'
    [nobody]='{"username":"nob","code":"7MZQ2K4T9A0XHBNPD6WE","new_password":"Wrong-pass1!"}'
)
kinds=(wrong unknown disabled again code nocode nobody)
for _ in $(seq "$samples"); do
    for kind in "${kinds[@]}"; do
        before=${EPOCHREALTIME/./}
        ask "${program[$kind]}" "${body[$kind]}" >/dev/null
        echo $((${EPOCHREALTIME/./} - before)) >>"$scratch/$kind"
    done
done
for kind in "${kinds[@]}"; do
    median=$(sort -n "$scratch/$kind" | sed -n "$(((samples + 1) / 2))p")
    [ "$kind" != wrong ] || wrong=$median
    printf '%-10s %7d %+6d\n' "$kind" "$median" $((median - wrong))
done
