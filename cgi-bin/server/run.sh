#!/bin/sh
# run.sh - serves cubby from a checkout, in the foreground, until Ctrl-C or SIGTERM.
#
# Reads from the environment:
#   SERVER    apache (default), busybox, lighttpd, nginx or caddy
#   MODE      cgi (a process for each request) or fastcgi (processes that stay; nginx and caddy know nothing else)
#   ENGINE    sqlite (default) or postgresql: then a PostgreSQL of its own runs beside the web server, with
#             its data below DATA, and only the programs' user can reach it
#   DATABASE_AT  with postgresql: another server, which runs already, as in the setting `database`
#   PORT      5000; 0 picks a free one
#   HOST      127.0.0.1, where to listen: an address of this machine, 0.0.0.0 for all, or a name
#   DATA      folder of database and keys, made when missing (data); settings in DATA/cubby.conf
#             hold, and the lines that name database and keys are put at its head; a folder with other files
#             than cubby's is refused
#   PROGRAMS  folder of the CGI programs       TOOL  the tool `cubby`       WWW  the page
#   DOCUMENTATION  folder of the pages of documentation in HTML (build/docs); left out when it is missing
#   PROCESSES with MODE=fastcgi, but for lighttpd: as many of each program
#   RUN_USER  as root: the user the programs run as (www-data, else nobody)
#   READY     a file to write the address of the API to, once it answers
#
# What the programs' user must reach (programs, pages, settings) is copied to a folder of its own
# and removed at the end, so the checkout may lie where that user may not enter. Data can't be
# copied: should that user be unable to reach DATA, it moves to /var/lib/cubby-run and DATA becomes a
# link to it.
set -eu
umask 022 # another user reads what is made here; data are closed by the mode of their folder

SERVER=${SERVER:-apache}
case $SERVER in
nginx | caddy) MODE=${MODE:-fastcgi} ;;
*) MODE=${MODE:-cgi} ;;
esac
ENGINE=${ENGINE:-sqlite}
PORT=${PORT:-5000}
DATA=${DATA:-data}
PROGRAMS=${PROGRAMS:-build/cgi-bin}
TOOL=${TOOL:-build/bin/cubby}
WWW=${WWW:-www}
DOCUMENTATION=${DOCUMENTATION-build/docs}
READY=${READY:-}
HOST=${HOST:-127.0.0.1}
of_each=''
for name in ${PROCESSES:+PROCESSES PROCESSES_data PROCESSES_token PROCESSES_changes}; do
    of_each="$of_each $name=$PROCESSES"
done
here=$(dirname "$0")
# shellcheck source=cgi-bin/server/who_else.sh
. "$here/who_else.sh"
# shellcheck source=cgi-bin/server/ending.sh
. "$here/ending.sh"
ready=$READY

say() { printf '%s\n' "$*"; }
fail() {
    printf 'cubby: %s\n' "$*" >&2
    exit 1
}

case $SERVER in
apache | lighttpd | nginx | caddy) prefix=/api ;;
busybox) prefix=/cgi-bin ;;
*) fail "SERVER must be apache, busybox, lighttpd, nginx or caddy, not \"$SERVER\"" ;;
esac
case $SERVER-$MODE in
apache-cgi | busybox-cgi | lighttpd-cgi | apache-fastcgi | lighttpd-fastcgi | nginx-fastcgi | caddy-fastcgi) ;;
*) fail "MODE must be cgi or fastcgi, with busybox cgi, with nginx and caddy fastcgi, not \"$MODE\"" ;;
esac
case $ENGINE in
sqlite | postgresql) ;;
*) fail "ENGINE must be sqlite or postgresql, not \"$ENGINE\"" ;;
esac
case $PORT in
'' | *[!0-9]*) fail "PORT must be a number, not \"$PORT\"" ;;
esac
[ "$PORT" -le 65535 ] || fail "PORT must be at most 65535, not $PORT"
case $HOST in
*[!0-9A-Za-z.-]* | -*) fail "HOST must be an IPv4 address or a name, not \"$HOST\"" ;;
esac
# Where this machine itself reaches what listens there.
case $HOST in
0.0.0.0) reach=127.0.0.1 ;;
*) reach=$HOST ;;
esac
PATH=$PATH:/usr/sbin:/sbin
case $SERVER in
apache) server_program=apache2 ;;
*) server_program=$SERVER ;;
esac
command -v "$server_program" >/dev/null || fail "$server_program is not installed; \"make run\" installs it"

