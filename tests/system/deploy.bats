#!/usr/bin/env bats
# Deploying as the pages say, word for word, into what Debian's packages bring: their files lie in a
# folder of the test, where only addresses, paths and ports are others.

load system
load pages
may_take 1500

debian=$root/build/debian

setup_file() {
    export stage=$BATS_FILE_TMPDIR/stage owner
    copy_built_checkout "$BATS_FILE_TMPDIR/checkout"
    commands www/docs/deploying.md 'Deploying' >"$BATS_FILE_TMPDIR/commands"
    same "$(wc -l <"$BATS_FILE_TMPDIR/commands")" 2
    while read -r line; do
        case $line in
        make | 'sudo make install') make_in "$BATS_FILE_TMPDIR/checkout" ${line#*make} DESTDIR="$stage" >/dev/null ;;
        *) fail "$line" ;;
        esac
    done <"$BATS_FILE_TMPDIR/commands"
    owner=$(is_root && echo www-data || id -un)
    chmod 755 "$BATS_FILE_TMPDIR"
}

# A machine of its own: $machine/etc and so on, as the packages bring them, and a free port.
setup() {
    note_test_alone
    PATH=$PATH:/usr/sbin:/sbin
    machine=$BATS_TEST_TMPDIR/machine
    mkdir -p "$machine/var/www/html" "$machine/var/log/apache2" "$machine/var/log/lighttpd" "$machine/var/log/nginx" "$machine/run/lock/apache2" "$machine/run/apache2/socks" \
        "$machine/var/cache/lighttpd/uploads" "$machine/state" "$machine/bin" "$machine/usr/local" "$machine/etc"
    cp -a "$stage/usr/local/." "$machine/usr/local/"
    echo '<html>hello' >"$machine/var/www/html/index.html"
    chmod 755 "$BATS_TEST_TMPDIR" "$machine"
    ! is_root || chown www-data "$machine/var/cache/lighttpd/uploads" "$machine/var/log/lighttpd" "$machine/run/apache2/socks"
    conf=$machine/usr/local/etc/cubby/cubby.conf
    printf '%s\n' "database = $machine/var/lib/cubby/cubby.db" "keys = $machine/var/lib/cubby/keys.json" 'password_cost = 1' >"$conf"
    chmod 644 "$conf"
    # Those that a server starts know nothing of this folder: the snippets name the settings.
    grep -rl /usr/local "$machine/usr/local/share/cubby" "$machine/usr/local/sbin/cubby-httpd" "$machine/usr/local/sbin/cubby-loop" | while read -r file; do
        sed -i -e "s|/usr/local/|$machine/usr/local/|g" -e "s|#\(SetEnv CUBBY_CONF\) .*|\1 $conf|" \
            -e "s|#\(setenv.set-environment.*CUBBY_CONF\" => \)\"[^\"]*\"|\1\"$conf\"|" \
            -e "s|/run/cubby/|$machine/run/cubby/|g; s|/run/lighttpd/|$machine/run/lighttpd/|g; s|#\(env CUBBY_CONF\) .*|\1 $conf|" \
            -e "s|#\(fastcgi_param CUBBY_CONF\) .*|\1 $conf;|" -e "s|#\(cgi_environment CUBBY_CONF=\).*|\1$conf|" "$file"
    done
    port=$(free_port)
    site=http://127.0.0.1:$port
}

teardown() {
    stop_all
    [ ! -d "$machine/run/cubby-httpd" ] || cubby-httpd stop
}

# here FILE…: paths of the packages become those of the machine, and the port the free one.
here() {
    sed -i -E -e "s#(^|[^A-Za-z0-9_./-])/(etc/(apache2|lighttpd|nginx|caddy)|var/(www|log|cache|run)|run|usr/share/lighttpd/[a-z0-9-]*\.pl|usr/share/nginx)#\1$machine/\2#g" \
        -e "s#$machine/var/run#$machine/run#g" "$@"
}

# a_package NAME PATH…: what that package brings there.
a_package() {
    local name=$1 path
    shift
    for path; do
        mkdir -p "$machine/${path%/*}"
        cp -a "$debian/$name/$path" "$machine/$path"
    done
}

