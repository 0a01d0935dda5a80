#!/bin/sh
# Builds one of the libraries that fetch.sh fetched, as a static library.
#
#   build.sh LIBRARY SOURCES OUT
#
# SOURCES is the directory fetch.sh filled, OUT gets include/ and lib/. CC, AR, DEP_CFLAGS and
# DEP_LDFLAGS come from the environment. Nothing in OUT counts as built before it is complete: the
# library is made in a directory of its own and moved.
#
# PROFILE names a directory for what a run of the programs tells the compiler; PROFILE_STAGE says
# whether the library is to write there (`generate`) or is laid out by what lies there (`use`).
# libxcrypt takes no part: nearly all of its time is in one loop.
#
# The path of the checkout may hold blanks and quotes, which lists of flags can't: so all of it runs
# in OUT and names the rest by links there. A makefile of others, which wants to know where it is,
# runs in `room`.
set -eu

library=$1
here=$(cd "$(dirname "$0")" && pwd)
case $library in
amalgamation) source=$(cd "$2" && pwd)/sqlite ;;
configurable) source=$(cd "$2" && pwd)/libxcrypt ;;
sqlite) source=$(cd "$2/.." && pwd)/amalgamation ;;
libxcrypt) source=$(cd "$2/.." && pwd)/amalgamation/libxcrypt ;;
*) source=$(cd "$2" && pwd)/$library ;;
esac
mkdir -p "$3"
case $library in
amalgamation | configurable) ;;
*) mkdir -p "$3/include" "$3/lib" ;;
esac
out=$(cd "$3" && pwd)
CC=${CC:-musl-gcc}
AR=${AR:-ar}
DEP_CFLAGS=${DEP_CFLAGS:--O2}
DEP_LDFLAGS=${DEP_LDFLAGS--static}
unset MAKEFLAGS MAKELEVEL MFLAGS # ours mean nothing to the makefiles of others
stage=''
[ "$library" = libxcrypt ] || stage=${PROFILE_STAGE:-}
case $stage in
generate) profile=-fprofile-update=single ;;
use) # Only what never ran counts as such.
    profile='-Wno-coverage-mismatch --param=unlikely-bb-count-fraction=10000' ;;
*) profile='' ;;
esac
if [ -n "$stage" ]; then
    mkdir -p "${PROFILE:?}"
    counts=$(cd "$PROFILE" && pwd)
fi

cd "$out"
work=.build-$library
log=$out/$work/log
rm -rf "$work"
mkdir "$work"
: >"$log"
ln -s "$source" "$work/source"
ln -s "$here" "$work/here"
source=$work/source
here=$work/here
case $out in
*[!A-Za-z0-9/._+-]*) room=$(mktemp -d) ;;
*) room=$out/$work/room && mkdir "$room" ;;
esac
trap 'rm -rf "$room"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export TMPDIR="$room" # some tools leave files there

die() {
    printf 'build: %s: %s\n' "$library" "$*" >&2
    [ ! -f "$log" ] || tail -n 20 "$log" >&2
    exit 1
}

# compile NAME FLAGS... -- FILES...: lib NAME.a of FILES. The compiler finds the profile of a function
# by the paths of source and object as they are given.
compile() {
    name=$1
    shift
    flags=''
    while [ "$1" != -- ]; do
        flags="$flags $1"
        shift
    done
    shift
    objects=''
    for file; do
        object=$work/$(printf '%s' "${file#"$work"/}" | tr '/' '_').o
        # shellcheck disable=SC2086 # flags are lists of words
        $CC -w $DEP_CFLAGS $profile ${stage:+"-fprofile-$stage=$counts" "-fprofile-prefix-path=$out"} \
            $flags -c "$file" -o "$object" >>"$log" 2>&1 || die "compiling $file"
        objects="$objects $object"
    done
    # shellcheck disable=SC2086
    $AR rcs "$work/$name.a" $objects >>"$log" 2>&1 || die 'making the library'
    mv "$work/$name.a" "lib/$name.a"
}

build_cjson() {
    mkdir -p include/cjson
    cp "$source/cJSON.h" "$source/cJSON_Utils.h" include/cjson/
    compile libcjson -- "$source/cJSON.c" "$source/cJSON_Utils.c"
}

