#!/usr/bin/env bats
# The Debian package where systemd is process 1: its units keep the programs, confined. A bare Debian 12 is
# booted in namespaces, with a network of its own; nginx serves there.

load ../system/system

setup_file() {
    is_root || fail 'a system is booted by root: run this as root'
    export version place=$BATS_FILE_TMPDIR/root init
    version=$(sed -n 's/^VERSION := //p' "$root/Makefile")
    local base=$root/build/test-packages/bookworm-systemd.tar mirror
    mkdir -p "$root/build/test-packages" "$place"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E '/debian/?$' | head -n 1)
    [ -f "$base" ] || { mmdebstrap --quiet --format=tar --variant=minbase --include=systemd,systemd-sysv,nginx-light \
        --aptopt='Apt::Install-Recommends "false"' bookworm "$base.new" "$mirror" && mv "$base.new" "$base"; } ||
        fail 'the base system could not be made'
    tar -C "$place" -xf "$base"
    chmod 755 "$BATS_FILE_TMPDIR" "$place"
    ln -sf /lib/systemd/system/multi-user.target "$place/etc/systemd/system/default.target"
    ln -sf /dev/null "$place/etc/systemd/system/console-getty.service"
    cp "$root/build/deb/cubby_$version-1_amd64.deb" "$place/cubby.deb"
    boot
    within dpkg -i /cubby.deb >"$BATS_FILE_TMPDIR/log" 2>&1 || fail "$(cat "$BATS_FILE_TMPDIR/log")"
    printf '%s\n' 'password_cost = 1' >>"$place/etc/cubby/cubby.conf"
    sed -i 's|root /var/www/html;|&\n\tinclude /usr/share/cubby/cubby.nginx.conf;|' "$place/etc/nginx/sites-available/default"
    within systemctl restart nginx
}

boot() {
    local mounted
    mounted=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
    [ -n "$mounted" ] || fail 'this machine has no cgroup2'
    group=$mounted/cubby-test-$$
    mkdir "$group"
    echo "$group" >"$BATS_FILE_TMPDIR/group"
    sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$group" unshare --fork --kill-child --pid --mount --uts --ipc \
        --cgroup --net sh "$root/tests/packages/boot.sh" "$place" >"$BATS_FILE_TMPDIR/console" 2>&1 </dev/null 3>&- 4>&- &
    echo "$!" >"$BATS_FILE_TMPDIR/booted"
    eventually eval "init=\$(pgrep -P $! -x systemd)" || fail "$(cat "$BATS_FILE_TMPDIR/console")"
    eventually eval 'within systemctl is-active --quiet multi-user.target' || fail "$(cat "$BATS_FILE_TMPDIR/console")"
}

teardown_file() {
    [ -f "$BATS_FILE_TMPDIR/booted" ] || return 0
    kill -KILL "$init" "$(cat "$BATS_FILE_TMPDIR/booted")" 2>/dev/null || true
    eventually eval "! kill -0 $init 2>/dev/null"
    find "$(cat "$BATS_FILE_TMPDIR/group")" -depth -type d -exec rmdir {} +
}

