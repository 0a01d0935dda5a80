#!/usr/bin/env bats
# make install into a DESTDIR, serving from there, make uninstall

load system
load pages
may_take 1500

setup_file() {
    export stage=$BATS_FILE_TMPDIR/stage
    export checkout=$BATS_FILE_TMPDIR/checkout
    copy_built_checkout "$checkout"
    # As strict a umask as an administrator may have: what is installed is for all to use anyway.
    (umask 077 && make_in "$checkout" install DESTDIR="$stage") >"$BATS_FILE_TMPDIR/log" 2>&1 ||
        fail "$(cat "$BATS_FILE_TMPDIR/log")"
    export installed=$stage/usr/local
    export owner
    owner=$(is_root && echo www-data || id -un)
}

setup() {
    note_test_alone
    folder=$BATS_TEST_TMPDIR
    mkdir "$folder/state"
    printf '%s\n' "database = $folder/data/cubby.db" "keys = $folder/data/keys.json" 'password_cost = 1' >"$folder/cubby.conf"
    export CUBBY_CONF=$folder/cubby.conf
}

teardown() {
    stop_all
    [ ! -x "$BATS_TEST_TMPDIR/script" ] || "$BATS_TEST_TMPDIR/script" stop
}

make_data() { "$installed/sbin/cubby" init --owner "$owner" >/dev/null; }

# What the installed files name as their place is below the stage here.
staged() { sed -e "s|/usr/local/|$installed/|g" -e "s|/run/cubby-httpd|$BATS_TEST_TMPDIR/run|" "$1"; }

answers() { curl -sf -o /dev/null --max-time 30 "$1"; }

# none_serves: neither the server of cubby-httpd, which serves what lies below $folder/run, nor a program from there runs.
# nothing_left: so it is soon; a program that has answered may end after its server.
none_serves() { ! pgrep -f "$folder/run" >/dev/null; }
nothing_left() { eventually none_serves || fail "left: $(pgrep -af "$folder/run")"; }

@test "make install: programs, tool, pages, sample, snippets, start script, each readable for all" {
    for program in "$root"/cgi-bin/*.c; do
        [ -x "$installed/lib/cubby/cgi-bin/$(basename "$program" .c)" ]
    done
    [ -x "$installed/sbin/cubby" ]
    [ -x "$installed/sbin/cubby-httpd" ]
    [ -x "$installed/sbin/cubby-loop" ]
    for file in etc/cubby/cubby.conf.sample share/cubby/cubby.apache.conf share/cubby/cubby.htaccess \
        share/cubby/cubby.nginx-fcgiwrap.conf share/cubby/cubby.civetweb.conf \
        share/cubby/cubby.nginx.conf share/cubby/cubby.lighttpd-fastcgi.conf share/cubby/cubby.apache-fastcgi.conf \
        share/cubby/cubby.apache-fcgid.conf share/cubby/cubby.caddy.conf lib/systemd/system/cubby.target \
        share/cubby/cubby.lighttpd.conf share/cubby/www/index.html share/cubby/www/console.js \
        share/cubby/www/json_text.js share/cubby/www/console.css share/cubby/www/errors/404.json; do
        [ -s "$installed/$file" ] || fail "no $file"
    done
    for file in "$root"/build/docs/*; do
        [ -s "$installed/share/cubby/www/docs/${file##*/}" ] || fail "no ${file##*/}"
    done
    closed=$(find "$stage" \( -type d ! -perm -755 \) -o \( -type f ! -perm -644 \))
    same "$closed" ''
    ! grep -rE '@[A-Z]+@' "$installed/etc" "$installed/share" "$installed/lib/systemd" "$installed/sbin/cubby-httpd" "$installed/sbin/cubby-loop" || fail 'a mark is left'
    # The settings are the administrator's; an upgrade does not bring them back.
    [ ! -e "$installed/etc/cubby/cubby.conf" ]
}

