#!/bin/sh
# curl.sh - builds a curl for the tests, from Debian's source package: static, and of HTTP alone.
#
#   curl.sh OUT
#
# The tests start some ten thousand of them. Debian's loads thirty libraries each time, which takes ten times as long
# as this one does from its start to its end.
set -eu

out=$1
die() {
    echo "curl: $*" >&2
    exit 1
}

mkdir -p "$(dirname "$out")"
# Its makefiles can't be in a folder with a blank.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
apt=$work/apt
# shellcheck source=common/deps/apt.sh
. "$(dirname "$0")/apt.sh"
make_apt
fetch_source curl "$work/tree"

unset MAKEFLAGS MAKELEVEL MFLAGS
absent=''
for protocol in ldap ftp file dict telnet tftp pop3 imap smb smtp gopher mqtt rtsp ntlm; do
    absent="$absent --disable-$protocol"
done
for library in ssl zlib brotli zstd libpsl libidn2 nghttp2 librtmp libssh2 libgsasl; do
    absent="$absent --without-$library"
done
(
    cd "$work/tree"
    # shellcheck disable=SC2086 # words on purpose
    CC=musl-gcc CFLAGS='-O1 -g0' LDFLAGS=-static ./configure --disable-shared --disable-manual --disable-threaded-resolver \
        --disable-dependency-tracking $absent
    make -j2 -C lib
    make -j2 -C src LDFLAGS='-all-static -s' curl
) >"$work/log" 2>&1 || die "it does not build: $(tail -n 20 "$work/log")"
cp "$work/tree/src/curl" "$out.new"
mv "$out.new" "$out"
printf '  DEP   curl for the tests: %s KB\n' "$(($(stat -c %s "$out") / 1024))"