setup() { site=http://127.0.0.1/api; }
teardown() { [ -n "${BATS_TEST_COMPLETED:-}" ] || within journalctl --no-pager -n 30 || true; }

# within COMMAND…: in the booted system. curl: this machine's, in its network.
within() { nsenter --all --target "$init" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@" 3>&- 4>&-; }
curl() { nsenter --net --target "$init" curl "$@" 3>&- 4>&-; }

# pids NAME: of the processes of that program, by their units
pids() { within systemctl show -P MainPID --state=running "cubby-$1@*.service" | grep -v '^0*$' | sort; }
# in_hand NAME: one of those programs has accepted a connection; of one that still waits for that, the kernel shows the
# inode 0
in_hand() {
    nsenter --net --target "$init" awk -v path="/run/cubby/$1.sock" \
        '$6 == "03" && $7 != 0 && $NF == path { found = 1 } END { exit !found }' /proc/net/unix
}
has_pids() { [ "$(pids "$1" | wc -l)" = "$2" ]; }

@test "systemd: nothing runs until the target is enabled; then as many processes as the page says, and no problem" {
    ! within systemctl is-active --quiet cubby.target || fail 'it enables itself'
    within systemctl --quiet enable --now cubby.target
    for pair in data=3 token=2 changes=4 batch=1 health=1 keys=1 me=1 register=1 reset=1; do
        eventually has_pids "${pair%=*}" "${pair#*=}" || fail "$pair: $(pids "${pair%=*}")"
        [ -S "$place/run/cubby/${pair%=*}.sock" ] || within test -S "/run/cubby/${pair%=*}.sock"
    done
    same "$(within stat -c '%G %a' /run/cubby/data.sock)" 'www-data 660'
    doctor=$(within cubby doctor "$site") || fail "$doctor"
    same "$(tail -n 1 <<<"$doctor")" '0 problems'
    has "$doctor" 'programs stay between requests (FastCGI)'
    has "$doctor" 'the programs are confined by landlock and seccomp'
    six_calls "$site"
}

@test "systemd: with a write-ahead log, and a long import and export, all goes on" {
    printf '%s\n' 'journal = wal' >>"$place/etc/cubby/cubby.conf"
    within setpriv --reuid www-data --regid www-data --clear-groups cubby migrate
    six_calls "$site"
    for number in $(seq 3000); do echo "{\"key\":\"k/$number\",\"value\":\"$number\"}"; done | jq -s '{items:.}' >"$BATS_TEST_TMPDIR/items"
    call POST "$site/me/import" --data-binary "@$BATS_TEST_TMPDIR/items"
    same "$code" 200
    call GET "$site/me/export"
    same "$(jq '.data.items | length' <<<"$body")" 3000
    call GET "$site/changes?since=3002&wait=1"
    same "$code" 200
}

@test "systemd: each unit is confined: systemd-analyze security says at most 2.0" {
    for unit in "$place"/lib/systemd/system/cubby-*@.service; do
        name=${unit##*/}
        score=$(within systemd-analyze security --no-pager "${name%.service}1.service" | sed -n 's/.*exposure level[^:]*: \([0-9.]*\).*/\1/p')
        awk -v score="$score" 'BEGIN { exit !(score != "" && score <= 2.0) }' || fail "$name: $score"
    done
    # And it is not that only on paper: outside of its folder it sees nothing that it could write to.
    one=$(pids data | head -n 1)
    has "$(within cat "/proc/$one/status")" $'NoNewPrivs:\t1'
    has "$(within cat "/proc/$one/status")" $'CapBnd:\t0000000000000000'
    same "$(within nsenter --mount --target "$one" sh -c 'for f in / /etc /usr /var /var/lib; do test ! -w $f || echo $f; done; test -w /var/lib/cubby && echo own')" own
}

@test "systemd: however often a process crashes, there is another one" {
    six_calls "$site"
    store='{"key":"c","value":1}'
    call POST "$site/data" -d "$store"
    same "$code" 201
    for round in $(seq 12); do
        before=$(pids data)
        within systemctl kill -s "$([ $((round % 2)) = 0 ] && echo KILL || echo SEGV)" 'cubby-data@*.service'
        call GET "$site/data/c"
        same "$code" 200
    done
    eventually has_pids data 3
    same "$(comm -12 <(pids data) <(echo "$before"))" ''
    within systemctl is-active --quiet cubby-data.socket
}

@test "systemd: after loop_requests, and when settings change or an upgrade replaces the programs, others go on" {
    six_calls "$site"
    before=$(pids me)
    echo 'loop_requests = 4' >>"$place/etc/cubby/cubby.conf"
    for _ in $(seq 30); do
        call GET "$site/me"
        same "$code" 200
    done
    [ "$(pids me)" != "$before" ] || fail 'the same process'
    sed -i '/^loop_requests/d' "$place/etc/cubby/cubby.conf"
    call GET "$site/me"
    before=$(pids data)
    within dpkg -i /cubby.deb >"$BATS_TEST_TMPDIR/log" 2>&1
    for _ in $(seq 8); do
        call GET "$site/data"
        same "$code" 200
    done
    eventually has_pids data 3
    for pid in $(pids data); do
        same "$(within stat -L -c %i "/proc/$pid/exe")" "$(within stat -c %i /usr/lib/cubby/cgi-bin/data)"
    done
    same "$(comm -12 <(pids data) <(echo "$before"))" ''
}

@test "systemd: a stop waits for the request in hand; one more process, and one less" {
    six_calls "$site"
    call POST "$site/data" -d '{"key":"s","value":1}'
    version=$(jq .data.version <<<"$body")
    # One that waits for changes is answered, before its time is up.
    curl -s -o "$BATS_TEST_TMPDIR/waited" -w '%{http_code} %{time_total}\n' -H "Authorization: Bearer $token" \
        "$site/changes?since=$version&wait=25" >"$BATS_TEST_TMPDIR/code" &
    waiting=$!
    eventually in_hand changes
    within systemctl stop cubby.target
    wait "$waiting"
    read -r code seconds <"$BATS_TEST_TMPDIR/code"
    same "$code" 200
    [ "${seconds%.*}" -lt 25 ] || fail "it took $seconds s"
    same "$(within systemctl list-units --no-legend --state=running,failed 'cubby*')" ''
    call GET "$site/health"
    same "$code$(jq -r .code <<<"$body")" 503SERVICE_UNAVAILABLE
    within systemctl start cubby.target
    eventually has_pids data 3
    within systemctl --quiet enable --now cubby-data@4.service
    within systemctl --quiet mask --now cubby-data@2.service
    eventually has_pids data 3
    within systemctl restart cubby.target
    eventually has_pids data 3
    within systemctl is-active --quiet cubby-data@4.service
    call GET "$site/data/s"
    same "$code" 200
    # Without any, the socket has one started.
    within systemctl stop 'cubby-data@*.service'
    has_pids data 0
    call GET "$site/data/s"
    same "$code" 200
    has_pids data 1
    within systemctl --quiet unmask cubby-data@2.service
    within systemctl restart cubby.target
}

@test "systemd: the highest numbers can be masked, all but 1, without which the socket is not there" {
    six_calls "$site"
    within systemctl --quiet disable --now cubby-data@4.service # of the test before
    within systemctl --quiet mask --now cubby-data@2.service cubby-data@3.service
    within systemctl restart cubby.target
    eventually has_pids data 1
    call GET "$site/data"
    same "$code" 200
    # As the page says; nothing else suffers, and it comes back.
    has "$(cat "$root/www/docs/deploying.md")" 'number 1 can'"'"'t be masked'
    within systemctl --quiet mask --now cubby-data@1.service
    within systemctl restart cubby.target || true
    call GET "$site/data"
    same "$code$(jq -r .code <<<"$body")" 503SERVICE_UNAVAILABLE
    call GET "$site/me"
    same "$code" 200
    within systemctl --quiet unmask cubby-data@1.service cubby-data@2.service cubby-data@3.service
    within systemctl restart cubby.target
    eventually has_pids data 3
    call GET "$site/data"
    same "$code" 200
}

@test "systemd: one drop-in for all gives another user and another place" {
    mkdir -p "$place/etc/systemd/system/cubby-.service.d" "$place/srv/cubby"
    printf '%s\n' 'database = /srv/cubby/cubby.db' 'keys = /srv/cubby/keys.json' 'password_cost = 1' >"$place/srv/cubby.conf"
    within useradd --system --user-group --no-create-home --shell /usr/sbin/nologin other
    within chown other:other /srv/cubby
    within setpriv --reuid other --regid other --clear-groups cubby -c /srv/cubby.conf init
    mv "$place/var/lib/cubby" "$place/var/lib/cubby.away" # which nothing asks for then
    printf '%s\n' '[Unit]' ConditionPathIsDirectory= ConditionPathIsDirectory=/srv/cubby '[Service]' User=other Environment=CUBBY_CONF=/srv/cubby.conf ReadWritePaths=/srv/cubby \
        >"$place/etc/systemd/system/cubby-.service.d/local.conf"
    within systemctl daemon-reload
    within systemctl restart cubby.target
    six_calls "$site"
    same "$(within stat -c %U "/proc/$(pids data | head -n 1)")" other
    has "$(within cubby -c /srv/cubby.conf user list)" ann
    rm -r "$place/etc/systemd/system/cubby-.service.d"
    mv "$place/var/lib/cubby.away" "$place/var/lib/cubby"
    within systemctl daemon-reload
    within systemctl restart cubby.target
}

@test "systemd: without the folder of the database nothing is tried for ever, and all is well once it is back" {
    six_calls "$site"
    mv "$place/var/lib/cubby" "$place/var/lib/cubby.away"
    within systemctl restart cubby.target
    has_pids data 0
    for name in data me; do
        call GET "$site/$name"
        same "$code" 502 # it waited while the socket was closed
        failed() { [ "$(within systemctl show -P Result "cubby-$name.socket")" = trigger-limit-hit ]; }
        eventually failed || fail "$(within systemctl show -p Result -p ActiveState -p SubState "cubby-$name.socket")"
        call GET "$site/$name"
        same "$code" 503
    done
    # One that nobody asked still waits, and so do all again when it is back.
    within systemctl is-active --quiet cubby-keys.socket
    mv "$place/var/lib/cubby.away" "$place/var/lib/cubby"
    within systemctl restart cubby.target
    eventually has_pids data 3
    six_calls "$site"
}

@test "systemd: removing the package stops what stays" {
    within systemctl start cubby.target
    within dpkg -r cubby >"$BATS_TEST_TMPDIR/log" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/log")"
    same "$(within systemctl list-units --no-legend --all 'cubby*')" ''
    same "$(find "$place/etc/systemd/system" -name '*cubby.target')" ''
    [ -f "$place/var/lib/cubby/cubby.db" ]
    within dpkg -P cubby
    [ ! -e "$place/var/lib/cubby" ]
}