@test "make install: units of systemd, each of which it says is confined (at most 2.0) and well made" {
    units=$installed/lib/systemd/system
    # as many processes as the page says
    same "$(sed -n 's/^Wants=cubby-\(.*\)@.*\.service$/\1/p' "$units/cubby.target" | uniq -c | awk '{ print $2 "=" $1 }' | sort | tr '\n' ' ')" \
        'batch=1 changes=4 data=3 health=1 keys=1 me=1 register=1 reset=1 token=2 '
    for program in "$root"/cgi-bin/*.c; do
        name=$(basename "$program" .c)
        score=$(systemd-analyze security --offline=true --no-pager "$units/cubby-$name@.service" | sed -n 's/.*exposure level[^:]*: \([0-9.]*\).*/\1/p')
        awk -v score="$score" 'BEGIN { exit !(score != "" && score <= 2.0) }' || fail "$name: $score"
        grep -qx 'RequiresMountsFor=/var/lib/cubby' "$units/cubby-$name@.service"
        grep -qx "ListenStream=/run/cubby/$name.sock" "$units/cubby-$name.socket"
        grep -qx "Wants=cubby-$name.socket" "$units/cubby.target"
    done
    # With the programs at their places, nothing is unknown or missing.
    mkdir -p "$folder/units"
    cp "$units"/cubby* "$folder/units"
    sed -i "s|/usr/local/|$installed/|" "$folder/units"/*
    said=$(SYSTEMD_UNIT_PATH=$folder/units: systemd-analyze verify --man=no "$folder/units"/cubby.target "$folder"/units/*.service "$folder"/units/*.socket 2>&1) || fail "$said"
    ! grep -i 'cubby' <<<"$said" || fail "$said"
    # What the page types: more and fewer processes of these, and settings of all.
    typed www/docs/deploying.md 'Kept by systemd' sh | grep -oE 'cubby-[a-z]+@' >"$folder/typed"
    [ "$(wc -l <"$folder/typed")" = 3 ]
    while read -r name; do
        [ -e "$units/$name.service" ] || fail "no $name"
    done <"$folder/typed"
    mkdir "$folder/units/cubby-.service.d"
    typed www/docs/deploying.md 'Kept by systemd' ini >"$folder/units/cubby-.service.d/local.conf"
    grep -q ReadWritePaths= "$folder/units/cubby-.service.d/local.conf"
    said=$(SYSTEMD_UNIT_PATH=$folder/units: systemd-analyze verify --man=no "$folder"/units/cubby-data@.service 2>&1) || fail "$said"
    ! grep -i 'local\.conf' <<<"$said" || fail "$said"
    # It is read: nonsense in it is told.
    echo 'Nonsense=yes' >>"$folder/units/cubby-.service.d/local.conf"
    has "$(SYSTEMD_UNIT_PATH=$folder/units: systemd-analyze verify --man=no "$folder"/units/cubby-data@.service 2>&1)" local.conf
}

@test "cubby.service: confined (at most 3.0) and well made; what its programs and root's part need is left to it" {
    unit=$root/common/packages/cubby.service
    score=$(systemd-analyze security --offline=true --no-pager "$unit" | sed -n 's/.*exposure level[^:]*: \([0-9.]*\).*/\1/p')
    awk -v score="$score" 'BEGIN { exit !(score != "" && score <= 3.0) }' || fail "$score"
    mkdir -p "$folder/board/cubby.service.d"
    sed "s|/usr/sbin/|$installed/sbin/|" "$unit" >"$folder/board/cubby.service"
    # as cubby-setup writes it
    printf '[Unit]\nRequiresMountsFor="/data/x \\"y%%%%"\n[Service]\nReadWritePaths="/data/x \\"y%%%%"\n' >"$folder/board/cubby.service.d/data.conf"
    # and what the unit itself leaves to the operator
    printf '[Service]\nReadWritePaths=/keys\n' >"$folder/board/cubby.service.d/local.conf"
    grep -q '^# .*cubby\.service\.d/local\.conf' "$unit" || fail 'local.conf is not named'
    said=$(SYSTEMD_UNIT_PATH=$folder/board: systemd-analyze verify --man=no "$folder/board/cubby.service" 2>&1) || fail "$said"
    ! grep -i 'cubby\|data\.conf\|local\.conf' <<<"$said" || fail "$said"
    # Everything is read-only but where data, log and links lie; root keeps what it needs to become another user, to
    # give files away, and to listen at port 80.
    for line in ProtectSystem=strict 'ReadWritePaths=-/srv -/var -/etc/cubby' RequiresMountsFor=/srv/cubby RuntimeDirectory=cubby-httpd; do
        grep -qx -e "$line" "$unit" || fail "no $line"
    done
    for capability in CHOWN DAC_OVERRIDE SETGID SETUID NET_BIND_SERVICE; do
        grep -q "^CapabilityBoundingSet=.*CAP_$capability" "$unit" || fail "no $capability"
    done
    ! grep -qE '^CapabilityBoundingSet=.*CAP_(SYS_|MKNOD|SETPCAP|DAC_READ_SEARCH)' "$unit" || fail 'more than it needs'
    # Every confinement of the units of processes that stay is here, too, or is one that root's part can't have.
    same "$(comm -23 <(sed -n 's/^\([A-Za-z]*\)=.*/\1/p' "$root/cgi-bin/server/systemd/program@.service.in" | sort -u) \
        <(sed -n 's/^\([A-Za-z]*\)=.*/\1/p' "$unit" | sort -u) | tr '\n' ' ')" \
        'ConditionPathIsDirectory IPAddressDeny PartOf PrivateNetwork PrivateUsers ProcSubset ProtectProc RestartSec Sockets StandardError StandardInput StandardOutput StartLimitIntervalSec TimeoutStopSec UMask User '
}

@test "make install: its names are honoured, in the files and in the tool" {
    # All is built anew, since the names are in the programs: quickly.
    make_in "$checkout" -j2 install CFLAGS=-O0 DESTDIR="$folder/other" PREFIX=/opt/cubby STATEDIR=/srv/cubby CGIDIR=/srv/cgi \
        SBINDIR=/opt/bin SHAREDIR=/opt/share SYSCONFDIR=/etc/cubby-api UNITDIR=/etc/systemd/system >/dev/null
    grep -qx 'ExecStart=/srv/cgi/data' "$folder/other/etc/systemd/system/cubby-data@.service"
    grep -qx 'ReadWritePaths=-/srv/cubby' "$folder/other/etc/systemd/system/cubby-data@.service"
    [ -x "$folder/other/srv/cgi/data" ]
    [ -x "$folder/other/opt/bin/cubby" ]
    grep -q '^#database = /srv/cubby/cubby.db$' "$folder/other/etc/cubby-api/cubby.conf.sample"
    grep -q 'ScriptAlias\|/srv/cgi' "$folder/other/opt/share/cubby.apache.conf"
    # Pages and scripts tell of /usr/local itself where they tell of its group.
    ! grep -rE '/usr/local/[a-z]|@[A-Z]+@' "$folder/other/opt/share" "$folder/other/etc" "$folder/other/opt/bin/cubby-httpd" "$folder/other/opt/bin/cubby-loop" || fail "a default is left"
    grep -qF '/opt/share/cubby.apache.conf' "$folder/other/opt/share/www/docs/deploying.html"
    has "$("$folder/other/opt/bin/cubby" --help)" 'else /etc/cubby-api/cubby.conf.'
    has "$(CUBBY_CONF=/dev/null "$folder/other/opt/bin/cubby" config)" 'database = /srv/cubby/cubby.db'
    make_in "$checkout" uninstall DESTDIR="$folder/other" PREFIX=/opt/cubby STATEDIR=/srv/cubby CGIDIR=/srv/cgi \
        SBINDIR=/opt/bin SHAREDIR=/opt/share SYSCONFDIR=/etc/cubby-api UNITDIR=/etc/systemd/system
    same "$(find "$folder/other" -type f)" ''
}

