#!/usr/bin/env bats
# make run, from a checkout that lies where the programs' user may not enter

load system
load pages
may_take 1500

setup_file() {
    export home=$BATS_FILE_TMPDIR/home
    export TMPDIR=$BATS_FILE_TMPDIR/temporary
    mkdir -m 755 "$TMPDIR"
    mkdir -m 700 "$home"
    copy_built_checkout "$home/cubby"
}

setup() {
    note_test_alone
    export DATA=$BATS_TEST_TMPDIR/data
}

teardown() {
    stop_all
}

teardown_file() {
    # As root the data of this checkout lie elsewhere.
    [ ! -L "$home/cubby/data" ] || rm -rf "$(readlink "$home/cubby/data")"
}

# make_run WORD…: make run in the checkout, on a free port unless one is named
make_run() { run_start make --no-print-directory -C "$home/cubby" run PORT=0 "$@"; }

# Nothing of the last run is left: no process, no file.
none_left() { ! pgrep -f "$TMPDIR/cubby-run" >/dev/null; }
check_left_nothing() {
    local left
    left=$(find "$TMPDIR" -mindepth 1 -maxdepth 1 -name 'cubby-run.*')
    same "$left" ''
    # lighttpd tells programs that stay to end, and does not wait for that.
    eventually none_left || fail "left: $(pgrep -af "$TMPDIR/cubby-run")"
}

full_round() {
    local server=$1 signal=$2 mode=${3:-}
    umask 077 # as strict as some administrators have it
    make_run SERVER="$server" ${mode:+MODE="$mode"} DATA="$DATA"
    run_wait
    case $server in
    busybox) has "$base" /cgi-bin ;;
    *) has "$base" /api ;;
    esac
    # Whoever sees only these lines can go on from there.
    has "$(cat "$run_output")" "$DATA"
    body=$(eval "$(sed -n 's/^try: *//p' "$run_output")" 2>/dev/null)
    has "$body" '"database":"ok"'
    body=$(cd "$home/cubby" && eval "$(sed -n 's/^tool: *//p' "$run_output") --json")
    same "$body" '[]'
    call GET "${base%/*}/"
    same "$code" 200
    has "$body" '<html'
    six_calls "$base" keeper
    call POST "$base/data" -d '{"key":"kept","value":[1]}'
    same "$code" 201
    kill -0 "$run_pid"
    run_stop "$signal"
    has ' 0 2 130 143 ' " $status "
    check_left_nothing
    # What programs that stay say for the log, the server tells as errors.
    ! grep -iE 'error|terminated|killed' <(grep -vE '^make|FastCGI sent in stderr|AH01071: Got error' "$run_output") || fail "$(cat "$run_output")"
}

# after full_round: the next run knows user, token and data
next_run() {
    make_run SERVER="$1" DATA="$DATA"
    run_wait
    call GET "$base/data/kept"
    same "$code" 200
    has "$body" '"value":[1]'
    run_stop TERM
    check_left_nothing
}

@test "make run: Apache serves, Ctrl-C ends it and leaves nothing, the next run has the data" {
    full_round apache INT
    next_run apache
}

@test "make run: busybox httpd serves, SIGTERM ends it and leaves nothing, the next run has the data" {
    full_round busybox TERM
    next_run busybox
}

@test "make run: lighttpd serves, Ctrl-C ends it and leaves nothing, another server has the data" {
    full_round lighttpd INT
    next_run busybox
}

@test "make run: nginx serves, Ctrl-C ends it and its programs and leaves nothing, another server has the data" {
    full_round nginx INT
    next_run busybox
}

@test "make run: Caddy serves, Ctrl-C ends it and its programs and leaves nothing, another server has the data" {
    full_round caddy INT
    next_run busybox
}

@test "make run: with programs that stay, lighttpd and Apache end and leave nothing" {
    full_round lighttpd INT fastcgi
    rm -rf "$DATA"
    full_round apache TERM fastcgi
    next_run nginx
}

# postgresql_gone: of the server below the data nothing runs any more
postgresql_gone() { [ ! -e "$DATA/postgresql/postmaster.pid" ] && ! pgrep -f "postgres -D $DATA/postgresql" >/dev/null; }

# with_postgresql: make run over PostgreSQL, under the server that is there soonest
with_postgresql() {
    [ -d "$home/cubby/build/postgresql" ] || cp -a "$root/build/postgresql" "$home/cubby/build/"
    make_run SERVER=busybox MODE=cgi ENGINE=postgresql DATA="$DATA"
}

