#!/bin/bash
# run.sh - runs every test of the project over what `make` built; `make test` calls it.
#
# Each suite writes TAP to build/test/SUITE.tap, and what its servers said beside it. Several run side by
# side. The last line says `N passed, N failed`; the exit status is 1 unless all passed and
# some ran.
#
#   ONLY=WORD     only suites whose name holds WORD (http, lint, inproc, fuzz, system, postman, console,
#                 board)
#   SERVER=NAME   of the suites http and console only that server's: apache, busybox, lighttpd; with
#                 programs that stay (FastCGI): lighttpd-loop, nginx-loop, apache-loop; and those over
#                 PostgreSQL: nginx-loop-postgresql, lighttpd-loop-postgresql
#   FILTER=REGEX  only tests whose name fits (of those that bats runs; the contract's client rests then)
#
# Ctrl-C and SIGTERM stop the suites and their servers. One run at a time in a checkout.
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
root=$PWD
out=$root/build/test
only=${ONLY:-}
servers=${SERVER:-apache busybox lighttpd lighttpd-loop nginx-loop nginx-loop-postgresql}
unset SERVER ENGINE MODE MAKEFLAGS MAKELEVEL MFLAGS READY DATA PORT CUBBY_CONF RUN_USER
umask 022
mkdir -p "$root/build"
exec 9>"$root/build/.test-lock"
flock -n 9 || {
    echo 'another run of the tests is going on in this checkout' >&2
    exit 1
}
rm -rf "$out"
mkdir -p "$out"
# In memory if there is room and programs may run there: thousands of durable writes wait for a slow
# disk many times as long as for all the rest.
scratch=
for place in ${TMPDIR:-/dev/shm /tmp}; do
    room=$(df -Pk "$place" 2>/dev/null | awk 'NR == 2 {print $4}')
    [ "${room:-0}" -ge 1500000 ] && scratch=$(mktemp -d "$place/cubby-test.XXXXXX" 2>/dev/null) || continue
    cp /bin/true "$scratch/runs" && "$scratch/runs" 2>/dev/null && rm "$scratch/runs" && break
    rm -rf "$scratch"
    scratch=
done
[ -n "$scratch" ] || {
    echo "no 1.5 GB where programs may run in ${TMPDIR:-/dev/shm, nor in /tmp} (TMPDIR names the place)" >&2
    exit 1
}
# Open to the user that servers started by root run as, who must reach the data below it.
chmod 711 "$scratch"
export TMPDIR=$scratch
# Debian's psql is a script of perl that looks for this folder, which takes four times as long as psql does.
postgresql=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
PATH=$root/build/deps/curl:$postgresql:$PATH:/usr/sbin:/sbin
export LC_ALL=C.UTF-8
export RUN_SH=$root/cgi-bin/server/run.sh TOOL=$root/build/bin/cubby
export PROGRAMS=$root/build/cgi-bin WWW=$root/www
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300}
export PORTS=$scratch/ports # that tests have been given

# Each suite leads a process group of its own, so that it can be stopped with all it started.
set -m

groups=() # that have not ended, as their numbers are given to others then
tidy() {
    trap '' INT TERM HUP
    exec 2>/dev/null # what bash tells of jobs that were stopped
    local group
    for group in "${groups[@]}"; do
        kill -TERM -- "-$group" 2>/dev/null
    done
    wait
    # Servers go when their runner has heard it.
    for group in "${groups[@]}"; do
        for _ in $(seq 150); do
            kill -0 -- "-$group" 2>/dev/null || continue 2
            sleep 0.1
        done
        # What minds no other signal, such as the first process of a board.
        kill -KILL -- "-$group" 2>/dev/null
    done
    rm -rf "$scratch"
}
trap tidy EXIT
trap 'echo "interrupted" >&2; exit 130' INT TERM HUP

chosen() { case $1 in *"$only"*) return 0 ;; *) return 1 ;; esac; }

# run_bats FOLDER ARGUMENT…: FOLDER is for the tests' files, and is made.
run_bats() {
    local folder=$1
    shift
    [ -z "${FILTER:-}" ] || set -- --filter "$FILTER" "$@"
    # bats makes its own folder with mode 700 unless it is named. Signals as a terminal has them: what is ignored when a
    # shell begins, as under nohup, it can't trap.
    env --default-signal=HUP,INT,QUIT,PIPE,TERM timeout --foreground 14400 bats --tap --timing --tempdir "$folder" "$@"
}

