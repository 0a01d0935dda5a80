# fetch.bats - what the build fetches is what apt's signed index names, from a mirror of the test's own.

load system

# A mirror with one source package and one binary package, whose index is signed by a key of its own. REFUSED
# names the files whose first $times answers have other bytes than the index says.
make_mirror() {
    mirror=$BATS_TEST_TMPDIR/mirror
    mkdir -p "$mirror/pool" "$mirror/dists/stable/main/source" "$mirror/dists/stable/main/binary-armhf"
    cd "$mirror" || return 1
    mkdir thing-1.2
    echo right >thing-1.2/says
    tar -cf pool/thing_1.2.orig.tar.xz thing-1.2
    mkdir -p deb/DEBIAN deb/usr/lib
    echo right >deb/usr/lib/says
    printf '%s\n' 'Package: thing-dev' 'Version: 1:1.2-1' 'Architecture: armhf' 'Maintainer: A <a@example.org>' \
        'Description: x' >deb/DEBIAN/control
    dpkg-deb -Znone -b deb "pool/thing-dev_1.2-1_armhf.deb" >/dev/null
    printf '%s\n' 'Format: 3.0 (quilt)' 'Source: thing' 'Version: 1.2-1' >pool/thing_1.2-1.dsc
    echo x >pool/thing_1.2-1.debian.tar.xz
    {
        printf '%s\n' 'Package: thing' 'Binary: thing-dev' 'Version: 1.2-1' 'Maintainer: A <a@example.org>' \
            'Architecture: any' 'Format: 3.0 (quilt)' 'Directory: pool' 'Files:'
        for file in pool/thing_1.2*; do echo " $(md5sum <"$file" | cut -d' ' -f1) $(stat -c %s "$file") ${file#*/}"; done
        echo 'Checksums-Sha256:'
        for file in pool/thing_1.2*; do echo " $(sha256sum <"$file" | cut -d' ' -f1) $(stat -c %s "$file") ${file#*/}"; done
    } >dists/stable/main/source/Sources
    {
        cat deb/DEBIAN/control
        file=pool/thing-dev_1.2-1_armhf.deb
        printf '%s\n' "Filename: $file" "Size: $(stat -c %s "$file")" "SHA256: $(sha256sum <"$file" | cut -d' ' -f1)"
    } >dists/stable/main/binary-armhf/Packages
    cd dists/stable || return 1
    {
        printf '%s\n' 'Origin: test' 'Suite: stable' 'Codename: stable' 'Architectures: armhf' 'Components: main' \
            "Date: $(LC_ALL=C date -Ru)" 'SHA256:'
        for file in main/*/*; do echo " $(sha256sum <"$file" | cut -d' ' -f1) $(stat -c %s "$file") $file"; done
    } >Release
    # The folder of an agent's socket may not have a long path.
    GNUPGHOME=$(mktemp -d)
    export GNUPGHOME
    gpg --batch --quiet --passphrase '' --quick-generate-key 'test <test@example.org>' rsa3072 sign never 2>/dev/null
    gpg --batch --quiet --clearsign -o InRelease Release
    gpg --batch --quiet --export >"$BATS_TEST_TMPDIR/key.gpg"
    gpgconf --kill all
    rm -rf "$GNUPGHOME"
    unset GNUPGHOME
    cd "$BATS_TEST_TMPDIR" || return 1
}

# serve_mirror TIMES: each file of the pool has other bytes at its first TIMES requests; leaves $port.
serve_mirror() {
    cat >"$BATS_TEST_TMPDIR/mirror.js" <<'JS'
const [, , root, times, ready] = process.argv;
const fs = require('fs');
const asked = {};
const server = require('http').createServer((request, answer) => {
    const path = root + decodeURIComponent(request.url).replace(/^\/debian/, '');
    if (path.includes('..') || !fs.existsSync(path) || !fs.statSync(path).isFile()) {
        answer.writeHead(404).end();
        return;
    }
    let bytes = fs.readFileSync(path);
    if (request.url.includes('/pool/')) {
        asked[path] = (asked[path] || 0) + 1;
        if (asked[path] <= Number(times)) bytes = fs.readFileSync(root + '/other' + path.slice(path.lastIndexOf('.')));
    }
    answer.writeHead(200, {'Content-Length': bytes.length}).end(bytes);
});
server.listen(0, '127.0.0.1', () => {
    fs.writeFileSync(ready + '.new', String(server.address().port));
    fs.renameSync(ready + '.new', ready);
});
JS
    # Archives that can be unpacked, as large as the right ones: not compressed.
    (
        cd "$mirror" || return 1
        mkdir -p wrong/thing-1.2
        echo wrong >wrong/thing-1.2/says
        tar -C wrong -cf other.xz thing-1.2
        echo wrong >deb/usr/lib/says
        dpkg-deb -Znone -b deb other.deb >/dev/null
        for pair in other.xz:pool/thing_1.2.orig.tar.xz other.deb:pool/thing-dev_1.2-1_armhf.deb; do
            same "$(stat -c %s "${pair%:*}")" "$(stat -c %s "${pair#*:}")"
        done
    )
    rm -f "$BATS_TEST_TMPDIR/ready"
    timeout 3000 node "$BATS_TEST_TMPDIR/mirror.js" "$mirror" "$1" "$BATS_TEST_TMPDIR/ready" 3>&- &
    server=$!
    eventually test -e "$BATS_TEST_TMPDIR/ready"
    port=$(cat "$BATS_TEST_TMPDIR/ready")
    # The machine's own configuration names that mirror; all else is apt's.
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\n[ "$1" != indextargets ] || exec echo http://127.0.0.1:%s/debian/\nexec %s "$@"\n' \
        "$port" "$(PATH=/usr/bin:/bin command -v apt-get)" >"$BATS_TEST_TMPDIR/bin/apt-get"
    chmod 755 "$BATS_TEST_TMPDIR/bin/apt-get"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
    # The scripts as they are, but for the key and the release.
    rm -rf "$BATS_TEST_TMPDIR/deps"
    cp -r "$root/common/deps" "$BATS_TEST_TMPDIR/deps"
    sed -i -e "s|^keyring=.*|keyring=$BATS_TEST_TMPDIR/key.gpg|" -e 's|^own_suites() {|& echo stable; return; |' "$BATS_TEST_TMPDIR/deps/apt.sh"
    unset http_proxy
}

teardown() {
    [ -z "${server:-}" ] || kill "$server"
}

# What the scripts that build busybox, curl and musl do.
fetch_thing() {
    cat >"$BATS_TEST_TMPDIR/deps/thing.sh" <<'SH'
set -eu
die() {
    echo "thing: $*" >&2
    exit 1
}
apt=$1/apt
. "$(dirname "$0")/apt.sh"
make_apt
fetch_source thing "$1/tree"
SH
    sh "$BATS_TEST_TMPDIR/deps/thing.sh" "$BATS_TEST_TMPDIR/made"
}

@test "fetching sources: an archive that apt refused is not unpacked; the right one is, by the next try" {
    make_mirror
    serve_mirror 1
    run fetch_thing
    same "$status" 0
    has "$output" 'sources of thing 1.2-1 (stable), verified'
    same "$(cat "$BATS_TEST_TMPDIR/made/tree/says")" right
}

@test "fetching sources: what never is as the index says is not unpacked at all, and said" {
    make_mirror
    serve_mirror 1000
    run fetch_thing
    same "$status" 1
    has "$output" "thing: the sources of thing can't be fetched"
    has "$output" 'Hash Sum mismatch'
    case $output in *verified*) fail "$output" ;; esac
    [ ! -e "$BATS_TEST_TMPDIR/made/tree" ]
}

@test "fetching the libraries: the same, and VERSIONS names the archive that was unpacked" {
    make_mirror
    serve_mirror 1
    sed -i -e "/^libraries='/,/^'/c libraries='thing thing 1.0'" "$BATS_TEST_TMPDIR/deps/fetch.sh"
    run sh "$BATS_TEST_TMPDIR/deps/fetch.sh" "$BATS_TEST_TMPDIR/src"
    same "$status" 0
    has "$output" 'thing 1.2-1 (stable), verified'
    same "$(cat "$BATS_TEST_TMPDIR/src/thing/says")" right
    same "$(grep -v '^#' "$BATS_TEST_TMPDIR/src/VERSIONS")" \
        "thing 1.2-1 stable thing_1.2.orig.tar.xz sha256:$(sha256sum <"$mirror/pool/thing_1.2.orig.tar.xz" | cut -d' ' -f1)"
    same "$(cd "$BATS_TEST_TMPDIR/src" && find . -type f | sort | tr '\n' ' ')" './VERSIONS ./archives/thing_1.2.orig.tar.xz ./thing/says '
}

@test "fetching packages of another processor: the same" {
    make_mirror
    serve_mirror 1
    run sh "$BATS_TEST_TMPDIR/deps/fetch_binary.sh" armhf "$BATS_TEST_TMPDIR/musl" thing-dev
    same "$status" 0
    has "$output" 'thing-dev for armhf (stable), verified'
    same "$(cat "$BATS_TEST_TMPDIR/musl/tree/usr/lib/says")" right
    has "$(cat "$BATS_TEST_TMPDIR/musl/VERSIONS")" "sha256:$(sha256sum <"$mirror/pool/thing-dev_1.2-1_armhf.deb" | cut -d' ' -f1)"
    kill "$server"
    serve_mirror 1000
    run sh "$BATS_TEST_TMPDIR/deps/fetch_binary.sh" armhf "$BATS_TEST_TMPDIR/musl" thing-dev
    same "$status" 1
    has "$output" 'fetch: could not fetch thing-dev for armhf from stable'
    [ ! -e "$BATS_TEST_TMPDIR/musl/tree" ]
}