# with_data: with an item in it, the server has stopped
with_data() {
    with_postgresql
    run_wait
    six_calls "$base" keeper
    call POST "$base/data" -d '{"key":"kept","value":[1]}'
    same "$code" 201
    [ $# -gt 0 ] || run_stop INT
}

has_data() {
    run_wait
    call GET "$base/data/kept"
    same "$code" 200
    has "$body" '"value":[1]'
    run_stop INT
    eventually postgresql_gone || fail "$(pgrep -af "$DATA")"
}

# refused_with TEXT: the run ends by itself, says that, and leaves nothing.
refused_with() {
    eventually run_gone || fail "goes on: $(cat "$run_output")"
    has "$(cat "$run_output")" "$1"
    check_left_nothing
}

@test "make run: the PostgreSQL of a run that was killed is stopped by the next one; that of a run that goes on is not" {
    with_data and_runs
    address=$base holder=$run_pid
    with_postgresql
    eventually run_gone || fail "goes on: $(cat "$run_output")"
    has "$(cat "$run_output")" 'another "make run"'
    run_pid=$holder
    call GET "$address/data/kept"
    same "$code" 200
    left=$(head -n 1 "$DATA/postgresql/postmaster.pid")
    web=$(pgrep -o -f "busybox httpd .*$TMPDIR/cubby-run")
    guard=$(pgrep -o -f "ending.sh $TMPDIR/cubby-run")
    kill -KILL "$guard" "$(pgrep -P "$run_pid" -f run.sh)"
    kill -KILL "$web"
    eventually run_gone
    rm -rf "$TMPDIR"/cubby-run.*
    kill -0 "$left"
    with_postgresql
    has_data
    has "$(cat "$run_output")" "stops the PostgreSQL (process $left)"
    check_left_nothing
}

@test "make run: a number in PostgreSQL's file that is by now that of another process is left alone" {
    with_data
    # Of that name too, in another folder.
    cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/postgres"
    run_start env -C "$BATS_TEST_TMPDIR" ./postgres 3000
    other=$run_pid
    eventually eval '[ "$(readlink "/proc/$other/exe")" = "$BATS_TEST_TMPDIR/postgres" ]'
    { echo "$other" && echo "$DATA/postgresql"; } >"$DATA/postgresql/postmaster.pid"
    chown --reference="$DATA/postgresql/PG_VERSION" "$DATA/postgresql/postmaster.pid"
    with_postgresql
    eventually run_serves
    kill -0 "$other" || fail 'it was stopped'
    ! grep 'stops the PostgreSQL' "$run_output" || fail 'it was taken for PostgreSQL'
    kill "$other"
    run_gone || run_stop INT
    with_postgresql
    has_data
}

@test "make run: data of another version of PostgreSQL, or of none, are told and left as they are" {
    mkdir -p "$DATA/postgresql"
    for version in 9.6 12 '' '../../bin'; do
        rm -f "$DATA/postgresql/PG_VERSION"
        [ -z "$version" ] || echo "$version" >"$DATA/postgresql/PG_VERSION"
        with_postgresql
        case $version in
        [0-9]*) refused_with "the data in $DATA/postgresql are of PostgreSQL $version, and /usr/lib/postgresql/$version/bin/postgres is missing: install postgresql-$version" ;;
        *) refused_with "$DATA/postgresql is no data folder of PostgreSQL" ;;
        esac
        same "$(find "$DATA" -mindepth 1 -printf '%P\n' | sort | tr '\n' ' ')" "postgresql ${version:+postgresql/PG_VERSION }"
    done
}

makes_data() { [ -s "$DATA/postgresql.new/PG_VERSION" ] || [ -s "$DATA/postgresql/PG_VERSION" ]; }

@test "make run: what is left of an initdb that was killed is made anew" {
    with_postgresql
    eventually makes_data || fail "$(cat "$run_output")"
    guard=$(pgrep -o -f "ending.sh $TMPDIR/cubby-run")
    kill -KILL "$guard"
    kill -KILL -- "-$run_pid"
    eventually run_gone
    # It may have come further than that meanwhile.
    pkill -KILL -f "^busybox httpd .*$TMPDIR/cubby-run" || true
    rm -rf "$TMPDIR"/cubby-run.*
    with_data
    with_postgresql
    has_data
    [ ! -e "$DATA/postgresql.new" ] || fail 'something is left'
}

waits_twice() { [ "$(grep -c 'waits for PostgreSQL, which is starting up' "$run_output")" -ge 2 ] || run_gone; }
waits_once() { grep -q 'waits for PostgreSQL, which is starting up' "$run_output" || run_gone; }

