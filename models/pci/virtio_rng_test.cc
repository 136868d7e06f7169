// SPDX-License-Identifier: Apache-2.0
#include "models/pci/virtio_rng.h"

#include <algorithm>
#include <set>

#include "models/pci/registers.h"
#include "models/pci/test_rig.h"
#include "sim/random.h"
#include "sim/register_contract.h"

namespace pvpci::pci::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using virtio::Status;

constexpr uint64_t kDesc = 0x1000, kDriver = 0x2000, kDevice = 0x3000, kData = 0x4000;
constexpr uint32_t kApic = 0xFEE00000;
constexpr uint8_t kRunning = Status::Acknowledge::kMask | Status::Driver::kMask | Status::FeaturesOk::kMask |
                             Status::DriverOk::kMask;

TEST(VirtioCommonConfiguration, KeepsTheContract) { sim::RegisterContract(virtio::kCommonRegisters); }

// A driver's side of one queue, written from the specification's structures.
class Driver {
 public:
  explicit Driver(VirtioRngConfig config = {}) : rig_(OnePort(std::make_unique<VirtioRng>(config))) {
    rig_.EnableMaster("nic");
  }

  static uint32_t At(const char* name) {
    const size_t index = sim::IndexOf(virtio::kCommonRegisters, name);
    return virtio::kCommonRegisters.at(index).offset;
  }
  uint64_t Structure(uint32_t offset) { return rig_.Bar("nic", virtio::kStructureBar) + offset; }
  uint64_t Get(const char* name, unsigned size = 2) {
    return rig_.fabric->MmioRead(Structure(At(name)), size).value;
  }
  void Set(const char* name, uint64_t value, unsigned size = 2) {
    rig_.fabric->MmioWrite(Structure(At(name)), size, value, {});
  }
  uint64_t Features() {
    Set("device_feature_select", 0, 4);
    uint64_t features = Get("device_feature", 4);
    Set("device_feature_select", 1, 4);
    return features | Get("device_feature", 4) << 32;
  }
  void Accept(uint64_t features) {
    Set("driver_feature_select", 0, 4);
    Set("driver_feature", features & 0xffffffff, 4);
    Set("driver_feature_select", 1, 4);
    Set("driver_feature", features >> 32, 4);
    Set("device_status", Status::Acknowledge::kMask | Status::Driver::kMask, 1);
    Set("device_status", Status::Acknowledge::kMask | Status::Driver::kMask | Status::FeaturesOk::kMask, 1);
  }
  // Everything up to DRIVER_OK. 3.1.1.
  void Start() {
    Accept(Features());
    Set("queue_select", 0);
    Set("queue_desc", kDesc, 4);
    Set("queue_driver", kDriver, 4);
    Set("queue_device", kDevice, 4);
    Set("queue_msix_vector", 1);
    Set("queue_enable", 1);
    Set("device_status", kRunning, 1);
  }
  void UseMsix() {
    for (unsigned entry = 0; entry < 2; ++entry) {
      const uint64_t at = rig_.Bar("nic", virtio::kMsixBar) + 16 * entry;
      rig_.fabric->MmioWrite(at, 4, kApic, {});
      rig_.fabric->MmioWrite(at + 4, 4, 0, {});
      rig_.fabric->MmioWrite(at + 8, 4, 0x40 + entry, {});
      rig_.fabric->MmioWrite(at + 12, 4, 0, {});
    }
    rig_.EnableMsix("nic");
  }
  template <typename Word>
  void Store(uint64_t address, Word value) {
    std::memcpy(rig_.At(address), &value, sizeof value);
  }
  template <typename Word>
  Word Load(uint64_t address) {
    Word value;
    std::memcpy(&value, rig_.At(address), sizeof value);
    return value;
  }
  void Describe(unsigned index, uint64_t address, uint32_t length, uint16_t flags, uint16_t next = 0) {
    Store<uint64_t>(kDesc + 16 * index, address);
    Store<uint32_t>(kDesc + 16 * index + 8, length);
    Store<uint16_t>(kDesc + 16 * index + 12, flags);
    Store<uint16_t>(kDesc + 16 * index + 14, next);
  }
  void Offer(uint16_t head) {
    const uint16_t index = Load<uint16_t>(kDriver + 2);
    Store<uint16_t>(kDriver + 4 + 2 * (index % 8), head);
    Store<uint16_t>(kDriver + 2, static_cast<uint16_t>(index + 1));
  }
  void Notify(unsigned queue = 0) {
    rig_.fabric->MmioWrite(Structure(virtio::kNotifyOffset + queue * virtio::kNotifyMultiplier), 2, queue, {});
    rig_.simulation.Run();
  }
  uint16_t used() { return Load<uint16_t>(kDevice + 2); }
  uint32_t used_head(unsigned slot) { return Load<uint32_t>(kDevice + 4 + 8 * slot); }
  uint32_t used_length(unsigned slot) { return Load<uint32_t>(kDevice + 8 + 8 * slot); }
  VirtioRng& device() { return static_cast<VirtioRng&>(*rig_.fabric->Find("nic")); }
  Rig& rig() { return rig_; }