stopped=''
trap 'stopped=yes; [ -z "$server_pid" ] || kill -TERM "$server_pid" 2>/dev/null || true' INT TERM HUP
trap 'finish; tell_guard "done"' EXIT

# ---- who runs the programs, and where they lie ------------------------------------------------------

user=''
if [ "$(id -u)" = 0 ]; then
    user=${RUN_USER:-}
    [ -n "$user" ] || { id www-data >/dev/null 2>&1 && user=www-data; } || user=nobody
    group=$(id -gn "$user") || fail "there is no user $user"
fi

absolute() { (cd "$1" 2>/dev/null && pwd -P); }

as_user() {
    if [ -n "$user" ]; then
        setpriv --reuid "$user" --regid "$group" --clear-groups -- "$@" 9>&-
    else
        "$@" 9>&-
    fi
}

# only_root_renames_in FOLDER: as root: nobody else can give another meaning to what root makes there, as in a
# folder of another user, or one that all may write to without the bit that leaves each his own.
only_root_renames_in() { [ -z "$user" ] || [ -z "$(who_else "$1")" ]; }

make_run_folder() {
    for base in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
        only_root_renames_in "$base" || continue
        run=$(mktemp -d "$base/cubby-run.XXXXXX" 2>/dev/null) || continue
        chmod 755 "$run"
        # All of it stays root's, who works in it by names. What the servers and programs say is for nobody else.
        mkdir "$run/cgi-bin" "$run/sockets" "$run/temporary"
        mkdir -m 700 "$run/state"
        cp "$PROGRAMS"/* "$run/cgi-bin"
        chmod 755 "$run/cgi-bin" "$run/cgi-bin"/*
        # Not on a file system mounted noexec, nor below a folder closed to the user.
        if as_user "$run/cgi-bin/health" </dev/null >/dev/null 2>&1; then
            start_guard
            return 0
        fi
        rm -rf "$run"
        run=''
    done
    fail "found no folder where ${user:-you} may run programs; set TMPDIR"
}

make_pages() {
    mkdir -p "$run/share/www/errors"
    for file in "$WWW"/*.*; do
        cp "$file" "$run/share/www/"
    done
    for file in "$WWW"/errors/*.json; do
        name=$(basename "$file" .json)
        cp "$file" "$run/share/www/errors/$name.json"
        cp "$file" "$run/share/www/errors/error-$name.html"
    done
    if [ -n "$DOCUMENTATION" ] && [ -d "$DOCUMENTATION" ]; then
        mkdir "$run/share/www/docs"
        cp "$DOCUMENTATION"/* "$run/share/www/docs/"
    else
        sed -i '/href="docs\//d' "$run/share/www/index.html"
    fi
    chmod -R a+rX "$run/share"
}

# ---- data ----------------------------------------------------------------------------------------------

reaches_data() { as_user test -x "$data/." -a -w "$data/." 2>/dev/null; }

# in_data COMMAND…: there, whatever may have taken the name meanwhile
in_data() { (cd "$data" && [ "$(pwd -P)" = "$data" ] && "$@"); }

# Whether this folder is one of ours, or new: it is closed to others, and as root given away with all that is in it.
is_ours() {
    for own in cubby.db cubby.conf cubby.conf.new keys.json postgresql postgresql.new; do
        [ ! -e "$own" ] && [ ! -h "$own" ] || return 0
    done
    names=$(ls -A) || return 1
    case $names in '' | lost+found) ;; *) return 1 ;; esac
}

prepare_data() {
    # Root gives away what it finds there.
    if [ -n "$user" ] && [ -h "${DATA%/}" ] && [ "$(stat -c %u "${DATA%/}")" != 0 ]; then
        fail "$DATA is a link that is not root's; name the folder itself: DATA=..."
    fi
    if [ ! -d "$DATA" ]; then
        (umask 077 && mkdir -p "$DATA") || fail "cannot make $DATA"
    fi
    data=$(absolute "$DATA") || fail "cannot enter $DATA"
    in_data is_ours || fail "$data holds other files than cubby's; name a folder of its own: DATA=..."
    if [ -n "$user" ] && ! as_user test -x "$(dirname "$data")/."; then
        move_data
    fi
    if [ -n "$user" ] && ! reaches_data; then
        in_data chown -R "$user:$group" . && in_data chmod 700 . || fail "cannot give $data to $user"
    fi
    reaches_data || fail "${user:-this user} may not write to $data"
    in_data chmod 700 . || fail "cannot close $data to others"
}

move_data() {
    name=$(basename "$(dirname "$data")")
    stores=/var/lib/cubby-run # not below /var/lib/cubby: that goes with the package
    store=$stores/$name-$(printf '%s' "$data" | cksum | cut -d' ' -f1)
    link=${DATA%/}
    mkdir -p "$stores"
    only_root_renames_in "$stores" || fail "others than root may write to $stores; name another folder: DATA=..."
    chmod 711 "$stores"
    [ ! -e "$store" ] || [ -z "$(ls -A "$data")" ] ||
        fail "both $data and $store hold data; move one of them away"
    if [ -e "$store" ]; then
        rmdir "$data"
    else
        mv "$data" "$store"
    fi || fail "cannot move $data to $store, where $user may use it"
    ln -sfn "$store" "$link" # it may have been a link to where the data were
    say "data lies in $store: $user may not enter $(dirname "$data"); $link is a link to it"
    data=$store
}

# ---- PostgreSQL ----------------------------------------------------------------------------------------

# Debian keeps its programs out of the way, in a folder for each version. Data are of one version: that of the
# server that made them.
find_postgresql() {
    # Where that leads, another user's server may be at work.
    ! as_user test -h "$data/postgresql" || fail "$data/postgresql is a link; put the folder itself there, or choose another one: DATA=..."
    if as_user test -e "$data/postgresql"; then
        version=$(as_user cat "$data/postgresql/PG_VERSION" 2>/dev/null) || version=''
        case $version in
        '' | *[!0-9.]*) fail "$data/postgresql is no data folder of PostgreSQL; move it away, or choose another folder: DATA=..." ;;
        esac
        postgresql=/usr/lib/postgresql/$version/bin
        [ -x "$postgresql/postgres" ] ||
            fail "the data in $data/postgresql are of PostgreSQL $version, and $postgresql/postgres is missing: install postgresql-$version, or bring them to another version by pg_upgrade"
    else
        version=$(cd /usr/lib/postgresql 2>/dev/null && for folder in */bin/postgres; do
            [ ! -x "$folder" ] || say "${folder%%/*}"
        done | sort -n | tail -n 1)
        [ -n "$version" ] || fail "PostgreSQL is not installed; \"make run ENGINE=postgresql\" installs it"
        postgresql=/usr/lib/postgresql/$version/bin
    fi
}