# jansson wants two configured headers; their templates hold @marks@ that cmake or autoconf fill.
build_jansson() {
    sed -e 's/@json_inline@/inline/' -e 's/@json_have_long_long@/1/' \
        -e 's/@json_have_localeconv@/1/' -e 's/@json_have_atomic_builtins@/1/' \
        -e 's/@json_have_sync_builtins@/1/' \
        "$source/src/jansson_config.h.in" >"$work/jansson_config.h"
    ! grep -q '^#define.*@' "$work/jansson_config.h" || die 'an unknown mark in jansson_config.h.in'
    cp "$source/src/jansson.h" "$work/jansson_config.h" include/
    # As one source: the reader of JSON calls a function of another one for each byte.
    for file in "$source"/src/*.c; do
        printf '#include "%s"\n' "${file##*/}"
    done >"$work/jansson.c"
    compile libjansson -I"$work" -I"$source/src" -DHAVE_STDINT_H=1 -DHAVE_SYS_TYPES_H=1 \
        -DHAVE_UNISTD_H=1 -DHAVE_FCNTL_H=1 -DHAVE_SYS_TIME_H=1 -DHAVE_SCHED_H=1 \
        -DHAVE_GETTIMEOFDAY=1 -DHAVE_GETPID=1 -DHAVE_SCHED_YIELD=1 -DHAVE_OPEN=1 -DHAVE_READ=1 \
        -DHAVE_CLOSE=1 -DHAVE_STRTOLL=1 -DHAVE_LOCALE_H=1 -DHAVE_LOCALECONV=1 \
        -DHAVE_ATOMIC_BUILTINS=1 -DINITIAL_HASHTABLE_ORDER=3 -- "$work/jansson.c"
}

build_mbedtls() {
    rm -rf include/mbedtls include/psa
    cp -r "$source/include/mbedtls" "$source/include/psa" include/
    cp "$here/mbedtls_config.h" include/cubby_mbedtls_config.h
    lib=$source/library
    compile libmbedcrypto '-DMBEDTLS_CONFIG_FILE="cubby_mbedtls_config.h"' -Iinclude \
        -I"$lib" -- "$lib/md.c" "$lib/sha256.c" "$lib/sha512.c" "$lib/platform.c" \
        "$lib/platform_util.c" "$lib/constant_time.c" "$here/mbedtls_absent.c"
}

# The Mbed TLS backend needs no OpenSSL for symmetric keys, though the sources name it: an empty
# header and two renamings stand for it.
build_libjwt() {
    mkdir -p "$work/include/openssl"
    : >"$work/include/openssl/crypto.h"
    cat >"$work/include/config.h" <<'CONFIG'
#include <mbedtls/platform_util.h>
#define HAVE_MBEDTLS
#define OPENSSL_cleanse mbedtls_platform_zeroize
#define openssl_process_eddsa mbedtls_process_eddsa
#define openssl_process_rsa mbedtls_process_rsa
#define openssl_process_ec mbedtls_process_ec
#define openssl_process_item_free mbedtls_process_item_free
CONFIG
    cat >"$work/include/jwt_export.h" <<'EXPORT'
#define JWT_EXPORT
#define JWT_NO_EXPORT
#define JWT_DEPRECATED
#define JWT_CONSTRUCTOR __attribute__((constructor))
EXPORT
    cp "$source/include/jwt.h" "$work/include/jwt_export.h" include/
    for part in builder checker; do # one source, preprocessed twice
        # shellcheck disable=SC2086
        $CC -E -P -D"JWT_$(echo $part | tr '[:lower:]' '[:upper:]')" $DEP_CFLAGS \
            "$source/libjwt/jwt-common.c" -o "$work/include/jwt-$part.i" >>"$log" 2>&1 ||
            die "preprocessing for $part"
    done
    files=''
    for file in "$source"/libjwt/*.c "$source"/libjwt/mbedtls/*.c "$source"/libjwt/jansson/*.c; do
        case $file in
        */jwks-curl.c | */jwt-common.c) ;;
        *) files="$files $file" ;;
        esac
    done
    # shellcheck disable=SC2086
    compile libjwt '-DMBEDTLS_CONFIG_FILE="cubby_mbedtls_config.h"' -DCUBBY_MBEDTLS_DECLARE -DHAVE_CONFIG_H \
        -D_GNU_SOURCE -I"$work/include" -I"$source/include" -I"$source/libjwt" -Iinclude \
        -- $files
}