@test "make install DOCS=: without the pages, and without the link to them; so it is for boards" {
    for option in DOCS= MULTICALL=1; do
        make_in "$checkout" -n install "$option" DESTDIR="$folder/lean" >"$folder/said"
        ! grep -q 'build/docs' "$folder/said" || fail "$option: $(cat "$folder/said")"
    done
    make_in "$checkout" install DOCS= DESTDIR="$folder/lean" >/dev/null
    [ ! -e "$folder/lean/usr/local/share/cubby/www/docs" ]
    ! grep 'docs/' "$folder/lean/usr/local/share/cubby/www/index.html" || fail 'the link is there'
    grep -q 'docs/index.html' "$installed/share/cubby/www/index.html"
}

@test "install: Apache serves from there by the snippet" {
    make_data
    port=$(free_port)
    modules=/usr/lib/apache2/modules
    {
        for name in mpm_event authz_core alias env mime dir cgid; do
            echo "LoadModule ${name}_module $modules/mod_$name.so"
        done
        printf '%s\n' "ServerRoot $folder/state" "PidFile $folder/state/pid" "ScriptSock $folder/state/cgid" \
            "ErrorLog $folder/state/error.log" "Listen 127.0.0.1:$port" 'ServerName localhost' 'Mutex pthread' \
            "DefaultRuntimeDir $folder/state" 'TypesConfig /dev/null' 'AddType text/html .html'
        ! is_root || printf '%s\n' "User $owner" "Group $owner"
        staged "$installed/share/cubby/cubby.apache.conf" | sed "s|#SetEnv CUBBY_CONF .*|SetEnv CUBBY_CONF $CUBBY_CONF|"
    } >"$folder/apache.conf"
    chmod 777 "$folder/state"
    run_start apache2 -d "$folder/state" -f "$folder/apache.conf" -DFOREGROUND
    eventually answers "http://127.0.0.1:$port/api/health" || fail "$(cat "$run_output" "$folder/state/error.log")"
    six_calls "http://127.0.0.1:$port/api"
    call GET "http://127.0.0.1:$port/cubby/"
    has "$body" '<html'
    call GET "http://127.0.0.1:$port/api/nothing"
    same "$code$(jq -r .code <<<"$body")" 404NOT_FOUND
    run_stop TERM
}

