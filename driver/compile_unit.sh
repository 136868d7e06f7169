#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Compiles one source of a guest image; a kernel file only if it is the one the package ships.
#   compile_unit.sh KIND TREE SOURCE MANIFEST KEY OBJECT TABLE TAGGER FLAG...
# KIND: original, env, user (C, into LLVM bitcode) or assembly. MANIFEST: - for our own sources. KEY: 0 leaves the
# unit without accounting. TABLE gets the unit's blocks.
set -euo pipefail

kind=$1 tree=$2 source=$3 manifest=$4 key=$5 object=$6 table=$7 tagger=$8
shift 8
repo=$PWD
flags=("${@//@REPO@/$repo}")

if [[ $manifest != - ]]; then
  expected=$(grep -E "^[0-9a-f]{64}  ${source//./\\.}\$" "$manifest" | cut -d' ' -f1) ||
    { echo "$source: the kernel package has no such file" >&2; exit 1; }
  actual=$(sha256sum "$tree/$source" | cut -d' ' -f1)
  if [[ $expected != "$actual" ]]; then
    echo "$source: differs from the file in the kernel package: sha256 $actual, expected $expected" >&2
    exit 1
  fi
  path=$source
else
  path=$repo/$source
fi

mkdir -p "$(dirname "$object")"
: > "$repo/$table"
cd "$tree"
if [[ $kind == assembly ]]; then
  exec clang "${flags[@]}" -c -o "$repo/$object" "$path"
fi
if [[ $key == 0 ]]; then
  exec clang "${flags[@]}" -c -o "$repo/$object" "$path"
fi
scratch=$repo/$object.tmp
trap 'rm -f "$scratch".*' EXIT
clang "${flags[@]}" -S -emit-llvm -o "$scratch.ll" "$path"
python3 -B "$repo/$tagger" --key "$key" --source "$source" --ir "$scratch.ll" --out "$scratch.tagged.ll" --table "$repo/$table"
# Bitcode with a summary, as clang -flto=thin writes it: the linker drops dead functions by it, and by its hash knows
# what it has compiled before.
opt --module-hash --module-summary -o "$repo/$object" "$scratch.tagged.ll"