debian_apache() {
    a_package apache2 etc/apache2
    local etc=$machine/etc/apache2 name
    here "$etc"/*.conf "$etc"/envvars "$etc"/sites-available/*.conf "$etc"/mods-available/*.conf "$etc"/conf-available/*.conf
    sed -i "s/Listen 80$/Listen 127.0.0.1:$port/" "$etc/ports.conf"
    sed -i "s/\*:80>/*:$port>/" "$etc"/sites-available/000-default.conf
    sed -i "s/www-data/$owner/" "$etc/envvars"
    # What the package enables when it is installed.
    mkdir -p "$etc"/{mods,conf,sites}-enabled
    a2 enmod -q authz_host auth_basic access_compat authn_file authz_user alias dir autoindex env mime negotiation setenvif \
        filter deflate status reqtimeout mpm_event
    a2 enconf -q charset localized-error-pages other-vhosts-access-log security serve-cgi-bin
    a2 ensite -q 000-default
}

# a2 WORD ARGUMENT…: a2enmod and the like of the package, for this machine.
a2() {
    ln -sf "$debian/apache2/usr/sbin/a2enmod" "$machine/bin/a2$1"
    APACHE_CONFDIR=$machine/etc/apache2 APACHE_STATE_DIRECTORY=$machine/state APACHE_ENVVARS=$machine/etc/apache2/envvars \
        perl "$machine/bin/a2$1" "${@:2}" >>"$machine/state/log" 2>&1 || fail "$(cat "$machine/state/log")"
}

debian_lighttpd() {
    a_package lighttpd etc/lighttpd usr/share/lighttpd
    here "$machine"/etc/lighttpd/*.conf "$machine"/etc/lighttpd/conf-available/*.conf "$machine"/usr/share/lighttpd/*.pl
    sed -i -e "s/= 80$/= $port/" -e '1i server.bind = "127.0.0.1"' -e '/use-ipv6/d' "$machine/etc/lighttpd/lighttpd.conf"
    is_root || sed -i '/server.*name *= "www-data"/d' "$machine/etc/lighttpd/lighttpd.conf"
    mkdir -p "$machine/etc/lighttpd/conf-enabled"
    sed "s|/etc/lighttpd|$machine/etc/lighttpd|" "$debian/lighttpd/usr/sbin/lighty-enable-mod" >"$machine/bin/lighty-enable-mod"
    chmod 755 "$machine/bin/lighty-enable-mod"
}

# here_commands PAGE HEADING: the commands there, as they are for this machine, where everything is installed.
here_commands() {
    commands "$1" "$2" |
        sed -E -e 's/^sudo //' -e 's/(systemctl daemon-reload && )?systemctl enable --now cubby.target/start_loop/' -e 's/^make( install)?$/:/' -e 's/systemctl reload ([a-z0-9]+)/start_\1/g' -e 's/^apt install .*/:/' \
            -e 's/^civetweb .* &$/start_civetweb/' \
            -e "s#http://127.0.0.1(:8080)?/#$site/#g" -e "s#(/etc/(apache2|lighttpd|nginx|caddy|systemd)|/usr/local|/var/www)/#$machine\1/#g" -e "s#/etc/civetweb#$machine/etc/civetweb#" \
            -e 's/\ba2(enmod|enconf|ensite)\b/a2 \1/g' -e "s#\blighty-enable-mod\b#lighty#g" -e "s#--owner www-data#--owner $owner#"
}

cubby() { "$machine/usr/local/sbin/cubby" -c "$conf" "$@"; }
cubby-httpd() {
    env ADDRESS="127.0.0.1:$port" LOG="$machine/var/log/cubby-httpd.log" RUNDIR="$machine/run/cubby-httpd" CUBBY_CONF="$conf" \
        "$machine/usr/local/sbin/cubby-httpd" "$@" 3>&-
    [ "$1" = stop ] || eventually curl -s -o /dev/null "$site/"
}
lighty() { perl "$machine/bin/lighty-enable-mod" "$@" >/dev/null; }

start_apache2() {
    # As the service does: with the variables of envvars.
    run_start env ${apache_preload:+LD_PRELOAD="$apache_preload"} bash -c 'unset HOME; . "$0/envvars"; exec apache2 -d "$0" -f "$0/apache2.conf" -DFOREGROUND' "$machine/etc/apache2"
    eventually curl -s -o /dev/null "$site/" || fail "$(cat "$run_output" "$machine"/var/log/*/error.log)"
}
start_lighttpd() {
    run_start lighttpd -D -f "$machine/etc/lighttpd/lighttpd.conf"
    eventually curl -s -o /dev/null "$site/" || fail "$(cat "$run_output" "$machine"/var/log/*/error.log)"
}

# libraries PACKAGE…: where they brought theirs
libraries() { find "${@/#/$debian/}" -name '*.so.*' -printf '%h:' ; }

debian_nginx() {
    local etc=$machine/etc/nginx path
    a_package nginx-common etc/nginx
    mkdir -p "$etc/sites-enabled" "$etc/modules-enabled"
    ln -sf ../sites-available/default "$etc/sites-enabled/default"
    here "$etc/nginx.conf" "$etc/sites-available/default"
    sed -i -e "s/listen 80 /listen 127.0.0.1:$port /" -e '/listen \[::\]/d' "$etc/sites-available/default"
    # What is compiled in as a folder of the package.
    for path in client_body proxy fastcgi uwsgi scgi; do
        echo "${path}_temp_path $machine/state/$path;"
    done >"$etc/conf.d/paths.conf"
    mkdir -p "$machine/run/wrap"
    sed -i "s|unix:/run/|unix:$machine/run/wrap/|" "$machine/usr/local/share/cubby/cubby.nginx-fcgiwrap.conf"
    ! is_root || chown www-data "$machine/run/wrap"
    is_root || sed -i '/^user /d' "$etc/nginx.conf"
}

start_nginx() {
    local as=()
    ! is_root || as=(setpriv --reuid www-data --regid www-data --clear-groups)
    run_start "${as[@]}" env LD_LIBRARY_PATH="$(libraries libfcgi0ldbl)" "$debian/fcgiwrap/usr/sbin/fcgiwrap" -s "unix:$machine/run/wrap/fcgiwrap.socket"
    eventually served "$machine/run/wrap/fcgiwrap.socket" || fail "$(cat "$run_output")"
    run_start "$debian/nginx/usr/sbin/nginx" -c "$machine/etc/nginx/nginx.conf" -e "$machine/var/log/nginx/error.log" -g 'daemon off;'
    eventually curl -s -o /dev/null "$site/" || fail "$(cat "$run_output" "$machine"/var/log/*/error.log)"
}