@test "install: Apache serves from a folder of a site by the .htaccess, under the AllowOverride it names" {
    make_data
    port=$(free_port)
    modules=/usr/lib/apache2/modules
    mkdir -p "$folder/site/app"
    cp -r "$installed"/lib/cubby/cgi-bin/* "$installed/share/cubby/www/." "$folder/site/app"
    sed "s|#SetEnv CUBBY_CONF .*|SetEnv CUBBY_CONF $CUBBY_CONF|" "$installed/share/cubby/cubby.htaccess" >"$folder/site/app/.htaccess"
    cp "$folder/data/cubby.db" "$folder/site/app/cubby.db"
    chmod -R a+rX "$folder/site"
    {
        for name in mpm_event authz_core env mime dir cgid; do
            echo "LoadModule ${name}_module $modules/mod_$name.so"
        done
        printf '%s\n' "ServerRoot $folder/state" "PidFile $folder/state/pid" "ScriptSock $folder/state/cgid" \
            "ErrorLog $folder/state/error.log" "Listen 127.0.0.1:$port" 'ServerName localhost' 'Mutex pthread' \
            "DefaultRuntimeDir $folder/state" 'TypesConfig /dev/null' 'AddType text/html .html' \
            "DocumentRoot $folder/site" "<Directory $folder/site>" \
            'AllowOverride AuthConfig FileInfo Limit Options' 'Require all granted' '</Directory>'
        ! is_root || printf '%s\n' "User $owner" "Group $owner"
    } >"$folder/apache.conf"
    chmod 777 "$folder/state"
    run_start apache2 -d "$folder/state" -f "$folder/apache.conf" -DFOREGROUND
    eventually answers "http://127.0.0.1:$port/app/health" || fail "$(cat "$run_output" "$folder/state/error.log")"
    six_calls "http://127.0.0.1:$port/app"
    call GET "http://127.0.0.1:$port/app/index.html"
    has "$body" '<html'
    call GET "http://127.0.0.1:$port/app/docs/deploying.html"
    same "$code" 200
    call GET "http://127.0.0.1:$port/app/cubby.db"
    same "$code" 403
    run_stop TERM
}

@test "install: lighttpd serves from there by the snippet" {
    make_data
    port=$(free_port)
    mkdir -m 777 "$folder/upload"
    {
        printf '%s\n' "server.bind = \"127.0.0.1\"" "server.port = $port" "server.document-root = \"$folder/state\"" \
            "server.upload-dirs = ( \"$folder/upload\" )" 'index-file.names = ( "index.html" )' \
            'mimetype.assign = ( ".html" => "text/html" )'
        ! is_root || printf '%s\n' "server.username = \"$owner\"" "server.groupname = \"$owner\""
        staged "$installed/share/cubby/cubby.lighttpd.conf" |
            sed "s|#setenv.set-environment = .*|setenv.set-environment = ( \"CUBBY_CONF\" => \"$CUBBY_CONF\" )|"
    } >"$folder/lighttpd.conf"
    run_start lighttpd -D -f "$folder/lighttpd.conf"
    eventually answers "http://127.0.0.1:$port/api/health" || fail "$(cat "$run_output")"
    six_calls "http://127.0.0.1:$port/api"
    call GET "http://127.0.0.1:$port/cubby/index.html"
    has "$body" '<html'
    run_stop TERM
}

# A board has busybox and nothing else: a shell of its own and a PATH of its applets.
board() {
    staged "$installed/sbin/cubby-httpd" | sed -e "s|^PATH=.*|PATH=$folder/applets|" \
        -e "1s|.*|#!$folder/applets/sh|" >"$folder/script"
    chmod 755 "$folder/script"
    mkdir "$folder/applets"
    busybox --install -s "$folder/applets"
    ln -s "$(command -v busybox)" "$folder/applets/busybox"
    # Small builds leave these out.
    for applet in setpriv start-stop-daemon setsid nohup pgrep stat; do
        rm -f "$folder/applets/$applet"
    done
    port=$(free_port)
    export ADDRESS=127.0.0.1:$port LOG=$folder/httpd.log
    base=http://127.0.0.1:$port/cgi-bin
}

# script WORD…: leaves $status and $output
script() { run env -i ADDRESS="$ADDRESS" LOG="$LOG" CUBBY_CONF="$CUBBY_CONF" ${RUN_USER:+RUN_USER="$RUN_USER"} \
    "$folder/script" "$@"; }

@test "cubby-httpd: start, status, restart and stop, with nothing but applets of busybox" {
    make_data
    board
    script status
    same "$status" 3
    script start
    same "$status" 0
    eventually answers "$base/health" || fail "$output $(cat "$LOG")"
    six_calls "$base"
    call GET "http://127.0.0.1:$port/"
    has "$body" '<html'
    call GET "http://127.0.0.1:$port/nothing"
    same "$code$(jq -r .code <<<"$body")" 404NOT_FOUND
    same "$(stat -c %U "$folder/data/cubby.db")" "$owner"
    script status
    same "$status" 0
    script start
    same "$status" 1
    has "$output" 'it runs already'
    script restart
    same "$status" 0
    eventually answers "$base/health"
    script stop
    same "$status" 0
    ! answers "$base/health" || fail "it still answers"
    script status
    same "$status" 3
    script stop
    same "$status" 0
    nothing_left
}

# one_of_five_starts: five at once, of which one is to succeed; what each says lies in said.1 to said.5
one_of_five_starts() {
    local number good=0
    for number in 1 2 3 4 5; do
        env -i ADDRESS="$ADDRESS" LOG="$LOG" CUBBY_CONF="$CUBBY_CONF" "$folder/script" start >"$folder/said.$number" 2>&1 3>&- 4>&- &
        began
    done
    for number in 0 1 2 3 4; do
        ! wait "${started[number]}" || good=$((good + 1))
    done
    same "$good" 1
}

@test "cubby-httpd: of several starts at once one serves, and the others leave it alone" {
    make_data
    board
    one_of_five_starts
    same "$(grep -cE 'it is being started already|it runs already' "$folder"/said.* | grep -c ':1')" 4
    eventually answers "$base/health" || fail "$(cat "$LOG" "$folder"/said.*)"
    answers "http://127.0.0.1:$port/" || fail 'the page is gone'
    script status
    same "$status" 0
    script stop
    same "$status" 0
    nothing_left
    # What one has left that was killed while it started is no start under way, whosever number it has.
    run_start sleep 3000
    ln -s "$run_pid" "$folder/run/starting"
    script start
    same "$status" 0
    kill -0 "$run_pid"
    script stop
    same "$(ls -A "$folder/run")" httpd.conf
}

@test "cubby-httpd: of several starts that find what a killed one has left, one takes its place" {
    make_data
    board
    mkdir -p "$folder/run"
    ln -s "$$-1" "$folder/run/starting"
    # Each needs another time to remove it.
    sed -i '2i rm() { case "$*" in */starting) sleep "0.$(($$ % 5 + 1))" ;; esac; command rm "$@"; }' "$folder/script"
    one_of_five_starts
    same "$(grep -cE 'it is being started already|it runs already' "$folder"/said.* | grep -c ':1')" 4 || fail "$(cat "$folder"/said.*)"
    script status
    same "$status" 0
    script stop
    nothing_left
}

# contained: cubby-httpd run as the first process of a container, until it is killed as a whole
contained() {
    run_start unshare --pid --fork --mount-proc --kill-child "$folder/script" run
    eventually answers "$base/health" || fail "$(cat "$run_output")"
    pkill -KILL -P "$run_pid"
    wait "$run_pid" || true
    ! answers "$base/health" || fail 'it is left'
}

@test "cubby-httpd: run serves again in a container that is started again, where it is process 1 each time" {
    is_root || return 0
    make_data
    board
    contained
    contained
    rm -f "$folder/run/starting"
    ln -s 1 "$folder/run/starting"
    contained
}

@test "cubby-httpd: a start that is told to end, or can't note what it has started, leaves nothing that runs" {
    make_data
    board
    # A start that waits still, when it is told: it never sees that the server listens.
    sed -i -e '2i sleep() { command sleep 1; }' -e 's/^listens() {$/&\n    return 1/' "$folder/script"
    for signal in TERM INT HUP; do
        run_start env -i ADDRESS="$ADDRESS" LOG="$LOG" CUBBY_CONF="$CUBBY_CONF" "$folder/script" start
        eventually answers "$base/health" || fail "$(cat "$run_output")"
        kill -s "$signal" "$run_pid"
        status=0
        wait "$run_pid" || status=$?
        same "$status $(cat "$run_output")" '1 ' # not that it serves; that it was told to end goes to the sleep's errors
        eventually run_gone || fail "$signal: $(pgrep -af "$folder/run")"
        script status
        same "$status" 3
    done
    mkdir -p "$folder/run/pid"
    for word in start run; do
        script "$word"
        same "$status" 1
        has "$output" "cannot write $folder/run/pid"
        nothing_left
    done
}

