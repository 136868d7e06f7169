#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# C, headers and assembly of a kernel package whose text in another tree is not the same, or that it does not have.
#   compare_manifests.sh PACKAGE TREE
# Both manifests: lines "digest  path". Prints lines "digest path", the digest in the package, by path.
set -euo pipefail
export LC_ALL=C
join -j 2 -a 1 -e - -o 0,1.1,2.1 <({ grep -E '\.[chS]$' "$1" || true; } | sort -k 2) <(sort -k 2 "$2") |
  awk '$2 != $3 { print $2, $1 }'
