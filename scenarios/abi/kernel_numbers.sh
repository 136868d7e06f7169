#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The numbers of kernel_numbers.c as the headers of a kernel tree give them, one a line.
#   kernel_numbers.sh TREE OUT SOURCE FLAG...
set -euo pipefail

tree=$1 out=$PWD/$2 source=$PWD/$3 repo=$PWD
shift 3
module=(-DKBUILD_MODNAME='"m"' -DKBUILD_BASENAME='"m"' -DKBUILD_MODFILE='"m"' -D__KBUILD_MODNAME=kmod_m)
cd "$tree"
clang "${@//@REPO@/$repo}" "${module[@]}" -I. -fno-lto -S -o - "$source" | sed -n 's/^\s*\.ascii\s*"->\(-\?[0-9]*\)"$/\1/p' >"$out"
[[ -s $out ]]