@test "make run: a PostgreSQL that recovers for long is waited for, and Ctrl-C ends that" {
    with_data
    # It asks for a file of an archive, which does not come before somebody lets it.
    printf '%s\n' 'hot_standby = off' "restore_command = 'until [ -e $BATS_TEST_TMPDIR/go ]; do sleep 0.1; done; exit 1'" \
        >>"$DATA/postgresql/postgresql.auto.conf"
    touch "$DATA/postgresql/recovery.signal"
    chown --reference="$DATA/postgresql/PG_VERSION" "$DATA/postgresql/recovery.signal"
    chmod 711 "$BATS_TEST_TMPDIR"
    with_postgresql
    eventually waits_once
    run_stop INT
    ! grep -i 'did not start\|failed' "$run_output" || fail 'it is no failure'
    eventually postgresql_gone || fail "$(pgrep -af "$DATA")"
    check_left_nothing
    # The second time after 200 tries, for which nobody need wait once PostgreSQL answers.
    mkdir "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\n[ ! -e "%s/hurry" ] || exec /bin/sleep 0.01\nexec /bin/sleep "$@"\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/bin/sleep"
    chmod 755 "$BATS_TEST_TMPDIR/bin/sleep"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH with_postgresql
    eventually waits_once
    touch "$BATS_TEST_TMPDIR/hurry"
    eventually waits_twice
    ! run_gone || fail "$(cat "$run_output")"
    touch "$BATS_TEST_TMPDIR/go"
    has_data
}

@test "make run: ENGINE=postgresql serves over a server of its own, Ctrl-C ends both, the next run has the data" {
    [ -d "$home/cubby/build/postgresql" ] || cp -a "$root/build/postgresql" "$home/cubby/build/"
    umask 077
    make_run ENGINE=postgresql DATA="$DATA"
    run_wait
    has "$base" /api
    body=$(eval "$(sed -n 's/^try: *//p' "$run_output")" 2>/dev/null)
    has "$body" '"database":"ok"'
    body=$(cd "$home/cubby" && eval "$(sed -n 's/^tool: *//p' "$run_output") --json")
    same "$body" '[]'
    six_calls "$base" keeper
    call POST "$base/data" -d '{"key":"kept","value":[1]}'
    same "$code" 201
    ! postgresql_gone || fail 'no server runs'
    run_stop INT
    check_left_nothing
    eventually postgresql_gone || fail "$(pgrep -af "$DATA")"
    make_run ENGINE=postgresql SERVER=nginx DATA="$DATA"
    run_wait
    call GET "$base/data/kept"
    same "$code" 200
    has "$body" '"value":[1]'
    kill -s TERM "$run_pid"
    eventually run_gone || fail "still there: $(pgrep -af "$TMPDIR")"
    check_left_nothing
    eventually postgresql_gone || fail "$(pgrep -af "$DATA")"
}

@test "make run: the README's line serves" {
    line=$(commands README.md 'A minute to run')
    same "$line" 'make run'
    run_start sh -c "cd '$home/cubby' && exec $line PORT=0 DATA='$DATA'"
    run_wait
    six_calls "$base"
    run_stop INT
    check_left_nothing
}

@test "make run: SIGTERM to make alone ends the server too, and so does a hang-up" {
    make_run SERVER=apache DATA="$DATA"
    run_wait
    kill -s TERM "$run_pid"
    eventually run_gone || fail "still there: $(pgrep -af "$TMPDIR")"
    check_left_nothing
    make_run SERVER=apache DATA="$DATA"
    run_wait
    run_stop HUP
    check_left_nothing
}

@test "make run: without DATA the data lie in the checkout, or are linked from there, for their user alone" {
    unset DATA
    make_run SERVER=busybox
    run_wait
    six_calls "$base"
    run_stop INT
    folder=$(readlink -f "$home/cubby/data")
    same "$(stat -c %a "$folder")" 700
    same "$(stat -c %a "$folder/cubby.db")$(stat -c %a "$folder/keys.json")" 600600
    if is_root; then
        [ "$(stat -c %u "$folder/cubby.db")" != 0 ] || fail 'the data belong to root'
        has "$(cat "$run_output")" 'is a link to it'
    else
        same "$(stat -c %u "$folder/cubby.db")" "$(id -u)"
        same "$folder" "$(readlink -f "$home")/cubby/data"
    fi
}

@test "make run: as root, no program and no server process but the first runs as root" {
    for server in apache lighttpd busybox; do
        make_run SERVER="$server" DATA="$DATA"
        run_wait
        six_calls "$base"
        if is_root; then
            # Children and what they started: the process that listens may be root's, none below it.
            first=$(pgrep -o -f "$TMPDIR/cubby-run.*/server.conf")
            users=$(ps -o user= -g "$(ps -o pgid= -p "$first" | tr -d ' ')" | sort | uniq -c)
            case $server in
            apache) [ "$(grep -c root <<<"$users")" = 1 ] && [ "$(awk '$2 == "root" { print $1 }' <<<"$users")" -le 2 ] || fail "$users" ;;
            *) ! grep root <<<"$users" || fail "$users" ;;
            esac
        fi
        same "$(stat -c %U "$DATA/cubby.db")" "$(is_root && echo www-data || id -un)"
        run_stop TERM
    done
}

# by USER COMMAND…: as that user, without the groups of root
by() { setpriv --reuid "$1" --regid "$(id -gn "$1")" --clear-groups -- "${@:2}"; }

