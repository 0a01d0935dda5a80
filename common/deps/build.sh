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
set -eu

library=$1
here=$(cd "$(dirname "$0")" && pwd)
case $library in
amalgamation) source=$(cd "$2" && pwd)/sqlite ;;
sqlite) source=$(cd "$2/.." && pwd)/amalgamation ;;
*) source=$(cd "$2" && pwd)/$library ;;
esac
mkdir -p "$3"
[ "$library" = amalgamation ] || mkdir -p "$3/include" "$3/lib"
out=$(cd "$3" && pwd)
work=$out/.build-$library
CC=${CC:-musl-gcc}
AR=${AR:-ar}
DEP_CFLAGS=${DEP_CFLAGS:--O2}
DEP_LDFLAGS=${DEP_LDFLAGS--static}
unset MAKEFLAGS MAKELEVEL MFLAGS # ours mean nothing to the makefiles of others
log=$work/log
export TMPDIR=$work # some tools leave files there
stage=''
[ "$library" = libxcrypt ] || stage=${PROFILE_STAGE:-}
PROFILE=${PROFILE:-}
case $stage in
generate) profile="-fprofile-generate=$PROFILE -fprofile-update=single -fprofile-prefix-path=$out" ;;
use) # Only what never ran counts as such.
    profile="-fprofile-use=$PROFILE -fprofile-prefix-path=$out -Wno-coverage-mismatch
        --param=unlikely-bb-count-fraction=10000" ;;
*) profile='' ;;
esac

die() {
    printf 'build: %s: %s\n' "$library" "$*" >&2
    [ ! -f "$log" ] || tail -n 20 "$log" >&2
    exit 1
}

# compile NAME FLAGS... -- FILES...: lib NAME.a of FILES. Works in OUT: the compiler finds the profile
# of a function by the paths of source and object as they were given.
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
        object=.build-$library/$(printf '%s' "${file#"$work"/}" | tr '/' '_').o
        # shellcheck disable=SC2086 # flags are lists of words
        (cd "$out" && $CC -w $DEP_CFLAGS $profile $flags -c "$file" -o "$object") >>"$log" 2>&1 ||
            die "compiling $file"
        objects="$objects $object"
    done
    rm -f "$work/$name.a"
    # shellcheck disable=SC2086
    (cd "$out" && $AR rcs "$work/$name.a" $objects) >>"$log" 2>&1 || die 'making the library'
    mv "$work/$name.a" "$out/lib/$name.a"
}

build_cjson() {
    mkdir -p "$out/include/cjson"
    cp "$source/cJSON.h" "$source/cJSON_Utils.h" "$out/include/cjson/"
    compile libcjson -- "$source/cJSON.c" "$source/cJSON_Utils.c"
}