# Of the library only what serves requests, without what starts processes or stands for stdio. What it
# would tell by the name of a file and a line ends the process all the same. Five things are others than in
# the source: a head is 2 MB at most, so that none uses up the memory; a NUL in a variable becomes DEL, another
# control character, where it would end the value: the key `a` would be answered for `a\0b`; questions about
# the program (FCGI_GET_VALUES), which no web server asks, are not answered, as the answer may be longer than
# its buffer; what a record about the connection holds (its request has the number 0) is skipped, not taken for
# a part of the body; and a record that is skipped, but holds nothing, does not take the next one along.
build_fcgi() {
    mkdir -p "$work/include"
    cp "$source/include/fcgiapp.h" include/
    cat >"$work/include/fcgi_config.h" <<'CONFIG'
#include <stdlib.h>
#define HAVE_ARPA_INET_H 1
#define HAVE_LIMITS_H 1
#define HAVE_NETDB_H 1
#define HAVE_NETINET_IN_H 1
#define HAVE_SOCKLEN 1
#define HAVE_STRERROR 1
#define HAVE_SYS_PARAM_H 1
#define HAVE_SYS_SOCKET_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_UNISTD_H 1
#define ASSERT(held) ((held) ? (void)0 : abort())
CONFIG
    sed -e 's/^    int nameLen, valueLen;$/    int nameLen, valueLen, room = 2 << 20;/' \
        -e 's/^        nameValue = .*Malloc(nameLen + valueLen + 2);$/        if (nameLen > room || valueLen > room - nameLen || (room -= nameLen + valueLen + 16) < 0) {\
            SetError(stream, FCGX_PARAMS_ERROR);\
            return -1;\
        }\
&/' -e "s/^        \*(nameValue + nameLen + valueLen + 1) = '.0';\$/        for(char *at = nameValue, *end = at + nameLen + valueLen + 1; (at = memchr(at, 0, end - at)) != NULL;)\\
            *at = 0x7f;\\
&/" -e 's/^    if(type == FCGI_GET_VALUES) {$/    if(0) {/' -e 's/^    return MGMT_RECORD;$/    return SKIP;/' \
        -e 's/^                data->skip = TRUE;$/                data->skip = data->contentLen > 0;/' \
        "$source/libfcgi/fcgiapp.c" >"$work/fcgiapp.c"
    [ "$(grep -c 'room = 2 << 20;\|room -= \|= 0x7f;\|^    if(0) {\|^    return SKIP;\|skip = data->contentLen > 0' "$work/fcgiapp.c")" = 6 ] || die 'changing fcgiapp.c'
    compile libfcgi -D_GNU_SOURCE -I"$work/include" -I"$source/include" -- \
        "$work/fcgiapp.c" "$source/libfcgi/os_unix.c"
}

sqlite_omit='-DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_SHARED_CACHE
    -DSQLITE_OMIT_PROGRESS_CALLBACK -DSQLITE_OMIT_DECLTYPE -DSQLITE_OMIT_TRACE
    -DSQLITE_OMIT_AUTHORIZATION -DSQLITE_OMIT_UTF16 -DSQLITE_OMIT_JSON
    -DSQLITE_OMIT_GET_TABLE -DSQLITE_OMIT_TCL_VARIABLE -DSQLITE_OMIT_COMPLETE
    -DSQLITE_OMIT_INTROSPECTION_PRAGMAS -DSQLITE_OMIT_DATETIME_FUNCS
    -DSQLITE_OMIT_AUTOINIT -DSQLITE_OMIT_DESERIALIZE -DSQLITE_OMIT_WINDOWFUNC
    -DSQLITE_OMIT_VIRTUALTABLE'

# SQLite's sources in one file, once for all builds of it. What is left out must be left out of the
# generated parser too, so it is made here, by tools that run on this machine, hence by its own
# compiler.
build_amalgamation() {
    # shellcheck disable=SC2086,SC2116 # one line of it
    sqlite_omit=$(echo $sqlite_omit)
    cp -r "$source/" "$room/tree"
    (cd "$room" && CC=${HOST_CC:-gcc} CFLAGS=-O1 tree/configure --disable-tcl \
        --disable-readline && make sqlite3.c OPTIONS="$sqlite_omit") >>"$log" 2>&1 ||
        die 'making the amalgamation'
    mv "$room/sqlite3.h" "$room/sqlite3.c" .
}