@test "make run: as root, the programs' user can't change a name in the folders that root or a server of root works in" {
    is_root || return 0
    for server in nginx apache lighttpd; do
        make_run SERVER="$server" MODE=fastcgi DATA="$DATA"
        run_wait
        six_calls "$base"
        place=$(echo "$TMPDIR"/cubby-run.*)
        output=$({ by www-data find "$place" -maxdepth 2 -type d -writable -printf '%P\n' 2>/dev/null || true; } | sort | tr '\n' ' ')
        case $server in
        lighttpd) same "$output" 'fcgi upload ' ;; # its sockets are made, by names, by that user himself
        nginx) same "$output" 'temporary/fastcgi temporary/proxy temporary/scgi temporary/uwsgi upload ' ;;
        apache) same "$output" '' ;;
        esac
        if [ "$server" != lighttpd ]; then
            same "$(stat -c '%U %a' "$place/sockets")" 'root 755'
            same "$(stat -c '%U %G %a' "$place/sockets/data.sock")" 'www-data www-data 660'
            run by www-data mv "$place/sockets/data.sock" "$place/sockets/other"
            [ "$status" != 0 ] || fail 'it took another name'
        fi
        run_stop TERM
        check_left_nothing
    done
}

@test "make run: as root, what servers and programs say, and the settings, are not for others to read" {
    is_root || return 0
    for server in apache busybox nginx lighttpd caddy; do
        make_run SERVER="$server" DATA="$DATA"
        run_wait
        six_calls "$base"
        place=$(echo "$TMPDIR"/cubby-run.*)
        same "$(stat -c '%U %a' "$place/state" "$place/state/output" | tr '\n' ' ')" 'root 700 root 600 '
        same "$(by nobody find "$place/state" "$place/cubby.conf" -type f -readable 2>/dev/null)" ''
        same "$(by www-data find "$place/state" -type f -readable 2>/dev/null)" ''
        run_stop TERM
    done
}

@test "make run: as root, settings are read as the user whose folder it is: a link in it shows nothing of root's" {
    is_root || return 0
    make_run SERVER=busybox DATA="$DATA"
    run_wait
    run_stop TERM
    printf '%s\n' 'token_lifetime = 4711' '# a secret of root' >"$BATS_TEST_TMPDIR/roots"
    chmod 600 "$BATS_TEST_TMPDIR/roots"
    rm "$DATA/cubby.conf"
    by www-data ln -s "$BATS_TEST_TMPDIR/roots" "$DATA/cubby.conf"
    make_run SERVER=busybox DATA="$DATA"
    refused_with "www-data cannot read $DATA/cubby.conf"
    [ -L "$DATA/cubby.conf" ]
    ! grep -r 'secret\|4711' "$DATA/" "$run_output" || fail 'it is shown'
    # The version of a PostgreSQL is read so too.
    rm "$DATA/cubby.conf"
    by www-data mkdir "$DATA/postgresql"
    echo 4711 >"$BATS_TEST_TMPDIR/roots"
    by www-data ln -s "$BATS_TEST_TMPDIR/roots" "$DATA/postgresql/PG_VERSION"
    with_postgresql
    refused_with "$DATA/postgresql is no data folder of PostgreSQL"
    ! grep 4711 "$run_output" || fail 'it is shown'
}

@test "make run: as root, the PostgreSQL of another user is not stopped, whatever the programs' user puts into its folder" {
    is_root || return 0
    with_data
    other=$BATS_TEST_TMPDIR/other
    version=$(cat "$DATA/postgresql/PG_VERSION")
    mkdir "$other" "$BATS_TEST_TMPDIR/bin"
    chown nobody "$other"
    echo "$version" >"$other/PG_VERSION"
    cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/bin/postgres"
    # server_of_another FOLDER: what looks like one that works there; leaves its number in $another
    server_of_another() {
        run_start env -C "$1" setpriv --reuid nobody --clear-groups "$BATS_TEST_TMPDIR/bin/postgres" 3000
        another=$run_pid
        eventually eval '[ "$(readlink /proc/$another/exe)" = "$BATS_TEST_TMPDIR/bin/postgres" ]'
        echo "$another" >"$1/postmaster.pid"
        chmod 644 "$1/postmaster.pid"
    }
    chmod 711 "$BATS_TEST_TMPDIR"
    server_of_another "$other"
    mv "$DATA/postgresql" "$DATA/mine"
    by www-data ln -s "$other" "$DATA/postgresql"
    with_postgresql
    refused_with "$DATA/postgresql is a link"
    kill -0 "$another" || fail 'it was stopped'
    kill "$another"
    # And in the folder itself.
    rm "$DATA/postgresql"
    mv "$DATA/mine" "$DATA/postgresql"
    server_of_another "$DATA/postgresql"
    with_postgresql
    eventually run_serves || fail "$(cat "$run_output")"
    kill -0 "$another" || fail 'it was stopped'
    ! grep 'stops the PostgreSQL' "$run_output" || fail 'it was taken for one of ours'
    kill "$another"
    run_gone || run_stop INT
}