start_civetweb() {
    sed -i "s/^listening_ports .*/listening_ports 127.0.0.1:$port/" "$machine/etc/civetweb-cubby.conf"
    is_root || sed -i '/^run_as_user/d' "$machine/etc/civetweb-cubby.conf"
    run_start env LD_LIBRARY_PATH="$(libraries libcivetweb1)" "$debian/civetweb/usr/bin/civetweb" "$machine/etc/civetweb-cubby.conf"
    eventually curl -s -o /dev/null "$site/" || fail "$(cat "$run_output")"
}

# follow PAGE HEADING: does what it says; leaves in $doctor what the last line, cubby doctor, says.
follow() {
    here_commands "$1" "$2" >"$BATS_TEST_TMPDIR/commands"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -ge 4 ]
    while IFS= read -r line <&9; do
        echo "# $line"
        case $line in
        *'cubby doctor '*) doctor=$(eval "$line" 2>&1) || fail "$doctor $(cat "$machine"/var/log/*/error.log)" ;;
        *) eval "$line" || fail "$line" ;;
        esac
    done 9<"$BATS_TEST_TMPDIR/commands"
    same "$(tail -n 1 <<<"$doctor")" '0 problems'
}

# store_slashes: leaves $token of a user who has a/b. What has a slash more, behind it or before a program's name, is
# none of it: but where slashes are merged, the latter is the program. MERGED says so.
store_slashes() {
    local path
    six_calls "$site/api"
    call POST "$site/api/data" -d '{"key":"a/b","value":[1]}'
    same "$code" 201
    for path in a/b/ a/; do
        call GET "$site/api/data/$path"
        same "$path $code$(jq -r .code <<<"$body")" "$path 404KEY_NOT_FOUND"
        call POST "$site/api/data/$path" -d '{"value":1}'
        same "$path $code$(jq -r .code <<<"$body")" "$path 405METHOD_NOT_ALLOWED"
    done
    for path in /api//health //api/health; do
        call GET "$site$path"
        if [ -n "${MERGED:-}" ]; then same "$path $code" "$path 200"; else same "$path $code$(jq -r .status <<<"$body")" "$path 404error"; fi
    done
}

# guarded: no browser shows the page inside of another, or takes a file for what it is not.
guarded() {
    head=$(curl -sSI --max-time 30 "$site/cubby/" | tr -d '\r' | tr '[:upper:]' '[:lower:]')
    for line in "content-security-policy: frame-ancestors 'none'" 'x-content-type-options: nosniff' 'cache-control: no-cache'; do
        grep -qxF -- "$line" <<<"$head" || fail "no $line: $head"
    done
}

# refused_empty: an address with an empty segment names no key, and least of all another one.
refused_empty() {
    for path in a//b /a/b a/b// a%2F%2Fb a/%2fb; do
        for method in GET DELETE; do
            call "$method" "$site/api/data/$path"
            same "$code$(jq -r .status <<<"$body")" 404error
        done
    done
    call GET "$site/api/data?prefix=a//"
    same "$code" 200
}

# serves_pages ADDRESS: the console there, and the documentation beside it.
serves_pages() {
    call GET "$1"
    has "$body" '<html'
    call GET "$1docs/"
    same "$code" 200
    has "$body" '<title>cubby</title>'
    call GET "$1docs/deploying.html" -D "$BATS_TEST_TMPDIR/head"
    has "$body" "$machine/usr/local/share/cubby/cubby.apache.conf"
    grep -qi '^content-type: *text/html' "$BATS_TEST_TMPDIR/head"
    call GET "$1docs/docs.css" -D "$BATS_TEST_TMPDIR/head"
    grep -qi '^content-type: *text/css' "$BATS_TEST_TMPDIR/head"
}

@test "deploy: Apache as Debian ships it, by the page's commands: cubby doctor finds no problem" {
    debian_apache
    follow www/docs/deploying.md 'Apache on Debian'
    store_slashes
    serves_pages "$site/cubby/"
    for path in a//b /a/b a/b//; do
        call DELETE "$site/api/data/$path"
        same "$code$(jq -r .status <<<"$body")" 404error
    done
    # Without the line in the virtual host.
    has "$doctor" 'note     slashes'
    has "$doctor" 'AllowEncodedSlashes On" inside <VirtualHost>'
    call GET "$site/api/data?key=a%2Fb"
    same "$code" 200
    call GET "$site/api/data/a%2Fb"
    same "$code" 404
    # What is not cubby's is as it was.
    echo guarded >"$machine/var/www/html/file"
    printf '<Location "/file">\nRequire all denied\n</Location>\n' >"$machine/etc/apache2/conf-enabled/guard.conf"
    run_stop TERM
    a2 enmod -q headers
    start_apache2
    guarded
    call GET "$site//file"
    same "$code" 403
    call GET "$site/a//b"
    same "$code" 404
}