@test "cubby-httpd: in a folder of settings that is another user's it serves, unless there are settings of its own; then it says how to mend that" {
    is_root || return 0
    make_data
    board
    rm -f "$installed/etc/cubby/cubby-httpd.conf"
    before=$(stat -c %u "$installed/etc/cubby")
    chown www-data "$installed/etc/cubby"
    script start
    started=$status
    script stop
    echo "ADDRESS=$ADDRESS" >"$installed/etc/cubby/cubby-httpd.conf"
    script start
    refused="$status $output"
    chown "$before" "$installed/etc/cubby"
    rm "$installed/etc/cubby/cubby-httpd.conf"
    same "$started" 0
    has "$refused" "1 cubby-httpd: $installed/etc/cubby/cubby-httpd.conf, or what leads there, can be changed by others than root"
    has "$refused" "to leave it to root: move it to a folder of root's"
}

@test "cubby-httpd: what is no file, as /dev/null, keeps its mode as a log" {
    board
    make_data
    mkfifo -m 666 "$folder/fifo"
    exec 5<>"$folder/fifo"
    LOG=$folder/fifo
    script start
    same "$status" 0
    eventually answers "$base/health" || fail "$output"
    same "$(stat -c %a "$folder/fifo")" 666
    script stop
    same "$status" 0
    exec 5>&-
}

@test "cubby-httpd: run serves in the foreground until it is told to end" {
    make_data
    board
    run_start "$folder/script" run
    eventually answers "$base/health" || fail "$(cat "$run_output")"
    six_calls "$base"
    script status
    same "$status" 0
    has "$output" "$run_pid"
    run_stop TERM
    script status
    same "$status" 3
}

@test "cubby-httpd: stop leaves alone what a supervisor has started anew meanwhile" {
    make_data
    board
    # As runit and an init that respawns do it.
    run_start sh -c 'trap "kill \$! ; exit" TERM; while :; do sh "$1" run & wait "$!"; done' sh "$folder/script"
    eventually answers "$base/health" || fail "$(cat "$run_output")"
    for _ in 1 2 3; do
        before=$(cat "$folder/run/pid")
        script stop
        same "$status" 0
        next_serves() { answers "$base/health" && [ "$(cat "$folder/run/pid" 2>/dev/null)" != "$before" ]; }
        eventually next_serves || fail "$(cat "$run_output")"
        script status
        same "$status" 0
        [ -d "$folder/run/docroot/cgi-bin" ] || fail 'what is served is gone'
    done
    run_stop TERM
    eventually run_gone || fail "$(pgrep -af "$folder/run")"
}

@test "cubby-httpd: prepare makes database and key for the user of the programs, once, and refuses one there is not" {
    board
    RUN_USER=nobody-there script prepare
    [ "$status" != 0 ]
    has "$output" 'there is no user nobody-there'
    [ ! -e "$folder/data/cubby.db" ]
    # A new disk is root's.
    if is_root; then
        mkdir -m 755 "$folder/data"
        mkdir -m 700 "$folder/data/lost+found"
        RUN_USER=$owner script prepare
        same "$status" 1
        has "$output" "$folder/data belongs to root"
        has "$output" "chown $(id -u "$owner"):$(id -g "$owner") $folder/data, then run this again"
        same "$(ls "$folder/data")" lost+found
        chown "$owner:" "$folder/data"
        RUN_USER=$owner script prepare
        same "$status" 0
        rm -r "$folder/data" "$installed/etc/cubby/databases"
    fi
    RUN_USER=$owner:whatever script prepare
    same "$status" 0
    same "$(stat -c '%U %a' "$folder/data" "$folder/data/cubby.db" "$folder/data/keys.json" | tr '\n' ' ')" "$owner 700 $owner 600 $owner 600 "
    key=$(sha256sum <"$folder/data/keys.json")
    RUN_USER=$owner script prepare
    same "$status" 0
    same "$(sha256sum <"$folder/data/keys.json")" "$key"
    # A key that is lost is made anew, also where the database is known, and that is said.
    rm "$folder/data/keys.json"
    RUN_USER=$owner script prepare
    same "$status" 0
    has "$output" "$folder/data/keys.json is missing and is made anew: all tokens that were given out are void"
    same "$(stat -c '%U %a' "$folder/data/keys.json")" "$owner 600"
    key=$(sha256sum <"$folder/data/keys.json")
    RUN_USER=$owner script prepare
    same "$output$(sha256sum <"$folder/data/keys.json")" "$("$TOOL" -c "$CUBBY_CONF" migrate)$key"
    # What is missing may lie on a disk that is not mounted; beginning anew is said so.
    rm -r "$folder/data"
    RUN_USER=$(id -u "$owner") script prepare
    same "$status" 1
    has "$output" "$folder/data/cubby.db is missing, and it was there before: is the disk mounted"
    [ ! -e "$folder/data" ] || fail 'it made data'
    rm "$installed/etc/cubby/databases"
    RUN_USER=$(id -u "$owner") script prepare
    same "$status" 0
    same "$(stat -c %U "$folder/data/cubby.db")" "$owner"
    # Data of an installation of before are noted when they are found; another database is another matter.
    rm "$installed/etc/cubby/databases"
    RUN_USER=$owner script prepare
    same "$(cat "$installed/etc/cubby/databases")" "$folder/data/cubby.db"
    sed -i "s|/data/|/elsewhere/|" "$CUBBY_CONF"
    RUN_USER=$owner script prepare
    same "$status" 0
    [ -f "$folder/elsewhere/cubby.db" ]
}

