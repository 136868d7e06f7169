// SPDX-License-Identifier: Apache-2.0
// Domains of the test guest under a hypervisor of four calls, for the tests of this folder.
#ifndef PVPCI_DRIVER_VCPU_TEST_MACHINE_H_
#define PVPCI_DRIVER_VCPU_TEST_MACHINE_H_

#include <memory>
#include <string>
#include <vector>

#include "driver/loader/domain_space.h"
#include "driver/loader/image.h"
#include "driver/loader/test_image.h"
#include "driver/vcpu/vcpu_runner.h"
#include "sim/simulation.h"

namespace pvpci::driver {

// Agreed with driver/loader/test_guest.c.
enum GuestTest : uint64_t {
  kHypercalls, kLoop, kNull, kOverflow, kBug, kWarn, kHang, kPercpu, kFibers, kBlock, kMmio, kPanic, kDivide,
  kJumpNull, kIomem, kPrivileged, kFixup, kReturn, kDummy, kPoll, kNested, kJiffies, kMasked,
};
enum GuestCall : uint64_t { kCallNote = 1, kCallBlock, kCallUnmask, kCallMask };

inline constexpr Ps kNoteCost = 100'000;
inline constexpr Ps kBounceCost = 200'000;
inline constexpr Ps kIretCost = 50'000;
inline constexpr uint64_t kIoremapped = DomainSpace::kVmallocBase + 0x10000;

struct Note {
  Ps time = 0;
  uint64_t a = 0;
  uint64_t b = 0;
  bool operator==(const Note& other) const { return time == other.time && a == other.a && b == other.b; }
};

// One vCPU and everything that happened to it.
class TestVcpu : public VcpuDelegate {
 public:
  TestVcpu(sim::Simulation& simulation, LoadedImage& image, FunctionHooks* hooks, unsigned domain, VcpuConfig config)
      : simulation_(simulation), hooks_(hooks), image_(image), config_(std::move(config)) {
    config_.name = "dom" + std::to_string(domain) + "_vcpu" + std::to_string(config_.cpu);
    runner = std::make_unique<VcpuRunner>(config_, simulation_, image_, hooks_, *this);
  }

  void Start(GuestTest test, uint64_t parameter = 0, Ps when = 0) {
    const uint64_t top = image_.space().base() + image_.space().bytes() - config_.cpu * kStackBytes;
    runner->Start(test | config_.cpu << 8 | parameter << 16, top, kStackBytes, when);
  }
  void RaiseUpcall() {
    pending = true;
    runner->Preempt();
    simulation_.Wake(runner->id(), simulation_.now());
  }

  Answer Hypercall(uint64_t number, const uint64_t (&args)[5]) override {
    switch (number) {
      case kCallNote:
        notes.push_back({simulation_.now(), args[0], args[1]});
        return {args[0] * 2, kNoteCost};
      case kCallBlock:
        masked = false;
        return {55, kNoteCost, !pending};
      default:
        masked = number == kCallMask;
        return {0, kNoteCost};
    }
  }
  Answer MmioRead(uint64_t va, unsigned size) override {
    accesses.push_back({simulation_.now(), va, size});
    return {0xabcd, 500'000};
  }
  Answer MmioWrite(uint64_t va, unsigned size, uint64_t value) override {
    accesses.push_back({simulation_.now(), va, size << 16 | value});
    write_backtrace = runner->CaptureBacktrace();
    return {0, 10'000};
  }
  Answer PortRead(uint16_t port, unsigned size) override { return {port + size, 1'000'000}; }
  Answer PortWrite(uint16_t port, unsigned size, uint64_t) override {
    accesses.push_back({simulation_.now(), port, size});
    return {};
  }
  bool UpcallDeliverable() override { return pending && !masked; }
  Ps BeginUpcall() override {
    upcall_times.push_back(simulation_.now());
    pending = false;
    masked = true;
    return kBounceCost;
  }
  Ps EndUpcall() override {
    masked = false;
    return kIretCost;
  }
  JiffiesClock jiffies_clock() const override { return {uint64_t{0} - 3, 0}; }
  void Log(unsigned, std::string_view text) override { log += text; }
  void Dma(const seam_dma&) override {}
  Answer User(seam_user, std::string_view, uint64_t) override { return {}; }
  std::string DescribeMmio(uint64_t va) override { return va - kIoremapped < 4096 ? "BAR0 of 0000:01:00.0" : ""; }
  void Warned(const WarnReport& report) override { warnings.push_back(report); }
  void Crashed(const CrashReport& report) override { crashes.push_back(report); }

  std::unique_ptr<VcpuRunner> runner;
  std::vector<Note> notes;
  std::vector<Note> accesses;
  std::vector<Ps> upcall_times;
  std::vector<WarnReport> warnings;
  std::vector<CrashReport> crashes;
  RawBacktrace write_backtrace;
  std::string log;
  bool pending = false;
  bool masked = false;

 private:
  static constexpr uint64_t kStackBytes = 16 << 10;
  sim::Simulation& simulation_;
  FunctionHooks* hooks_;
  LoadedImage& image_;
  VcpuConfig config_;
};

struct TestDomain {
  TestDomain(sim::Simulation& simulation, std::shared_ptr<const Image> image, unsigned index, unsigned vcpu_count,
             VcpuConfig config)
      : space({index, 1024}), loaded(LoadedImage::Load(std::move(image), space, 16)), hooks(*loaded) {
    for (unsigned cpu = 0; cpu < vcpu_count; ++cpu) {
      config.cpu = cpu;
      vcpus.push_back(std::make_unique<TestVcpu>(simulation, *loaded, &hooks, index, config));
    }
  }
  TestVcpu& vcpu(unsigned cpu = 0) { return *vcpus[cpu]; }

  DomainSpace space;
  std::unique_ptr<LoadedImage> loaded;
  FunctionHooks hooks;
  std::vector<std::unique_ptr<TestVcpu>> vcpus;
};

struct TestMachine {
  explicit TestMachine(unsigned domain_count = 1, unsigned vcpu_count = 1, VcpuConfig config = {})
      : simulation({}), image(OpenTestImage()), symbols(image) {
    for (unsigned i = 0; i < domain_count; ++i) {
      domains.push_back(std::make_unique<TestDomain>(simulation, image, i, vcpu_count, config));
    }
  }
  TestVcpu& vcpu(unsigned domain = 0, unsigned cpu = 0) { return domains[domain]->vcpu(cpu); }
  std::vector<SourceFrame> Frames(const RawBacktrace& backtrace) { return Symbolize(symbols, backtrace); }

  sim::Simulation simulation;
  std::shared_ptr<const Image> image;
  Symbolizer symbols;
  std::vector<std::unique_ptr<TestDomain>> domains;
};

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_VCPU_TEST_MACHINE_H_