# Made beside and then named, so that a folder of that name is whole. It is named for good before anything is
# stored in it.
make_database_folder() {
    as_user rm -rf "$data/postgresql.new"
    as_user "$postgresql/initdb" -D "$data/postgresql.new" -U "$name" -A peer -E UTF8 --no-locale >"$run/state/log" 2>&1 || {
        [ -z "$stopped" ] || exit 0
        cat "$run/state/log" >&2
        fail 'initdb failed'
    }
    as_user mv -T "$data/postgresql.new" "$data/postgresql" && as_user sync "$data" || fail "cannot name $data/postgresql"
}

# left_server: prints the number of the server that works on our data, if there is one: the number in its file
# may by now be that of anything. All of it as the programs' user, who sees, and can stop, only what is his.
left_server() {
    left=$(as_user head -n 1 "$data/postgresql/postmaster.pid" 2>/dev/null) || return 1
    case $left in '' | *[!0-9]*) return 1 ;; esac
    case $(as_user readlink "/proc/$left/exe") in */postgres | */postgres' (deleted)') ;; *) return 1 ;; esac
    [ "$(as_user readlink "/proc/$left/cwd")" = "$data/postgresql" ] && say "$left"
}

# One whose run.sh was killed is stopped; to that of a run that goes on nothing is done.
stop_left_server() {
    left=$(left_server) || return 0
    parent=$(awk '$1 == "PPid:" { print $2 }' "/proc/$left/status" 2>/dev/null) || return 0
    case $(tr '\0' ' ' <"/proc/$parent/cmdline" 2>/dev/null) in
    *run.sh*) fail "another \"make run\" (process $parent) works on $data/postgresql; stop it, or choose another folder: DATA=..." ;;
    esac
    say "stops the PostgreSQL (process $left) that an earlier run has left in $data/postgresql"
    # shellcheck disable=SC2016 # for the inner shell
    as_user sh -c 'kill -INT "$1"' sh "$left" 2>/dev/null || fail "cannot stop process $left"
    while left_server >/dev/null; do
        [ -z "$stopped" ] || exit 0
        sleep 0.1
    done
}

