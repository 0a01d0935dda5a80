#!/bin/bash
# run.sh - replays the inputs that are kept, or looks for new ones.
#
#   run.sh replay                     each input in tests/fuzz/seeds once, in TAP: a line for each target
#   run.sh fuzz SECONDS [TARGET…]     each target for so long, one after the other
#   run.sh coverage                   what of each source file all inputs reach, by build/fuzz-coverage
#
# What a target learns lies in build/fuzz/corpus, and the next run goes on from there. An input that it
# finds a fault with becomes one of the seeds at once, and is replayed by every `make test` from then on.
# build/fuzz/executions has a line for each run: target, seconds, executions.
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
seeds=tests/fuzz/seeds
built=build/fuzz
mapfile -t targets < <(for file in tests/fuzz/target_*.c; do file=${file##*/target_} && echo "${file%.c}"; done)

# An input may take a second of processor time, which the targets see to; on a busy machine that is
# more on the clock. What it allocates is bounded far below this.
limits=(-timeout=60 -rss_limit_mb=1024)

# FastCGI has use for the alarm, by which libFuzzer would tell a timeout.
limits_of() {
    own=()
    [ "$1" != fastcgi ] || own=(-handle_alrm=0)
}

replay() {
    local number=0 failures=0 target said inputs
    for target in "${targets[@]}"; do
        number=$((number + 1))
        mapfile -t inputs < <(find "$seeds/$target" -type f 2>/dev/null | sort)
        limits_of "$target"
        if [ "${#inputs[@]}" != 0 ] && said=$("$built/$target" "${limits[@]}" "${own[@]}" "${inputs[@]}" 2>&1); then
            echo "ok $number fuzz: $target, ${#inputs[@]} inputs"
        else
            failures=$((failures + 1))
            echo "not ok $number fuzz: $target, ${#inputs[@]} inputs"
            tail -n 60 <<<"${said:-}" | cut -c1-240 | sed 's/^/# /'
        fi
    done
    echo "1..$number"
    [ "$failures" = 0 ]
}

# The bytes of an input: as long as what the place takes, or as what makes a difference there.
longest() {
    case $1 in
    number | password | secret) echo 160 ;;
    query | database) echo 400 ;;
    json_check | json_patch | headers | http_answer | password_list | fastcgi) echo 1000 ;;
    *) echo 4000 ;;
    esac
}

# how_far LOG: executions, places reached and inputs kept, of the last line that libFuzzer wrote.
how_far() {
    sed -nE 's/^#([0-9]+)\s.* cov: ([0-9]+) .* corp: ([0-9]+).*/\1 executions, \2 places reached, \3 inputs/p' "$1" | tail -n 1
}

# look_for TARGET SECONDS: false when it found a fault.
look_for() {
    local target=$1 seconds=$2 log=$built/$1.log dictionary=() start=$SECONDS found status
    mkdir -p "$built/corpus/$target" "$seeds/$target"
    limits_of "$target"
    [ ! -f "tests/fuzz/words/$target" ] || dictionary=("-dict=tests/fuzz/words/$target")
    "$built/$target" -max_total_time="$seconds" -max_len="$(longest "$target")" -print_final_stats=1 -reload=0 \
        -artifact_prefix="$seeds/$target/" "${limits[@]}" "${own[@]}" "${dictionary[@]}" \
        "$built/corpus/$target" "$seeds/$target" >"$log" 2>&1 </dev/null &
    running=$!
    while kill -0 "$running" 2>/dev/null; do
        sleep 1
        [ "$(((SECONDS - start) % 10))" != 0 ] || printf '  %-11s %4d of %d s: %s\n' "$target" "$((SECONDS - start))" "$seconds" "$(how_far "$log")"
    done
    wait "$running"
    status=$?
    running=''
    echo "$target $((SECONDS - start)) $(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" >>"$built/executions"
    [ "$status" != 0 ] || { printf '  %-11s done: %s\n' "$target" "$(how_far "$log")"; return 0; }
    found=$(sed -nE 's/.*Test unit written to (.*)/\1/p' "$log" | tail -n 1)
    echo "  $target found a fault: ${found:-see $log}"
    grep -E '^difference|ERROR|runtime error|SUMMARY' "$log" | head -n 5 | cut -c1-400 | sed 's/^/    /'
    return 1
}

coverage() {
    local counted=build/fuzz-coverage target objects=() inputs
    for target in "${targets[@]}"; do
        mapfile -t inputs < <(find "$seeds/$target" "$built/corpus/$target" -type f 2>/dev/null)
        # A name for each file may be more than a command takes.
        printf '%s\0' "${inputs[@]}" | LLVM_PROFILE_FILE=$counted/$target-%p.profraw xargs -0 -n 1000 "$counted/$target" >"$counted/$target.log" 2>&1 ||
            { echo "$target ended badly: $counted/$target.log" >&2; return 1; }
        objects+=(-object "$counted/$target")
    done
    llvm-profdata merge -o "$counted/all.profdata" "$counted"/*.profraw || return 1
    rm -f "$counted"/*.profraw
    llvm-cov report "${objects[@]:1}" -instr-profile="$counted/all.profdata" -show-region-summary=0 -show-branch-summary=0 \
        -ignore-filename-regex='tests/|/usr/|build/'
}

running=''
trap '[ -z "$running" ] || kill "$running"; exit 130' INT TERM HUP

case ${1:-} in
replay) replay ;;
coverage) coverage ;;
fuzz)
    seconds=$2
    shift 2
    [ $# != 0 ] || set -- "${targets[@]}"
    failures=0
    for target; do
        [ -x "$built/$target" ] || { echo "there is no target $target: ${targets[*]}" >&2; exit 2; }
        look_for "$target" "$seconds" || failures=$((failures + 1))
    done
    [ "$failures" = 0 ]
    ;;
*)
    echo 'usage: run.sh replay | run.sh fuzz SECONDS [TARGET…] | run.sh coverage' >&2
    exit 2
    ;;
esac
