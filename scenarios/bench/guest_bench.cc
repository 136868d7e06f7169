// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/guest_bench.h"

#include <asm/prctl.h>
#include <x86intrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <boost/context/detail/fcontext.hpp>
#include <fmt/format.h>

#include "models/xen/abi.h"
#include "scenarios/bench/worker.h"
#include "scenarios/parser.h"

namespace pvpci::scenarios {
namespace {

constexpr const char* kDriverDomain = "driver";
constexpr const char* kDevice = "endpoint";
// The 2-level event channels, because their bits can be set by hand (NativePath). Below 4.29 s of uptime pcifront's
// polls block (abi.md S4): the plain image counts no time, and would spin for ever.
constexpr const char* kInterruptMachine = R"(
name: bench
claim: An interrupt takes its real path.
machine: {policy: msi_too, xen: {uptime_at_start: 1 s}}
domains:
  - {name: control, role: dom0}
  - {name: driver, role: domU, events: 2l}
devices:
  - {name: endpoint, model: endpoint_test, assigned_to: driver}
steps:
  - boot: control
expect:
  - domains[*].state == running
)";
constexpr const char* kSmallestMachine = R"(
name: bench
claim: A kernel handles an interrupt.
machine: {memory: 64 MiB}
domains:
  - {name: control, role: dom0}
steps:
  - boot: control
expect:
  - domains[*].state == running
)";

constexpr sim::Ps kInterval = 20 * sim::kUs;  // the vCPU is asleep again before the next
constexpr sim::Ps kQuiet = 100 * sim::kMs;    // timers and workers of a boot have run
// drivers/misc/pci_endpoint_test.c: STATUS_IRQ_RAISED.
constexpr uint64_t kIrqRaised = 1 << 6;

// What answers the guest's requests while it is called natively.
struct NativeHost {
  Machine* machine = nullptr;
  xen::Vcpu* vcpu = nullptr;
  GuestBench::Host host = GuestBench::Host::kModels;
  uint64_t unexpected = 0;  // requests that an interrupt does not make; nothing may be thrown through a guest
};
NativeHost g_native;

// Guest stacks are aligned to 8 bytes only.
__attribute__((force_align_arg_pointer)) seam_u64 AnswerNatively(seam_u32 op, seam_u64 a0, seam_u64 a1, seam_u64 a2,
                                                                 seam_u64 a3, seam_u64 a4, seam_u64 a5) {
  const bool read = op == SEAM_MMIO_READ;
  if (op == SEAM_IRQS_OFF) return 0;  // a gauge
  if (!read && op != SEAM_MMIO_WRITE && op != SEAM_HYPERCALL) {
    ++g_native.unexpected;
    return 0;
  }
  if (g_native.host == GuestBench::Host::kConstant) return read ? kIrqRaised : 0;
  xen::Hypervisor& hypervisor = g_native.machine->hypervisor();
  if (op == SEAM_HYPERCALL) {
    const uint64_t args[5] = {a1, a2, a3, a4, a5};
    return static_cast<seam_u64>(hypervisor.Hypercall(*g_native.vcpu, static_cast<unsigned>(a0), args).value);
  }
  const auto mapping = hypervisor.Walk(*g_native.vcpu, a0);
  if (!mapping) {
    ++g_native.unexpected;
    return 0;
  }
  pci::Fabric& fabric = g_native.machine->fabric();
  const auto bytes = static_cast<unsigned>(a1);
  if (read) return fabric.MmioRead(mapping->machine_address, bytes).value | kIrqRaised;
  fabric.MmioWrite(mapping->machine_address, bytes, a2, {});
  return 0;
}

uint64_t Middle(std::vector<uint64_t>& ticks) {
  const auto middle = ticks.begin() + static_cast<long>(ticks.size() / 2);
  std::nth_element(ticks.begin(), middle, ticks.end());
  return *middle;
}

// The guest's per-CPU area, for as long as its code is called natively.
class GuestGs {
 public:
  explicit GuestGs(uint64_t base) {
    syscall(SYS_arch_prctl, ARCH_GET_GS, &before_);
    syscall(SYS_arch_prctl, ARCH_SET_GS, base);
  }
  ~GuestGs() { syscall(SYS_arch_prctl, ARCH_SET_GS, before_); }

 private:
  uint64_t before_ = 0;
};

// Calls the event callback again and again, as if Xen had set the event's bits.
struct NativeLoop {
  xen::abi::SharedInfo* shared;
  xen::abi::VcpuInfo* info;
  seam_clock* clock;
  void (*upcall)();
  uint64_t port;
  unsigned events;
  std::vector<uint64_t> ticks;  // of the time-stamp counter, per event
  uint64_t left_pending = 0;
  double ns = 0;                // of processor time, all events

