// SPDX-License-Identifier: Apache-2.0
#include "models/pci/function_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <stdexcept>

#include "models/pci/attacker.h"
#include "models/pci/edu.h"
#include "models/pci/endpoint_test.h"
#include "models/pci/registers.h"

namespace pvpci::pci {
namespace {

using ::testing::HasSubstr;

FunctionSpec Plain() { return FunctionSpec(0x1234, 1, 0xff0000); }

struct Named {
  const char* name;
  FunctionSpec spec;
};
std::vector<Named> AllSpecs() {
  return {{"endpoint_test", EndpointTest::Spec({})},
          {"edu", Edu::Spec()},
          {"attacker", Attacker::Spec()},
          {"root port", FunctionSpec::PciBridge(0x1b36, 0xc, reg::kRootPort)},
          {"masked MSI", Plain().Msi(16, false, true)}};
}

// The contract of a byte table: masks hold in every byte lane, neighbours do not move, write-1-to-clear clears.
TEST(ConfigContract, HoldsForEveryByteOfEveryEndpoint) {
  for (const Named& named : AllSpecs()) {
    const ConfigSpace reset = named.spec.config();
    for (unsigned offset = 0; offset < reset.size_bytes(); ++offset) {
      for (uint32_t pattern : {0xffu, 0x00u, 0xa5u}) {
        ConfigSpace config = reset;
        const uint32_t rw = config.writable(offset, 1), w1c = config.clear_on_one(offset, 1);
        ASSERT_EQ(rw & w1c, 0u) << named.name << " " << offset;
        config.Set(offset, 1, config.Read(offset, 1) | w1c);
        const uint32_t before = config.Read(offset, 1);
        config.Write(offset, 1, pattern);
        ASSERT_EQ(config.Read(offset, 1), ((before & ~rw) | (pattern & rw)) & ~(pattern & w1c))
            << named.name << " " << offset;
        if (offset > 0) {
          ASSERT_EQ(config.Read(offset - 1, 1), reset.Read(offset - 1, 1));
        }
        ASSERT_EQ(config.Read(offset + 1, 1), reset.Read(offset + 1, 1));
      }
    }
  }
}

TEST(ConfigContract, IdentityIsReadOnly) {
  for (const Named& named : AllSpecs()) {
    EXPECT_EQ(named.spec.config().writable(reg::kVendorId, 4), 0u) << named.name;
    EXPECT_EQ(named.spec.config().writable(reg::kRevision, 4), 0u) << named.name;
  }
}

TEST(FunctionSpec, LinksItsCapabilitiesWithoutALoop) {
  for (const Named& named : AllSpecs()) {
    const ConfigSpace& config = named.spec.config();
    std::set<unsigned> seen;
    for (unsigned at = config.Read(reg::kCapabilities, 1); at; at = config.Read(at + 1, 1)) {
      EXPECT_GE(at, 0x40u);
      EXPECT_EQ(at % 4, 0u);
      ASSERT_TRUE(seen.insert(at).second) << named.name;
    }
    EXPECT_EQ(!seen.empty(), (config.Read(reg::kStatus, 2) & reg::kStatusCapabilities) != 0);
  }
}

TEST(FunctionSpec, PutsExtendedCapabilitiesInOneChain) {
  const FunctionSpec spec = Plain().Express().Aer().SerialNumber(0x0123456789abcdef);
  EXPECT_EQ(spec.capabilities().aer, 0x100);
  EXPECT_EQ(spec.config().Read(0x100, 4) >> 20, spec.capabilities().serial);
  EXPECT_EQ(spec.config().Read(spec.capabilities().serial + 4, 4), 0x89abcdefu);
}

TEST(FunctionSpec, RefusesWhatDoesNotFit) {
  struct Row {
    const char* sentence;
    std::function<void()> build;
  };
  const Row rows[] = {
      {"not a power of two", [] { Plain().Bar(0, BarKind::kMemory32, 3000); }},
      {"upper half", [] { Plain().Bar(0, BarKind::kMemory64, 4096).Bar(1, BarKind::kMemory32, 4096); }},
      {"no register for its upper half", [] { Plain().Bar(5, BarKind::kMemory64, 4096); }},
      {"declared twice", [] { Plain().Bar(0, BarKind::kMemory32, 4096).Bar(0, BarKind::kMemory32, 4096); }},
      {"4 to 256", [] { Plain().Bar(0, BarKind::kIo, 512); }},
      {"this header has BARs", [] { Plain().Bar(6, BarKind::kMemory32, 4096); }},
      {"does not fit BAR", [] { Plain().Bar(0, BarKind::kMemory32, 4096).MsiX(512, 0, 0, 0x800).Check(); }},
      {"is not a memory BAR", [] { Plain().MsiX(4, 2, 0, 0x800).Check(); }},
      {"overlap", [] { Plain().Bar(0, BarKind::kMemory32, 4096).MsiX(16, 0, 0, 0x80).Check(); }},
      {"is reserved", [] { Plain().MsiX(4, 6, 0, 0x800); }},
      {"1 to 2048", [] { Plain().MsiX(2049, 0, 0, 0x800); }},
      {"1, 2, 4, 8, 16 or 32", [] { Plain().Msi(3); }},
      {"needs the PCI Express capability", [] { Plain().Aer(); }},
      {"interrupt pin", [] { Plain().InterruptPin(5); }},
      {"0xffff", [] { FunctionSpec(0xffff, 1, 0); }},
  };
  for (const Row& row : rows) {
    try {
      row.build();
      ADD_FAILURE() << "accepted: " << row.sentence;
    } catch (const std::invalid_argument& refusal) {
      EXPECT_THAT(refusal.what(), HasSubstr(row.sentence));
    }
  }
}

}  // namespace
}  // namespace pvpci::pci