@test "make run: as root, a link of another user in the place of DATA gives nothing away, nor does a folder of others for what root makes" {
    is_root || return 0
    mkdir -m 755 "$BATS_TEST_TMPDIR/roots"
    mkdir -m 1777 "$BATS_TEST_TMPDIR/all"
    chmod 711 "$BATS_TEST_TMPDIR"
    by nobody ln -s "$BATS_TEST_TMPDIR/roots" "$BATS_TEST_TMPDIR/all/data"
    make_run SERVER=busybox DATA="$BATS_TEST_TMPDIR/all/data"
    refused_with "$BATS_TEST_TMPDIR/all/data is a link that is not root's"
    same "$(stat -c '%U %a' "$BATS_TEST_TMPDIR/roots")$(ls -A "$BATS_TEST_TMPDIR/roots")" 'root 755'
    # It is passed over as a place for programs and sockets.
    mkdir -m 777 "$BATS_TEST_TMPDIR/open"
    TMPDIR=$BATS_TEST_TMPDIR/open make_run SERVER=busybox DATA="$DATA"
    run_wait
    same "$(ls -A "$BATS_TEST_TMPDIR/open")" ''
    run_stop TERM
}

# moves_to PREPARE: make run as root in a fresh checkout, with a /var/lib of its own in which PREPARE has run
moves_to() {
    # shellcheck disable=SC2016 # for the inner shell
    run_start unshare --mount sh -ec 'mount -t tmpfs tmpfs /var/lib && cd "$2" && eval "$1" && shift 2 && exec "$@"' \
        sh "$1" "$home/checkout" env SERVER=busybox PORT=0 TOOL="$root/build/bin/cubby" \
        PROGRAMS="$root/build/cgi-bin" WWW="$root/www" sh "$root/cgi-bin/server/run.sh"
    run_wait
    six_calls "$base"
}

there() { nsenter --mount --target "$run_pid" "$@"; }

@test "make run: as root, data that move do not go into the folder of an installation, which its removal deletes" {
    is_root || return 0
    unset DATA
    mkdir "$home/checkout"
    for before in : 'mkdir /var/lib/cubby' 'install -d -m 700 -o www-data /var/lib/cubby'; do
        moves_to "$before"
        same "$(there stat -c '%n %U %a' /var/lib/cubby-run)" '/var/lib/cubby-run root 711'
        case $before in
        :) there test ! -e /var/lib/cubby ;;
        mkdir*) same "$(there stat -c '%U %a' /var/lib/cubby)$(there ls -A /var/lib/cubby)" 'root 755' ;;
        *) same "$(there stat -c '%U %a' /var/lib/cubby)$(there ls -A /var/lib/cubby)" 'www-data 700' ;;
        esac
        has "$(readlink "$home/checkout/data")" /var/lib/cubby-run/
        run_stop INT
        rm "$home/checkout/data"
    done
    # Where the link led until now, the data stay.
    # shellcheck disable=SC2016 # for the inner shell
    moves_to 'mkdir -m 711 /var/lib/cubby && install -d -m 700 -o www-data /var/lib/cubby/before &&
        ln -s /var/lib/cubby/before data'
    there test -s /var/lib/cubby/before/cubby.db
    there test ! -e /var/lib/cubby-run
    run_stop INT
    rm "$home/checkout/data"
    # A link to a folder that the programs' user can't reach leads on to where that has moved.
    mkdir -m 700 "$home/closed" "$home/closed/data"
    ln -s "$home/closed/data" "$home/checkout/data"
    moves_to :
    has "$(readlink "$home/checkout/data")" /var/lib/cubby-run/
    run_stop INT
    rm -r "$home/checkout" "$home/closed"
}

@test "make run: a folder with other files than cubby's is not taken as DATA" {
    local kept=$BATS_TEST_TMPDIR/kept
    chmod 711 "$BATS_TEST_TMPDIR"
    mkdir -m 755 "$kept" "$kept/below"
    echo mine >"$kept/below/file"
    before=$(find "$kept" -printf '%p %u %g %m %T@\n')
    for folder in "$kept" "$kept/." "$kept/below/.."; do
        make_run SERVER=busybox DATA="$folder"
        refused_with "$kept holds other files than cubby's"
        same "$(find "$kept" -printf '%p %u %g %m %T@\n')" "$before"
    done
    # Nor moved away, when the programs' user can't reach it.
    mkdir -m 700 "$home/others"
    mkdir "$home/others/data"
    : >"$home/others/data/mine"
    make_run SERVER=busybox DATA="$home/others/data"
    refused_with "$home/others/data holds other files than cubby's"
    [ -f "$home/others/data/mine" ]
    rm -r "$home/others"
    # What an earlier run began, and a new file system, are taken.
    for folder in lost+found postgresql.new; do
        rm -rf "$DATA"
        mkdir -p "$DATA/$folder"
        make_run SERVER=busybox DATA="$DATA"
        run_wait
        run_stop INT
    done
}

