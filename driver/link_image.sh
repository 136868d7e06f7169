#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Links a guest image.
#   link_image.sh IMAGE TREE EXPLAINER ARGUMENT...
# ld.lld with the arguments. Units that have not changed are not compiled again: the linker keeps them by content in one
# cache beside the output bases of Bazel, shared by every clone, a gigabyte at most. What the environment lacks is told
# by EXPLAINER (driver/explain_link.py), which looks for it in the kernel's TREE.
set -euo pipefail
image=$1 tree=$2 explainer=$3
shift 3
# Bazel starts actions in OUTPUT_USER_ROOT/OUTPUT_BASE/execroot/WORKSPACE.
cache=$(cd -P ../../.. && pwd)/pvpci-link-cache
# Its key leaves out -mllvm.
passes=$(printf '%s\n' "$@" | { grep -A1 -x -e -mllvm || true; } | sha256sum | cut -c1-8)
options=()
if mkdir -p "$cache/$passes" 2>/dev/null && [[ -w $cache/$passes ]]; then
  options=(--thinlto-cache-dir="$cache/$passes" --thinlto-cache-policy=cache_size_bytes=1g:prune_interval=1h)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
code=0
ld.lld "${options[@]}" "$@" 2>"$log" || code=$?
# Notes for objtool, which does not run here: hundreds of warnings that would hide the others.
sed -i '/warning: .*(\.discard\.[a-z_.]*+0x[0-9a-f]*): has non-ABS relocation/d' "$log"
if ((code == 0)); then
  cat "$log" >&2
else
  python3 -B "$explainer" --image "$image" --tree "$tree" "$log"
  exit 1
fi
