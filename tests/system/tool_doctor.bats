#!/usr/bin/env bats
# cubby doctor: what it says of web servers that are set up well, and badly.

load tool

setup() {
    note_test_alone
    PATH=${PATH//"$root/build/deps/curl:"/}:/usr/sbin:/sbin # the tool starts the curl of the machine
    folder=$(mktemp -d "${TMPDIR:-/tmp}/cubby-doctor.XXXXXX")
    chmod 755 "$folder"
    server=''
    gateway=''
}

teardown() {
    stop_gateway
    [ -z "$server" ] || kill "$server" 2>/dev/null || true # it may have ended
    [ -z "$server" ] || eventually process_gone "$server"
    rm -rf "$folder"
}

# place_own FOLDER [OPTION…]: settings for database and keys in FOLDER, made by init with these
# options; else for who runs this.
place_own() {
    home=$1
    conf=$folder/cubby.conf
    shift
    printf '%s\n' "database = $home/cubby.db" "keys = $home/keys.json" 'password_cost = 1' >"$conf"
    chmod 644 "$conf"
    export CUBBY_CONF=$conf
    "$TOOL" init "$@" >/dev/null
}

# place FOLDER: the same for the user that servers run programs as.
place() {
    if is_root; then
        place_own "$1" --owner www-data
    else
        place_own "$1"
    fi
}

# apache LINE…: an Apache whose pages lie in $folder/www, and programs in $folder/api with these
# lines for them; sets $address.
apache() {
    mkdir -p "$folder/api" "$folder/www" "$folder/run"
    cp "$PROGRAMS"/* "$folder/api"
    local modules=/usr/lib/apache2/modules name
    for _ in 1 2 3 4 5 6 7 8; do
        port=$(free_port)
        {
            for name in mpm_event authz_core alias env mime dir cgid; do
                echo "LoadModule ${name}_module $modules/mod_$name.so"
            done
            printf '%s\n' "ServerRoot $folder/run" "DefaultRuntimeDir $folder/run" "PidFile $folder/run/pid" \
                "ScriptSock $folder/run/cgid" 'Mutex pthread' "Listen 127.0.0.1:$port" 'ServerName localhost' \
                "ErrorLog $folder/run/log" 'TypesConfig /dev/null' "DocumentRoot $folder/www" \
                "SetEnv CUBBY_CONF $CUBBY_CONF" "ScriptAlias /api/ $folder/api/" "<Directory $folder>" \
                'Require all granted' '</Directory>' "<Directory $folder/api>" "$@" '</Directory>'
            ! is_root || printf '%s\n' 'User www-data' 'Group www-data'
        } >"$folder/apache.conf"
        rm -f "$folder/run/pid"
        apache2 -d "$folder/run" -f "$folder/apache.conf" -DFOREGROUND 3>&- 2>"$folder/run/output" &
        server=$!
        address=http://127.0.0.1:$port/api
        for _ in $(seq 900); do
            kill -0 "$server" 2>/dev/null || break
            # It writes the file once the port is its own: what answers there may be another's.
            if [ -s "$folder/run/pid" ] && curl -s -o "$folder/run/health" "$address/health"; then return 0; fi
            sleep 0.1
        done
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true # it takes the file of its number along
        server=''
    done
    cat "$folder/run/output"
    return 1
}

# tls_apache: the same behind TLS, with a certificate for api.example.org alone, which is in
# $folder/run/certificate.
tls_apache() {
    mkdir -p "$folder/run"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=api.example.org \
        -addext subjectAltName=DNS:api.example.org -keyout "$folder/run/key" -out "$folder/run/certificate" 2>/dev/null
    apache 'CGIPassAuth On' '</Directory>' 'LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so' \
        'SSLEngine On' "SSLCertificateFile $folder/run/certificate" "SSLCertificateKeyFile $folder/run/key" '<Directory /nowhere>'
    address=https://127.0.0.1:$port/api
}

# served_by_run SERVER: by the script that `make run` calls; sets $address.
served_by_run() {
    mkdir -m 700 "$folder/data"
    SERVER=$1 PORT=0 DATA=$folder/data READY=$folder/ready sh "$RUN_SH" >"$folder/log" 2>&1 3>&- &
    server=$!
    eventually [ -f "$folder/ready" ]
    address=$(cat "$folder/ready")
    conf=$folder/cubby.conf
    printf '%s\n' "database = $folder/data/cubby.db" "keys = $folder/data/keys.json" >"$conf"
    export CUBBY_CONF=$conf
}

# state CHECK: what the doctor said of it
state() { of ".checks[] | select(.check == \"$1\") | .state"; }

@test "doctor: nothing to complain of under Apache as make run sets it up" {
    served_by_run apache
    tool 0 doctor "$address" --json
    same "$(of '[.checks[] | select(.state != "ok")] | length')" 0
    same "$(of '[.checks[].check] | sort | join(" ")')" \
        'authorization clock database empty-segments files health if-match if-none-match keys login mode override post programs put sandbox slashes'
    tool 0 doctor "$address/"
    case $output in *'0 problems') ;; *) fail 'no conclusion' ;; esac
    same "$(sqlite3 "$folder/data/cubby.db" 'SELECT COUNT(*) FROM items')" 0
}

@test "doctor: knows whether programs stay, and names the one of which no process is left" {
    served_by_run apache
    tool 0 doctor "$address" --json
    same "$(state mode) $(state programs)" 'ok ok'
    about mode 'a process for each request'
    kill "$server"
    wait "$server" || true
    rm -rf "$folder/data" "$folder/ready"
    served_by_run nginx
    tool 0 doctor "$address" --json
    same "$(of '[.checks[] | select(.state != "ok")] | length')" 0
    about mode 'stay between requests (FastCGI)'
    same "$(curl -s "$address/health" | jq -r .data.mode)" fastcgi
    loop_is_past_start "$(server_of_run "$server")"
    # cubby-loop of this program, and what it keeps
    # shellcheck disable=SC2046 # numbers
    kill -KILL $(pgrep -s "$(server_of_run "$server")" -f '/cgi-bin/changes( |$)') 2>/dev/null || true
    # nginx may first find a connection that it has kept broken
    unreached() { [ "$(curl -s -o "$BATS_TEST_TMPDIR/unreached" -w '%{http_code}' "$address/changes")" = 503 ]; }
    eventually unreached
    tool 1 doctor "$address" --json
    same "$(state mode) $(state programs) $(state health)" 'ok problem ok'
    about programs 'do not answer: /changes (503)'
    about programs "systemctl status 'cubby-*'"
    about programs 'cubby-loop run'
}

@test "doctor: busybox cuts bodies of PUT short, which is noted and no problem" {
    served_by_run busybox
    tool 0 doctor "$address" --json
    same "$(state put) $(state post) $(state authorization) $(state slashes) $(state empty-segments)" 'note ok ok note note'
    same "$(state override) $(state if-match) $(state if-none-match)" 'ok ok note'
    case $(of '.checks[] | select(.check == "if-none-match") | .remedy') in *'?if_none_match='*) ;; *) fail 'no remedy' ;; esac
    case $(of '.checks[] | select(.check == "put") | .remedy') in *X-HTTP-Method-Override*) ;; *) fail 'no remedy' ;; esac
}

@test "doctor: an Apache that keeps the Authorization header to itself, and one that does not" {
    place "$folder/data"
    apache 'CGIPassAuth Off'
    tool 1 doctor "$address" --json
    same "$(of .ok) $(state authorization) $(state post)" 'false problem ok'
    case $(of '.checks[] | select(.check == "authorization") | .remedy') in *'CGIPassAuth On'*) ;; *) fail 'no remedy' ;; esac
    same "$(state override) $(state if-match) $(state if-none-match)" 'ok note '
    kill "$server"
    wait "$server" || true
    apache 'CGIPassAuth On'
    tool 0 doctor "$address" --json
    same "$(state authorization) $(state slashes)" 'ok note'
}

# about CHECK WORDS: what the doctor said of it has the words, in message or remedy.
about() {
    local said
    said=$(of ".checks[] | select(.check == \"$1\") | .message + \" \" + .remedy")
    case $said in *"$2"*) ;; *) fail "$1: $said" ;; esac
}

@test "doctor: names each header that the server swallows, and no other" {
    place_own "$folder/data"
    gateway
    tool 0 doctor "$address" --json
    same "$(of '[.checks[] | select(.state != "ok" and .check != "user")] | length')" 0
    stop_gateway
    gateway --drop if-match
    tool 1 doctor "$address" --json
    same "$(state if-match) $(state if-none-match) $(state override) $(state authorization)" 'problem ok ok ok'
    about if-match 'keeps the If-Match header'
    about if-match '?if_match='
    stop_gateway
    gateway --drop if-none-match
    tool 0 doctor "$address" --json
    same "$(state if-match) $(state if-none-match) $(state override) $(state authorization)" 'ok note ok ok'
    about if-none-match 'keeps the If-None-Match header'
    stop_gateway
    gateway --drop x-http-method-override
    tool 0 doctor "$address" --json
    same "$(state if-match) $(state if-none-match) $(state override) $(state post) $(state put)" 'ok ok note ok ok'
    about override 'keeps the X-HTTP-Method-Override header'
    case $output in *LimitRequestBody*) fail 'blames a limit' ;; esac
    stop_gateway
    # All at once, as an old thttpd.
    gateway --drop if-match --drop if-none-match --drop x-http-method-override
    tool 1 doctor "$address" --json
    same "$(state if-match) $(state if-none-match) $(state override) $(state post)" 'problem note note ok'
    stop_gateway
    gateway --drop authorization
    tool 1 doctor "$address" --json
    same "$(state authorization) $(state if-match) $(state if-none-match) $(state override)" 'problem note  ok'
    about if-match 'no token reaches the programs'
    same "$(sqlite3 "$folder/data/cubby.db" 'SELECT (SELECT COUNT(*) FROM items) + (SELECT COUNT(*) FROM users)')" 0
}

@test "doctor: PUT cut short is a problem where the override is swallowed too" {
    place_own "$folder/data"
    gateway --cut PUT
    tool 0 doctor "$address" --json
    same "$(state put) $(state override)" 'note ok'
    stop_gateway
    gateway --cut PUT --drop x-http-method-override
    tool 1 doctor "$address" --json
    same "$(state put) $(state override) $(state post)" 'problem note ok'
    about put 'swallows X-HTTP-Method-Override too'
}

@test "doctor: empty variables for headers that were not sent, as of uhttpd, are no trouble" {
    place_own "$folder/data"
    gateway --software uhttpd --empty if-match --empty if-none-match --empty x-http-method-override \
        --empty authorization --empty content-length --empty content-type
    tool 0 doctor "$address" --json
    same "$(of '[.checks[] | select(.state != "ok" and .check != "user")] | length')" 0
}

@test "doctor: a web server at a Unix socket, which tells no address, until trusted_proxies names who connects to it" {
    place_own "$folder/data"
    local peer
    for peer in unix: /run/web.sock @; do
        sed -i '/^trusted_proxies/d' "$conf"
        gateway --peer "$peer" --forwarded 192.0.2.9
        tool 0 doctor "$address" --json
        same "$(state client)" note
        about client 'is unix: there'
        printf '%s\n' 'trusted_proxies = 10.0.0.1 unix:' >>"$conf"
        tool 0 doctor "$address" --json
        same "$(state client)" ''
        stop_gateway
    done
    gateway --forwarded 192.0.2.9
    tool 0 doctor "$address" --json
    same "$(state client)" ''
}

@test "doctor: programs that use other keys than the tool" {
    place_own "$folder/data"
    gateway
    cp "$conf" "$folder/other.conf"
    "$TOOL" key rotate --yes >/dev/null
    sed -i "s|^keys = .*|keys = $folder/other.json|" "$folder/other.conf"
    jq '.keys[0].kid = "other"' "$home/keys.json" >"$folder/other.json"
    chmod 600 "$folder/other.json"
    tool 1 -c "$folder/other.conf" doctor "$address" --json
    same "$(state if-match) $(state if-none-match)" 'problem problem'
    about if-match "do not take a token signed by the keys in $folder/other.json"
    rm "$folder/other.json"
    tool 1 -c "$folder/other.conf" doctor "$address" --json
    same "$(state if-match)" note
    about if-match "the keys can't be read"
}

@test "doctor: programs that run as root are noted where it can be seen" {
    place "$folder/data"
    gateway
    if is_root; then
        # The gateway runs them as its own user, who makes a file beside the database of www-data.
        tool 1 doctor "$address" --json
        same "$(state user)" note
        about user "run as root, as $home/cubby.db-hashes shows"
        chown www-data "$home"/*
        tool 0 doctor "$address" --json
        same "$(state user)" ''
        # Who else could write to a file that only root may write to?
        chown root "$home" "$home"/*
        tool 0 doctor "$address" --json
        about user "run as root, as $home/cubby.db shows"
    else
        tool 0 doctor "$address" --json
        same "$(state user)" ''
    fi
}

@test "doctor: database and keys that anybody can fetch" {
    mkdir -p "$folder/www/private"
    place "$folder/www/private/data"
    # As a careless operator would do it: the server may read what it must serve.
    chmod 755 "$home"
    chmod 644 "$home/cubby.db" "$home/keys.json"
    apache 'CGIPassAuth On'
    tool 1 doctor "$address" --json
    same "$(state database) $(state keys) $(state files)" 'problem problem problem
problem'
    case $(of '.checks[] | select(.check == "database") | .message') in *'/private/data/cubby.db') ;; *) fail 'no address' ;; esac
    case $output in *"$(jq -r '.keys[0].k' "$home/keys.json")"*) fail 'shows a key' ;; esac
}

@test "doctor: programs that are sent as files, missing, or without a database" {
    place "$folder/data"
    apache 'CGIPassAuth On' 'SetHandler default-handler'
    tool 1 doctor "$address" --json
    same "$(state health)" problem
    case $(of '.checks[] | select(.check == "health") | .remedy') in *'as a file'*) ;; *) fail 'not told' ;; esac
    tool 1 doctor "${address%/api}/nothing" --json
    case $(of '.checks[] | select(.check == "health") | .message') in *404*) ;; *) fail 'not told' ;; esac
    kill "$server"
    wait "$server" || true
    apache 'CGIPassAuth On'
    mv "$home/cubby.db" "$home/away.db"
    tool 1 doctor "$address" --json
    same "$(state health) $(state login)" 'problem problem'
    tool 1 doctor "$address" --host 'wrong.example' --json
}

@test "doctor: a limit of the server that is too low for bodies" {
    place "$folder/data"
    apache 'CGIPassAuth On' 'LimitRequestBody 50000'
    tool 1 doctor "$address" --json
    same "$(state post) $(state put) $(state authorization)" 'problem problem ok'
}

@test "doctor: https, by the program curl, for the name of the certificate" {
    place "$folder/data"
    tls_apache
    export CURL_CA_BUNDLE=$folder/run/certificate
    tool 0 doctor "$address" --host api.example.org --json
    same "$(of '[.checks[].state] | unique | join(" ")')" 'note ok'
    same "$(of '[.checks[] | select(.state == "note") | .check] | join(" ")')" 'slashes empty-segments'
    same "$(of '[.checks[].check] | sort | join(" ")')" \
        'authorization clock database empty-segments files health if-match if-none-match keys login mode override post programs put sandbox slashes'
    # Whatever the operator has set for curl otherwise.
    printf '%s\n' 'header = "Authorization: x"' 'url = "http://127.0.0.1:1/"' >"$folder/.curlrc"
    HOME=$folder https_proxy=http://127.0.0.1:1 tool 0 doctor "$address" --host api.example.org
    tool 1 doctor "$address" --json
    same "$(state health) $(state files)" 'problem ok'
    case $(of '.checks[0].message') in *certificate*) ;; *) fail 'does not say that the name is wrong' ;; esac
    CURL_CA_BUNDLE='' tool 1 doctor "$address" --host api.example.org --json
    case $(of '.checks[0].message') in *certificate*) ;; *) fail 'trusts whatever comes' ;; esac
    tool 1 doctor https://127.0.0.1:1/api --json
    case $(of '.checks[0].message') in *onnect*) ;; *) fail 'does not say that nobody is there' ;; esac
}

@test "doctor: https without curl says what to do" {
    place "$folder/data"
    mkdir "$folder/empty"
    run --separate-stderr env PATH="$folder/empty" "$TOOL" doctor https://127.0.0.1/api
    same "$status" 1
    case $output in *'curl, which is not installed'*) ;; *) fail 'does not name it' ;; esac
}

@test "doctor: nobody there, and addresses that are none" {
    place "$folder/data"
    tool 1 doctor http://127.0.0.1:1/api --json
    same "$(state health) $(state files)" 'problem ok'
    for bad in 127.0.0.1/api ftp://127.0.0.1/api https:// http:// http://:80/ http://h:0/ http://h:99999/ 'http://h/a b' http://u@h/; do
        tool 2 doctor "$bad"
    done
    tool 2 doctor
    tool 2 doctor http://127.0.0.1/ --host $'a\r\nb'
}

@test "doctor: a server that answers nonsense, slowly, or too much is no trouble for it" {
    place "$folder/data"
    # shellcheck disable=SC2016 # a program of JavaScript
    node -e '
        const answers = ["HTTP/1.1 200 OK\r\n\r\n", "nonsense\r\n\r\n", "HTTP/1.1 2", "",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n{", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n" + "x".repeat(1000000), "HTTP/1.1 200 OK\r\n\r\n{\"data\":7}", "HTTP/1.1 200 OK\r\n\r\n{\"data\":{\"version\":\"%s%n\\u0007\"}}",
            "\0\0\0\0", "HTTP/1.1 999 \r\nServer\r\n:\r\n\r\n"];
        let number = 0;
        const server = require("net").createServer((socket) => {
            socket.on("error", () => {});
            socket.once("data", () => socket.end(answers[number++ % answers.length]));
        });
        server.listen(0, "127.0.0.1", () => console.log(server.address().port));
        setTimeout(() => process.exit(0), 600000);
        ' >"$folder/port" 3>&- &
    server=$!
    eventually [ -s "$folder/port" ]
    for _ in $(seq 12); do
        tool 1 doctor "http://127.0.0.1:$(cat "$folder/port")/api" --json
        same "$(of .ok)" false
    done
    shown=''
    for _ in $(seq 12); do
        tool 1 doctor "http://127.0.0.1:$(cat "$folder/port")/api"
        shown+=$output
    done
    case $shown in *$'\a'*) fail 'shown as it is' ;; *'%s%n?'*) ;; *) fail 'not shown' ;; esac
}
