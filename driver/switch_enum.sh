#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Says which switches over enum xenbus_state of each source leave a state out.
#   switch_enum.sh TREE OUT CONTROL PATH... -- FLAG...
set -euo pipefail

tree=$1 out=$PWD/$2 control=$PWD/$3 repo=$PWD
shift 3
paths=("$control")
while [[ $1 != -- ]]; do paths+=("$1"); shift; done
shift
flags=("${@//@REPO@/$repo}")
module=(-DKBUILD_MODNAME='"m"' -DKBUILD_BASENAME='"m"' -DKBUILD_MODFILE='"m"' -D__KBUILD_MODNAME=kmod_m)

cd "$tree"
for path in "${paths[@]}"; do
  log=$(clang "${flags[@]}" "${module[@]}" -fsyntax-only -Wno-everything -Wswitch -Wswitch-enum "$path" 2>&1) ||
    { printf '%s\n' "$log" >&2; exit 1; }
  lines=$(sed -n "s/^[^:]*:\([0-9]*\):[0-9]*: warning: .*'XenbusState.*/\1/p" <<<"$log" | tr '\n' ' ')
  printf '%s: %s\n' "${path#"$repo"/}" "${lines:-none}" | sed 's/ *$//'
done >"$out"
