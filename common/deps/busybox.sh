#!/bin/sh
# busybox.sh - builds a busybox for the processor of a board, from Debian's source package, by the
# compiler that built cubby for it.
#
#   busybox.sh ARCH httpd    build/board/ARCH/httpd: the web server alone, for boards whose own busybox
#                            has none (OpenWrt's)
#   busybox.sh ARCH board    build/board/ARCH/busybox: what a small board has, for the tests: Debian has
#                            no packages for some of the processors
#
# Nothing happens when it is there.
set -eu

cd "$(dirname "$0")/../.."
arch=$1
kind=$2
die() {
    echo "busybox: $*" >&2
    exit 1
}

server='HTTPD FEATURE_HTTPD_CGI FEATURE_HTTPD_SETUID FEATURE_HTTPD_ERROR_PAGES'
case $kind in
httpd)
    out=build/board/$arch/httpd
    settings=$server
    ;;
board)
    out=build/board/$arch/busybox
    settings="$server BUSYBOX SHELL_ASH ASH ASH_OPTIMIZE_FOR_SIZE ASH_TEST ASH_ECHO ASH_PRINTF ASH_CMDCMD ASH_GETOPTS
        SH_IS_ASH FEATURE_SH_MATH INIT FEATURE_USE_INITTAB TAR FEATURE_SEAMLESS_GZ WGET AWK BASENAME CAT
        CHMOD CHOWN CP CUT DATE DIRNAME ECHO ENV GREP GUNZIP HEAD ID KILL LN LS MKDIR MKTEMP MOUNT MV PS
        READLINK RM RMDIR SED SEQ SLEEP SORT STAT TAIL TEST TOUCH TR TRUE UMOUNT UNAME WC"
    ;;
*) die "a busybox for \"$kind\" is not known" ;;
esac
[ ! -x "$out" ] || exit 0

source=build/deps/busybox
if [ ! -d "$source" ]; then
    apt=$PWD/build/deps/busybox-apt
    # shellcheck source=common/deps/apt.sh
    . common/deps/apt.sh
    make_apt
    fetch_source busybox "$PWD/$source"
    rm -rf "$apt"
fi

# shellcheck disable=SC1090
. "build/board/$arch/compiler"
export PATH
unset MAKEFLAGS MAKELEVEL MFLAGS
# Its makefiles can't be in a folder with a blank.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cp -r "$source" "$work/tree"
for word in STATIC LFS USE_BB_PWD_GRP $settings; do
    echo "s/^# CONFIG_$word is not set\$/CONFIG_$word=y/"
done >"$work/settings"
(
    cd "$work/tree"
    make allnoconfig
    sed -i -f "$work/settings" .config
    yes '' | make oldconfig
    make -j2 CC="$CC" AR="$AR" HOSTCC="${HOST_CC:-gcc}" SKIP_STRIP=y EXTRA_LDFLAGS=-s busybox_unstripped
) >"$work/log" 2>&1 || die "it does not build for $arch: $(grep -v '^  ' "$work/log" | tail -n 20)"
cp "$work/tree/busybox_unstripped" "$out.new"
mv "$out.new" "$out"
printf '  DEP   busybox for %s (%s): %s KB\n' "$arch" "$kind" "$(($(stat -c %s "$out") / 1024))"
