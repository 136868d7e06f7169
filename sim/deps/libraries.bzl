# SPDX-License-Identifier: Apache-2.0
"""Every outside library of the bench: one debian_library each."""

load("//sim/deps:debian_library.bzl", "debian_library")

def outside_libraries():
    """Declares the repositories @systemc, @fmt, ... that BUILD files name."""
    debian_library(
        name = "boost_context",
        package = "libboost-context-dev",
        target = "context",
        headers = ["boost/context/fiber.hpp", "boost/context/detail/fcontext.hpp"],
        linkopts = ["-lboost_context"],
    )
    debian_library(
        name = "cli11",
        package = "libcli11-dev",
        target = "cli11",
        headers = ["CLI/CLI.hpp"],
    )
    debian_library(
        name = "elfutils",
        package = "libdw-dev",
        target = "elfutils",
        headers = ["elfutils/libdw.h", "elfutils/libdwfl.h", "gelf.h"],
        linkopts = ["-ldw", "-lelf"],
    )
    debian_library(
        name = "fmt",
        package = "libfmt-dev",
        target = "fmt",
        headers = ["fmt/format.h"],
        defines = ["FMT_SHARED"],
        linkopts = ["-lfmt"],
    )
    debian_library(
        name = "googletest",
        package = "libgmock-dev",
        target = "gtest",
        headers = ["gmock/gmock.h", "gtest/gtest.h"],
        defines = ["GTEST_HAS_PTHREAD=1"],
        linkopts = ["-lgmock", "-lgtest", "-lpthread"],
    )
    debian_library(
        name = "nlohmann_json",
        package = "nlohmann-json3-dev",
        target = "json",
        headers = ["nlohmann/json.hpp"],
    )
    debian_library(
        name = "openssl",
        package = "libssl-dev",
        target = "crypto",
        headers = ["openssl/evp.h", "openssl/sha.h"],
        linkopts = ["-lcrypto"],
    )
    debian_library(
        name = "spdlog",
        package = "libspdlog-dev",
        target = "spdlog",
        headers = ["spdlog/spdlog.h"],
        defines = ["SPDLOG_COMPILED_LIB", "SPDLOG_FMT_EXTERNAL", "SPDLOG_SHARED_LIB"],
        linkopts = ["-lspdlog", "-lfmt", "-lpthread"],
    )
    debian_library(
        name = "systemc",
        package = "libsystemc-dev",
        target = "systemc",
        headers = ["systemc", "tlm"],
        linkopts = ["-lsystemc", "-lpthread"],
    )
    debian_library(
        name = "yaml_cpp",
        package = "libyaml-cpp-dev",
        target = "yaml_cpp",
        headers = ["yaml-cpp/yaml.h"],
        linkopts = ["-lyaml-cpp"],
    )