@test "make run: as root, in the checkout of another user, the tool works as it is told" {
    is_root || return 0
    unset DATA
    mkdir "$home/checkout"
    chown 1000 "$home/checkout"
    # shellcheck disable=SC2016 # for the inner shell
    run_start unshare --mount sh -ec 'mount -t tmpfs tmpfs /var/lib && cd "$1" && shift && exec "$@"' sh "$home/checkout" \
        env SERVER=busybox PORT=0 TOOL="$root/build/bin/cubby" PROGRAMS="$root/build/cgi-bin" WWW="$root/www" \
        sh "$root/cgi-bin/server/run.sh"
    run_wait
    six_calls "$base" teller
    command=$(sed -n 's/^tool: *//p' "$run_output")
    run nsenter --mount --target "$run_pid" env -u CUBBY_CONF -C "$home/checkout" sh -c "$command --json"
    same "$status" 0
    has "$output" '"username":"teller"'
    run_stop INT
    rm -r "$home/checkout"
}

@test "make run: another user by RUN_USER, and a clear word when there is none of that name" {
    if is_root; then
        export RUN_USER=nobody
        make_run SERVER=busybox DATA="$DATA"
        run_wait
        six_calls "$base"
        same "$(stat -c %U "$DATA/cubby.db")" nobody
        run_stop INT
    fi
    export RUN_USER=no-such-user
    make_run SERVER=busybox DATA="$BATS_TEST_TMPDIR/other"
    if is_root; then
        eventually run_gone
        has "$(cat "$run_output")" 'cubby: there is no user no-such-user'
    else
        # Nobody else than oneself: the name counts for root alone.
        run_wait
    fi
}

@test "make run: a port that is taken is one clear line, for each server" {
    make_run SERVER=busybox DATA="$DATA"
    run_wait
    port=${base#http://*:}
    port=${port%%/*}
    holder=$run_pid
    for server in apache busybox lighttpd nginx caddy; do
        run_start make --no-print-directory -C "$home/cubby" run SERVER="$server" PORT="$port" DATA="$BATS_TEST_TMPDIR/other"
        eventually run_gone
        same "$(grep -v '^make' "$run_output")" "cubby: port $port is taken; choose another: make run PORT=5001"
        status=0
        wait "$run_pid" || status=$?
        [ "$status" != 0 ]
        [ ! -e "$BATS_TEST_TMPDIR/other" ] || fail 'it made data'
    done
    run_pid=$holder
    call GET "$base/health"
    same "$code" 200
}

@test "make run: a server that can't start ends with all that it has started" {
    # A port that somebody has, and where nobody answers.
    run_start python3 -c 'import socket, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(3000)'
    holder=$run_pid
    eventually test -s "$run_output"
    port=$(cat "$run_output")
    for server in lighttpd-fastcgi apache-fastcgi nginx-fastcgi caddy-fastcgi lighttpd-cgi apache-cgi busybox-cgi; do
        run_start make --no-print-directory -C "$home/cubby" run SERVER="${server%-*}" MODE="${server#*-}" PORT="$port" DATA="$DATA"
        eventually run_gone || fail "$server: goes on: $(cat "$run_output")"
        has "$(grep -v '^make' "$run_output")" "cubby: port $port is taken; choose another: make run PORT=5001"
        check_left_nothing
    done
    kill "$holder"
    wait "$holder" || true
    # A name that is too long for the socket of one program, once lighttpd has started those of the others.
    long=$TMPDIR/$(printf "%$((106 - ${#TMPDIR} - 1 - 46))s" '' | tr ' ' x)
    mkdir -m 755 "$long"
    for round in 1 2 3 4; do
        TMPDIR=$long make_run SERVER=lighttpd MODE=fastcgi DATA="$DATA"
        eventually run_gone || fail "goes on: $(cat "$run_output")"
        has "$(cat "$run_output")" 'unixsocket is too long in: fastcgi.server = (/api/register'
        has "$(cat "$run_output")" 'cubby: lighttpd did not start'
        same "$(ls -A "$long")" ''
        TMPDIR=$long eventually none_left || fail "left: $(pgrep -af "$long/cubby-run")"
    done
    rmdir "$long"
}

@test "make run: a server that dies takes its programs along" {
    for server in lighttpd-fastcgi nginx-fastcgi apache-fastcgi apache-cgi; do
        make_run SERVER="${server%-*}" MODE="${server#*-}" DATA="$DATA"
        run_wait
        # The first process of its session: the server, or what runs it and the programs.
        kill -KILL "$(pgrep -o -f "^(apache2|lighttpd|sh) .*$TMPDIR/cubby-run[^ ]*/(serve|server.conf)")"
        eventually run_gone || fail "$server: goes on: $(cat "$run_output")"
        has "$(cat "$run_output")" 'ended by itself'
        check_left_nothing
    done
}

# of_run: what a run consists of but for make and run.sh: its servers, programs, keepers and guard
of_run() { pgrep -f "$TMPDIR/cubby-run" || true; }
all_gone() { none_left && [ -z "$(find "$TMPDIR" -mindepth 1 -maxdepth 1 -name 'cubby-run.*')" ]; }

@test "make run: killed outright, it leaves neither processes nor files" {
    [ -d "$home/cubby/build/postgresql" ] || cp -a "$root/build/postgresql" "$home/cubby/build/"
    for server in lighttpd-fastcgi apache-fastcgi nginx-fastcgi caddy-fastcgi lighttpd-cgi apache-cgi busybox-postgresql; do
        case $server in
        *-postgresql) make_run SERVER="${server%-*}" ENGINE=postgresql DATA="$DATA" READY="$BATS_TEST_TMPDIR/ready" ;;
        *) make_run SERVER="${server%-*}" MODE="${server#*-}" DATA="$DATA" READY="$BATS_TEST_TMPDIR/ready" ;;
        esac
        run_wait
        eventually test -s "$BATS_TEST_TMPDIR/ready"
        [ -n "$(of_run)" ] || fail 'nothing runs'
        case $server in
        lighttpd*) kill -KILL -- "-$run_pid" ;; # as what ends a terminal's job, with make and all
        *) kill -KILL "$(pgrep -P "$run_pid" -f run.sh)" ;;
        esac
        eventually all_gone || fail "$server left: $(ls "$TMPDIR") $(pgrep -af "$TMPDIR/cubby-run")"
        [ ! -e "$BATS_TEST_TMPDIR/ready" ] || fail "$server: a file says that it is ready"
        ! pgrep -f "postgres -D $DATA/postgresql" || fail 'PostgreSQL is left'
        eventually run_gone
    done
}

