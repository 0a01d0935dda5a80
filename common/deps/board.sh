#!/bin/sh
# board.sh - builds cubby for the processor of a board, by a cross compiler.
#
#   board.sh ARCH        one of the names below, which are Debian's; without one they are listed
#   HOST=NAME CC=... AR=... board.sh        any other compiler; CC may have flags behind it
#   board.sh --packages ARCH                only installs the Debian packages that ARCH wants
#
# Leaves everything under build/board/NAME: the programs in cgi-bin/ and bin/, and the archive
# build/board/cubby-VERSION-NAME.tar.gz, to be unpacked at the root of the board, where `cubby-setup`
# then does the rest. It holds files only, owned by root: what directories are there keep their owner
# and mode. All endpoints are one executable with a name for each. MAKE and VERSION come from the
# environment.
set -eu
umask 022

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
# Debian's compiler with the headers and the library of musl for the same processor: half the size of
# what glibc makes. The library is Debian's; for a processor that Debian has none of, it is built from
# Debian's sources. The compiler is a program of its own that the PATH names, since a path may hold
# blanks and CC may not.
musl_compiler() {
    musl=build/deps/musl/$arch
    if [ ! -f "$musl/.ready" ]; then
        if sh common/deps/fetch_binary.sh "$arch" "$musl" musl-dev; then
            libc=$(find "$musl/tree/usr/lib" -name libc.a)
            mv "$(dirname "$libc")" "$musl/lib"
            mv "$musl/tree/usr/include/$(basename "$(dirname "$libc")")" "$musl/include"
            rm -rf "$musl/tree"
        else
            [ $? = 3 ] || exit 1
            build_musl
        fi
        mkdir -p "$musl/bin" "$musl/kernel"
        for folder in linux asm asm-generic mtd; do # the kernel's, of that processor
            for from in "/usr/$triplet/include" "/usr/include/$triplet" "/usr/include/$($triplet-gcc -print-multiarch)" /usr/include; do
                [ ! -d "$from/$folder" ] || { ln -sfn "$from/$folder" "$musl/kernel/$folder" && break; }
            done
        done
        cat >"$musl/bin/$arch-musl-gcc" <<WRAPPER
#!/bin/sh
musl=\$(cd "\$(dirname "\$0")/.." && pwd)
exec $triplet-gcc $([ "$arch" != ppc64el ] || printf '%s ' -mlong-double-64)"\$@" -nostdinc -isystem "\$musl/include" \\
    -isystem "\$($triplet-gcc -print-file-name=include)" -idirafter "\$musl/kernel" -B "\$musl/lib/" -L "\$musl/lib"
WRAPPER
        chmod 755 "$musl/bin/$arch-musl-gcc"
        touch "$musl/.ready"
    fi
    PATH=$PWD/$musl/bin:$PATH
    CC=$arch-musl-gcc
}
build_musl() {
    die() {
        echo "board: $*" >&2
        exit 1
    }
    mkdir -p "$musl"
    apt=$PWD/$musl/apt
    # shellcheck source=common/deps/apt.sh
    . common/deps/apt.sh
    make_apt
    fetch_source musl "$PWD/$musl/source"
    # Its makefile can't be in a folder with a blank.
    work=$(mktemp -d)
    (
        cd "$work"
        cp -r "$OLDPWD/$musl/source" tree
        cd tree
        CC=$triplet-gcc AR=$AR RANLIB=$triplet-ranlib ./configure --target="$triplet" --prefix=/ --disable-shared
        env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -j2 install DESTDIR="$work/out"
    ) >"$musl/log" 2>&1 || die "building musl for $arch: $(tail -n 20 "$musl/log")"
    rm -rf "${musl:?}/lib" "$musl/include" "$musl/source" "$apt"
    mv "$work/out/lib" "$work/out/include" "$musl/"
    rm -rf "$work"
    printf '  DEP   musl for %s\n' "$arch"
}
known='armhf armel arm64 mipsel mips riscv64 i386 amd64 ppc64el s390x'

if [ "${1:-}" = --list ]; then
    echo "$known"
    exit 0
fi
only_packages=''
[ "${1:-}" != --packages ] || { only_packages=yes && shift; }
[ $# -le 1 ] || {
    echo "board: one processor at a time, not \"$*\"" >&2
    exit 2
}
arch=${1:-}
name=${arch:-${HOST:-}}
if [ -z "$name" ]; then
    echo "make board ARCH=NAME, where NAME is one of: $known"
    echo 'make board HOST=NAME CC=... AR=... for any other compiler; NAME is then yours to choose'
    exit 0
fi
case $name in
[.-]* | *[!A-Za-z0-9._-]*)
    echo "board: \"$name\" can't be part of a file's name" >&2
    exit 2
    ;;
esac
if [ -n "$arch" ]; then
    triplet=$(triplet_of "$arch") || {
        echo "board: no processor named \"$arch\"; there are: $known" >&2
        exit 2
    }
    sh common/deps/packages.sh build "board-$arch:$triplet"
    [ -z "$only_packages" ] || exit 0
    CC=$triplet-gcc
    AR=$triplet-ar
    musl_compiler
else
    : "${CC:?board: HOST needs CC, and AR}" "${AR:?board: HOST needs AR, and CC}"
    sh common/deps/packages.sh build
fi

# An archive of a board is of use to nobody if its compiler does not work: asked before all else.
target=$($CC -dumpmachine) || {
    echo "board: $CC does not run" >&2
    exit 1
}
echo "  BOARD $name ($target)"

# A build of its own: nothing of it is mixed with that of this machine. The paths are those that the
# packages for boards have too; /var may be lost at a reboot.
out=build/board/$name
for_board() {
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS "${MAKE:-make}" --no-print-directory -j2 \
        BUILD="$out" DEP_SOURCES=build/deps/src CC="$CC" AR="$AR" PROFILE= MULTICALL=1 \
        PREFIX=/usr SYSCONFDIR=/etc/cubby STATEDIR=/srv/cubby "$@"
}
for_board all
root=$out/root
rm -rf "$root"
for_board install-board DESTDIR="$PWD/$root" >/dev/null
# Who builds something else for the same board finds the compiler here.
printf '%s\n' "PATH=\"$PATH\"" "CC=\"$CC\"" "AR=\"$AR\"" "TARGET=$target" >"$out/compiler"
# From a release, without apt, it is left out: then the board's own busybox must have httpd.
if command -v apt-get >/dev/null; then
    sh common/deps/busybox.sh "$name" httpd
    cp "$out/httpd" "$root/usr/lib/cubby/httpd"
fi

archive=build/board/cubby-${VERSION:?}-$name.tar.gz
: >"$root/usr/share/cubby/files"
(cd "$root" && find . -type f | sed 's|^\./||' | LC_ALL=C sort) >"$out/files"
cp "$out/files" "$root/usr/share/cubby/files"
tar -C "$root" --owner=0 --group=0 --numeric-owner --no-recursion -czf "$archive" -T "$out/files"
echo "  DONE  $archive: $(du -sk "$root" | cut -f1) KB unpacked, $(($(stat -c %s "$archive") / 1024)) KB packed"