# A suite that dies counts as a failure of its own.
note_end() {
    [ "$2" = 0 ] || [ "$2" = 1 ] || echo "not ok 0 $1 ended with status $2"
}

# with_server NAME SERVER SETTINGS COMMAND…: a server of its own for the suite NAME, for as long as
# the command runs, which finds its address in BASE and its data in DATA.
with_server() {
    local name=$1 server=$2 settings=$3 folder=$scratch/$1 runner
    shift 3
    mkdir -p "$folder/data"
    printf '%s' "$settings" >"$folder/data/cubby.conf"
    local mode=cgi
    export ENGINE=sqlite
    case $server in
    *-postgresql)
        server=${server%-postgresql} ENGINE=postgresql
        PROGRAMS=$root/build/postgresql/cgi-bin TOOL=$root/build/postgresql/bin/cubby
        ;;
    esac
    case $server in *-loop) server=${server%-loop} mode=fastcgi ;; esac
    SERVER=$server MODE=$mode PORT=0 DATA=$folder/data READY=$folder/ready sh "$RUN_SH" >"$out/$name.log" 2>&1 &
    runner=$!
    for _ in $(seq 3000); do
        [ -f "$folder/ready" ] && break
        kill -0 "$runner" 2>/dev/null || break
        sleep 0.1
    done
    if [ -f "$folder/ready" ]; then
        SERVER=$server MODE=$mode SUITE=$name BASE=$(cat "$folder/ready") DATA=$folder/data FOLDER=$folder "$@"
    else
        echo "not ok 1 $name: $server starts"
        sed 's/^/# /' "$out/$name.log"
    fi
    kill "$runner"
    wait "$runner"
    if grep -qE 'AddressSanitizer|Segmentation|core dumped|no cause recorded' "$out/$name.log"; then
        echo "not ok 2 $name: the log is without surprises"
        sed 's/^/# /' "$out/$name.log"
    fi
}

# The same tests under each server. The cheapest hash: what is tested is the service. Hundreds of
# users come from one address; http/throttle.bats has limits of its own. Of many that write at once the last may
# wait for long on a busy machine.
suite_http() {
    with_server "http-$1" "$1" 'password_cost = 1
login_limit_account = 0
login_limit_address = 0
register_limit = 0
busy_timeout = 45000
' http_tests
}

# shellcheck disable=SC2153 # FOLDER comes from with_server
http_tests() {
    run_bats "$FOLDER/bats" tests/http
    note_end "$SUITE" $?
    # A client that knows only the contract, against the same server.
    if [ -z "${FILTER:-}" ]; then
        timeout --foreground 1200 node --test-reporter=tap tests/contract/client.js
        note_end "contract-${SUITE#http-}" $?
    fi
}

# The Postman collection, against a server as it comes, without any setting.
suite_postman() {
    with_server postman apache '' postman_tests
}

postman_tests() {
    timeout --foreground 3000 node tests/postman/run.js www/cubby.postman_collection.json build/npm/node_modules/newman
    note_end postman $?
}

# The page, in a browser: under the server that has it beside /api, and under the one with /cgi-bin. Small, so that
# a quota is met.
suite_console() {
    with_server "console-$1" "$1" 'password_cost = 1
login_limit_account = 0
login_limit_address = 0
register_limit = 0
max_user_bytes = 300000
' console_tests
}

# What of the page's script needs no browser.
suite_console_text() {
    timeout 600 node --test-reporter=tap tests/console/json_text.js
    note_end console-text $?
}

console_tests() {
    NPM=build/npm/node_modules SHOTS=$root/build/screenshots/$SERVER \
        timeout --foreground 14400 node --test-reporter=tap tests/console/console.js
    note_end "console-$SERVER" $?
}

# The tests of programs, tool and pages beside the contract are the longest, so they come in three parts.
suite_system() { # loop, make or rest
    local file part files=()
    for file in tests/system/*.bats; do
        case ${file##*/} in
        loop*.bats | killed.bats) part=loop ;;
        run.bats | dist.bats | docs.bats | deploy.bats | build.bats | packages.bats | install.bats | bench.bats | pages.bats)
            part='make' ;;
        *) part=rest ;;
        esac
        [ "$part" != "$1" ] || files+=("$file")
    done
    run_bats "$scratch/system-$1" "${files[@]}"
    note_end "system-$1" $?
}