  // On a stack in the domain's memory: the kernel hands the hypervisor pointers to it.
  void RunOn(std::byte* stack_end, size_t stack_bytes) {
    namespace fiber = boost::context::detail;
    const auto body = [](fiber::transfer_t from) {
      static_cast<NativeLoop*>(from.data)->Run();
      fiber::jump_fcontext(from.fctx, nullptr);
    };
    fiber::jump_fcontext(fiber::make_fcontext(stack_end, stack_bytes, body), this);
  }
  void Run() {
    const uint64_t bit = uint64_t{1} << port % 64;
    const double begin = ThreadNs();
    uint64_t before = __rdtsc();
    for (unsigned i = 0; i < events; ++i) {
      // Far enough for the traps of hooked blocks: they are counted, but do not leave the image.
      clock->countdown = std::numeric_limits<seam_s64>::max() / 2;
      shared->evtchn_pending[port / 64] |= bit;
      info->pending_sel |= uint64_t{1} << port / 64;
      info->upcall_pending = 1;
      upcall();
      left_pending |= shared->evtchn_pending[port / 64] & bit;
      const uint64_t now = __rdtsc();
      ticks[i] = now - before;
      before = now;
    }
    ns = ThreadNs() - begin;
  }
};

std::string IdleMachine(unsigned idle) {
  std::string yaml = R"(
name: bench
claim: Idle domains cost little.
machine: {memory: 2 GiB}
domains:
  - {name: control, role: dom0}
)";
  for (unsigned i = 0; i < idle; ++i) yaml += fmt::format("  - {{name: idle{}, role: domU}}\n", i);
  return yaml + "steps:\n  - boot: control\nexpect:\n  - domains[*].state == running\n";
}

// "VmPTE:      120 kB" of /proc/self/status.
double StatusKiB(const std::string& field) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, field.size() + 1, field + ":") == 0) return std::stod(line.substr(field.size() + 1));
  }
  throw std::runtime_error("/proc/self/status has no " + field);
}

// Resident KiB of all mappings but those of domains' memory, which are memfds.
double MappedKiB() {
  std::ifstream file("/proc/self/smaps");
  double sum = 0;
  bool counts = false;
  for (std::string line; std::getline(file, line);) {
    // A mapping's first line begins with its addresses, the others with a word and a colon.
    if (line.find('-') < line.find(' ') && line.find(':') > line.find(' ')) {
      counts = line.find("/memfd:") == std::string::npos;
    } else if (counts && line.compare(0, 4, "Rss:") == 0) {
      sum += std::stod(line.substr(4));
    }
  }
  if (sum == 0) throw std::runtime_error("/proc/self/smaps tells nothing");
  return sum;
}

}  // namespace

BenchMachine::BenchMachine(const std::string& yaml, const ImageFiles& image)
    : machine_(std::make_unique<Machine>(ParseScenario("bench.yaml", yaml), image)) {
  machine_->BuildFirstDomains();
}

void BenchMachine::Do(const std::string& what, const std::function<void(Machine::Done)>& operation) {
  sim::Simulation& simulation = machine_->simulation();
  std::string error = "nothing can happen any more";
  simulation.After(0, [&] {
    operation([&](const std::string& answer) {
      error = answer;
      simulation.Stop();
    });
  });
  simulation.Run();
  if (!error.empty()) throw std::runtime_error(fmt::format("{}: {}", what, error));
}

void BenchMachine::Boot(const std::string& domain) {
  Do("boot of " + domain, [&](Machine::Done done) { machine_->Boot(machine_->guest(domain), std::move(done)); });
}

void BenchMachine::Settle(sim::Ps span) { machine_->simulation().Run(machine_->simulation().now() + span); }

GuestBench::GuestBench(const ImageFiles& image)
    : bench_(kInterruptMachine, image),
      guest_(bench_.machine().guest(kDriverDomain)),
      device_(bench_.machine().device(kDevice)) {
  Machine& machine = bench_.machine();
  machine.spans().OnSettled([this](pci::Bdf) { ++settled_; });
  bench_.Boot("control");
  bench_.Do("seize", [&](Machine::Done done) { machine.Seize(device_, std::move(done)); });
  bench_.Boot(kDriverDomain);
  bench_.Do("attach", [&](Machine::Done done) { machine.Attach(device_, guest_, std::move(done)); });
  bench_.Do("pcitest -i 1", [&](Machine::Done done) {
    guest_.Post(SEAM_WORK_PROGRAM, {"pcitest", "-i", "1"}, [done = std::move(done)](long result, const std::string&) {
      done(result == 0 ? "" : fmt::format("exit {}", result));
    });
  });
  bench_.Settle(kQuiet);
  watch_.Attach(&machine.fabric());
}

void AcknowledgeWatch::Attach(pci::Fabric* fabric) {
  next_ = fabric->register_observer();
  fabric->set_register_observer(this);
}

