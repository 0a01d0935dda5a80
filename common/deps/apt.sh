# shellcheck shell=sh
# apt.sh - for scripts that fetch packages: an apt with settings, lists and cache of its own.
#
# Read with `.` by fetch.sh and fetch_binary.sh. Nothing of the machine's own configuration changes;
# the address of the mirror is taken from there. It works without root. apt does the verifying: its
# signed index names the checksum of every file. Wants $apt, an absolute path of a folder, and `die`.

tries=3
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The first mirror of the main archive that this machine is set up with.
mirror_of_machine() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
        grep -E '/debian/?$' | head -n 1
}

# make_apt [ARCH]: makes $apt, and sets $mirror. With ARCH binary packages are those of that processor.
make_apt() {
    command -v apt-get >/dev/null || die 'apt-get is not here; on systems other than Debian build with "make DEPS=system"'
    [ -r "$keyring" ] || die "$keyring is missing; install debian-archive-keyring"
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    case $apt in
    *\"*) die "the settings of apt can't name a folder with a double quote in its path: $apt" ;;
    esac
    mirror=$(mirror_of_machine) || true
    [ -n "$mirror" ] || die 'no Debian mirror in the configuration of apt'
    cat >"$apt/apt.conf" <<CONF
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt";
Dir::Cache::Archives "$apt/archives";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "$tries";
CONF
    [ -z "${1:-}" ] || printf 'APT::Architecture "%s";\nAPT::Architectures { "%s"; };\n' "$1" "$1" >>"$apt/apt.conf"
}

# Runs a command up to $tries times.
retry() {
    try=1
    until "$@"; do
        [ "$try" -lt "$tries" ] || return 1
        try=$((try + 1))
        sleep "$try"
    done
}

# use_suite KIND SUITE: KIND is deb or deb-src. False when the mirror has no such suite.
use_suite() {
    printf '%s [signed-by=%s] %s %s main\n' "$1" "$keyring" "$mirror" "$2" >"$apt/sources.list"
    retry env APT_CONFIG="$apt/apt.conf" apt-get -qq update >"$apt/log" 2>&1
}

# The releases to look at for what need not be the newest: the one of this machine first.
own_suites() {
    # shellcheck disable=SC1091 # of the machine
    (. /etc/os-release && echo "${VERSION_CODENAME:-stable}" stable oldstable testing)
}

# archives_of PACKAGE: a line `VERSION SHA256 NAME` for the archive of its author's release, for each version
# of a source package that the signed index of the suite in use names.
archives_of() {
    APT_CONFIG=$apt/apt.conf apt-cache showsrc --only-source "$1" 2>/dev/null | awk '
        function tell() { if (version != "" && of_author != "") print version, of_author; version = of_author = "" }
        /^$/ { tell() }
        /^Version: / { version = $2 }
        /^[^ ]/ { on = /^Checksums-Sha256:/; next }
        on && $3 ~ /\.orig\.tar\.[a-z0-9]+$/ { of_author = $1 " " $3 }
        END { tell() }'
}

# versions_of PACKAGE: of a source package in the suite in use, newest first.
versions_of() {
    archives_of "$1" | cut -d' ' -f1 | sort -Vru
}

# fetch_listed DIR LIST ARGUMENT…: has apt-get fetch files into DIR and compares them with LIST, whose lines are
# `SHA256  NAME`. Each try has an empty folder: what apt refuses it leaves there, by another name. False, with
# the reason in the log, when the files can't be fetched as they are listed.
fetch_listed() {
    retry try_listed "$@"
}
try_listed() {
    into=$1
    listed=$2
    shift 2
    rm -rf "$into"
    mkdir -p "$into" || return 1
    (cd "$into" && APT_CONFIG=$apt/apt.conf apt-get -qq "$@" &&
        printf '%s\n' "$listed" | sha256sum --check --strict --quiet -) >>"$apt/log" 2>&1
}

# fetch_archive PACKAGE VERSION DIR: the archive of a source package, in DIR. Sets $archive, its name, and $sum,
# its SHA256, which are those of the index.
fetch_archive() {
    sum=''
    archive=''
    read -r sum archive <<LIST
$(archives_of "$1" | awk -v version="$2" '$1 "" == version { print $2, $3; exit }')
LIST
    fetch_listed "$3" "$sum  $archive" --download-only --tar-only source "$1=$2"
}

# fetch_source PACKAGE DIR: the tree of a Debian source package, as its author released it, in DIR.
fetch_source() {
    for suite in $(own_suites); do
        use_suite deb-src "$suite" || continue
        version=$(versions_of "$1" | head -n 1)
        [ -n "$version" ] || continue
        fetch_archive "$1" "$version" "$apt/source" || continue
        rm -rf "$2.new"
        mkdir -p "$2.new"
        tar -xof "$apt/source/$archive" -C "$2.new" --strip-components=1 || die "the sources of $1 can't be unpacked"
        rm -rf "$2" "$apt/source"
        mv "$2.new" "$2"
        printf '  FETCH %s\n' "sources of $1 $version ($suite), verified"
        return 0
    done
    die "the sources of $1 can't be fetched: $(grep -v "^  " "$apt/log" | tail -n 3)"
}