# It listens at a socket in a folder of the programs' user only, and knows that user by the kernel's word (peer).
start_database() {
    find_postgresql
    mkdir "$run/postgresql"
    chmod 700 "$run/postgresql"
    [ -z "$user" ] || chown "$user:$group" "$run/postgresql"
    name=${user:-$(id -un)}
    as_user test -e "$data/postgresql" || make_database_folder
    stop_left_server
    # What is not the programs' user's own process can't tell it to stop.
    if [ -n "$user" ]; then
        set -- setpriv --reuid "$user" --regid "$group" --clear-groups --
    else
        set --
    fi
    under_guard database PATH=/usr/bin:/bin "$@" "$postgresql/postgres" -D "$data/postgresql" -k "$run/postgresql" \
        -c listen_addresses= -c max_connections=200 >"$run/state/database" 2>&1 </dev/null &
    database_pid=$!
    database="postgresql:///cubby?host=$run/postgresql&user=$name"
    await_database
    as_user "$postgresql/psql" -XqAt "$database" -c 'SELECT 1' >/dev/null 2>&1 ||
        as_user "$postgresql/createdb" -h "$run/postgresql" -U "$name" cubby || fail 'createdb failed'
}

# since_boot: the seconds, in $now; the clock of the day may be set meanwhile
since_boot() {
    read -r now _ </proc/uptime
    now=${now%%.*}
}

# Until it takes connections: as long as it says that it is starting up, which after a crash may take minutes, and
# for a minute while it says nothing.
await_database() {
    tries=0
    since_boot
    heard=$now
    while :; do
        answers=0
        as_user "$postgresql/pg_isready" -q -t 3 -h "$run/postgresql" -U "$name" -d postgres || answers=$?
        [ -z "$stopped" ] || exit 0
        since_boot
        case $answers in
        0) return 0 ;;
        1) heard=$now ;;
        esac
        [ $((now - heard)) -lt 60 ] && kill -0 "$database_pid" 2>/dev/null || {
            cat "$run/state/database" >&2
            fail 'PostgreSQL did not start'
        }
        tries=$((tries + 1))
        [ $((tries % 150)) != 50 ] || say "waits for PostgreSQL, which is starting up: $(tail -n 1 "$run/state/database")"
        sleep 0.1
    done
}

# DATA/cubby.conf names database and keys, so that the tool works with it: three lines, which are
# made anew when the folder has moved. All else in it is the user's. They are read and written as their user, to
# whom the folder belongs: as root one could be made to read, and write, elsewhere.
prepare_settings() {
    mark='# "make run" writes these two lines:'
    settings=''
    ! as_user test -e "$data/cubby.conf" || {
        settings=$(as_user cat "$data/cubby.conf" && say .) || fail "${user:-this user} cannot read $data/cubby.conf"
    }
    (umask 077 && : >"$run/cubby.conf")
    [ -z "$user" ] || chgrp "$group" "$run/cubby.conf"
    chmod 640 "$run/cubby.conf"
    {
        say "$mark"
        say "database = $database"
        say "keys = $data/keys.json"
        printf '%s' "${settings%.}" | awk -v mark="$mark" '$0 == mark { skip = 3 } skip > 0 { skip--; next } { print }'
    } >"$run/cubby.conf"
    as_user cmp -s "$run/cubby.conf" "$data/cubby.conf" ||
        as_user sh -c 'cp "$1" "$2.new" && mv -f "$2.new" "$2"' sh "$run/cubby.conf" "$data/cubby.conf" ||
        fail "cannot write $data/cubby.conf"
    body_timeout=$(as_user "$run/cubby" -c "$run/cubby.conf" config 2>/dev/null |
        sed -n 's/^body_timeout = \([0-9]*\).*/\1/p')
    body_timeout=${body_timeout:-30}
    for word in init migrate; do
        as_user "$run/cubby" -c "$run/cubby.conf" "$word" >"$run/state/log" 2>&1 || {
            cat "$run/state/log" >&2
            fail "cubby $word failed"
        }
        grep '^made ' "$run/state/log" || true
    done
}

# ---- the servers ---------------------------------------------------------------------------------------

names_of_programs() { (cd "$run/cgi-bin" && set -- * && IFS='|' && say "$*"); }

