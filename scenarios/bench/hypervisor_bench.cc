// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/hypervisor_bench.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/xen/domain_builder.h"
#include "models/xen/hypervisor.h"
#include "scenarios/bench/worker.h"
#include "sim/machine_memory.h"
#include "sim/simulation.h"
#include "sim/trace.h"

namespace pvpci::scenarios {
namespace {

constexpr uint64_t kPages = 32;
constexpr uint64_t kBytes = kPages * sim::kPageSize;
constexpr uint64_t kFirstBase = 0x1000'0000;   // direct maps lie below 2 GiB
constexpr uint64_t kFirstVmalloc = 0x2000'0000'0000;
constexpr uint64_t kVmallocBytes = 2ull << 20;
constexpr uint64_t kFramesBesides = 16'384;

struct NoPci : xen::PlatformPci {
  uint32_t ConfigRead(pci::Bdf, unsigned, unsigned) override { return UINT32_MAX; }
  void ConfigWrite(pci::Bdf, unsigned, unsigned, uint32_t) override {}
  uint64_t MmioRead(uint64_t, unsigned) override { return UINT64_MAX; }
  void MmioWrite(uint64_t, unsigned, uint64_t) override {}
};

// Its memory and nothing else.
struct Space : xen::GuestSpace {
  explicit Space(uint64_t first) : base(first) {}
  void* Access(uint64_t va, uint64_t length, bool) override {
    return va >= base && va + length <= base + kBytes ? reinterpret_cast<void*>(va) : nullptr;
  }
  bool MapFrame(uint64_t, const sim::Frame&, bool) override { return false; }
  void UnmapPage(uint64_t) override {}
  const uint64_t base;
};

struct Sleeper : xen::VcpuHost {
  void Kick() override {}
  void Steal(sim::Ps) override {}
  void Wake(sim::Ps) override {}
  void Start(const xen::VcpuContext&, sim::Ps) override {}
  void Stop() override {}
  void Deschedule() override {}
  void Reschedule(sim::Ps) override {}
};

}  // namespace

double DomainCreationUs(unsigned domains) {
  const int fd = memfd_create("domains", MFD_CLOEXEC);
  const size_t bytes = domains * kBytes;
  void* const at = reinterpret_cast<void*>(kFirstBase);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(bytes)) != 0 ||
      mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) != at) {
    throw std::runtime_error("no memory for domains");
  }
  sim::Simulation simulation({});
  sim::MachineMemory memory(domains * kPages + kFramesBesides);
  sim::Trace trace([&simulation] { return simulation.now(); });
  NoPci pci;
  xen::Hypervisor hypervisor({}, simulation, memory, trace, pci);
  Sleeper sleeper;
  std::vector<std::unique_ptr<Space>> spaces;
  const double begin = ThreadNs();
  for (unsigned i = 0; i < domains; ++i) {
    const uint64_t base = kFirstBase + i * kBytes;
    spaces.push_back(std::make_unique<Space>(base));
    xen::BuildRequest request;
    request.spec.name = "idle" + std::to_string(i);
    request.spec.id = static_cast<sim::DomId>(i + 1);
    request.spec.pages = kPages;
    request.memory = {reinterpret_cast<std::byte*>(base), kPages, fd};
    request.vmalloc = {kFirstVmalloc + i * kVmallocBytes, kVmallocBytes};
    request.space = spaces.back().get();
    request.vcpus = {&sleeper};
    xen::BuildDomain(hypervisor, request);
  }
  const double us = (ThreadNs() - begin) * 1e-3 / domains;
  if (hypervisor.domains().size() != domains) throw std::runtime_error("a domain is missing");
  return us;
}

}  // namespace pvpci::scenarios