# jansson wants two configured headers; their templates hold @marks@ that cmake or autoconf fill.
build_jansson() {
    sed -e 's/@json_inline@/inline/' -e 's/@json_have_long_long@/1/' \
        -e 's/@json_have_localeconv@/1/' -e 's/@json_have_atomic_builtins@/1/' \
        -e 's/@json_have_sync_builtins@/1/' \
        "$source/src/jansson_config.h.in" >"$work/jansson_config.h"
    ! grep -q '^#define.*@' "$work/jansson_config.h" || die 'an unknown mark in jansson_config.h.in'
    cp "$source/src/jansson.h" "$work/jansson_config.h" "$out/include/"
    # As one source: the reader of JSON calls a function of another one for each byte.
    for file in "$source"/src/*.c; do printf '#include "%s"\n' "$file"; done >"$work/jansson.c"
    compile libjansson -I".build-$library" -I"$source/src" -DHAVE_STDINT_H=1 -DHAVE_SYS_TYPES_H=1 \
        -DHAVE_UNISTD_H=1 -DHAVE_FCNTL_H=1 -DHAVE_SYS_TIME_H=1 -DHAVE_SCHED_H=1 \
        -DHAVE_GETTIMEOFDAY=1 -DHAVE_GETPID=1 -DHAVE_SCHED_YIELD=1 -DHAVE_OPEN=1 -DHAVE_READ=1 \
        -DHAVE_CLOSE=1 -DHAVE_STRTOLL=1 -DHAVE_LOCALE_H=1 -DHAVE_LOCALECONV=1 \
        -DHAVE_ATOMIC_BUILTINS=1 -DINITIAL_HASHTABLE_ORDER=3 -- "$work/jansson.c"
}

build_mbedtls() {
    rm -rf "$out/include/mbedtls" "$out/include/psa"
    cp -r "$source/include/mbedtls" "$source/include/psa" "$out/include/"
    cp "$here/mbedtls_config.h" "$out/include/cubby_mbedtls_config.h"
    lib=$source/library
    compile libmbedcrypto '-DMBEDTLS_CONFIG_FILE="cubby_mbedtls_config.h"' -I"$out/include" \
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
    cp "$source/include/jwt.h" "$work/include/jwt_export.h" "$out/include/"
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
        -D_GNU_SOURCE -I".build-$library/include" -I"$source/include" -I"$source/libjwt" -I"$out/include" \
        -- $files
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
    (cd "$work" && CC=${HOST_CC:-gcc} CFLAGS=-O1 "$source/configure" --disable-tcl \
        --disable-readline && make sqlite3.c OPTIONS="$sqlite_omit") >>"$log" 2>&1 ||
        die 'making the amalgamation'
    cp "$work/sqlite3.h" "$work/sqlite3.c" "$out/"
}

# With a profile, what runs is made fast and the rest small. Without one all is made small: 240 KB
# less to load take no more time than the 5 % more instructions that run.
build_sqlite() {
    cp "$source/sqlite3.h" "$out/include/"
    [ -n "$stage" ] || profile=-Os
    # shellcheck disable=SC2086
    compile libsqlite3 $sqlite_omit -DSQLITE_THREADSAFE=0 -DSQLITE_DEFAULT_MEMSTATUS=0 \
        -DSQLITE_DEFAULT_SYNCHRONOUS=3 -DSQLITE_SECURE_DELETE -DSQLITE_DQS=0 \
        -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_USE_ALLOCA -DSQLITE_MAX_EXPR_DEPTH=0 \
        -DSQLITE_MAX_MMAP_SIZE=0 -DSQLITE_DEFAULT_LOOKASIDE=0,0 -DSQLITE_DEFAULT_PCACHE_INITSZ=0 \
        -DSQLITE_TEMP_STORE=2 -DHAVE_USLEEP=1 -DHAVE_NANOSLEEP=1 -DHAVE_FDATASYNC=1 \
        -DHAVE_MALLOC_H=1 -DHAVE_MALLOC_USABLE_SIZE=1 -DHAVE_STRCHRNUL=1 -DHAVE_PREAD=1 \
        -DHAVE_PWRITE=1 -D_GNU_SOURCE -- "$source/sqlite3.c"
}

# autoreconf works in the tree, so on a copy. musl's own include path has no kernel headers.
build_libxcrypt() {
    cp -r "$source" "$work/tree"
    mkdir -p "$work/kernel"
    for folder in linux asm-generic; do
        ln -s "/usr/include/$folder" "$work/kernel/$folder"
    done
    multiarch=$(${HOST_CC:-gcc} -print-multiarch 2>/dev/null || true)
    for folder in "/usr/include/$multiarch/asm" /usr/include/asm; do
        if [ -d "$folder" ]; then
            ln -s "$folder" "$work/kernel/asm"
            break
        fi
    done
    host=''
    case $CC in
    *-gcc) target=$($CC -dumpmachine 2>/dev/null || true)
        [ "$CC" = musl-gcc ] || host="--host=$target" ;;
    esac
    (
        cd "$work/tree"
        autoreconf -fi
        # shellcheck disable=SC2086
        CC="$CC -idirafter $work/kernel" CFLAGS="$DEP_CFLAGS" LDFLAGS="$DEP_LDFLAGS" ./configure $host --disable-shared \
            --enable-static --disable-werror --disable-failure-tokens --disable-obsolete-api \
            --disable-xcrypt-compat-files \
            --enable-hashes=yescrypt,scrypt,bcrypt,sha512crypt
        make -j2 libcrypt.la
    ) >>"$log" 2>&1 || die 'configure and make'
    cp "$work/tree/crypt.h" "$out/include/"
    cp "$work/tree/.libs/libcrypt.a" "$work/libcrypt.a"
    mv "$work/libcrypt.a" "$out/lib/libcrypt.a"
}

rm -rf "$work"
mkdir -p "$work"
: >"$log"
start=$(date +%s)
"build_$library"
printf '  DEP   %-10s %3ss\n' "$library" "$(($(date +%s) - start))"
rm -rf "$work"
touch "$out/.$library"