@test "deploy: Apache as Debian ships it, with the line for %2F that the page names" {
    debian_apache
    line=$(sed -n 's/^# \(sed -i .*AllowEncodedSlashes.*\)/\1/p' "$root/www/docs/deploying.md" | sed "s#/etc/#$machine/etc/#")
    [ -n "$line" ]
    eval "$line"
    follow www/docs/deploying.md 'Apache on Debian'
    store_slashes
    has "$doctor" 'ok       slashes'
    call GET "$site/api/data/a%2Fb"
    same "$code" 200
    refused_empty
    has "$doctor" 'ok       empty-segments'
}

@test "deploy: lighttpd as Debian ships it, by the page's commands: cubby doctor finds no problem" {
    debian_lighttpd
    follow www/docs/deploying.md 'lighttpd'
    MERGED=yes store_slashes
    has "$doctor" 'ok       slashes'
    call GET "$site/api/data/a%2Fb"
    same "$code" 200
    serves_pages "$site/cubby/"
    guarded
    call GET "$site/api/data?key=a%0Ab"
    same "$code$(jq -r .code <<<"$body")" 404KEY_NOT_FOUND
    # lighttpd merges slashes itself, and says so to nobody.
    has "$doctor" 'note     empty-segments'
    call GET "$site/nothing"
    same "$code" 404
}

@test "deploy: nginx as Debian ships it, with fcgiwrap: the six calls, and no problem" {
    debian_nginx
    follow www/docs/deploying.md 'nginx, by fcgiwrap'
    store_slashes
    has "$doctor" 'ok       slashes'
    has "$doctor" 'ok       empty-segments'
    call GET "$site/api/data/a%2Fb"
    same "$code" 200
    refused_empty
    for path in nothing nothing/x datax .errors/404.json '' %2e%2e/share; do
        call GET "$site/api/$path"
        same "$code" 404
        case $path in %*) ;; *) same "$(jq -r .status <<<"$body")" error ;; esac
    done
    head -c 80000000 /dev/zero >"$BATS_TEST_TMPDIR/large"
    call POST "$site/api/me/import" --data-binary "@$BATS_TEST_TMPDIR/large"
    same "$code$(jq -r .code <<<"$body")" 413BODY_TOO_LARGE
    serves_pages "$site/cubby/"
    guarded
    call GET "$site/"
    has "$body" '<html>hello'
}

@test "deploy: civetweb of Debian: the six calls, and no problem" {
    follow www/docs/deploying.md 'civetweb'
    MERGED=yes store_slashes
    has "$doctor" 'ok       slashes'
    call GET "$site/api/data/a%2Fb"
    same "$code" 200
    serves_pages "$site/"
    # No program runs from elsewhere, and none is given out as a file.
    call GET "$site/api/nothing"
    same "$code" 404
    ! curl -sf --max-time 10 "$site/api/" || fail 'a list of the programs'
    ! is_root || same "$(stat -c %U "$machine/var/lib/cubby/cubby.db")" www-data
}

@test "deploy: busybox httpd, by cubby-httpd: the six calls, and no problem" {
    follow www/docs/deploying.md 'busybox httpd'
    call POST "$site/cgi-bin/register" -d "{\"username\":\"ann\",\"email\":\"ann@example.org\",\"full_name\":\"Ann\",\"age\":30,\"gender\":\"female\",\"password\":\"$PASSWORD\"}"
    same "$code" 201
    serves_pages "$site/"
}

@test "deploy: Apache as Debian ships it, by the README's few lines" {
    debian_apache
    follow README.md 'Deploy in short'
    six_calls "$site/api"
}

# ---- processes that stay ----------------------------------------------------------------------------

# In the place of systemd, which is process 1 of no test: cubby-loop, at the same sockets. systemd.bats of the
# packages has the units themselves.
start_loop() {
    mkdir -p "$machine/run/cubby"
    printf '%s\n' "RUNDIR=$machine/run/cubby" "WEB_GROUP=$(id -gn "$owner")" >"$machine/usr/local/etc/cubby/cubby-loop.conf"
    sed -i 's/-b 511/-b 3/' "$machine/usr/local/sbin/cubby-loop"
    run_start env CUBBY_CONF="$conf" sh "$machine/usr/local/sbin/cubby-loop" run
    run_loop=$run_pid
    for name in "$machine"/usr/local/lib/cubby/cgi-bin/*; do
        eventually served "$machine/run/cubby/${name##*/}.sock" || fail "$(cat "$run_output")"
    done
}