suite_inproc() {
    CMOCKA_MESSAGE_OUTPUT=TAP timeout 14400 build/san/inproc
    note_end inproc $?
}

# The inputs that are kept for each place where bytes come in.
suite_fuzz() {
    timeout 14400 bash tests/fuzz/run.sh replay
    note_end fuzz $?
}

# A board of another processor, under emulation: an empty root with busybox, where the archive is
# unpacked and set up as the page says. The contract's client, then what a board adds to it.
suite_board() {
    local folder=$scratch/board-$1 port
    mkdir -p "$folder"
    export BOARD=$1 BOARD_ROOT=$folder/root
    # shellcheck source=tests/waiting.bash
    . tests/waiting.bash
    # shellcheck source=tests/board/machine.bash
    . tests/board/machine.bash
    port=$(free_port)
    if machine_make && machine_boot && machine_install "127.0.0.1:$port" >"$folder/setup" 2>&1 &&
        machine_answers "http://127.0.0.1:$port/cgi-bin"; then
        # The cheapest hash, hundreds of users from one address, and of many that write at once the last waits for long.
        sed -i 's/^password_cost = .*/password_cost = 1/' "$BOARD_ROOT/etc/cubby/cubby.conf"
        printf '%s\n' 'login_limit_account = 0' 'login_limit_address = 0' 'register_limit = 0' 'busy_timeout = 45000' >>"$BOARD_ROOT/etc/cubby/cubby.conf"
        machine_tool >"$folder/tool"
        chmod 755 "$folder/tool"
        SERVER=busybox BASE=http://127.0.0.1:$port/cgi-bin DATA=$BOARD_ROOT/srv/cubby FOLDER=$folder \
            TOOL=$folder/tool board_tests "$1"
    else
        echo "not ok 1 board-$1: it is set up and serves"
        sed 's/^/# /' "$folder/setup" "$BOARD_ROOT.log"
    fi
    machine_loses_power
}

board_tests() {
    if [ -z "${FILTER:-}" ]; then
        timeout --foreground 3000 node --test-reporter=tap tests/contract/client.js
        note_end "board-$1" $?
    fi
    HOST_PROGRAMS=$root/build/cgi-bin HOST_TOOL=$root/build/bin/cubby run_bats "$FOLDER/bats" tests/board
    note_end "board-$1" $?
}

suite_instructions() {
    timeout 14400 bash tests/bench/instructions.sh check
    note_end instructions $?
}

suite_lint() {
    timeout 14400 bash tests/lint/run.sh
    note_end lint $?
}

# All suites wait in one line, the longest first, and as many run at once as keep the processors busy: a suite
# waits for timers and disks about half of its time. The last are short, or work on all processors by themselves,
# as lint does.
names=()
line=()
queue() { # NAME FUNCTION [ARGUMENT…]
    chosen "$1" || return 0
    names+=("$1")
    line+=("$*")
    : >"$out/$1.tap"
}

queue system-make suite_system make
queue system-loop suite_system loop
queue inproc suite_inproc
queue system-rest suite_system rest
for arch in ${BOARDS:-}; do
    queue "board-$arch" suite_board "$arch"
done
if [ -z "${FILTER:-}" ]; then
    for server in apache busybox; do
        case " $servers " in *" $server "*) queue "console-$server" suite_console "$server" ;; esac
    done
fi
for server in $servers; do
    queue "http-$server" suite_http "$server"
done
queue lint suite_lint
# The budgets are of the static programs.
grep -q ld-linux "$PROGRAMS/data" || queue instructions suite_instructions
[ -n "${FILTER:-}" ] || queue postman suite_postman
queue fuzz suite_fuzz
[ -n "${FILTER:-}" ] || queue console-text suite_console_text

processors=$(nproc)
at_once=$((2 * processors))
[ "$at_once" -ge 4 ] || at_once=4
next=0

# waited_share: sets $waited to how many percent of the processors' time went by unused since the last question.
jiffies_before=0 idle_before=0 waited=0
waited_share() {
    local cpu user nice system idle iowait irq softirq rest jiffies
    read -r cpu user nice system idle iowait irq softirq rest </proc/stat
    idle=$((idle + iowait))
    jiffies=$((user + nice + system + idle + irq + softirq))
    [ "$jiffies" = "$jiffies_before" ] || waited=$((100 * (idle - idle_before) / (jiffies - jiffies_before)))
    jiffies_before=$jiffies idle_before=$idle
}

