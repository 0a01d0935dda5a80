#!/bin/sh
# libc.sh - names the C library that musl-gcc links programs with, which is the machine's and not fetched:
# a line for the list of libraries, with the checksum of what is linked.
#
# usage: libc.sh [FILE]     the file of the library alone, or with FILE its line
set -eu

folder=$(sed -n 's/.*-specs "\(.*\)\/musl-gcc.specs".*/\1/p' "$(command -v musl-gcc)")
if [ $# = 0 ]; then
    echo "$folder/libc.a"
    exit
fi
package=$(dpkg-query -S "$1" 2>/dev/null | cut -d: -f1 || true)
version=$([ -z "$package" ] || dpkg-query -W -f '${Version}\n' "$package" | head -n 1)
printf '# musl %s of the package %s on this machine, libc.a sha256:%s\n' "${version:-unknown}" "${package:-unknown}" \
    "$(sha256sum "$1" | cut -d' ' -f1)"
