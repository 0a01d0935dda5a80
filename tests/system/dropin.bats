#!/usr/bin/env bats
# Drop-in: an Apache set up as Debian's packages do it, into which the programs are copied.

load system

setup_file() {
    export stage=$BATS_FILE_TMPDIR/stage
    copy_built_checkout "$BATS_FILE_TMPDIR/checkout"
    make_in "$BATS_FILE_TMPDIR/checkout" install DESTDIR="$stage" >/dev/null
    export share=$stage/usr/local/share/cubby
    export owner
    owner=$(is_root && echo www-data || id -un)
}

teardown() {
    stop_all
}

# debian_apache: the layout of /etc/apache2 with what is enabled after `apt install apache2` and
# `a2enmod cgid`, below $folder, on a free port. It serves $folder/www, with programs in $folder/cgi-bin.
debian_apache() {
    folder=$BATS_TEST_TMPDIR/debian
    local etc=$folder/etc/apache2 name
    mkdir -p "$etc/mods-enabled" "$etc/conf-enabled" "$etc/sites-enabled" "$folder/www" "$folder/cgi-bin" "$folder/log" "$folder/run"
    for name in access_compat alias auth_basic authn_core authn_file authz_core authz_host authz_user autoindex cgid \
        deflate dir env filter mime mpm_event negotiation reqtimeout setenvif status; do
        echo "LoadModule ${name}_module /usr/lib/apache2/modules/mod_$name.so" >"$etc/mods-enabled/$name.load"
    done
    echo "ScriptSock $folder/run/cgisock" >"$etc/mods-enabled/cgid.conf"
    echo 'AddOutputFilterByType DEFLATE text/html text/plain text/xml text/css text/javascript' >"$etc/mods-enabled/deflate.conf"
    echo 'DirectoryIndex index.html index.cgi index.pl index.php index.xhtml index.htm' >"$etc/mods-enabled/dir.conf"
    cat >"$etc/conf-enabled/security.conf" <<'CONF'
ServerTokens OS
ServerSignature On
TraceEnable Off
CONF
    cat >"$etc/conf-enabled/serve-cgi-bin.conf" <<CONF
ScriptAlias /cgi-bin/ $folder/cgi-bin/
<Directory "$folder/cgi-bin">
    AllowOverride None
    Options +ExecCGI -MultiViews +SymLinksIfOwnerMatch
    Require all granted
</Directory>
CONF
    cat >"$etc/sites-enabled/000-default.conf" <<CONF
<VirtualHost *:@PORT@>
    ServerAdmin webmaster@localhost
    DocumentRoot $folder/www
    ErrorLog $folder/log/error.log
    CustomLog $folder/log/access.log common
</VirtualHost>
CONF
    cat >"$etc/apache2.conf" <<CONF
ServerRoot "$etc"
DefaultRuntimeDir $folder/run
Mutex file:$folder/run default
PidFile $folder/run/apache2.pid
Timeout 300
KeepAlive On
MaxKeepAliveRequests 100
KeepAliveTimeout 5
$(is_root && printf 'User %s\nGroup %s' "$owner" "$owner")
HostnameLookups Off
ErrorLog $folder/log/error.log
LogLevel warn
TypesConfig /etc/mime.types
IncludeOptional mods-enabled/*.load
IncludeOptional mods-enabled/*.conf
Listen 127.0.0.1:@PORT@
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all denied
</Directory>
<Directory $folder/www/>
    Options Indexes FollowSymLinks
    AllowOverride @OVERRIDE@
    Require all granted
</Directory>
AccessFileName .htaccess
<FilesMatch "^\.ht">
    Require all denied
</FilesMatch>
LogFormat "%h %l %u %t \"%r\" %>s %O" common
IncludeOptional conf-enabled/*.conf
IncludeOptional sites-enabled/*.conf
CONF
    [ -e /etc/mime.types ] || sed -i 's|^TypesConfig .*|TypesConfig /dev/null|' "$etc/apache2.conf"
}

# begin_apache [OVERRIDE]: leaves $site, the address of the host
begin_apache() {
    local etc=$folder/etc/apache2 port
    port=$(free_port)
    sed -i -e "s|@PORT@|$port|" -e "s|@OVERRIDE@|${1:-None}|" "$etc/apache2.conf" "$etc/sites-enabled/000-default.conf"
    run_start apache2 -d "$etc" -f "$etc/apache2.conf" -DFOREGROUND
    site=http://127.0.0.1:$port
    eventually curl -s -o /dev/null "$site/" || fail "$(cat "$run_output" "$folder/log/error.log")"
}

# cubby init with settings at $folder/cubby.conf, as an administrator would with files of his own
init_data() {
    printf '%s\n' "database = $folder/data/cubby.db" "keys = $folder/data/keys.json" 'password_cost = 1' >"$folder/cubby.conf"
    "$TOOL" -c "$folder/cubby.conf" init --owner "$owner" >/dev/null
}

named_settings() { sed "s|#SetEnv CUBBY_CONF .*|SetEnv CUBBY_CONF $folder/cubby.conf|"; }

@test "drop-in: programs copied into cgi-bin, cubby init and the snippet are enough" {
    debian_apache
    cp "$PROGRAMS"/* "$folder/cgi-bin"
    init_data
    # As the page has it: the snippet names the cgi-bin that is there.
    sed -e "s|^Define CUBBY_PROGRAMS .*|Define CUBBY_PROGRAMS \"$folder/cgi-bin\"|" \
        -e "s|^Define CUBBY_SHARE .*|Define CUBBY_SHARE \"$share\"|" "$share/cubby.apache.conf" |
        named_settings >"$folder/etc/apache2/conf-enabled/cubby.conf"
    # Not inherited by a virtual host, hence a line there; nothing else depends on it.
    sed -i 's|DocumentRoot|AllowEncodedSlashes On\n&|' "$folder/etc/apache2/sites-enabled/000-default.conf"
    begin_apache
    for prefix in api cgi-bin; do
        six_calls "$site/$prefix"
    done
    call POST "$site/api/data" -d '{"key":"a/b c","value":[1]}'
    same "$code" 201
    call GET "$site/api/data/a%2Fb%20c"
    same "$(jq -c .data.value <<<"$body")$code" '[1]200'
    call GET "$site/api/nothing"
    same "$code$(jq -r .code <<<"$body")" 404NOT_FOUND
    call GET "$site/cubby/"
    has "$body" '<html'
    ! grep -vE 'resuming normal|Command line|AH00558|: audit |AH01264' "$folder/log/error.log" || fail 'the log is not quiet'
    # What is not cubby's is as it was.
    call GET "$site/"
    same "$code" 200
    call GET "$site/nothing"
    has "$body" '<!DOCTYPE HTML'
}

@test "drop-in: without the snippet tokens do not arrive, and the log names what to set" {
    debian_apache
    cp "$PROGRAMS"/* "$folder/cgi-bin"
    init_data
    echo "SetEnv CUBBY_CONF $folder/cubby.conf" >"$folder/etc/apache2/conf-enabled/settings.conf"
    begin_apache
    call GET "$site/cgi-bin/health"
    same "$code" 200
    token=x
    call GET "$site/cgi-bin/data/a"
    same "$code$(jq -r .details.token <<<"$body")" 401missing
    eventually grep -qF 'CGIPassAuth On' "$folder/log/error.log" || fail "$(cat "$folder/log/error.log")"
}

@test "drop-in: programs copied, but without cubby init: 503, and the log says what to do" {
    debian_apache
    cp "$PROGRAMS"/* "$folder/cgi-bin"
    printf '%s\n' "database = $folder/data/cubby.db" "keys = $folder/data/keys.json" >"$folder/cubby.conf"
    echo "SetEnv CUBBY_CONF $folder/cubby.conf" >"$folder/etc/apache2/conf-enabled/settings.conf"
    begin_apache
    call GET "$site/cgi-bin/health"
    same "$code" 503
    call POST "$site/cgi-bin/token" -d '{"username":"a","password":"b"}'
    same "$code$(jq -r .code <<<"$body")" 500INTERNAL_ERROR
    eventually grep -qF 'cubby init' "$folder/log/error.log" || fail "$(cat "$folder/log/error.log")"
    [ ! -e "$folder/data" ] || fail 'a program made something'
}

@test "drop-in: an .htaccess in a folder of the site does it, where that is all one may set" {
    debian_apache
    mkdir "$folder/www/store"
    cp "$PROGRAMS"/* "$folder/www/store"
    init_data
    named_settings <"$share/cubby.htaccess" >"$folder/www/store/.htaccess"
    begin_apache 'AuthConfig FileInfo Limit Options'
    six_calls "$site/store"
    # Files that must never lie here are not given out, should they.
    for name in cubby.db cubby.db-wal keys.json cubby.conf .htaccess; do
        echo secret >>"$folder/www/store/$name.x"
        [ -e "$folder/www/store/$name" ] || echo secret >"$folder/www/store/$name"
        call GET "$site/store/$name"
        same "$code" 403
    done
    # No listing, and what is no program is not run.
    call GET "$site/store/"
    same "$code" 403
    call GET "$site/store/cubby.db.x"
    has "$body" secret
}