void AcknowledgeWatch::Asserting() { asserted_ = __rdtsc(); }

void AcknowledgeWatch::OnRegister(const pci::RegisterAccess& access) {
  if (next_ != nullptr) next_->OnRegister(access);
  if (!access.write || access.space == pci::RegisterSpace::kConfig || asserted_ == 0) return;
  ticks_.push_back(__rdtsc() - asserted_);
  asserted_ = 0;
}

void GuestBench::RaiseNext(unsigned left) {
  sim::Simulation& simulation = bench_.machine().simulation();
  if (left == 0) {
    simulation.Stop();
    return;
  }
  watch_.Asserting();
  device_.AssertInterrupt(pci::InterruptKind::kMsi, 0);
  simulation.After(kInterval, [this, left] { RaiseNext(left - 1); });
}

double GuestBench::RealPath(unsigned interrupts) {
  sim::Simulation& simulation = bench_.machine().simulation();
  const uint64_t wanted = settled_ + interrupts;
  simulation.After(0, [this, interrupts] { RaiseNext(interrupts); });
  const uint64_t begin_ticks = __rdtsc();
  const double begin = WallNs();
  simulation.Run();
  const double ns_per_tick = (WallNs() - begin) / static_cast<double>(__rdtsc() - begin_ticks);
  std::vector<uint64_t> ticks = watch_.Take();
  if (settled_ != wanted || ticks.size() != interrupts) {
    throw std::runtime_error("an interrupt did not reach its handler, or was not acknowledged");
  }
  return static_cast<double>(Middle(ticks)) * ns_per_tick;
}

double GuestBench::NativePath(unsigned events, Host host) {
  xen::Domain& domain = *guest_.domain();
  const auto at = std::find_if(domain.ports.begin(), domain.ports.end(), [](const xen::EventChannel& channel) {
    return channel.state == xen::PortState::kPirq;
  });
  if (at == domain.ports.end()) throw std::runtime_error("the driver has no interrupt");
  const auto port = static_cast<uint64_t>(at - domain.ports.begin());
  auto& info = *reinterpret_cast<xen::abi::VcpuInfo*>(domain.vcpus[0]->info);
  seam_host_table& table = guest_.image()->host_table();
  seam_clock& clock = guest_.image()->clock();
  NativeLoop loop{reinterpret_cast<xen::abi::SharedInfo*>(domain.shared_info), &info, &clock,
                  guest_.image()->guest().upcall, port, events, std::vector<uint64_t>(events)};
  g_native = {&bench_.machine(), domain.vcpus[0].get(), host, 0};

  const auto call = std::exchange(table.call, &AnswerNatively);
  const seam_clock clock_before = clock;
  const uint8_t mask = std::exchange(info.upcall_mask, uint8_t{1});
  const uint64_t begin_ticks = __rdtsc();
  const double begin = WallNs();
  {
    const GuestGs gs(guest_.image()->per_cpu_offset(0));
    loop.RunOn(guest_.work_area_end(), GuestDomain::kWorkAreaBytes);
  }
  const double ns_per_tick = (WallNs() - begin) / static_cast<double>(__rdtsc() - begin_ticks);
  info.upcall_mask = mask;
  clock = clock_before;
  table.call = call;
  if (loop.left_pending != 0) throw std::runtime_error("the kernel left an event pending");
  if (g_native.unexpected != 0) throw std::runtime_error("the kernel asked for what an interrupt does not need");
  return host == Host::kModels ? static_cast<double>(Middle(loop.ticks)) * ns_per_tick : loop.ns / events;
}

double FirstInterrupt(const ImageFiles& image) {
  BenchMachine bench(kSmallestMachine, image);
  Machine& machine = bench.machine();
  GuestDomain& guest = machine.guest("control");
  double entered = 0;
  const int hooked = guest.hooks()->Add(
      "__handle_irq_event_percpu",
      [&](driver::VcpuRunner&, sim::Ps) {
        if (entered == 0) entered = WallNs();
        machine.simulation().Stop();
      },
      "kernel/irq/handle.c");
  if (hooked == 0) throw std::runtime_error("the image has no __handle_irq_event_percpu");
  machine.simulation().After(0, [&] { machine.Boot(guest, [](const std::string&) {}); });
  machine.simulation().Run();
  if (entered == 0) throw std::runtime_error("no interrupt was handled");
  return entered;
}

double IdleResidentKiB(const ImageFiles& image, unsigned idle) {
  BenchMachine bench(IdleMachine(idle), image);
  bench.Boot("control");
  for (unsigned i = 0; i < idle; ++i) bench.Boot(fmt::format("idle{}", i));
  bench.Settle(kQuiet);
  return MappedKiB() + StatusKiB("VmPTE");
}

}  // namespace pvpci::scenarios