 private:
  Rig rig_;
};

constexpr uint16_t kNext = 1, kWrite = 2, kIndirect = 4;

TEST(VirtioRng, AnnouncesItsStructures) {
  Driver driver;
  Rig& rig = driver.rig();
  EXPECT_EQ(rig.Config("nic", 0), 0x10441af4u) << "5.4.1, 4.1.2.1";
  EXPECT_GE(rig.Config("nic", 8, 1), 1u) << "4.1.2.1: revision of a modern device";
  std::set<uint32_t> types;
  for (unsigned at = rig.Config("nic", 0x34, 1); at != 0; at = rig.Config("nic", at + 1, 1)) {
    if (rig.Config("nic", at, 1) != reg::kCapVendor) continue;
    const uint32_t type = rig.Config("nic", at + 3, 1), offset = rig.Config("nic", at + 8);
    const uint32_t length = rig.Config("nic", at + 12);
    types.insert(type);
    EXPECT_EQ(rig.Config("nic", at + 4, 1), virtio::kStructureBar);
    EXPECT_EQ(rig.Config("nic", at + 2, 1), type == 2 ? 20u : 16u) << "length of the capability";
    EXPECT_GT(length, 0u);
    if (type == 1) {
      EXPECT_EQ(offset, virtio::kCommonOffset);
    }
    if (type == 2) {
      EXPECT_EQ(offset, virtio::kNotifyOffset);
      EXPECT_EQ(rig.Config("nic", at + 16), virtio::kNotifyMultiplier);
    }
    if (type == 3) {
      EXPECT_EQ(offset, virtio::kIsrOffset);
    }
  }
  EXPECT_THAT(types, ElementsAre(1u, 2u, 3u)) << "no device configuration: 5.4.4";
}

TEST(VirtioRng, OffersModernFeaturesAndTakesNoLess) {
  Driver driver;
  EXPECT_EQ(driver.Features(), virtio::kVersion1 | virtio::kAccessPlatform);
  driver.Accept(virtio::kVersion1);
  EXPECT_EQ(Status::FeaturesOk::Get(driver.Get("device_status", 1)), 0u) << "could not reach memory";
  driver.Accept(driver.Features() | 1);
  EXPECT_EQ(Status::FeaturesOk::Get(driver.Get("device_status", 1)), 0u) << "never offered";
  driver.Accept(driver.Features());
  EXPECT_EQ(Status::FeaturesOk::Get(driver.Get("device_status", 1)), 1u);
  driver.Set("driver_feature", 0, 4);
  EXPECT_EQ(driver.device().driver_features(), driver.Features()) << "settled. 3.1.1";
}

TEST(VirtioRng, HasOneQueue) {
  Driver driver;
  EXPECT_EQ(driver.Get("num_queues"), 1u);
  driver.Set("queue_select", 1);
  EXPECT_EQ(driver.Get("queue_size"), 0u) << "absent. 4.1.4.3.1";
  driver.Set("queue_enable", 1);
  EXPECT_EQ(driver.Get("queue_enable"), 0u);
  driver.Set("queue_select", 0);
  EXPECT_EQ(driver.Get("queue_size"), 8u);
  for (const uint16_t refused : {0, 3, 16}) {
    driver.Set("queue_size", refused);
    EXPECT_EQ(driver.Get("queue_size"), 8u) << refused;
  }
  driver.Set("queue_size", 4);
  EXPECT_EQ(driver.Get("queue_size"), 4u);
}

TEST(VirtioRng, RefusesVectorsThatItHasNot) {
  Driver driver;
  for (const char* name : {"config_msix_vector", "queue_msix_vector"}) {
    EXPECT_EQ(driver.Get(name), virtio::kNoVector);
    driver.Set(name, 1);
    EXPECT_EQ(driver.Get(name), 1u);
    driver.Set(name, 2);
    EXPECT_EQ(driver.Get(name), virtio::kNoVector);
  }
}