fill() {
    awk -v programs="$(names_of_programs | tr '|' ' ')" -f "$here/each.awk" "$here/$1.in" | sed -e "s|max-read-idle = 33|max-read-idle = $((body_timeout + 3))|" \
        -e "s|client_body_timeout 30s|client_body_timeout ${body_timeout}s|" -e "s|@CGIDIR@|$run/cgi-bin|g" -e "s|@SHAREDIR@|$run/share|g" \
        -e "/^@WHO_ELSE@/{r $here/who_else.sh" -e 'd;}' -e "s|@SYSCONFDIR@|$run|g" -e "s|@SBINDIR@|$run|g" -e "s#@PROGRAMS@#$(names_of_programs)#g" \
        -e "s|/run/lighttpd/|$run/fcgi/|g" -e "s|/run/cubby|$run/sockets|g"
}

write_apache() {
    modules=/usr/lib/apache2/modules
    [ -d "$modules" ] || modules=$(apache2 -V 2>/dev/null | sed -n 's/.*HTTPD_ROOT="\(.*\)"/\1/p')/modules
    {
        cgi=cgid
        [ "$MODE" = cgi ] || cgi='proxy proxy_fcgi'
        for name in mpm_event authz_core alias env mime dir $cgi headers reqtimeout setenvif; do
            say "LoadModule ${name}_module $modules/mod_$name.so"
        done
        cat <<CONF
ServerRoot "$run/state"
DefaultRuntimeDir "$run/state"
PidFile "$run/state/pid"
Mutex pthread
Listen $HOST:$PORT
ServerName $reach:$PORT
ErrorLog "|/bin/cat"
LogLevel warn
ErrorLogFormat "[%t] [%l] %M"
ServerTokens Prod
ServerSignature Off
TraceEnable Off
FileETag None
${user:+User "$user"}
${user:+Group "$group"}
# One process is enough; more threads cost little.
StartServers 1
ServerLimit 4
ThreadsPerChild 32
MaxRequestWorkers 128
# Apache waits for the body itself: as long as a program would, and longer only for one that comes.
Timeout $body_timeout
RequestReadTimeout header=20-40,MinRate=500 body=$body_timeout,MinRate=32000
DocumentRoot "$run/share/www"
TypesConfig /dev/null
AddType text/html .html
AddType text/css .css
AddType text/javascript .js
AddType application/json .json
AddType image/svg+xml .svg
AddDefaultCharset utf-8
SetEnv CUBBY_CONF "$run/cubby.conf"
<Directory "/">
    AllowOverride None
    Require all denied
</Directory>
# An address with an empty segment names no key; merged, it would name another one.
MergeSlashes Off
CONF
        fill cubby.apache.conf
        if [ "$MODE" = fastcgi ]; then
            fill cubby.apache-fastcgi.conf
        else
            say "ScriptSock \"$run/sockets/cgid\""
            say "CGIDScriptTimeout 60"
        fi
        # Whatever is asked here, the answer is JSON.
        sed -n 's/^ *\(ErrorDocument .*\)/\1/p' "$here/cubby.apache.conf.in"
    } >"$run/server.conf"
}

write_lighttpd() {
    {
        cat <<CONF
server.bind = "$HOST"
server.port = $PORT
server.document-root = "$run/share/www"
server.upload-dirs = ( "$run/upload" )
server.tag = "lighttpd"
server.feature-flags = ( "server.graceful-shutdown-timeout" => 4 )
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html; charset=utf-8", ".css" => "text/css; charset=utf-8",
    ".js" => "text/javascript; charset=utf-8", ".json" => "application/json", ".svg" => "image/svg+xml" )
static-file.exclude-extensions = ( ".conf" )
CONF
        fill cubby.lighttpd.conf
        [ "$MODE" = cgi ] || fill cubby.lighttpd-fastcgi.conf
        say "setenv.set-environment = ( \"CUBBY_CONF\" => \"$run/cubby.conf\" )"
        say "server.errorfile-prefix = \"$run/share/www/errors/error-\""
        if [ -n "$user" ]; then
            say "server.username = \"$user\""
            say "server.groupname = \"$group\""
        fi
    } >"$run/server.conf"
    # It makes its sockets itself, as that user. The name is short, since that of a socket has 107 bytes at most.
    mkdir -p "$run/upload" "$run/fcgi"
    chmod 700 "$run/upload" "$run/fcgi"
    [ -z "$user" ] || chown "$user:$group" "$run/upload" "$run/fcgi"
}

