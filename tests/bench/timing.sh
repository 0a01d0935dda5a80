#!/bin/bash
# timing.sh - whether the time of an answer tells who has an account: at login an unknown user, a
# wrong password and a disabled user; at a reset a wrong code of a user who has been given one, of
# one who has not, of a disabled one and of an unknown one. N samples each (500), mixed, so that what
# else the machine does falls on all alike. Prints the median of each in microseconds, and by how
# much it differs from the first of the same call; `again` is that first one a second time, so that
# its difference is the noise, which no other should exceed by much.
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
for name in ann off; do
    "$tool" -c "$scratch/conf" user reset-code "$name" >/dev/null 2>&1
done
"$tool" -c "$scratch/conf" user disable off --yes >/dev/null 2>&1

login() { printf '{"username":"%s","password":"%s"}' "$1" "$2"; }
reset() { printf '{"username":"%s","code":"7MZQ2K4T9A0XHBNPD6WE","new_password":"Wrong-pass1!"}' "$1"; }

# The name of the answer, its program, its body; the first of each program is what the others are
# compared with.
answers=(
    wrong token "$(login ann Wrong-pass1!)"
    wrong-again token "$(login ann Wrong-pass1!)"
    unknown token "$(login nob Wrong-pass1!)"
    disabled token "$(login off Abcdef1!)"
    code reset "$(reset ann)"
    code-again reset "$(reset ann)"
    code-none reset "$(reset bob)"
    code-disabled reset "$(reset off)"
    code-unknown reset "$(reset nob)"
)
for _ in $(seq "$samples"); do
    # In another order each time: who comes after another program finds the processor's caches cold.
    for i in $(shuf -e $(seq 0 3 $((${#answers[@]} - 1)))); do
        before=${EPOCHREALTIME/./}
        ask "${answers[i + 1]}" "${answers[i + 2]}" >/dev/null
        echo $((${EPOCHREALTIME/./} - before)) >>"$scratch/${answers[i]}"
    done
done
program=''
for ((i = 0; i < ${#answers[@]}; i += 3)); do
    median=$(sort -n "$scratch/${answers[i]}" | sed -n "$(((samples + 1) / 2))p")
    if [ "${answers[i + 1]}" != "$program" ]; then
        program=${answers[i + 1]}
        first=$median
    fi
    printf '%-14s %7d %+6d\n' "${answers[i]}" "$median" $((median - first))
done
