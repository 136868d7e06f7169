// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/guest_bench.h"

#include <asm/prctl.h>
#include <x86intrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include <boost/context/detail/fcontext.hpp>
#include <fmt/format.h>

#include "models/xen/abi.h"
#include "models/xen/hypervisor.h"
#include "scenarios/bench/memory_use.h"
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
machine: {{policy: msi_too, xen: {{uptime_at_start: 1 s}}}}
domains:
  - {{name: control, role: dom0}}
  - {{name: driver, role: domU, events: {}}}
devices:
  - {{name: endpoint, model: endpoint_test, assigned_to: driver}}
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

constexpr unsigned kFirstIdleDomain = 100;
constexpr const char* kForwardedDevice = "0000:00:00.0";  // as the driver's domain sees it
constexpr unsigned kPortsBesides = 256;  // what the domain itself binds
constexpr uint64_t kEoi = 12;            // PHYSDEVOP_eoi

constexpr sim::Ps kInterval = 20 * sim::kUs;  // the vCPU is asleep again before the next
constexpr unsigned kDmaBytes = 64;
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

GuestBench::GuestBench(const ImageFiles& image, const GuestShape& shape)
    : bench_(fmt::format(kInterruptMachine, shape.fifo ? "fifo" : "2l"), image),
      guest_(bench_.machine().guest(kDriverDomain)),
      device_(bench_.machine().device(kDevice)),
      interval_(kInterval) {
  Machine& machine = bench_.machine();
  machine.spans().OnSettled([this](pci::Bdf) { ++settled_; });
  bench_.Boot("control");
  bench_.Do("seize", [&](Machine::Done done) { machine.Seize(device_, std::move(done)); });
  bench_.Boot(kDriverDomain);
  for (unsigned i = 0; i < shape.idle_domains; ++i) {
    xen::DomainSpec idle;
    idle.name = fmt::format("idle{}", i);
    idle.id = static_cast<sim::DomId>(kFirstIdleDomain + i);
    idle.pages = 1;
    machine.hypervisor().AddDomain(idle);
  }
  guest_.domain()->max_port = std::max(guest_.domain()->max_port, shape.bound_ports + kPortsBesides);
  for (unsigned i = 0; i < shape.bound_ports; ++i) machine.hypervisor().ConnectHost(guest_.id(), [] {});
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
  simulation.After(interval_, [this, left] { RaiseNext(left - 1); });
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

uint64_t GuestBench::PirqPort() const {
  const xen::Domain& domain = *guest_.domain();
  const auto at = std::find_if(domain.ports.begin(), domain.ports.end(), [](const xen::EventChannel& channel) {
    return channel.state == xen::PortState::kPirq;
  });
  if (at == domain.ports.end()) throw std::runtime_error("the driver has no interrupt");
  return static_cast<uint64_t>(at - domain.ports.begin());
}

// Stands where the domain's vCPU was: runs its handler when it is woken, as an event, and blocks again.
class StubVcpu : public xen::VcpuHost {
 public:
  StubVcpu(Machine& machine, GuestDomain& guest, uint64_t port)
      : machine_(machine), guest_(guest), vcpu_(*guest.domain()->vcpus[0]), port_(port), host_(vcpu_.host) {
    vcpu_.host = this;
  }
  ~StubVcpu() override { vcpu_.host = host_; }
  void Kick() override {}
  void Steal(sim::Ps) override {}
  void Wake(sim::Ps when) override {
    machine_.simulation().At(when, [this] { Run(); });
  }
  void Start(const xen::VcpuContext&, sim::Ps) override {}
  void Stop() override {}
  void Deschedule() override {}
  void Reschedule(sim::Ps) override {}
  unsigned handled() const { return handled_; }

 private:
  void Run() {
    xen::Hypervisor& hypervisor = machine_.hypervisor();
    Spans& spans = machine_.spans();
    const sim::Ps now = machine_.simulation().now();
    hypervisor.BeginUpcall(vcpu_);
    spans.OnUpcallEntered(guest_.id(), now);
    auto& info = *reinterpret_cast<xen::abi::VcpuInfo*>(vcpu_.info);
    auto& shared = *reinterpret_cast<xen::abi::SharedInfo*>(guest_.domain()->shared_info);
    info.upcall_pending = 0;
    for (uint64_t words = std::exchange(info.pending_sel, 0); words != 0; words &= words - 1) {
      const auto word = static_cast<unsigned>(__builtin_ctzll(words));
      for (uint64_t bits = shared.evtchn_pending[word] & ~shared.evtchn_mask[word]; bits != 0; bits &= bits - 1) {
        const uint64_t port = word * 64 + static_cast<unsigned>(__builtin_ctzll(bits));
        shared.evtchn_pending[word] &= ~(uint64_t{1} << port % 64);
        spans.OnPendingCleared(guest_.id(), now);
        if (port == port_) Handle(now);
      }
    }
    hypervisor.EndUpcall(vcpu_);
    Call(xen::abi::kSchedOp, 1, 0);  // SCHEDOP_block
  }
  void Handle(sim::Ps now) {
    machine_.spans().OnHandlerEntered(guest_.id(), now, "stub");
    auto* const eoi = reinterpret_cast<xen::abi::PhysdevEoi*>(guest_.work_area_end() - sim::kPageSize);
    eoi->irq = guest_.domain()->ports[port_].pirq;
    Call(xen::abi::kPhysdevOp, kEoi, reinterpret_cast<uint64_t>(eoi));
    ++handled_;
  }
  void Call(unsigned number, uint64_t command, uint64_t argument) {
    const uint64_t args[5] = {command, argument};
    machine_.hypervisor().Hypercall(vcpu_, number, args);
  }
  Machine& machine_;
  GuestDomain& guest_;
  xen::Vcpu& vcpu_;
  const uint64_t port_;
  xen::VcpuHost* const host_;
  unsigned handled_ = 0;
};

double GuestBench::StubPath(unsigned interrupts) {
  StubVcpu stub(bench_.machine(), guest_, PirqPort());
  sim::Simulation& simulation = bench_.machine().simulation();
  simulation.After(0, [this, interrupts] { RaiseNext(interrupts); });
  const double begin = ThreadNs();
  simulation.Run();
  const double ns = ThreadNs() - begin;
  watch_.Take();
  if (stub.handled() != interrupts) throw std::runtime_error("an interrupt did not reach the stub");
  return ns / interrupts;
}

double GuestBench::ForwardedConfigRead(unsigned reads) {
  const auto answered = [this] {
    const auto& counts = bench_.machine().rings().counts();
    const auto found = counts.find({guest_.id(), "conf_read"});
    return found == counts.end() ? 0 : found->second.answers;
  };
  const uint64_t before = answered();
  const double begin = ThreadNs();
  bench_.Do("config_trip", [&](Machine::Done done) {
    guest_.Post(SEAM_WORK_CALL, {"config_trip", kForwardedDevice, std::to_string(reads)},
                [done = std::move(done)](long result, const std::string&) {
                  done(result == 0 ? "" : fmt::format("error {}", result));
                });
  });
  const double ns = ThreadNs() - begin;
  if (answered() - before != reads) throw std::runtime_error("a read did not come through the ring, or others did");
  return ns / reads;
}

void GuestBench::DmaNext(unsigned left) {
  if (left == 0) return;
  std::byte buffer[kDmaBytes] = {};
  const xen::GuestMemory& memory = guest_.domain()->memory;
  const auto pfn = static_cast<uint64_t>(guest_.work_area_end() - memory.base) / sim::kPageSize - 1;
  pci::Tlp tlp;
  tlp.requester = tlp.function = device_.bdf();
  tlp.length_bytes = kDmaBytes;
  tlp.data = buffer;
  tlp.type = left % 2 != 0 ? pci::TlpType::kMemoryWrite : pci::TlpType::kMemoryRead;
  tlp.bus_address = guest_.domain()->p2m[pfn] * sim::kPageSize + left * kDmaBytes % sim::kPageSize;
  sim::Ps latency = 0;
  dma_failures_ += bench_.machine().fabric().DmaNow(tlp, &latency) != pci::Completion::kSuccess;
  bench_.machine().simulation().After(sim::kUs, [this, left] { DmaNext(left - 1); });
}

double GuestBench::Loaded(unsigned ms) {
  sim::Simulation& simulation = bench_.machine().simulation();
  const unsigned interrupts = ms * 100, accesses = ms * 1000;
  const uint64_t wanted = settled_ + interrupts;
  interval_ = 10 * sim::kUs;
  simulation.After(0, [this, interrupts, accesses] {
    DmaNext(accesses);
    RaiseNext(interrupts);
  });
  const sim::Ps from = simulation.now();
  const double begin = ThreadNs();
  simulation.Run();
  const double ns = ThreadNs() - begin;
  const double simulated = static_cast<double>(simulation.now() - from) * 1e-3;
  interval_ = kInterval;
  watch_.Take();
  if (settled_ != wanted) throw std::runtime_error("an interrupt did not reach its handler");
  if (dma_failures_ != 0) throw std::runtime_error("a DMA access failed");
  return simulated / ns;
}

double GuestBench::Idle(unsigned seconds) {
  const double begin = ThreadNs();
  bench_.Settle(seconds * sim::kSec);
  return seconds * 1e9 / (ThreadNs() - begin);
}

double GuestBench::TraceBytesPerRecord() {
  const sim::Trace& trace = bench_.machine().trace();
  return static_cast<double>(trace.bytes()) / static_cast<double>(trace.count());
}

double GuestBench::LatencySumPs() {
  uint64_t sum = 0;
  const auto rows = bench_.machine().spans().Rows([](sim::DomId) { return reports::PortAbi::k2l; },
                                                  [](sim::DomId) { return std::string(); });
  for (const reports::Interrupt& row : rows) sum += row.total_ps;
  return static_cast<double>(sum);
}

double GuestBench::NativePath(unsigned events, Host host) {
  xen::Domain& domain = *guest_.domain();
  const uint64_t port = PirqPort();
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

KernelBench::KernelBench(const ImageFiles& image) : bench_(kSmallestMachine, image) {
  bench_.Boot("control");
  bench_.Settle(kQuiet);
}

double KernelBench::CallNs(const std::string& function, unsigned count, long* result) {
  const double begin = ThreadNs();
  bench_.Do(function, [&](Machine::Done done) {
    bench_.machine().guest("control").Post(SEAM_WORK_CALL, {function, std::to_string(count)},
                                           [done = std::move(done), result](long answer, const std::string&) {
                                             *result = answer;
                                             done("");
                                           });
  });
  return ThreadNs() - begin;
}

double KernelBench::TimerEventNs(unsigned events) {
  long result = 0;
  const double ns = CallNs("timer_events", events, &result);
  if (result != 0) throw std::runtime_error(fmt::format("timer_events: error {}", result));
  return ns / events;
}

double KernelBench::WorkNs(unsigned rounds, uint64_t* result) {
  long answer = 0;
  const double ns = CallNs("kernel_work", rounds, &answer);
  if (answer < 0) throw std::runtime_error(fmt::format("kernel_work: error {}", answer));
  *result = static_cast<uint64_t>(answer);
  return ns / rounds;
}

double KernelDomainCreationMs(const ImageFiles& image, unsigned domains) {
  BenchMachine bench(IdleMachine(domains), image);
  const double begin = ThreadNs();
  for (unsigned i = 0; i < domains; ++i) bench.machine().guest(fmt::format("idle{}", i)).Build("", 1, [] {});
  return (ThreadNs() - begin) * 1e-6 / domains;
}

double IdleResidentKiB(const ImageFiles& image, unsigned idle) {
  BenchMachine bench(IdleMachine(idle), image);
  bench.Boot("control");
  for (unsigned i = 0; i < idle; ++i) bench.Boot(fmt::format("idle{}", i));
  bench.Settle(kQuiet);
  return MappedKiB() + StatusKiB("VmPTE");
}

}  // namespace pvpci::scenarios
