#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the peer "user-mode Linux with time travel": linux and root/init in FOLDER.
#   build.sh FOLDER
# From the package linux-source-6.1, the smallest configuration with time travel (inf-cpu: simulated time stands still while
# code runs and jumps over what is idle) and a root file system on the host. Some minutes. FOLDER appears whole or not at all.
set -euo pipefail
here=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1 source=/usr/src/linux-source-6.1.tar.xz
[[ -r $source ]] || { echo "build.sh: $source is not there: install linux-source-6.1" >&2; exit 2; }
work=$folder.building
rm -rf "$work"
mkdir -p "$work/tree" "$work/out" "$work/whole/root"
trap 'rm -rf "$work"' EXIT
tar --extract --file "$source" --directory "$work/tree" --strip-components 1
make -s -C "$work/tree" ARCH=um O="$work/out" tinyconfig
"$work/tree/scripts/config" --file "$work/out/.config" --enable 64BIT --enable UML_TIME_TRAVEL_SUPPORT --enable HOSTFS \
  --enable BINFMT_ELF --enable HIGH_RES_TIMERS --enable POSIX_TIMERS --enable TTY --enable NULL_CHAN --enable STDERR_CONSOLE
make -s -C "$work/tree" ARCH=um O="$work/out" olddefconfig
make -s -C "$work/tree" ARCH=um O="$work/out" -j"$(nproc)" linux
cp "$work/out/linux" "$work/whole/linux"
gcc -O2 -static -o "$work/whole/root/init" "$here/init.c"
rm -rf "$folder"
mv "$work/whole" "$folder"
