// SPDX-License-Identifier: Apache-2.0
// Every file in scenarios/bad/ is refused at the right place with a message that says what was expected.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "scenarios/parser.h"

namespace pvpci::scenarios {
namespace {

struct Row {
  const char* name;
  int line;
  int column;
  const char* message;  // how it starts
};

const Row kRows[] = {
    {"alias", 1, 7, "anchors (&name) are not used in scenarios: write the value out"},
    {"attach_to_nobody", 12, 13, "attach: say which domain: 'device: nic' has no assigned_to"},
    {"await_without_value", 12, 12, "await: missing key 'value'"},
    {"beside_a_neighbour", 10, 12, "beside: 'twin' does not stand behind a root port of its own"},
    {"bad_boolean", 6, 40, "kernel: expected true or false, found 'maybe'"},
    {"bad_link", 8, 66, "link: expected a link from 'gen1 x1' to 'gen5 x16' (width 1, 2"},
    {"bad_name", 6, 12, "name: expected a name (letter first, then letters, digits, '_'"},
    {"bad_size", 6, 40, "memory: expected a size 8 MiB .. 64 MiB, a multiple of 4 KiB,"},
    {"bad_time", 12, 11, "wait: expected a time 0 s .. 3600 s, as in '10 us', found '10 "},
    {"bad_word", 8, 24, "model: expected endpoint_test, edu, virtio_rng, plx_dma, i6300esb"},
    {"bar_not_power_of_two", 8, 81, "bytes: a BAR's size is a power of two, found 3000"},
    {"bare_metal_domU", 6, 12, "'driver': bare_metal is for the one domain with 'role: dom0'"},
    {"bare_metal_guest", 6, 12, "'driver': beside a dom0 on bare metal there is no hypervisor th"},
    {"binary", 1, 1, "control character 0x7f: a scenario is a YAML text"},
    {"booted_twice", 12, 11, "'driver' is booted already in line 11"},
    {"calls_since_nowhere", 12, 36, "since: no earlier step has the label 'boot drvier'; did you mean"},
    {"clone_without_dump", 8, 5, "nic: a clone needs config_dump, the output of 'lspci -xxxx'"},
    {"control_character", 2, 13, "control character 0x07: a scenario is a YAML text"},
    {"deep_brackets", 1, 35, "nested deeper than 32 levels: no scenario needs that"},
    {"deep_dashes", 1, 1, "nested deeper than 32 levels: no scenario needs that"},
    {"deep_indent", 33, 33, "nested deeper than 32 levels: no scenario needs that"},
    {"device_for_dom0", 8, 12, "assigned_to: 'control' is dom0; expected a domU"},
    {"dom0_in_bar_window", 6, 12, "'control': its 32 MiB reach into the hole for devices at 0x1f00"},
    {"dump_without_clone", 8, 73, "config_dump: only a clone has it; the model of 'nic' is endpoi"},
    {"duplicate_in_flow_map", 6, 32, "duplicate key 'role': first given in line 6"},
    {"duplicate_key", 14, 1, "duplicate key 'name': first given in line 2"},
    {"duplicate_name", 8, 12, "the name 'driver' is taken: first used in line 6"},
    {"emit_from_endpoint", 12, 20, "emit: 'nic' is endpoint_test; only an attacker sends raw TLPs"},
    {"empty", 1, 1, "the file is empty; a scenario starts with 'name:'"},
    {"empty_expectations", 12, 1, "expect: the list is empty; expected at least 1 of an expectati"},
    {"comma_in_braces", 13, 55, "unknown key 'none at all' in an expectation; between { and } a comma ends a value: put"},
    {"console_without_domain", 13, 13, "expectation 'console contains \"up\"': whose console? expected one do"},
    {"error_without_aer", 12, 21, "error: 'nic' is edu, which has no AER"},
    {"expectation_bad_regex", 13, 21, "expectation 'verdict matches \"([\"': not a regular expression: "},
    {"expectation_list_alone", 13, 13, "expectation 'findings == 0': 'findings' is a list: say which p"},
    {"expectation_no_operator", 13, 17, "expectation 'dma.escapes is 0': expected ==, !=, <, <=, >, >=,"},
    {"expectation_no_value", 13, 19, "expectation 'dma.escapes ==': expected a value to compare with"},
    {"expectation_open_quote", 13, 22, "expectation 'verdict contains \"x': this quote is never closed"},
    {"expectation_store_nowhere", 13, 11, "expectation 'store[drvier.be/state] == 4': 'drvier.be/state': no domain 'drvier'"},
    {"expectation_trace_step", 13, 12, "expectation 'trace[since=nowhere,\"ring\"].lines == 1': no step has"},
    {"expectation_trailing", 13, 22, "expectation 'dma.escapes == 0 or so': expected nothing more af"},
    {"expectation_unknown_class", 13, 9, "expectation 'dma.E12.bytes == 0': no DMA class 'E12'; expected"},
    {"expectation_unknown_domain", 13, 13, "expectation 'domains.drvier.state == running': no domain 'drvi"},
    {"expectation_unknown_field", 13, 5, "expectation 'dmx.escapes == 0': the result has no 'dmx'; did y"},
    {"express_on_conventional_bus", 10, 12, "slot: 'nic' is a PCI Express function, and bus 0 a conventional bus"},
    {"fabric_out_of_range", 5, 25, "remote_node: expected a time 0 s .. 67 ns, found '70 ns'"},
    {"fail_without_kernel", 10, 20, "fail: 'victim' runs no kernel (kernel: false)"},
    {"frontend_without_value", 12, 61, "back: expected NAME=VALUE, found 'mode'"},
    {"gate_beside_that", 13, 38, "'p99_ns' beside 'that': bounds stand in an item of their own"},
    {"gate_of_nobody", 13, 29, "of: expected intx, msi, msix, 2l, fifo, nic, control or driver, found 'nick'; did you mean 'nic'?"},
    {"gate_since_nowhere", 13, 32, "since: no step has the label 'strom'"},
    {"gate_two_beginnings", 14, 5, "since: the bounds before count from 'boot control': all of a scenario count from the same step"},
    {"gate_without_bound", 13, 5, "an expectation without anything to hold: expected 'that', or a bound such as p99_ns"},
    {"gate_without_sign", 13, 14, "p99_ns: expected a sign and a time, as in '<= 4300' (ns), '<= 4.3 us' or, against a baseline"},
    {"gate_unknown_measure", 13, 6, "unknown key 'p98_ns' in an expectation; did you mean 'p90_ns'?"},
    {"gate_without_baseline", 13, 35, "baseline: no such file 'nowhere.json' (looked beside the scenari"},
    {"host_map_for_dom0", 5, 12, "'control': e820_host is a domU's; dom0 has the host's map itse"},
    {"invalid_utf8", 2, 11, "byte 0xe9 is not valid UTF-8"},
    {"list_as_key", 2, 3, "a list cannot be a key; a key is a word"},
    {"list_at_top", 1, 1, "expected a map of keys (name, claim, domains, steps, expect, ."},
    {"missing_claim", 2, 1, "missing key 'claim' in a scenario"},
    {"missing_file", 8, 44, "config_dump: no such file 'no/such.config' (looked beside the "},
    {"missing_golden", 12, 14, "golden: no such file 'nothing.trace' (looked beside the scenar"},
    {"missing_role", 6, 5, "domains: missing key 'role' in a domain"},
    {"misspelt_key", 3, 1, "unknown key 'clam' in a scenario; did you mean 'claim'?"},
    {"negative_number", 2, 7, "seed: expected a whole number, found '-1'"},
    {"never_booted", 11, 13, "attach: no step boots 'driver'"},
    {"no_action", 11, 5, "a step without an action: expected boot, seize, attach, detach"},
    {"no_dom0", 5, 12, "no domain has 'role: dom0'"},
    {"no_expectations", 2, 1, "missing key 'expect' in a scenario"},
    {"not_yaml", 1, 1, "not YAML: end of sequence flow not found"},
    {"nul_byte", 1, 8, "NUL byte: a scenario is a YAML text, this looks like a binary "},
    {"number_at_top", 1, 1, "expected a map of keys (name, claim, domains, steps, expect, ."},
    {"number_out_of_range", 6, 39, "vcpus: expected a whole number 1 .. 8, found '9'"},
    {"number_overflow", 2, 7, "seed: expected a whole number, found '18446744073709551616'"},
    {"odd_msi_vectors", 8, 73, "msi_vectors: expected 0, 1, 2, 4, 8, 16 or 32, found 3"},
    {"only_comment", 1, 1, "the file holds no YAML document; a scenario starts with 'name:"},
    {"open_placeholder", 12, 54, "'${' without '}'"},
    {"parameter_out_of_range", 5, 23, "mmio_read: expected a time 500 ns .. 2.5 us, found '1 s'"},
    {"placed_beyond_memory", 6, 12, "'driver': its memory ends at 0x21400000, the machine's at 0x200"},
    {"placed_in_hole", 7, 12, "'victim': its memory from 0x3800000 on reaches into the hole for"},
    {"placed_kernel", 6, 12, "'driver': memory_at is for a domain with 'kernel: false'"},
    {"preempt_disorder", 8, 14, "preempt: only: expected up to three ascending numbers of block"},
    {"preempt_once", 8, 14, "preempt: passes are for those that stand still more than once: set"},
    {"preempt_unbooted", 7, 23, "preempt: 'control' has not been booted by an earlier step"},
    {"program_before_boot", 11, 23, "program: 'driver' has not been booted by an earlier step"},
    {"program_without_command", 12, 36, "run: no command in 'pcitest '-b' (or a quote is never closed)"},
    {"review_no_operator", 5, 29, "expectation 'dma.E5.bytes over 4096': expected ==, !=, <, <=, >, >=,"},
    {"review_unknown_class", 5, 17, "escapes: expected E0, E1, E2,"},
    {"rmrr_outside", 5, 10, "rmrr: 0x100000 and 8 KiB are not in RAM from 0x900000 to 0x2"},
    {"slot_taken", 9, 12, "slot: 'nic' is at 5 already"},
    {"storm_without_vectors", 12, 21, "storm: vector 9: 'nic' has 8 msix vectors"},
    {"store_elsewhere", 12, 19, "'driver.front/state': a domain has be, fe and home, not 'front'"},
    {"sysfs_elsewhere", 12, 34, "read: expected an absolute path below /sys, found '/proc/versi"},
    {"tag", 2, 7, "tags (!name) are not used in scenarios"},
    {"time_without_unit", 12, 11, "wait: expected a time 0 s .. 3600 s, as in '10 us', found '10'"},
    {"too_much_memory", 4, 10, "the domains take 64 MiB, Xen needs 32 MiB, the machine has 64 "},
    {"two_actions", 12, 5, "'destroy' beside 'boot': a step has exactly one action"},
    {"two_documents", 15, 1, "a second YAML document: one file states one claim"},
    {"two_dom0", 6, 12, "'driver' is a second dom0: 'control' is it already"},
    {"unknown_action", 11, 5, "unknown key 'boto' in a step; did you mean 'boot'?"},
    {"unknown_device", 12, 13, "attach: no device 'nick'; did you mean 'nic'?"},
    {"unknown_domain", 8, 12, "assigned_to: no domain 'drvier'; did you mean 'driver'?"},
    {"unknown_key", 14, 1, "unknown key 'bogus_key' in a scenario; expected name, claim, k"},
    {"unknown_flaw", 5, 18, "unfixed: expected a list of XSA-78, XSA-80, XSA-285"},
    {"unknown_kernel", 4, 9, "kernel: expected 6.1 or 6.12, or a kernel tree's path with a '/' "},
    {"unknown_parameter", 5, 9, "unknown parameter 'uptime' in machine.xen; expected uptime_at_"},
    {"unknown_secret", 12, 54, "${driver.gold}: 'driver' has no secret 'gold'; there is none"},
    {"unknown_switch", 8, 12, "'nic' is behind 'sw0', which is no switch"},
    {"unknown_when", 9, 41, "when: expected M0, M1, M2, 6.1, 6.12, "},
    {"wrong_type_list", 9, 8, "steps: expected a list, found a text"},
    {"wrong_type_map", 3, 8, "claim: expected a text, found a map"},
    {"wrong_type_text", 6, 39, "vcpus: expected a whole number 1 .. 8, found 'two'"},
    {"xen_has_no_such_frames", 8, 23, "${xen.txt}: Xen has text, heap, m2p, iommu_table or irt"},
};

std::string PathOf(const std::string& name) { return "scenarios/bad/" + name + ".yaml"; }

class BadFile : public testing::TestWithParam<Row> {};

TEST_P(BadFile, IsRefusedAtItsPlace) {
  const Row& row = GetParam();
  try {
    LoadScenario(PathOf(row.name));
    FAIL() << "accepted";
  } catch (const InputError& error) {
    const std::string first = std::string(error.what()).substr(0, std::string(error.what()).find('\n'));
    const std::string expected =
        PathOf(row.name) + ":" + std::to_string(row.line) + ":" + std::to_string(row.column) + ": " + row.message;
    EXPECT_EQ(first.substr(0, expected.size()), expected) << first;
  }
}

INSTANTIATE_TEST_SUITE_P(All, BadFile, testing::ValuesIn(kRows),
                         [](const testing::TestParamInfo<Row>& info) { return std::string(info.param.name); });

TEST(BadFiles, AreAllInTheTableAndAtLeastThirtyKinds) {
  std::set<std::string> rows;
  for (const Row& row : kRows) rows.insert(row.name);
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator("scenarios/bad")) {
    files.insert(entry.path().stem().string());
  }
  EXPECT_EQ(rows, files);
  EXPECT_GE(rows.size(), 30u);
}

}  // namespace
}  // namespace pvpci::scenarios