TEST(VirtioRng, FillsABufferAndRaisesItsQueuesVector) {
  Driver driver;
  driver.UseMsix();
  driver.Start();
  driver.Describe(3, kData, 64, kWrite);
  driver.Offer(3);
  driver.Notify();
  EXPECT_EQ(driver.used(), 1u);
  EXPECT_EQ(driver.used_head(0), 3u);
  EXPECT_EQ(driver.used_length(0), 64u);
  std::set<std::byte> values(driver.rig().At(kData), driver.rig().At(kData + 64));
  EXPECT_GT(values.size(), 30u) << "looks random";
  EXPECT_EQ(driver.rig().At(kData + 64)[0], std::byte{0}) << "and stops";
  ASSERT_THAT(driver.rig().host.messages, SizeIs(1));
  EXPECT_EQ(driver.rig().host.messages[0].data, 0x41u);
  EXPECT_EQ(driver.device().bytes_given(), 64u);
}

TEST(VirtioRng, WritesDataBeforeTheRingAndTheRingBeforeTheMessage) {
  Driver driver;
  driver.UseMsix();
  driver.Start();
  driver.Describe(0, kData, 32, kWrite);
  driver.Offer(0);
  driver.Notify();
  std::vector<uint64_t> pages;
  for (const AccessSeen& access : driver.rig().host.accesses) {
    if (access.type == TlpType::kMemoryWrite && access.target == Target::kMemory) pages.push_back(access.bus_address);
  }
  EXPECT_THAT(pages, ElementsAre(kData, kDevice + 4, kDevice + 2));
  const auto& order = driver.rig().host.order;
  const auto message = std::find(order.begin(), order.end(), "message");
  ASSERT_NE(message, order.end());
  EXPECT_EQ(std::find(message, order.end(), "write"), order.end());
}

TEST(VirtioRng, NamesTheWritesBehindItsRequests) {
  Driver driver;
  driver.Start();
  driver.Describe(0, kData, 16, kWrite);
  driver.Offer(0);
  driver.Notify();
  std::set<std::string> writers;
  for (const AccessSeen& access : driver.rig().host.accesses) {
    writers.insert(driver.rig().fabric->provenance(access.provenance).RegisterName());
  }
  EXPECT_THAT(writers, ElementsAre("BAR4+0x20", "BAR4+0x28", "BAR4+0x30", "descriptor at 0x1000"));
  for (const AccessSeen& access : driver.rig().host.accesses) {
    const ProvenanceRecord& record = driver.rig().fabric->provenance(access.provenance);
    if (record.space != RegisterSpace::kDescriptor) continue;
    EXPECT_EQ(record.value, kData) << "the address that the descriptor carried";
    EXPECT_EQ(driver.rig().fabric->provenance(record.via).RegisterName(), "BAR4+0x3000") << "the notification";
  }
}

TEST(VirtioRng, FollowsChainsAndTakesSeveralBuffersForOneNotification) {
  Driver driver;
  driver.Start();
  driver.Describe(0, kData, 10, kWrite | kNext, 1);
  driver.Describe(1, kData + 0x100, 20, kWrite);
  driver.Describe(2, kData + 0x200, 5, kWrite);
  driver.Offer(0);
  driver.Offer(2);
  driver.Notify();
  EXPECT_EQ(driver.used(), 2u);
  EXPECT_EQ(driver.used_length(0), 30u);
  EXPECT_EQ(driver.used_head(1), 2u);
  EXPECT_EQ(driver.used_length(1), 5u);
}

TEST(VirtioRng, WrapsItsRings) {
  Driver driver;
  driver.Start();
  driver.Describe(0, kData, 8, kWrite);
  for (unsigned i = 0; i < 20; ++i) {
    driver.Offer(0);
    driver.Notify();
  }
  EXPECT_EQ(driver.used(), 20u);
  EXPECT_EQ(driver.device().buffers_used(), 20u);
}

TEST(VirtioRng, KeepsQuietWhenAskedTo) {
  Driver driver;
  driver.UseMsix();
  driver.Start();
  driver.Store<uint16_t>(kDriver, 1);  // VIRTQ_AVAIL_F_NO_INTERRUPT, 2.7.7
  driver.Describe(0, kData, 8, kWrite);
  driver.Offer(0);
  driver.Notify();
  EXPECT_EQ(driver.used(), 1u);
  EXPECT_THAT(driver.rig().host.messages, IsEmpty());
}

