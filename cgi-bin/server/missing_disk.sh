# shellcheck shell=sh
# missing_disk.sh - whether the disk is missing that holds database or key, so that nothing is made in its place. It
# is put into cubby-httpd and cubby-setup; MADE is the list of the databases that were made or found, one in a line.

was_made() { [ -f "$MADE" ] && grep -qxF -e "$1" "$MADE"; }

# real_path PATH: where that leads, by the links on the way, as far as it exists
real_path() {
    place=$1
    below=''
    links=0
    while [ ! -d "$place" ]; do
        if [ -L "$place" ] && [ "$links" -lt 40 ]; then
            links=$((links + 1))
            to=$(readlink "$place")
            case $to in
            /*) place=$to ;;
            *) place=$(dirname "$place")/$to ;;
            esac
        else
            while [ "$place" != "${place%/}" ]; do place=${place%/}; done
            below=/${place##*/}$below
            place=$(dirname "$place")
        fi
    done
    place=$(cd "$place" 2>/dev/null && pwd -P) || place=''
    printf '%s%s\n' "${place%/}" "$below"
}

# is_mounted FOLDER: whether something is mounted there. The tables have other characters for blanks.
is_mounted() {
    at=$(printf '%s' "$1" | sed -e 's/\\/\\134/g' -e 's/ /\\040/g') \
        awk '$2 == ENVIRON["at"] { found = 1 } END { exit !found }' /proc/mounts
}

# missing_mount FILE: the folder on the way to it where /etc/fstab mounts something, and nothing is mounted
missing_mount() {
    [ -r /etc/fstab ] && [ -r /proc/mounts ] || return 1
    file=$(real_path "$1")
    while read -r device point others || [ -n "$device" ]; do
        : "$others"
        case $device in '' | '#'*) continue ;; esac
        # shellcheck disable=SC2059 # which knows these characters
        point=$(printf "$(printf '%s' "$point" | sed 's/%/%%/g')")
        case $point in /*[!/]*) real=$(real_path "$point") ;; *) continue ;; esac
        case $file in "$real"/*) ;; *) continue ;; esac
        [ -z "$real" ] || is_mounted "$real" || { printf '%s\n' "${point%/}" && return 0; }
    done </etc/fstab
    return 1
}

# disk_is_missing DATABASE KEYS: whether it seems so; prints why
disk_is_missing() {
    # What was made once is not made anew in the place of a disk that is missing.
    if [ ! -f "$1" ] && was_made "$1"; then
        echo "$1 is missing, and it was there before: is the disk mounted that holds it? To begin anew without it, delete $MADE"
        return 0
    fi
    for wanted; do
        if [ ! -f "$wanted" ] && at=$(missing_mount "$wanted"); then
            echo "$wanted is missing, and so is the disk that /etc/fstab mounts at $at"
            return 0
        fi
    done
    return 1
}
