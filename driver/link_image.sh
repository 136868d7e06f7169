#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Links a guest image: ld.lld with all arguments. Units that have not changed are not compiled again: the linker keeps
# them by content in one cache beside the output bases of Bazel, shared by every clone, a gigabyte at most.
set -euo pipefail
# Bazel starts actions in OUTPUT_USER_ROOT/OUTPUT_BASE/execroot/WORKSPACE.
cache=$(cd -P ../../.. && pwd)/pvpci-link-cache
options=()
if mkdir -p "$cache" 2>/dev/null && [[ -w $cache ]]; then
  options=(--thinlto-cache-dir="$cache" --thinlto-cache-policy=cache_size_bytes=1g:prune_interval=1h)
fi
exec ld.lld "${options[@]}" "$@"
