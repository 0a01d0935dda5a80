#!/bin/bash
# wrap.sh ARCH OUT - makes OUT/cgi-bin and OUT/bin: programs that run those of build/board/ARCH under
# emulation, so that this machine's web server and tests can use them like its own.
set -euo pipefail

cd "$(dirname "$0")/../.."
arch=$1 out=$2
case $arch in
armhf | armel) emulator=qemu-arm-static ;;
arm64) emulator=qemu-aarch64-static ;;
ppc64el) emulator=qemu-ppc64le-static ;;
amd64) emulator=qemu-x86_64-static ;;
*) emulator=qemu-$arch-static ;;
esac
emulator=$(command -v "$emulator")
mkdir -p "$out/cgi-bin" "$out/bin" "$out/real"
for program in build/board/"$arch"/cgi-bin/* build/board/"$arch"/bin/cubby; do
    name=${program##*/}
    cp "$program" "$out/real/$name"
    folder=cgi-bin
    [ "$name" != cubby ] || folder=bin
    printf '#!/bin/sh\nexec %q %q "$@"\n' "$emulator" "$out/real/$name" >"$out/$folder/$name"
    chmod 755 "$out/real/$name" "$out/$folder/$name"
done
"$out/bin/cubby" --version