# stays PATH…: what holds for each server with programs that stay, beside the six calls; these paths name nothing.
stays() {
    has "$doctor" 'ok       mode           programs stay between requests (FastCGI)'
    has "$doctor" 'ok       programs       each of them answers'
    for name in authorization if-match if-none-match override put post; do
        has "$doctor" "ok       $name"
    done
    store_slashes
    value=$(head -c 200000 /dev/zero | tr '\0' x)
    # a long body, also without a length, and with a length that is wrong
    local ways=(Expect: "${chunked-Transfer-Encoding: chunked}")
    printf '{"value":"%s"}' "$value" >"$BATS_TEST_TMPDIR/long"
    for way in "${ways[@]}"; do
        call PUT "$site/api/data/long?upsert=true" -H "$way" --data-binary "@$BATS_TEST_TMPDIR/long"
        [ "$code" = 201 ] || same "$code" 200
        call GET "$site/api/data/long"
        same "$(jq -r .data.value <<<"$body")" "$value"
        call DELETE "$site/api/data/long"
        same "$code" 200
    done
    head -c 1000000 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/spaces"
    (printf '{"items":[{"key":"i","value":1}]' && cat "$BATS_TEST_TMPDIR/spaces" && printf '}') >"$BATS_TEST_TMPDIR/import"
    for way in "${ways[@]}"; do
        call POST "$site/api/me/import" -H "$way" --data-binary "@$BATS_TEST_TMPDIR/import"
        same "$code" 200
    done
    call POST "$site/api/me/import" --data-binary "@$BATS_TEST_TMPDIR/spaces"
    same "$code$(jq -r .code <<<"$body")" 400INVALID_REQUEST
    head -c 2000000 /dev/zero >"$BATS_TEST_TMPDIR/zeros"
    for way in "${ways[@]}"; do
        call PUT "$site/api/data/long" -H "$way" --data-binary "@$BATS_TEST_TMPDIR/zeros"
        same "$code$(jq -r .code <<<"$body")" 413BODY_TOO_LARGE
    done
    # conditions and tokens
    call PUT "$site/api/data/a/b" -H 'If-Match: "1"' -d '{"value":2}'
    same "$code$(jq -r .code <<<"$body")" 412PRECONDITION_FAILED
    call PUT "$site/api/data/a/b" -H 'If-Match: *' -d '{"value":2}'
    same "$code" 200
    call PUT "$site/api/data/word?raw=true&upsert=true" -H 'Content-Type: text/plain' -d 'a text'
    same "$code" 201
    call GET "$site/api/changes?since=0&wait=2"
    same "$code" 200
    for wrong in '' "${token}x" "Basic $token"; do
        call GET "$site/api/data/a/b" -H "Authorization: $wrong"
        [ -z "$wrong" ] || same "$(token='' && call GET "$site/api/data/a/b" -H "Authorization: $wrong" && echo "$code$(jq -r .code <<<"$body")")" 401INVALID_TOKEN
    done
    same "$(token='' && call GET "$site/api/data/a/b" && echo "$code")" 401
    # no other key, and no other program
    for path in data/a%00b datax nothing data%2Fa "$@"; do
        call DELETE "$site/api/$path"
        case $code in 400 | 404 | 405) ;; *) fail "$path: $code" ;; esac
    done
    call GET "$site/api/data/a/b"
    same "$code$(jq -r .data.value <<<"$body")" 2002
    serves_pages "$site/cubby/"
    guarded
}

@test "deploy: nginx of Debian, by FastCGI: the six calls, what it refuses, and no problem" {
    debian_nginx
    follow www/docs/deploying.md 'nginx, by FastCGI'
    stays data/a//b data//a/b
    all_taken
}

# said_to LINE…: what nginx answers to these lines of a request
said_to() {
    printf '%s\r\n' "$@" 'Connection: close' '' | timeout 200 bash -c "exec 6<>/dev/tcp/127.0.0.1/$port; cat >&6; cat <&6" | tr -d '\r'
}

# told_by FORM STATUS LINE…: that is told by cubby's form, or in nginx's own way
told_by() {
    local form=$1 answer
    answer=$(said_to "${@:3}")
    same "$(head -n 1 <<<"$answer" | cut -d' ' -f2)" "$2"
    case $form in
    cubby) same "$(tail -n 1 <<<"$answer" | jq -r .status)" error ;;
    nginx) grep -q '<center>nginx' <<<"$answer" || fail "$answer" ;;
    caddy) ! grep -q '^{' <<<"$answer" || fail "$answer" ;; # as the page says
    esac
}

# all_taken: the processes of a program are stopped, and few may wait in line for them. Those who find the line full are
# told so while the processes are stopped still.
all_taken() {
    local number file stopped enough=yes
    mkdir "$BATS_TEST_TMPDIR"/{asking,told,early}
    mapfile -t stopped < <(pgrep -g "$run_loop" -f "^$machine/usr/local/lib/cubby/cgi-bin/changes\$")
    kill -STOP "${stopped[@]}"
    for number in $(seq 12); do
        {
            curl -si -m 250 "$site/api/changes" -H "Authorization: $token" >"$BATS_TEST_TMPDIR/asking/$number" || true
            mv "$BATS_TEST_TMPDIR/asking/$number" "$BATS_TEST_TMPDIR/told/"
        } 3>&- 4>&- &
        began
    done
    three_told() { [ "$(ls "$BATS_TEST_TMPDIR/told" | wc -l)" -ge 3 ]; }
    eventually three_told || enough=''
    find "$BATS_TEST_TMPDIR/told" -type f -exec mv -t "$BATS_TEST_TMPDIR/early" {} +
    kill -CONT "${stopped[@]}"
    [ -n "$enough" ] || fail "$(ls "$BATS_TEST_TMPDIR"/{asking,early})"
    wait_all
    for file in "$BATS_TEST_TMPDIR"/early/*; do
        tr -d '\r' <"$file" |
            sed -n 's|^HTTP/[0-9.]* \([0-9]*\).*|\1|p; s/^Retry-After: //Ip; s/.*"code":"\([A-Z_]*\)".*/\1/p' | paste -sd' '
    done >"$BATS_TEST_TMPDIR/taken"
    same "$(sort -u "$BATS_TEST_TMPDIR/taken")" '503 1 SERVICE_UNAVAILABLE'
    call GET "$site/api/changes"
    same "$code" 200
}

