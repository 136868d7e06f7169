#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Which features a kernel's sources have, for those that no version tells.
#   probe_kernel.sh TREE COMPAT OUT
# COMPAT (driver/env/compat.h) has lines " * probe: FEATURE FILE EXPRESSION". OUT becomes a header that defines FEATURE
# if a line of TREE's FILE matches; a file that is not there matches nothing.
set -euo pipefail
tree=$1 compat=$2 out=$3
probes=$(sed -nE 's/^ \* probe: (EMUL_HAS_[A-Z0-9_]+ [^ ]+ .+)$/\1/p' "$compat")
if [[ -z $probes || $(wc -l <<<"$probes") != $(grep -c ' probe:' "$compat") ]]; then
  echo "$compat: a probe is one line, ' * probe: EMUL_HAS_FEATURE FILE EXPRESSION'" >&2
  exit 1
fi
while read -r feature file expression; do
  if grep -qsE -e "$expression" "$tree/$file"; then echo "#define $feature /* $file: $expression */"; fi
done <<<"$probes" >"$out"
