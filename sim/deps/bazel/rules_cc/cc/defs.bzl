# SPDX-License-Identifier: Apache-2.0
"""Stands in for rules_cc: Bazel 4.2.3's own tools load these names, and the Debian package is too new for it.

In this Bazel the C++ rules are native, so every name is the native rule.
"""

cc_library = native.cc_library
cc_binary = native.cc_binary
cc_test = native.cc_test
cc_import = native.cc_import
cc_proto_library = native.cc_proto_library
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
cc_toolchain_alias = native.cc_toolchain_alias
cc_flags_supplier = None
cc_libc_top_alias = native.cc_libc_top_alias
fdo_prefetch_hints = native.fdo_prefetch_hints
fdo_profile = native.fdo_profile
objc_import = native.objc_import
objc_library = native.objc_library