@test "deploy: beside cubby nginx keeps the site's own error pages and locations, and cubby its own" {
    debian_nginx
    printf 'the page of the site' >"$machine/var/www/html/own.html"
    follow www/docs/deploying.md 'nginx, by FastCGI'
    store_slashes
    # A site without pages of its own, and what nginx finds before it looks for a location.
    call GET "$site/nothing"
    same "$code" 404
    has "$body" '<center>nginx'
    long=$(head -c 40000 /dev/zero | tr '\0' x)
    told_by nginx 505 'GET /x HTTP/3.0' 'Host: a'
    told_by cubby 505 'GET /api/data/x HTTP/3.0' 'Host: a'
    told_by nginx 405 'TRACE / HTTP/1.1' 'Host: a'
    told_by cubby 405 'TRACE /api/data HTTP/1.1' 'Host: a'
    told_by nginx 400 'GET /?/api/data HTTP/1.1' 'Host: a' "X-Long: $long"
    told_by cubby 431 'GET /api/data?x HTTP/1.1' 'Host: a' "X-Long: $long"
    told_by nginx 414 "GET /$long/api/ HTTP/1.1" 'Host: a'
    told_by cubby 414 "GET /api/data/$long HTTP/1.1" 'Host: a'
    told_by nginx 400 'GET /apix HTTP/1.1' 'Host: a' 'Host: b'
    told_by cubby 400 'GET http://a/api HTTP/1.1' 'Host: a' 'Host: b'
    told_by nginx 501 'POST / HTTP/1.1' 'Host: a' 'Transfer-Encoding: other'
    told_by cubby 501 'POST /api/data HTTP/1.1' 'Host: a' 'Transfer-Encoding: other'
    told_by cubby 404 'GET /api/.errors/404.json HTTP/1.1' 'Host: a'
    told_by cubby 404 'GET /api/.errors/early/400.json HTTP/1.1' 'Host: a'
    # One with pages of its own, behind cubby's lines, and with locations by regular expressions before them.
    run_stop TERM
    sed -i -e 's|^\tinclude .*cubby.nginx.conf;|\tlocation ~ \\.php { return 403; }\n&\n\terror_page 403 404 502 /own.html;|' \
        "$machine/etc/nginx/sites-available/default"
    grep -q 'error_page 403' "$machine/etc/nginx/sites-available/default"
    start_nginx
    for path in nothing x.php; do
        call GET "$site/$path"
        same "$body" 'the page of the site'
    done
    for path in nothing data/a//b; do
        call GET "$site/api/$path"
        same "$code$(jq -r .code <<<"$body")" 404NOT_FOUND
    done
    call POST "$site/api/data" -d '{"key":"x.php","value":1}'
    same "$code" 201
    call GET "$site/api/data/x.php"
    same "$code" 200
}

@test "deploy: lighttpd of Debian, by FastCGI" {
    debian_lighttpd
    mkdir -p "$machine/run/lighttpd"
    ! is_root || chown www-data "$machine/run/lighttpd"
    follow www/docs/deploying.md 'lighttpd, by FastCGI'
    MERGED=yes stays
}

@test "deploy: Apache of Debian, by mod_proxy_fcgi" {
    debian_apache
    follow www/docs/deploying.md 'Apache, by mod_proxy_fcgi'
    stays data/a//b data//a/b
    version=$(curl -s "$site/api/changes?since=0" -H "Authorization: $token" | jq .data.last_version)
    # The time it leaves a program is cubby's alone.
    run_stop TERM
    sed -i 's/timeout=90/timeout=2/' "$machine/etc/apache2/conf-available/cubby-fastcgi.conf"
    start_apache2
    call GET "$site/api/changes?since=$version&wait=20"
    same "$code$(jq -r .code <<<"$body")" 504GATEWAY_TIMEOUT
}

debian_fcgid() {
    debian_apache
    a_package libapache2-mod-fcgid etc/apache2/mods-available/fcgid.load etc/apache2/mods-available/fcgid.conf
    sed -i "s#/usr/lib/apache2#$debian/libapache2-mod-fcgid/usr/lib/apache2#" "$machine/etc/apache2/mods-available/fcgid.load"
    printf '%s\n' "FcgidIPCDir $machine/run/fcgid" "FcgidProcessTableFile $machine/state/fcgid" >>"$machine/etc/apache2/mods-available/fcgid.conf"
}

# in_hand COUNT: so many requests are handed to processes that Apache has started, and not answered yet
in_hand() {
    [ "$(awk -v place="$machine/run/fcgid/" '$6 == "03" && index($NF, place) == 1' /proc/net/unix | wc -l)" -ge "$1" ]
}