write_busybox() {
    [ -d "$run/docroot" ] || {
        mkdir "$run/docroot"
        cp -R "$run/share/www/." "$run/docroot"
        mv "$run/cgi-bin" "$run/docroot/cgi-bin"
    }
    {
        say "I:index.html"
        say ".json:application/json"
        say ".js:text/javascript"
        say ".css:text/css"
        for name in 400 403 404 408 413 500 501 503; do
            say "E$name:$run/docroot/errors/$name.json"
        done
    } >"$run/server.conf"
}

write_nginx() {
    mkdir -p "$run/upload"
    chmod 700 "$run/upload"
    [ -z "$user" ] || chown "$user:$group" "$run/upload"
    {
        [ -z "$user" ] || say "user $user $group;"
        cat <<CONF
daemon off;
pid $run/state/pid;
error_log stderr error;
worker_processes 2;
events { worker_connections 512; }
http {
    access_log off;
    server_tokens off;
    client_body_temp_path $run/upload;
    fastcgi_temp_path $run/temporary/fastcgi;
    proxy_temp_path $run/temporary/proxy;
    uwsgi_temp_path $run/temporary/uwsgi;
    scgi_temp_path $run/temporary/scgi;
    types {
        text/html html;
        text/css css;
        text/javascript js;
        application/json json;
        image/svg+xml svg;
    }
    charset_types text/css text/javascript;
    charset utf-8;
    server {
        listen $HOST:$PORT;
        server_name $HOST;
        root $run/share/www;
        index index.html;
CONF
        fill cubby.nginx.conf
        say "    }"
        say "}"
    } >"$run/server.conf"
}

write_caddy() {
    mkdir -p "$run/caddy"
    [ -z "$user" ] || chown "$user:$group" "$run/caddy"
    {
        cat <<CONF
{
	admin off
	auto_https off
	grace_period 4s
	storage file_system $run/caddy
	log {
		output stderr
		format console
		level WARN
	}
	servers {
		timeouts {
			read_body ${body_timeout}s
		}
	}
}
http://:$PORT {
	bind $HOST
CONF
        fill cubby.caddy.conf
        cat <<CONF
	root * $run/share/www
	file_server
}
CONF
    } >"$run/server.conf"
}

# cubby-loop, and what runs it beside the web server "$@": one process that ends with it, and then ends
# the programs.
write_loop() {
    fill cubby-loop >"$run/cubby-loop"
    chmod 755 "$run/cubby-loop"
    cat >"$run/serve" <<'CONF'
#!/bin/sh
ended=''
server=''
trap 'ended=yes; [ -z "$server" ] || kill -TERM "$server" 2>/dev/null' TERM INT HUP
sh "$RUN/cubby-loop" run &
loop=$!
for program in "$RUN"/cgi-bin/*; do
    tries=0
    while [ ! -S "$RUNDIR/${program##*/}.sock" ] && [ "$tries" -lt 600 ] && [ -z "$ended" ]; do
        kill -0 "$loop" 2>/dev/null || exit 1
        tries=$((tries + 1))
        sleep 0.1
    done
done
status=0
if [ -z "$ended" ]; then
    "$@" &
    server=$!
    [ -z "$ended" ] || kill -TERM "$server" 2>/dev/null # told so since it was looked at
    wait "$server"
    status=$?
    while kill -0 "$server" 2>/dev/null; do wait "$server"; done
fi
kill -TERM "$loop" 2>/dev/null
while kill -0 "$loop" 2>/dev/null; do wait "$loop"; done
exit "$status"
CONF
}