@test "make run: killed while it starts, it leaves nothing either" {
    for server in lighttpd-fastcgi nginx-fastcgi busybox-cgi; do
        make_run SERVER="${server%-*}" MODE="${server#*-}" DATA="$DATA"
        eventually eval '[ -n "$(of_run)" ] && ls "$TMPDIR"/cubby-run.*/server.conf' || fail "$(cat "$run_output")"
        kill -KILL "$(pgrep -P "$run_pid" -f run.sh)"
        eventually all_gone || fail "$server left: $(ls "$TMPDIR") $(pgrep -af "$TMPDIR/cubby-run")"
        eventually run_gone
    done
}

@test "make run: wrong settings of its own are told before anything is done" {
    for pair in 'SERVER=iis|SERVER must be apache, busybox, lighttpd, nginx or caddy, not "iis"' \
        'MODE=scgi|MODE must be cgi or fastcgi, with SERVER=busybox cgi, with SERVER=nginx and SERVER=caddy fastcgi, not "scgi"' \
        'PORT=http|PORT must be a number, not "http"' 'PORT=70000|PORT must be at most 65535, not 70000'; do
        status=0
        output=$(make_in "$home/cubby" run PORT=0 DATA="$DATA" "${pair%%|*}" 2>&1) || status=$?
        [ "$status" != 0 ]
        has "$output" "${pair#*|}"
        [ ! -e "$DATA" ] || fail 'it made data'
    done
    check_left_nothing
}

@test "make run: settings in DATA/cubby.conf hold, and bad ones are told with file and line" {
    mkdir -m 755 "$DATA"
    echo 'token_lifetime = 77' >"$DATA/cubby.conf"
    make_run SERVER=busybox DATA="$DATA"
    run_wait
    six_calls "$base" bob
    call POST "$base/token" -d "{\"username\":\"bob\",\"password\":\"$PASSWORD\"}"
    same "$(jq .data.expires_in <<<"$body")" 77
    run_stop INT
    echo 'token_lifetime = soon' >"$DATA/cubby.conf"
    make_run SERVER=busybox DATA="$DATA"
    eventually run_gone
    grep -E 'cubby\.conf:[0-9]+: token_lifetime must be a whole number' "$run_output" || fail "$(cat "$run_output")"
    check_left_nothing
}

@test "make run: a server that dies is told, with its status" {
    make_run SERVER=busybox DATA="$DATA"
    run_wait
    kill -KILL "$(pgrep -o -f "busybox httpd .*$TMPDIR/cubby-run")"
    eventually run_gone || fail 'it waits for a server that is gone'
    has "$(cat "$run_output")" 'cubby: busybox ended by itself (status 137)'
    check_left_nothing
}

