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
    (. /etc/os-release && echo "${VERSION_CODENAME:-}" stable oldstable testing)
}

# fetch_source PACKAGE DIR: the tree of a Debian source package, as its author released it, in DIR.
fetch_source() {
    for suite in $(own_suites); do
        use_suite deb-src "$suite" || continue
        version=$(APT_CONFIG=$apt/apt.conf apt-cache showsrc --only-source "$1" 2>/dev/null |
            sed -n 's/^Version: //p' | sort -Vr | head -n 1)
        [ -n "$version" ] || continue
        (cd "$apt" && retry env APT_CONFIG="$apt/apt.conf" apt-get -qq --download-only --tar-only \
            source "$1=$version" >>log 2>&1) || continue
        rm -rf "$2.new"
        mkdir -p "$2.new"
        tar -xof "$(find "$apt" -maxdepth 1 -name "$1_*.orig.tar.*" ! -name '*.asc' | head -n 1)" -C "$2.new" \
            --strip-components=1 || die "the sources of $1 can't be unpacked"
        rm -rf "$2"
        mv "$2.new" "$2"
        printf '  FETCH %s\n' "sources of $1 $version ($suite), verified"
        return 0
    done
    die "the sources of $1 can't be fetched: $(tail -n 3 "$apt/log")"
}