# With a profile, what runs is made fast and the rest small. Without one all is made small: 240 KB
# less to load take no more time than the 5 % more instructions that run. Not under a sanitizer: with -Os code
# of gcc 12 gives frames of 257 to 1024 bytes never back to the stack by which uses after a return are found; it
# is full soon, for the other code too, and each call then looks through all of it.
# For libFuzzer SQLite's own branches are not counted: they say nothing of our inputs, and an execution of a whole
# request takes a fifth of the time without. Checks of addresses by calls halve what clang needs for the file.
build_sqlite() {
    cp "$source/sqlite3.h" include/
    case $stage$DEP_CFLAGS in
    *=fuzzer-no-link,*)
        DEP_CFLAGS=$(printf '%s' "$DEP_CFLAGS" | sed 's/=fuzzer-no-link,/=/')
        profile='-mllvm -asan-instrumentation-with-call-threshold=0'
        ;;
    generate* | use* | *-fsanitize*) ;;
    *) profile=-Os ;;
    esac
    # shellcheck disable=SC2086
    compile libsqlite3 $sqlite_omit -DSQLITE_THREADSAFE=0 -DSQLITE_DEFAULT_MEMSTATUS=0 \
        -DSQLITE_DEFAULT_SYNCHRONOUS=3 -DSQLITE_SECURE_DELETE -DSQLITE_DQS=0 \
        -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_USE_ALLOCA -DSQLITE_MAX_EXPR_DEPTH=0 \
        -DSQLITE_MAX_MMAP_SIZE=0 -DSQLITE_DEFAULT_LOOKASIDE=0,0 -DSQLITE_DEFAULT_PCACHE_INITSZ=0 \
        -DSQLITE_TEMP_STORE=2 -DHAVE_USLEEP=1 -DHAVE_NANOSLEEP=1 -DHAVE_FDATASYNC=1 \
        -DHAVE_MALLOC_H=1 -DHAVE_MALLOC_USABLE_SIZE=1 -DHAVE_STRCHRNUL=1 -DHAVE_PREAD=1 \
        -DHAVE_PWRITE=1 -D_GNU_SOURCE -- "$source/sqlite3.c"
}

# Where the kernel's headers for the target are, if the compiler does not know (musl-gcc does not):
# a folder of links, so that nothing else of the C library's is found there. The target's own `asm`,
# or none: the host's would be wrong on another processor.
kernel_headers() {
    printf '#include <linux/mman.h>\n' | $CC -E - >/dev/null 2>&1 && return 0
    mkdir -p "$room/kernel"
    for folder in linux asm-generic; do
        ln -s "/usr/include/$folder" "$room/kernel/$folder"
    done
    for folder in "/usr/$target/include/asm" "/usr/include/$target/asm" \
        "/usr/include/$($CC -print-multiarch 2>/dev/null)/asm"; do
        if [ -d "$folder" ]; then
            ln -s "$folder" "$room/kernel/asm"
            break
        fi
    done
    kernel="-idirafter $room/kernel"
}

# libxcrypt's sources with what autoreconf adds, once for all builds of it. autoreconf works in the tree, so
# on a copy; a release carries what it makes.
build_configurable() {
    cp -rp "$source/" "$room/tree"
    [ -x "$room/tree/configure" ] || (cd "$room/tree" && autoreconf -fi) >>"$log" 2>&1 || die 'autoreconf'
    rm -rf "$room/tree/autom4te.cache" libxcrypt
    mv "$room/tree" libxcrypt
}

build_libxcrypt() {
    cp -rp "$source/" "$room/tree"
    # CC may be a name with flags behind it, or clang with --target: the compiler is asked.
    target=$($CC -dumpmachine) || die "$CC does not run"
    host=''
    [ "$target" = "$(${HOST_CC:-gcc} -dumpmachine 2>/dev/null)" ] || host="--host=$target"
    kernel=''
    kernel_headers
    (
        cd "$room/tree"
        # shellcheck disable=SC2086
        CC="$CC $kernel" CFLAGS="$DEP_CFLAGS" LDFLAGS="$DEP_LDFLAGS" ./configure $host --disable-shared \
            --enable-static --disable-werror --disable-failure-tokens --disable-obsolete-api \
            --disable-xcrypt-compat-files \
            --enable-hashes=yescrypt,gost_yescrypt,scrypt,bcrypt,bcrypt_y,bcrypt_a,sha512crypt,sha256crypt
        make -j2 libcrypt.la
    ) >>"$log" 2>&1 || die 'configure and make'
    cp "$room/tree/crypt.h" include/
    cp "$room/tree/.libs/libcrypt.a" "$work/libcrypt.a"
    mv "$work/libcrypt.a" lib/libcrypt.a
}

start=$(date +%s)
"build_$library"
printf '  DEP   %-10s %3ss\n' "$library" "$(($(date +%s) - start))"
rm -rf "$work"
touch ".$library"