server_command() {
    case $SERVER in
    nginx) set -- nginx -p "$run/state" -c "$run/server.conf" -e stderr ;;
    caddy)
        set -- caddy run --config "$run/server.conf" --adapter caddyfile
        [ -z "$user" ] || set -- setpriv --reuid "$user" --regid "$group" --clear-groups -- "$@"
        set -- env HOME="$run/caddy" XDG_DATA_HOME="$run/caddy" XDG_CONFIG_HOME="$run/caddy" "$@"
        ;;
    apache) set -- apache2 -d "$run/state" -f "$run/server.conf" -DFOREGROUND ;;
    lighttpd) set -- lighttpd -D -f "$run/server.conf" ;;
    busybox)
        set -- busybox httpd -f -p "$HOST:$PORT" -h "$run/docroot" -c "$run/server.conf"
        [ -z "$user" ] || set -- "$@" -u "$user:$group"
        ;;
    esac
    case $SERVER-$MODE in
    apache-fastcgi | nginx-fastcgi | caddy-fastcgi)
        # shellcheck disable=SC2086 # words
        set -- RUN="$run" ${user:+RUN_USER="$user"} ${user:+WEB_GROUP="$group"} RUNDIR="$run/sockets" $of_each \
            sh "$run/serve" "$@"
        ;;
    esac
    # Nothing of the caller's environment reaches the programs.
    under_guard server PATH=/usr/sbin:/usr/bin:/sbin:/bin CUBBY_CONF="$run/cubby.conf" "$@"
}

# Nobody takes a connection there: it is refused, or nothing comes of it.
is_free() { [ "$(curl -s -o /dev/null --max-time 2 -w '%{time_connect}' "http://$reach:$PORT/")" = 0.000000 ]; }

random_port() { say $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 10000)); }

# 0: answers. 1: ended at once. Waits up to a minute.
start_server() {
    "write_$SERVER"
    [ "$MODE" = cgi ] || write_loop
    (umask 077 && : >"$run/state/output")
    server_command >"$run/state/output" 2>&1 </dev/null &
    server_pid=$!
    since_boot
    begun=$now
    while [ $((now - begun)) -lt 60 ] && [ -z "$stopped" ]; do
        if ! kill -0 "$server_pid" 2>/dev/null; then
            stop_server
            return 1
        fi
        if curl -sf -o /dev/null --max-time 10 "http://$reach:$PORT$prefix/health" &&
            kill -0 "$server_pid" 2>/dev/null; then
            return 0
        fi
        sleep 0.1
        since_boot
    done
    stop_server
    return 1
}

explain() {
    [ -n "$stopped" ] && exit 0
    if grep -qi 'address already in use' "$run/state/output"; then
        fail "port $PORT is taken; choose another: make run PORT=5001"
    fi
    if grep -qiE "assign requested address|bad address|resolution failure|could not resolve|getaddrinfo" "$run/state/output"; then
        fail "this machine has no address $HOST; HOST=0.0.0.0 is all it has"
    fi
    cat "$run/state/output" >&2
    fail "$SERVER did not start"
}

# ---- main ------------------------------------------------------------------------------------------------

if [ "$PORT" != 0 ] && ! is_free; then
    fail "port $PORT is taken; choose another: make run PORT=5001"
fi
[ -z "$READY" ] || rm -f "$READY" # of an earlier run
make_run_folder
cp "$TOOL" "$run/cubby"
chmod 755 "$run/cubby"
make_pages
prepare_data
database=$data/cubby.db
case $ENGINE-${DATABASE_AT:-} in
sqlite-*) ;;
postgresql-) start_database ;;
*) database=$DATABASE_AT ;;
esac
prepare_settings

if [ "$PORT" = 0 ]; then
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        PORT=$(random_port)
        is_free || continue
        start_server && break
        grep -qi 'address already in use' "$run/state/output" || explain
    done
    [ -n "$server_pid" ] || explain
else
    start_server || explain
fi

# quoted WORD: as a shell takes it.
quoted() {
    case $1 in
    *[!A-Za-z0-9_./-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
    *) printf '%s' "$1" ;;
    esac
}

with_mode=''
[ "$MODE" = cgi ] || with_mode=", $MODE"
base=http://$reach:$PORT$prefix
say "cubby serves at $base  (page: http://$reach:$PORT/, data: $DATA, $SERVER$with_mode; Ctrl-C stops it)"
[ "$HOST" = "$reach" ] || say "and at port $PORT of every address of this machine: whoever reaches it may register"
say "try:  curl $base/health"
# Not by a link in the folder of another user: the tool would refuse what that user may exchange.
say "tool: $(quoted "$TOOL") -c $(quoted "$data/cubby.conf") user list"
if [ -n "$READY" ]; then
    address=$base
    tell_guard ready "$base"
    say "$base" >"$READY.new"
    mv "$READY.new" "$READY"
fi
tail -n +1 -f "$run/state/output" --pid="$server_pid" >&2 9>&- &
wait "$server_pid" && status=0 || status=$?
[ -n "$stopped" ] && exit 0
say "cubby: $SERVER ended by itself (status $status)" >&2
exit 1