# twelve_wait COMMAND…: so many wait for changes, each at a process of its own, and while all of them do COMMAND succeeds.
# Then there is a change; leaves in $told their answers' statuses, counted. Where the processes were started so slowly that
# the time of some was over before the last one waited, once more, now that there are processes. Whoever's time was over
# was answered well: any other answer is a fault, also in that round.
twelve_wait() {
    local number version all_waited
    for _ in 1 2 3 4 5; do
        version=$(curl -s "$site/api/changes?since=0" -H "Authorization: $token" | jq .data.last_version)
        for number in $(seq 12); do
            : >"$BATS_TEST_TMPDIR/wait.$number"
            curl -s -o /dev/null -w '%{http_code}\n' "$site/api/changes?since=$version&wait=25" -H "Authorization: $token" \
                >"$BATS_TEST_TMPDIR/wait.$number" 3>&- 4>&- &
            began
        done
        eventually twelve_or_told || fail "$(pairs changes) processes"
        all_waited=''
        if in_hand 12; then
            "$@"
            all_waited=yes
        fi
        [ -z "$all_waited" ] || [ -n "$(cat "$BATS_TEST_TMPDIR"/wait.*)" ] || break
        wait_all
        same "$(sort -u "$BATS_TEST_TMPDIR"/wait.*)" 200
        all_waited=''
    done
    same "$all_waited" yes
    call POST "$site/api/batch" -d '{"operations":[{"op":"upsert","key":"wake","value":1}]}'
    same "$code" 200
    wait_all
    told=$(sort "$BATS_TEST_TMPDIR"/wait.* | uniq -c | xargs)
}
twelve_or_told() { in_hand 12 || [ -n "$(cat "$BATS_TEST_TMPDIR"/wait.*)" ]; }

# pairs PROGRAM: of a process that serves and the one that keeps its socket
pairs() { pgrep -g "$apache" -f "/cgi-bin/$1\$" | awk 'END { print int((NR + 1) / 2) }'; }

@test "deploy: Apache of Debian, by mod_fcgid: no more processes than the snippet allows, and a token once refused" {
    debian_fcgid
    follow www/docs/deploying.md 'Apache, by mod_fcgid'
    chunked='' stays data/a//b data//a/b
    # What mod_fcgid would take for a whole body though Apache refuses it, or has not got all of it.
    call PUT "$site/api/data/kept?raw=true&upsert=true" -H 'Content-Type: text/plain' -d 'as it was'
    same "$code" 201
    start="PUT /api/data/kept?raw=true HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: text/plain\r\nAuthorization: $token\r\n"
    for broken in '5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n' '5\r\nhello\r\nffffffffffffffff\r\nworld\r\n0\r\n\r\n' '5\r\nhellox0\r\n\r\n' '5\r\nhello\r\n0\r\n\r\n'; do
        answer=$(node "$root/tests/http/raw.js" "$site" "${start}Transfer-Encoding: chunked\r\n\r\n$broken")
        has "$answer" LENGTH_REQUIRED
    done
    answer=$(node "$root/tests/http/raw.js" "$site" "${start}Content-Length: 71303169\r\n\r\nhello")
    has "$answer" BODY_TOO_LARGE
    call GET "$site/api/data/kept?raw=true"
    same "$code$body" '200as it was'
    # Many who wait at once are served at once, and others beside them.
    call GET "$site/api/data?limit=0&count=true"
    apache=$run_pid
    beside() { call GET "$site/api/data/a/b" && same "$code" 200; }
    twelve_wait beside
    same "$told" '12 200'
    for number in $(seq 40); do
        curl -s -o /dev/null "$site/api/data/a/b" -H "Authorization: $token" &
        began
    done
    wait_all
    [ "$(pairs data)" -le 8 ] || fail "$(pairs data)"
    # Settings change while many processes have nothing to do: the next requests are all answered, by them.
    [ "$(pairs changes)" -ge 12 ] || fail "$(pairs changes)"
    for bytes in 5 100 5; do
        sed -i '/^max_value_bytes/d' "$conf"
        echo "max_value_bytes = $bytes" >>"$conf"
        twelve_wait :
        same "$told" '12 200'
        for number in $(seq 4); do
            call PUT "$site/api/data/a/b" -d '{"value":"0123456789"}'
            case $bytes in 5) same "$code" 413 ;; *) same "$code" 200 ;; esac
        done
    done
    # A program whose file is replaced, likewise; and all end with Apache.
    cp "$machine/usr/local/lib/cubby/cgi-bin/data" "$machine/usr/local/lib/cubby/cgi-bin/data.new"
    mv "$machine/usr/local/lib/cubby/cgi-bin/data.new" "$machine/usr/local/lib/cubby/cgi-bin/data"
    for number in $(seq 16); do
        call GET "$site/api/data/a/b"
        same "$code" 200
    done
    run_stop TERM
    ended() { ! pgrep -f "^$machine/usr/local/lib/cubby/cgi-bin/"; }
    eventually ended || fail "$(pgrep -af "^$machine/usr/local/lib/cubby/cgi-bin/")"
}

