#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Compiles a mutated copy of a kernel file in its place.
#   compile_mutated.sh MUTATE MUTANTS COPY COMPILE KIND TREE SOURCE MANIFEST KEY OBJECT TABLE TAGGER FLAG...
# MUTATE (driver/mutants/mutate.py) writes COPY from SOURCE as MUTANTS describes it; COMPILE (driver/compile_unit.sh) checks
# that SOURCE is the original, and the compiler then reads COPY under the original's name.
set -euo pipefail

mutate=$1 mutants=$2 copy=$3 compile=$4
shift 4
tree=$2 source=$3 object=$6
mkdir -p "$(dirname "$copy")"
python3 -B "$mutate" --tree "$tree" --source "$source" --mutants "$mutants" --out "$copy"
overlay=$PWD/$object.overlay
trap 'rm -f "$overlay"' EXIT
cat >"$overlay" <<END
{"version": 0, "use-external-names": false, "roots": [{"type": "file", "name": "$(cd "$tree" && pwd)/$source",
  "external-contents": "$PWD/$copy"}]}
END
"$compile" "$@" -ivfsoverlay "$overlay"
