// SPDX-License-Identifier: Apache-2.0
// The models' hand-written numbers against the headers of both kernels: every constant, structure and field of xen/abi.h,
// xenstore's wire, the ring's page, configuration space and the remapping unit, and the number of every hypercall that is
// modelled.
// Nothing of those headers may be left out: a name that no pair has needs a reason here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "models/iommu/registers.h"
#include "models/iommu/table_entries.h"
#include "models/pci/registers.h"
#include "models/xen/abi.h"
#include "models/xen/hypercall_table.h"
#include "models/xen/store/wire.h"
#include "models/xen/test_machine.h"
#include "scenarios/machine/pciif.h"

namespace pvpci {
namespace {

constexpr uint64_t W = 0x9234567890abcdef;

struct Number {
  std::string name;
  int64_t value;
};

// The numbers of the hypercalls by the kernel's names, as the model's tables have them.
std::map<std::string, unsigned> Commands() {
  xen::TestMachine machine;
  return machine.xen.hypercall_table().commands();
}

// Ours, in the order of pairs.h.
std::vector<Number> Ours() {
  const std::map<std::string, unsigned> commands = Commands();
  std::vector<Number> numbers;
  const auto add = [&numbers](const char* name, auto value) { numbers.push_back({name, static_cast<int64_t>(value)}); };
#define BEGIN(space) {using namespace space;  // NOLINT
#define END }
#define STRUCT(ours, theirs) add("size of " #ours, sizeof(ours));
#define OFFSET(ours, member, theirs, their_member) add("offset of " #ours "." #member, offsetof(ours, member));
#define FIELD(ours, member, theirs, their_member)                 \
  add("offset of " #ours "." #member, offsetof(ours, member));    \
  add("size of " #ours "." #member, sizeof(((ours*)nullptr)->member));
#define VALUE(ours, theirs) add(#ours, ours);
#define CALL(name) add(#name, commands.count(#name) != 0 ? int64_t{commands.at(#name)} : int64_t{-1});
#include "scenarios/abi/pairs.h"
  return numbers;
}

std::string Text(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class Abi : public testing::TestWithParam<const char*> {};

TEST_P(Abi, IsWhatTheKernelsHeadersSay) {
  std::ifstream file(std::string("scenarios/abi/") + GetParam() + ".txt");
  const std::vector<Number> ours = Ours();
  std::vector<int64_t> theirs;
  for (std::string line; std::getline(file, line);) theirs.push_back(std::stoll(line));
  ASSERT_EQ(theirs.size(), ours.size());
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_EQ(ours[i].value, theirs[i]) << ours[i].name;
}
INSTANTIATE_TEST_SUITE_P(, Abi, testing::Values("numbers_6_1", "numbers_6_12"));

// What no kernel header has, or what is ours.
const std::map<std::string, const char*> kWithoutPair = {
    {"pad", "padding"}, {"pad0", "padding"}, {"pad1", "padding"}, {"pad2", "padding"},
    {"kNone", "ours"}, {"kOk", "ours"},
    // abi.h
    {"reserved", "padding"}, {"arch_pad", "padding"}, {"unused", "padding"},
    {"SharedInfo", "ends where the kernel's structure goes on with nothing that is used"},
    // registers.h of the fabric
    {"kHeaderMultiFunction", "6.1 has no name for it"}, {"kAerLength", "with root port registers and TLP prefix log"},
    // registers.h and table_entries.h of the unit
    {"ActualGranularity", "CCMD: the kernel does not look"}, {"Wide", "scalable mode"},
};

// Names that `pattern` finds in a header, of which no pair speaks.
std::vector<std::string> Unpaired(const std::string& header, const std::string& pairs, const std::regex& pattern) {
  const std::string text = std::regex_replace(Text(header), std::regex("//[^\n]*"), "");
  const std::string said = Text(pairs);
  std::vector<std::string> unpaired;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) {
    const std::string name = (*at)[1];
    if (kWithoutPair.count(name) != 0) continue;
    if (!std::regex_search(said, std::regex("\\b" + name + "\\b"))) unpaired.push_back(name);
  }
  return unpaired;
}

const std::regex kConstants("\\b(k[A-Z]\\w*) = ");

TEST(AbiPairs, HaveEveryConstantAndStructureOfXensAbi) {
  const std::string header = "models/xen/abi.h", pairs = "scenarios/abi/xen_pairs.h";
  EXPECT_THAT(Unpaired(header, pairs, kConstants), testing::IsEmpty());
  EXPECT_THAT(Unpaired(header, pairs, std::regex("\\b(kStat[A-Z]\\w*)")), testing::IsEmpty());
  EXPECT_THAT(Unpaired(header, pairs, std::regex("\\bstruct ([A-Z]\\w*) \\{")), testing::IsEmpty());
  // Members: what stands before a semicolon, a comma or an array's length inside a structure.
  EXPECT_THAT(Unpaired(header, pairs, std::regex("\\bu?int(?:8|16|32|64)_t (\\w+)(?:\\[\\w+\\])?;")), testing::IsEmpty());
}

TEST(AbiPairs, HaveEveryNumberOfTheStoresWire) {
  const std::string header = "models/xen/store/wire.h", pairs = "scenarios/abi/store_pairs.h";
  EXPECT_THAT(Unpaired(header, pairs, kConstants), testing::IsEmpty());
  EXPECT_THAT(Unpaired(header, pairs, std::regex("\\buint32_t (\\w*[a-z])(?: = 0)?;")), testing::IsEmpty());
}

TEST(AbiPairs, HaveEveryNumberOfTheRingsPage) {
  const std::string header = "scenarios/machine/pciif.h", pairs = "scenarios/abi/ring_pairs.h";
  EXPECT_THAT(Unpaired(header, pairs, std::regex("\\b(k(?:Pci|Aer)\\w*) = ")), testing::IsEmpty());
  EXPECT_THAT(Unpaired(header, pairs, std::regex("\\bu?int32_t (\\w+);")), testing::IsEmpty());
  EXPECT_THAT(Unpaired(header, pairs, std::regex("\"(\\w+)\"")), testing::IsEmpty());
}

TEST(AbiPairs, HaveEveryRegisterOfConfigurationSpace) {
  EXPECT_THAT(Unpaired("models/pci/registers.h", "scenarios/abi/pci_pairs.h", kConstants), testing::IsEmpty());
}

TEST(AbiPairs, HaveEveryFieldOfTheRemappingUnit) {
  // Of its event interrupt and of descriptors the kernel has no names, or shifts in code only.
  const std::regex fields("\\busing (\\w+) = Bits<");
  EXPECT_THAT(Unpaired("models/iommu/registers.h", "scenarios/abi/vtd_pairs.h", fields),
              testing::UnorderedElementsAre("Size", "Base", "Size", "Base", "Information", "WaitComplete", "Extended",
                                            "Address", "InterruptIndex"));
  EXPECT_THAT(Unpaired("models/iommu/registers.h", "scenarios/abi/vtd_pairs.h", std::regex("Reg(?:32|64)\\(\"(\\w+)\"")),
              testing::UnorderedElementsAre("IECTL", "IEDATA", "IEADDR", "IEUADDR", "IVA", "IOTLB", "FRCD_LOW",
                                            "FRCD_HIGH"));
}

TEST(AbiPairs, HaveEveryHypercallThatIsModelled) {
  const std::string said = Text("scenarios/abi/call_pairs.h");
  std::vector<std::string> unpaired;
  for (const auto& [name, number] : Commands()) {
    if (said.find("CALL(" + name + ")") == std::string::npos) unpaired.push_back(name);
  }
  // Linux has no name for these two.
  EXPECT_THAT(unpaired, testing::UnorderedElementsAre("VCPUOP_get_physid", "VCPUOP_register_vcpu_time_memory_area"));
}

}  // namespace
}  // namespace pvpci
