#!/bin/sh
# board.sh - builds cubby for the processor of a board, by a cross compiler.
#
#   board.sh ARCH        one of the names below, which are Debian's; without one they are listed
#   HOST=NAME CC=... AR=... board.sh        any other compiler; CC may have flags behind it
#
# Leaves everything under build/board/NAME: the programs in cgi-bin/ and bin/, and the archive
# build/board/cubby-VERSION-NAME.tar.gz, to be unpacked at the root of the board. It holds files
# only, owned by root: what directories are there keep their owner and mode. From the environment:
# MAKE, VERSION, and what `make install` takes.
set -eu

cd "$(dirname "$0")/../.."

triplet_of() {
    case $1 in
    armhf) echo arm-linux-gnueabihf ;;
    armel) echo arm-linux-gnueabi ;;
    arm64) echo aarch64-linux-gnu ;;
    mipsel) echo mipsel-linux-gnu ;;
    mips) echo mips-linux-gnu ;;
    riscv64) echo riscv64-linux-gnu ;;
    i386) echo i686-linux-gnu ;;
    amd64) echo x86_64-linux-gnu ;;
    ppc64el) echo powerpc64le-linux-gnu ;;
    s390x) echo s390x-linux-gnu ;;
    *) return 1 ;;
    esac
}
known='armhf armel arm64 mipsel mips riscv64 i386 amd64 ppc64el s390x'

arch=${1:-}
name=${arch:-${HOST:-}}
if [ -z "$name" ]; then
    echo "make board ARCH=NAME, where NAME is one of: $known"
    echo 'make board HOST=NAME CC=... AR=... for any other compiler; NAME is then yours to choose'
    exit 0
fi
if [ -n "$arch" ]; then
    triplet=$(triplet_of "$arch") || {
        echo "board: no processor named \"$arch\"; there are: $known" >&2
        exit 2
    }
    sh common/deps/packages.sh "board-$arch:$triplet"
    CC=$triplet-gcc
    AR=$triplet-ar
else
    : "${CC:?board: HOST needs CC, and AR}" "${AR:?board: HOST needs AR, and CC}"
fi
case $name in
*[!A-Za-z0-9._-]*)
    echo "board: \"$name\" can't be part of a file's name" >&2
    exit 2
    ;;
esac

# An archive of a board is of use to nobody if its compiler does not work: asked before all else.
target=$($CC -dumpmachine) || {
    echo "board: $CC does not run" >&2
    exit 1
}
echo "  BOARD $name ($target)"

# A build of its own: nothing of it is mixed with that of this machine.
for_board() {
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS "${MAKE:-make}" --no-print-directory -j2 \
        BUILD="build/board/$name" DEP_SOURCES=build/deps/src CC="$CC" AR="$AR" PROFILE= "$@"
}
for_board all
root=build/board/$name/root
rm -rf "$root"
for_board install DESTDIR="$PWD/$root" >/dev/null

archive=build/board/cubby-${VERSION:?}-$name.tar.gz
(cd "$root" && find . -type f | sed 's|^\./||' | LC_ALL=C sort) >"build/board/$name/files"
tar -C "$root" --owner=0 --group=0 --numeric-owner --no-recursion -czf "$archive" -T "build/board/$name/files"
echo "  DONE  $archive: $(du -sk "$root" | cut -f1) KB unpacked, $(($(stat -c %s "$archive") / 1024)) KB packed"
