#!/bin/sh
# fetch_binary.sh - fetches Debian packages of another processor and unpacks them, without installing
# anything.
#
#   fetch_binary.sh ARCH DIR PACKAGE…
#
# Leaves what the packages hold in DIR/tree, and DIR/VERSIONS, which names them. The release that this
# machine runs is looked at first, then others: no release has all processors. Exit status 3: no
# release has the packages for that processor. apt does the verifying (apt.sh).
set -eu

arch=$1
dir=$2
shift 2

die() {
    printf 'fetch: %s\n' "$*" >&2
    exit 1
}

# shellcheck source=common/deps/apt.sh
. "$(dirname "$0")/apt.sh"

rm -rf "$dir"
mkdir -p "$dir/debs"
dir=$(cd "$dir" && pwd)
apt=$dir/apt
make_apt "$arch"

# has SUITE PACKAGE: for that processor
has() { use_suite deb "$1" && APT_CONFIG=$apt/apt.conf apt-cache show --no-all-versions "$2" >/dev/null 2>&1; }

for suite in $(own_suites); do
    has "$suite" "$1" || continue
    (cd "$dir/debs" && retry env APT_CONFIG="$apt/apt.conf" apt-get -qq download "$@" >>"$apt/log" 2>&1) || {
        tail -n 5 "$apt/log" >&2
        die "could not fetch $* for $arch from $suite"
    }
    for deb in "$dir"/debs/*.deb; do
        dpkg-deb -x "$deb" "$dir/tree" || die "${deb##*/} can't be unpacked"
        echo "${deb##*/} $suite sha256:$(sha256sum <"$deb" | cut -d' ' -f1)"
    done >"$dir/VERSIONS.new"
    rm -rf "$apt" "$dir/debs"
    mv "$dir/VERSIONS.new" "$dir/VERSIONS"
    printf '  FETCH %s (%s), verified\n' "$* for $arch" "$suite"
    exit 0
done
rm -rf "$dir"
exit 3
