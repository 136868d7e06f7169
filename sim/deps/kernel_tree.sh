#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Looks at a kernel tree of the user's: can images be built from it, and in which state is it?
#   kernel_tree.sh TREE SUBTREE...
# Prints three lines: "6.1" or "6.12"; the version as its Makefile has it; a digest of names, sizes and times of what
# SUBTREE... hold, which changes when a file does. Else one line on standard error, exit 2. Changes nothing.
set -euo pipefail

tree=$1
shift

refuse() {
  printf '%s: %s\n' "$tree" "$*" >&2
  exit 2
}

[[ -d $tree ]] || refuse "no such folder; --kernel takes 6.1, 6.12 or the folder of a kernel tree"
[[ -r $tree/Makefile ]] || refuse "not a kernel tree: it has no Makefile"
value() { sed -n "s/^$1 *= *//p;T;q" "$tree/Makefile"; }
version=$(value VERSION) patchlevel=$(value PATCHLEVEL) sublevel=$(value SUBLEVEL) extra=$(value EXTRAVERSION)
[[ -n $version && -n $patchlevel ]] || refuse "not a kernel tree: its Makefile has no VERSION and PATCHLEVEL"
family=$version.$patchlevel
[[ $family == 6.1 || $family == 6.12 ]] || refuse "version $family is not supported; expected a 6.1.y or 6.12.y tree"
missing=()
for subtree; do
  [[ -e $tree/$subtree ]] || missing+=("$subtree")
done
((${#missing[@]} == 0)) || refuse "not a complete kernel tree: it lacks ${missing[*]}"
header=arch/x86/include/asm/xen/hypercall.h
grep -qsE 'DECLARE_STATIC_CALL\(xen_hypercall,|__SCT__xen_hypercall' "$tree/$header" ||
  refuse "version $family${sublevel:+.$sublevel} lacks the static-call trampoline __SCT__xen_hypercall in $header, where" \
    "every hypercall leaves the kernel here: it came with the fix of XSA-466 in December 2024"

state=$(cd "$tree" && find "$@" -type f ! -name '*.o' ! -name '*.cmd' ! -name '*.a' -printf '%P %s %T@\n' | sort | sha256sum)
printf '%s\n%s\n%s\n' "$family" "$family${sublevel:+.$sublevel}$extra" "${state%% *}"