# loop: cubby-loop of the installation, for as long as it needs to refuse
loop() {
    staged "$installed/sbin/cubby-loop" >"$folder/loop"
    run timeout 280 env -i CUBBY_CONF="$CUBBY_CONF" RUNDIR="${RUNDIR:-$folder/sockets}" ${RUN_USER:+RUN_USER="$RUN_USER"} sh "$folder/loop" run
}

# both_refuse TEXT[|TEXT] [USER]: whatever starts the programs, as USER where one is named, says one of these instead
both_refuse() {
    for command in 'script start' 'script run' loop; do
        RUN_USER=${2:-} $command
        [ "$status" = 1 ] || fail "$command: $status $output"
        case $output in *"${1%%|*}"* | *"${1#*|}"*) ;; *) fail "$command says not \"$1\": $output" ;; esac
    done
    ! answers "$base/health" || fail 'it serves'
    [ ! -e "$folder/sockets" ] || fail 'it made sockets'
}

@test "cubby-httpd, cubby-loop: as root, settings that another user may change never say whose programs run" {
    is_root || return 0
    make_data
    board
    chmod 755 "$folder"
    mkdir -m 755 "$folder/place"
    mkdir -m 1777 "$folder/all"
    CUBBY_CONF=$folder/place/cubby.conf
    cp "$folder/cubby.conf" "$CUBBY_CONF"
    nobody=$(id -u nobody)
    others="$CUBBY_CONF, or what leads there, can be changed by others than root and the user of the programs"
    of_many="$others|could lead root" # what the tool says, where several may
    # Its owner, and who may write it
    chown nobody "$CUBBY_CONF"
    for user in '' root www-data; do
        both_refuse "$others" "$user"
        has "$output" ": $nobody)"
    done
    RUN_USER=www-data script prepare
    same "$status" 1
    has "$output" "$others"
    chown root "$CUBBY_CONF"
    chmod 646 "$CUBBY_CONF"
    both_refuse "$of_many"
    chgrp nogroup "$CUBBY_CONF"
    chmod 664 "$CUBBY_CONF"
    both_refuse "$of_many" www-data
    has "$output" ': a group)'
    chgrp root "$CUBBY_CONF"
    chmod 644 "$CUBBY_CONF"
    # Whom a list names: with nothing but busybox it is the tool that sees it.
    setfacl -m u:nobody:rw "$CUBBY_CONF"
    for user in '' root www-data; do
        both_refuse "$of_many" "$user"
    done
    setfacl -b "$CUBBY_CONF"
    chmod 644 "$CUBBY_CONF"
    # A folder on the way
    chown nobody "$folder/place"
    both_refuse "$others"
    chown root "$folder/place"
    chmod 777 "$folder/place"
    both_refuse "$of_many" www-data
    chmod 755 "$folder/place"
    # A link on the way, to the settings and to their folder
    setpriv --reuid nobody --clear-groups ln -s "$folder/place" "$folder/all/place"
    setpriv --reuid nobody --clear-groups ln -s ../place/cubby.conf "$folder/all/cubby.conf"
    for name in all/place/cubby.conf all/cubby.conf all/../all//cubby.conf; do
        CUBBY_CONF=$folder/$name
        both_refuse 'can be changed by others than root'
    done
    # The owner of the database is not the one of its folder, who can put anything of anybody there.
    CUBBY_CONF=$folder/place/cubby.conf
    chown nobody "$folder/data/cubby.db"
    both_refuse "$folder/data/cubby.db, or what leads there, can be changed by others"
    chown www-data "$folder/data/cubby.db"
    # Those of root, and of the programs' user itself, are obeyed; those of root's group are root's.
    for user in root www-data; do
        chown "$user" "$folder/place" "$CUBBY_CONF"
        case $user in
        root) chmod g+w "$folder/place" "$CUBBY_CONF" ;;
        *) chmod g-w "$folder/place" "$CUBBY_CONF" ;;
        esac
        script start
        same "$status" 0
        eventually answers "$base/health" || fail "$output $(cat "$LOG")"
        script stop
        run_start env -i CUBBY_CONF="$CUBBY_CONF" RUNDIR="$folder/sockets" sh "$folder/loop" run
        for program in "$root"/cgi-bin/*.c; do
            eventually served "$folder/sockets/$(basename "$program" .c).sock" || fail "$(cat "$run_output")"
        done
        same "$(stat -c %U "$folder/sockets" "$folder/sockets/data.sock" | tr '\n' ' ')" 'root www-data '
        kill -TERM "$run_pid"
        eventually run_gone || fail 'it goes on'
        rm -r "$folder/sockets"
    done
    both_refuse "$others" root
}

# who_says WORDS…: those of who_else.sh, for a tool in $folder/tools/bin
who_says() {
    run sh -c 'die() { echo "$*"; exit 1; }; TOOL=$1/tools/bin/tool; . "$2"; shift 2; "$@"' sh "$folder" "$root/cgi-bin/server/who_else.sh" "$@"
}

@test "who_else.sh: names that others choose are in no command that it advises, nor do they act on a terminal" {
    is_root || return 0
    chmod 755 "$folder"
    mkdir -m 755 "$folder/place"
    for name in 'x; id >PWNED; #' $'a\tb' $'a\nb' $'a\eb'; do
        mkdir -m 777 "$folder/place/$name"
        who_says only_root "$folder/place/$name"
        same "$status" 1
        has "$output" 'can be changed by others than root (owner, or who may write: everybody)'
        [[ $output != *'to leave it'* && $output != *[[:cntrl:]]* ]] || fail "$output"
        # also behind a link that is plain
        ln -sfn "$folder/place/$name" "$folder/place/link"
        who_says only_root "$folder/place/link/file"
        same "$status" 1
        [[ $output != *PWNED* && $output != *'to leave it'* ]] || fail "$output"
    done
    mkdir -m 777 "$folder/place/plain"
    who_says only_root "$folder/place/plain"
    has "$output" "; to leave it to root: chmod o-w $folder/place/plain"
    chmod 755 "$folder/place/plain"
    chown nobody "$folder/place/plain"
    who_says only_root "$folder/place/plain"
    has "$output" "); to leave it to root: move it to a folder of root's"
}

@test "who_else.sh: a group that may write to a folder of root's on the way to the tool counts as root" {
    is_root || return 0
    chmod 755 "$folder"
    mkdir "$folder/tools"
    mkdir -m 755 "$folder/tools/bin" "$folder/place"
    chgrp 12345 "$folder/tools" "$folder/place"
    chmod 775 "$folder/place"
    who_says who_else "$folder/place"
    same "$output" 'a group'
    chmod 1775 "$folder/tools"
    who_says who_else "$folder/place"
    same "$output" 'a group'
    chmod 2775 "$folder/tools"
    who_says who_else "$folder/place"
    same "$output" ''
    chmod 777 "$folder/place"
    who_says who_else "$folder/place"
    same "$output" everybody
    chgrp 12346 "$folder/place"
    chmod 775 "$folder/place"
    who_says who_else "$folder/place"
    same "$output" 'a group'
}

@test "who_else.sh: an access control list by which others may write is told by getfacl, and by an ls that shows it" {
    is_root || return 0
    place=$(mktemp -d "${TMPDIR:-/tmp}/cubby-lists.XXXXXX")
    chmod 755 "$place"
    mkdir "$folder/gnu" "$folder/small"
    for name in sh ls awk readlink grep id; do
        ln -s "$(command -v "$name")" "$folder/gnu/$name"
    done
    busybox --install -s "$folder/small"
    ln -s "$(command -v getfacl)" "$folder/small/getfacl"
    # told TEXT PATH: what is said of who else may change it, by either set of commands
    told() {
        for set in gnu small; do
            same "$(env -i PATH="$folder/$set" sh -c '. "$1" && who_else "$2"' sh "$root/cgi-bin/server/who_else.sh" "$2")" "$1" || fail "$set"
        done
    }
    mkdir "$place/etc"
    : >"$place/etc/cubby.conf"
    for path in "$place/etc/cubby.conf" "$place/etc"; do
        chmod 775 "$path"
        told '' "$place/etc/cubby.conf"
        setfacl -m u:nobody:rx "$path"
        chmod g-w "$path"
        told '' "$place/etc/cubby.conf"
        setfacl -m u:nobody:rwx "$path"
        told 'an access control list' "$place/etc/cubby.conf"
        chown nobody "$path"
        told "an access control list, $(id -u nobody)" "$place/etc/cubby.conf"
        chown root "$path"
        chgrp nogroup "$path"
        told 'a group' "$place/etc/cubby.conf"
        chgrp root "$path"
        # the mask takes it
        chmod g-w "$path"
        told '' "$place/etc/cubby.conf"
        setfacl -b "$path"
    done
    # where each has his own, and what is for files to come
    setfacl -m u:nobody:rwx "$place/etc"
    chmod +t "$place/etc"
    told '' "$place/etc/cubby.conf"
    chmod -t "$place/etc"
    setfacl -b "$place/etc"
    chmod 775 "$place/etc"
    setfacl -d -m u:nobody:rwx "$place/etc"
    ln -s "$(command -v getfacl)" "$folder/gnu/getfacl" # ls shows this list, too
    told '' "$place/etc/cubby.conf"
    rm -r "$place"
}

@test "cubby-httpd, cubby-loop: as root, folders and settings of the scripts that another user may change are refused" {
    is_root || return 0
    make_data
    board
    chmod 755 "$folder"
    mkdir -m 755 "$folder/rundir"
    sed -i "s|^RUNDIR=.*|RUNDIR=$folder/rundir/below|" "$folder/script"
    RUNDIR=$folder/rundir/below
    others="$RUNDIR, or what leads there, can be changed by others than root"
    chgrp nogroup "$folder/rundir"
    for change in 'chown nobody' 'chmod 777' 'chmod 775'; do
        $change "$folder/rundir"
        both_refuse "$others"
        same "$(ls -A "$folder/rundir")" ''
        chown root "$folder/rundir"
        chmod 755 "$folder/rundir"
    done
    # Root's group, but of a list that names others
    chgrp root "$folder/rundir"
    setfacl -m u:nobody:rwx "$folder/rundir"
    ln -s "$(command -v getfacl)" "$folder/applets/getfacl"
    both_refuse "$others"
    has "$output" ': an access control list)'
    same "$(ls -A "$folder/rundir")" ''
    setfacl -b "$folder/rundir"
    rm "$folder/applets/getfacl"
    # The group of root, as under a umask of 002
    chmod 775 "$folder/rundir"
    script start
    same "$status" 0
    script stop
    rm -r "$RUNDIR"
    chmod 755 "$folder/rundir"
    mkdir "$RUNDIR"
    chown www-data "$RUNDIR"
    both_refuse "$others"
    script stop
    same "$status" 1
    same "$(ls -A "$RUNDIR")" ''
    chown root "$RUNDIR"
    # The log: what a link names keeps its mode and text.
    mkdir -m 755 "$folder/logs"
    chown www-data "$folder/logs"
    echo roots >"$folder/roots"
    chmod 604 "$folder/roots"
    setpriv --reuid www-data --clear-groups ln -s "$folder/roots" "$folder/logs/log"
    LOG=$folder/logs/log
    script start
    same "$status" 1
    has "$output" "$folder/logs, or what leads there, can be changed by others than root"
    same "$(stat -c %a "$folder/roots")$(cat "$folder/roots")" 604roots
    # In a folder where each has his own, another user's link, file, hard link and what the server's user could exchange
    mkdir -m 1777 "$folder/everybody"
    LOG=$folder/everybody/log
    # log_is_refused TEXT: and what it is or leads to keeps its mode and text
    log_is_refused() {
        script start
        same "$status" 1
        has "$output" "$LOG $1"
        same "$(stat -c %a "$folder/roots")$(cat "$folder/roots")" 604roots
        rm "$LOG"
    }
    for user in nobody www-data; do
        setpriv --reuid "$user" --clear-groups ln -s "$folder/roots" "$LOG"
        log_is_refused 'is a link'
        setpriv --reuid "$user" --clear-groups ln -s "$folder/nowhere" "$LOG"
        log_is_refused 'is a link'
        [ ! -e "$folder/nowhere" ] || fail 'it was made'
        setpriv --reuid "$user" --clear-groups sh -c ': >"$1" && chmod 666 "$1"' sh "$LOG"
        log_is_refused "belongs to the user with the number $(id -u "$user")"
    done
    ln "$folder/roots" "$LOG"
    log_is_refused 'has other names too'
    # A folder that a group may write to, as /var/log of some distributions
    chmod 775 "$folder/everybody"
    chgrp nogroup "$folder/everybody"
    setpriv --reuid nobody --regid nogroup --clear-groups ln -s "$folder/roots" "$LOG"
    log_is_refused 'is a link'
    chgrp root "$folder/everybody"
    # Made anew, or there already, it is root's and closed; in a folder of root's it may be the server's user's.
    chmod 1777 "$folder/everybody"
    for folder_of in everybody rundir; do
        LOG=$folder/$folder_of/log
        for round in new old; do
            script start
            same "$status" 0
            script stop
            same "$(stat -c '%U %a' "$LOG")" 'root 640'
        done
    done
    chown www-data "$LOG"
    script start
    same "$status" 0
    script stop
    LOG=$folder/httpd.log
    # What they read as a shell does
    for name in httpd loop; do
        echo "touch '$folder/touched'" >"$installed/etc/cubby/cubby-$name.conf"
        chown www-data "$installed/etc/cubby/cubby-$name.conf"
        case $name in
        httpd) script status ;;
        loop) loop ;;
        esac
        rm "$installed/etc/cubby/cubby-$name.conf"
        same "$status" 1
        has "$output" "cubby-$name.conf, or what leads there, can be changed by others than root"
        [ ! -e "$folder/touched" ] || fail 'it was obeyed'
    done
}

@test "cubby-httpd: without any httpd it says so; one that came with cubby is taken before that of busybox" {
    make_data
    board
    rm "$folder/applets/httpd" "$folder/applets/busybox"
    script start
    same "$status" 1
    has "$output" 'there is no httpd'
    # Stands beside the programs, and says that it was the one.
    printf '#!/bin/sh\necho "brought: $*"\n' >"$installed/lib/cubby/httpd"
    chmod 755 "$installed/lib/cubby/httpd"
    ln -s "$(command -v busybox)" "$folder/applets/busybox"
    script run
    rm "$installed/lib/cubby/httpd"
    has "$output" 'brought: -f -p'
}

@test "cubby-httpd: says what is missing or wrong, and starts nothing" {
    board
    script start
    same "$status" 1
    has "$output" 'cubby init'
    for word in '' reload; do
        script $word
        same "$status" 2
        has "$output" 'usage: cubby-httpd start|stop|restart|status|run|prepare'
    done
    if is_root; then
        "$installed/sbin/cubby" init >/dev/null
        script start
        same "$status" 1
        has "$output" 'belongs to root'
        chown -R "$owner" "$folder/data"
    else
        make_data
    fi
    # Somebody else listens there.
    run_start busybox httpd -f -p "$port" -h "$folder/state"
    eventually eval "(: </dev/tcp/127.0.0.1/$port) 2>/dev/null"
    script start
    same "$status" 1
    has "$output" 'ddress'
    has "$output" 'httpd did not start'
    # A number left from before the last boot belongs to another process by now.
    echo "$run_pid" >"$folder/run/pid"
    script status
    same "$status" 3
    script stop
    same "$status" 0
    kill -0 "$run_pid"
}

@test "make uninstall: takes away what was installed; settings, data and other people's files stay" {
    cp -a "$stage" "$folder/stage"
    here=$folder/stage/usr/local
    echo 'token_lifetime = 60' >"$here/etc/cubby/cubby.conf"
    mkdir -p "$folder/stage/var/lib/cubby"
    echo data >"$folder/stage/var/lib/cubby/cubby.db"
    echo other >"$here/sbin/other"
    echo /var/lib/cubby/cubby.db >"$here/etc/cubby/databases"
    make_in "$checkout" uninstall DESTDIR="$folder/stage"
    same "$(cd "$folder/stage" && find . -type f | sort | tr '\n' ' ')" \
        './usr/local/etc/cubby/cubby.conf ./usr/local/etc/cubby/databases ./usr/local/sbin/other ./var/lib/cubby/cubby.db '
    [ ! -e "$here/share/cubby" ]
    [ ! -e "$here/lib/cubby" ]
    # Twice is no trouble.
    make_in "$checkout" uninstall DESTDIR="$folder/stage"
}