@test "deploy: Apache of Debian, by mod_fcgid: while all processes of a program wait, who else asks is told so" {
    debian_fcgid
    sed -i 's/\(cgi-bin\/data" MaxProcesses\) 8\(.* IOTimeout\) 90/\1 2\2 3000/' "$machine/usr/local/share/cubby/cubby.apache-fcgid.conf"
    grep -q 'data" MaxProcesses 2 .* IOTimeout 3000' "$machine/usr/local/share/cubby/cubby.apache-fcgid.conf"
    # It tries 64 times and sleeps a second in between, of which there is no setting.
    printf '%s\n' '#include <unistd.h>' 'void apr_sleep(long long t) { (void)usleep(t == 1000000 ? 50000 : (useconds_t)t); }' |
        gcc -shared -fPIC -O1 -x c -o "$BATS_TEST_TMPDIR/sleep.so" -
    apache_preload=$BATS_TEST_TMPDIR/sleep.so
    echo 'busy_timeout = 60000' >>"$conf"
    follow www/docs/deploying.md 'Apache, by mod_fcgid'
    six_calls "$site/api"
    apache=$run_pid
    # Two that wait for a lock which nobody gives back, and then do nothing at all.
    mkfifo "$BATS_TEST_TMPDIR/hold"
    sqlite3 -bail "$machine/var/lib/cubby/cubby.db" <"$BATS_TEST_TMPDIR/hold" >"$BATS_TEST_TMPDIR/held" 3>&- 4>&- &
    exec 5>"$BATS_TEST_TMPDIR/hold"
    printf 'BEGIN IMMEDIATE;\nSELECT 1;\n' >&5
    eventually test -s "$BATS_TEST_TMPDIR/held"
    for number in 1 2; do
        curl -s -o "$BATS_TEST_TMPDIR/stuck.$number" -w '%{http_code}\n' -m 250 "$site/api/data" -H "Authorization: $token" \
            -d '{"key":"s","value":1}' >"$BATS_TEST_TMPDIR/code.$number" 5>&- &
        began
    done
    both_wait() { [ "$(pgrep -g "$apache" -f '/cgi-bin/data$' | wc -l)" = 4 ] && in_hand 2; }
    eventually both_wait || fail "$(ps -o pid,args -g "$apache") $(cat "$BATS_TEST_TMPDIR"/stuck.* "$machine"/var/log/apache2/error.log)"
    # shellcheck disable=SC2046 # numbers
    kill -STOP $(pgrep -g "$apache" -f '/cgi-bin/data$')
    call GET "$site/api/data/none" -m 250 -D "$BATS_TEST_TMPDIR/head"
    same "$code$(jq -r .code <<<"$body")" 503SERVICE_UNAVAILABLE
    grep -qi '^retry-after: *1' "$BATS_TEST_TMPDIR/head"
    call GET "$site/api/health"
    same "$code" 200
    exec 5>&-
    # shellcheck disable=SC2046
    kill -CONT $(pgrep -g "$apache" -f '/cgi-bin/data$')
    wait_all
    call GET "$site/api/data/none"
    same "$code" 404
}

start_caddy() {
    local as=()
    sed -i "s/^:80 {/http:\/\/127.0.0.1:$port {/" "$machine/etc/caddy/Caddyfile"
    mkdir -p "$machine/state/caddy"
    ! is_root || { chown www-data "$machine/state/caddy" && as=(setpriv --reuid www-data --regid www-data --clear-groups); }
    run_start "${as[@]}" env HOME="$machine/state/caddy" "$debian/caddy/usr/bin/caddy" run --config "$machine/etc/caddy/Caddyfile" --adapter caddyfile
    eventually curl -s -o /dev/null "$site/" || fail "$(cat "$run_output")"
}

debian_caddy() {
    a_package caddy etc/caddy
    mkdir -p "$machine/etc/systemd"
    here "$machine/etc/caddy/Caddyfile"
    sed -i -e "s#/usr/share/caddy#$machine/var/www/html#" -e "1i {\nadmin off\n}" "$machine/etc/caddy/Caddyfile"
}

@test "deploy: Caddy of Debian: the six calls, what it refuses, and no problem" {
    debian_caddy
    follow www/docs/deploying.md 'Caddy'
    has "$(cat "$machine/etc/systemd/system/cubby-.socket.d/group.conf")" SocketGroup=caddy
    stays data/a//b data//a/b
    refused_empty
    has "$doctor" 'ok       slashes'
    has "$doctor" 'ok       empty-segments'
    call GET "$site/"
    has "$body" '<html>hello'
    # What a name of a header with an underscore says is not what one with a hyphen says.
    call GET "$site/api/data/a/b" -H 'If_None_Match: *'
    same "$code" 200
    call GET "$site/api/data/%7Bhttp.request.host%7D"
    same "$code$(jq -r .code <<<"$body")" 404KEY_NOT_FOUND
    all_taken
    call GET "$site/api/health" -D "$BATS_TEST_TMPDIR/head"
    ! grep -i '^status:' "$BATS_TEST_TMPDIR/head" || fail 'a line of CGI'
    # Of a body that stops coming, with the option that the snippet names.
    run_stop TERM
    sed -i 's/^admin off$/&\nservers {\ntimeouts {\nread_body 2s\n}\n}/' "$machine/etc/caddy/Caddyfile"
    start_caddy
    answer=$(printf 'POST /api/data HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nAuthorization: Bearer %s\r\nContent-Length: 400\r\n\r\n{"key":' "$port" "$token" |
        timeout 200 bash -c "exec 6<>/dev/tcp/127.0.0.1/$port; cat >&6; cat <&6" | tr -d '\r')
    has "$answer" 'HTTP/1.1 408 '
    has "$answer" '"code":"INCOMPLETE_BODY"'
    told_by caddy 417 'GET /api/health HTTP/1.1' 'Host: a' 'Expect: other'
    told_by caddy 501 'POST /api/data HTTP/1.1' 'Host: a' 'Transfer-Encoding: other'
    # Of a program without processes.
    rm "$machine/run/cubby/changes.sock"
    call GET "$site/api/changes"
    same "$code$(jq -r .code <<<"$body")" 503SERVICE_UNAVAILABLE
}