@test "make run: a folder with a blank or a quote in its name serves as data" {
    odd=$BATS_TEST_TMPDIR/"my data it's"
    TOOL=$root/build/bin/cubby PROGRAMS=$root/build/cgi-bin WWW=$root/www PORT=0 SERVER=busybox DATA=$odd \
        run_start sh "$root/cgi-bin/server/run.sh"
    run_wait
    six_calls "$base"
    run_stop INT
    [ -s "$odd/cubby.db" ]
}

@test "make run: HOST says where to listen, all addresses with a word about it, and nonsense is refused" {
    other=127.0.0.9
    for server in apache busybox lighttpd; do
        make_run SERVER="$server" DATA="$DATA" HOST=0.0.0.0
        run_wait
        has "$base" http://127.0.0.1:
        has "$(cat "$run_output")" 'every address of this machine'
        call GET "${base/127.0.0.1/$other}/health"
        same "$code" 200
        run_stop INT
        make_run SERVER="$server" DATA="$DATA" HOST="$other"
        run_wait
        has "$base" "http://$other:"
        ! grep 'every address' "$run_output" || fail 'it is one address'
        call GET "$base/health"
        same "$code" 200
        run curl -s --max-time 60 "${base/$other/127.0.0.1}/health"
        same "$status" 7
        run_stop INT
        # An address that is kept for documents, and so nobody's.
        make_run SERVER="$server" DATA="$DATA" HOST=192.0.2.1 PORT=$((20000 + RANDOM % 10000))
        eventually run_gone
        has "$(cat "$run_output")" 'cubby: this machine has no address 192.0.2.1'
        check_left_nothing
    done
    for host in ' ' '::1' 'a b' "x'y" '-p' '$(id)' 'a/b' 'a:80'; do
        status=0
        output=$(HOST=$host PORT=0 DATA=$BATS_TEST_TMPDIR/none sh "$root/cgi-bin/server/run.sh" 2>&1) || status=$?
        same "$status" 1
        has "$output" "cubby: HOST must be an IPv4 address or a name, not \"$host\""
        [ ! -e "$BATS_TEST_TMPDIR/none" ] || fail 'it made data'
    done
}

# in_checkout STATUS WORD…: the tool that was built there, as somebody calls it who knows nothing.
in_checkout() {
    local wanted=$1
    shift
    run --separate-stderr env -u CUBBY_CONF -C "$home/cubby" build/bin/cubby "$@"
    same "$status" "$wanted"
}

@test "make run: the tool in the checkout finds its settings by itself, and says so; nobody else's" {
    unset DATA
    make_run SERVER=busybox
    run_wait
    six_calls "$base" finder
    run_stop INT
    in_checkout 0 user show finder --json
    same "$(jq -r .username <<<"$output")" finder
    same "$stderr" 'cubby: takes the settings of this checkout, -c data/cubby.conf'
    # The settings of the user stay, and the paths are those of today.
    settings=$home/cubby/data/cubby.conf
    { sed "s|= .*/|= /somewhere/|" "$settings" && echo 'token_lifetime = 78'; } >"$settings.new"
    mv "$settings.new" "$settings"
    in_checkout 1 user list
    has "$stderr" /somewhere/cubby.db
    make_run SERVER=busybox
    run_wait
    call POST "$base/token" -d "{\"username\":\"finder\",\"password\":\"$PASSWORD\"}"
    same "$(jq .data.expires_in <<<"$body")" 78
    run_stop INT
    same "$(grep -c . "$settings")" 4
    in_checkout 0 user list
    # What is named counts alone, and so does what is no checkout.
    printf '%s\n' "database = $BATS_TEST_TMPDIR/x.db" "keys = $BATS_TEST_TMPDIR/x.json" >"$BATS_TEST_TMPDIR/x.conf"
    in_checkout 1 -c "$BATS_TEST_TMPDIR/x.conf" user list
    has "$stderr" "$BATS_TEST_TMPDIR/x.db"
    run --separate-stderr env -C "$home/cubby" CUBBY_CONF="$BATS_TEST_TMPDIR/x.conf" build/bin/cubby user list
    has "$stderr" "$BATS_TEST_TMPDIR/x.db"
    mkdir -p "$BATS_TEST_TMPDIR/elsewhere/data"
    cp "$settings" "$BATS_TEST_TMPDIR/elsewhere/data/"
    cp "$home/cubby/build/bin/cubby" "$BATS_TEST_TMPDIR/elsewhere/"
    for tool in "$home/cubby/build/bin/cubby" ./cubby; do
        run --separate-stderr env -u CUBBY_CONF -C "$BATS_TEST_TMPDIR/elsewhere" "$tool" config
        has "$output" 'database = /var/lib/cubby/cubby.db'
        same "$stderr" ''
    done
}
