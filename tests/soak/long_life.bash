# long_life.bash - a process of `data` that serves very many requests: does its memory grow?

# shellcheck source=tests/waiting.bash
. "${BASH_SOURCE[0]%/*}/../waiting.bash"

# resident PID: KB
resident() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"; }

# open_files PID
open_files() { find "/proc/$1/fd" -mindepth 1 | wc -l; }

# long_life_start FOLDER: one process of each program under nginx, in FOLDER. Sets $server (a process id,
# to be ended by SIGTERM, and noted in the file FOLDER.server), $base, $token and, of `data`, $pid.
long_life_start() {
    local folder=$1 who='"username":"ann"' password='Long-life-1'
    mkdir -m 700 "$folder"
    printf '%s\n' 'password_cost = 1' 'loop_requests = 0' 'loop_lifetime = 0' >"$folder/cubby.conf"
    env -u CUBBY_CONF SERVER=nginx MODE=fastcgi PORT=0 DATA="$folder" READY="$folder/ready" PROCESSES=1 \
        PROGRAMS="$root/build/cgi-bin" TOOL="$root/build/bin/cubby" WWW="$root/www" \
        sh "$root/cgi-bin/server/run.sh" >"$folder/log" 2>&1 3>&- 4>&- &
    server=$!
    note_process "$server" "$folder.server"
    eventually test -f "$folder/ready"
    base=$(cat "$folder/ready")
    curl -s "$base/register" -o "$folder/answer" -d "{$who,\"email\":\"a@example.org\",\"full_name\":\"Ann\",\"age\":3,\"gender\":\"f\",\"password\":\"$password\"}"
    token=$(curl -s "$base/token" -d "{$who,\"password\":\"$password\"}" | jq -r .token)
    data_is_there() { pid=$(pgrep -s "$(server_of_run "$server")" -x data); }
    eventually data_is_there
}

# rests: the process has left the database, as it does without anything to do
rests() { [ -z "$(find "/proc/$pid/fd" -lname '*/cubby.db*')" ]; }

never_rests() {
    life='it does not leave the database'
    return 1
}

# long_life_first: its first 1000 requests, which make the items k/1 to k/1000
long_life_first() {
    local number
    for number in $(seq 1000); do
        printf '%s\n' "url = $base/data" "header = \"Authorization: $token\"" \
            "data = \"{\\\"key\\\":\\\"k/$number\\\",\\\"value\\\":$number}\"" next
    done | sed '$d' | curl -s -K - >/dev/null
}

# long_life REQUESTS: so many more. Fails unless each has a good answer, the memory of the process is the
# same (within 256 KB) as after its first 1000 requests, and at most 4 MB; sets $life, a line of figures.
long_life() {
    local before after files most=0 done=0 said requests broken lost began
    long_life_first
    before=$(resident "$pid")
    eventually rests || never_rests || return 1
    files=$(open_files "$pid")
    began=$(date +%s)
    while [ "$done" -lt "$1" ]; do
        said=$(wrk -t1 -c2 -d5 --timeout 250 -s "$root/tests/soak/mixed.lua" "$base" -- "$token" "$((done + 1))" | tail -n 1)
        IFS=$'\t' read -r requests broken lost <<<"$said"
        [[ $requests =~ ^[1-9][0-9]*$ && $broken = 0 && $lost = 0 ]] || {
            life="of $requests requests $broken were answered 5xx and $lost not at all"
            return 1
        }
        done=$((done + requests))
        after=$(resident "$pid")
        most=$((after > most ? after : most))
    done
    eventually rests || never_rests || return 1
    life="$done requests in $(($(date +%s) - began)) s: $before KB after the first 1000, $after KB at the end, at most $most KB; files $files and $(open_files "$pid")"
    [ $((after - before)) -le 256 ] && [ $((after - before)) -ge -256 ] && [ "$most" -le 4096 ] && [ "$(open_files "$pid")" = "$files" ]
}