TEST(VirtioRng, UsesItsPinAndIsrWithoutMsix) {
  Driver driver;
  driver.Start();
  driver.Describe(0, kData, 8, kWrite);
  driver.Offer(0);
  driver.Notify();
  EXPECT_TRUE(driver.device().intx_level());
  const uint64_t isr = driver.Structure(virtio::kIsrOffset);
  EXPECT_EQ(driver.rig().fabric->MmioRead(isr, 1).value, 1u);
  driver.rig().simulation.Run();
  EXPECT_FALSE(driver.device().intx_level());
  EXPECT_EQ(driver.rig().fabric->MmioRead(isr, 1).value, 0u) << "reading clears. 4.1.4.5";
}

TEST(VirtioRng, TouchesNothingBeforeDriverOk) {
  Driver driver;
  driver.Start();
  driver.Set("device_status", kRunning & ~Status::DriverOk::kMask, 1);
  driver.Describe(0, kData, 8, kWrite);
  driver.Offer(0);
  driver.Notify();
  EXPECT_THAT(driver.rig().host.accesses, IsEmpty());
}

TEST(VirtioRng, ForgetsEverythingWhenReset) {
  VirtioRngConfig slow;
  slow.gather_time = sim::kMs;
  Driver driver(slow);
  driver.Start();
  driver.Describe(0, kData, 8, kWrite);
  driver.Offer(0);
  driver.rig().fabric->MmioWrite(driver.Structure(virtio::kNotifyOffset), 2, 0, {});
  driver.rig().simulation.After(500 * sim::kUs, [&] { driver.Set("device_status", 0, 1); });
  driver.rig().simulation.Run();
  EXPECT_EQ(driver.used(), 0u) << "a buffer in the device is dropped. 2.4";
  EXPECT_EQ(driver.Get("device_status", 1), 0u);
  EXPECT_EQ(driver.Get("queue_enable"), 0u);
  EXPECT_EQ(driver.Get("queue_desc", 4), 0u);
  EXPECT_EQ(driver.device().driver_features(), 0u);
}

struct BrokenRing {
  const char* name;
  uint16_t flags;
  uint16_t next;
};

class BrokenRingTest : public ::testing::TestWithParam<BrokenRing> {};

TEST_P(BrokenRingTest, MakesTheDeviceAskForAReset) {
  Driver driver;
  driver.UseMsix();
  driver.Start();
  driver.Set("config_msix_vector", 0);
  driver.Describe(0, kData, 8, GetParam().flags, GetParam().next);
  driver.Offer(0);
  driver.Notify();
  EXPECT_EQ(Status::DeviceNeedsReset::Get(driver.Get("device_status", 1)), 1u);
  EXPECT_EQ(driver.used(), 0u);
  ASSERT_THAT(driver.rig().host.messages, SizeIs(1));
  EXPECT_EQ(driver.rig().host.messages[0].data, 0x40u) << "the configuration's vector";
  driver.Notify();
  EXPECT_THAT(driver.rig().host.messages, SizeIs(1)) << "and then rests";
}
INSTANTIATE_TEST_SUITE_P(, BrokenRingTest,
                         ::testing::Values(BrokenRing{"ABufferToReadOnly", 0, 0},
                                           BrokenRing{"AnIndirectTableThatWasNotOffered", kWrite | kIndirect, 0},
                                           BrokenRing{"AChainThatLeavesTheTable", kWrite | kNext, 8},
                                           BrokenRing{"AChainThatBitesItsTail", kWrite | kNext, 0}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(VirtioRng, AsksForAResetWhenItsRingIsOutOfReach) {
  Driver driver;
  driver.Start();
  driver.Set("device_status", 0, 1);
  driver.Accept(driver.Features());
  driver.Set("queue_driver", kRamFrames * sim::kPageSize, 4);
  driver.Set("queue_enable", 1);
  driver.Set("device_status", kRunning, 1);
  driver.Notify();
  EXPECT_EQ(Status::DeviceNeedsReset::Get(driver.Get("device_status", 1)), 1u);
}

TEST(VirtioRng, GivesTheEntropyOfItsSeed) {
  VirtioRngConfig config;
  config.seed = 7;
  Driver driver(config);
  driver.Start();
  driver.Describe(0, kData, 32, kWrite);
  driver.Offer(0);
  driver.Notify();
  sim::Random random(7, "virtio_rng");
  for (unsigned i = 0; i < 32; ++i) {
    ASSERT_EQ(driver.rig().At(kData)[i], static_cast<std::byte>(random.Next() & 0xff)) << i;
  }
}

}  // namespace
}  // namespace pvpci::pci::testing