# run_suite NAME FUNCTION [ARGUMENT…]: leaves beside what it says the seconds that it took, and those of the processor.
run_suite() {
    local name=$1 TIMEFORMAT='%0R %0U %0S'
    shift
    { time "$@" >"$out/$name.tap" 2>"$out/$name.err"; } 2>"$out/$name.time"
}

# start_waiting: starts suites, as long as there is place; false when none is left. Where those that run leave
# a third of the processors' time unused, there is place for one more, up to half as many again.
start_waiting() {
    local suite places=$at_once running group left=()
    for group in "${groups[@]}"; do
        ! kill -0 -- "-$group" 2>/dev/null || left+=("$group")
    done
    groups=("${left[@]}")
    running=$(jobs -rp | wc -l)
    waited_share
    [ "$waited" -lt 33 ] || [ "$running" -lt "$at_once" ] || [ "$running" -ge $((at_once * 3 / 2)) ] || places=$((running + 1))
    while [ "$next" -lt "${#line[@]}" ] && [ "$running" -lt "$places" ]; do
        read -ra suite <<<"${line[next]}"
        next=$((next + 1)) running=$((running + 1))
        run_suite "${suite[@]}" </dev/null 9>&- &
        groups+=("$!")
    done
    [ "$next" -lt "${#line[@]}" ]
}

count() {
    local files=()
    for name in "${names[@]}"; do
        files+=("$out/$name.tap")
    done
    cat "${files[@]}" | grep -cE "$1"
}

# slowest COUNT: of the tests that bats ran, those that took longest; nothing if it ran none
slowest() {
    local name
    for name in "${names[@]}"; do
        sed -nE "s/^(not )?ok [0-9]+ (.*) in ([0-9]+)ms\$/\\3 $name: \\2/p" "$out/$name.tap"
    done | sort -rn | head -n "$1" | awk '{$1 = sprintf("%7.1f s ", $1 / 1000); print}'
}

# said NAME: what the failing tests of a suite said: each one's line, and what follows it up to the next test's
said() {
    awk -v suite="$1" '/^not ok/ {show = 1; print suite ": " $0; next} /^(ok|[0-9]+\.\.)/ {show = 0} show' "$out/$1.tap"
}

shown=0
while start_waiting || [ -n "$(jobs -rp)" ]; do
    sleep 2
    shown=$((shown + 1))
    [ $((shown % 5)) -ne 0 ] || printf '  %4d s  %4d passed, %d failed\n' "$SECONDS" "$(count '^ok')" "$(count '^not ok')"
done
wait

passed=$(count '^ok')
failed=$(count '^not ok')
for name in "${names[@]}"; do
    tap=$out/$name.tap
    if [ ! -s "$tap" ] || ! grep -qE '^(not )?ok' "$tap"; then
        # With a filter some suites have nothing to run.
        [ -n "${FILTER:-}" ] && continue
        failed=$((failed + 1))
        echo "not ok: suite $name ran nothing"
        cat "$out/$name.err"
    fi
    said "$name" | head -n 400
    took=$(awk '{printf "%5d s, %4d s of the processor", $1, $2 + $3}' "$out/$name.time")
    printf '%-26s %4d passed, %d failed %s\n' "$name" "$(grep -c '^ok' "$tap")" "$(grep -c '^not ok' "$tap")" "$took"
done
[ "$SECONDS" -lt 60 ] || slowest 10
# Once more at the end, for whoever sees only the last lines of a long log: of each test that failed the first lines of
# what it said, then the names of all.
briefly() {
    local name
    for name in "${names[@]}"; do said "$name"; done | awk '
        /^[^#]*: not ok / { left = 6; split("", shown) }
        left > 0 && !($0 in shown) { shown[$0] = 1; left--; print substr($0, 1, 160) }'
}
if [ "$failed" != 0 ]; then
    briefly | head -n 60
    for name in "${names[@]}"; do sed -nE "s/^not ok [0-9]+ (.*)/failed: $name: \\1/p" "$out/$name.tap" | cut -c 1-120; done | head -n 40
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
