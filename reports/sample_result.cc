// SPDX-License-Identifier: Apache-2.0
#include "reports/sample_result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "reports/latency_stats.h"
#include "reports/names.h"

namespace pvpci::reports {
namespace {

using sim::kMs;
using sim::kNs;
using sim::kUs;

constexpr uint64_t kExtent = 512;  // frames of 2 MiB
constexpr char kNic[] = "0000:02:00.0";
constexpr char kEndpoint[] = "0000:04:00.0";

std::string FakeDigest(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string digest;
  for (int i = 0; i < 4; ++i) digest += fmt::format("{:016x}", random());
  return digest;
}

// 512 MiB: the hypervisor first, then the domains' extents in a seeded order, free memory between them.
void AddMemory(View* view, uint64_t victim_mfn) {
  std::mt19937_64 random(7);
  view->machine_frames = 256 * kExtent;
  std::vector<std::string> owners(256, "free");
  const auto give = [&](const std::string& owner, int extents) {
    for (int given = 0; given < extents;) {
      std::string& place = owners[4 + random() % 252];
      if (place != "free") continue;
      place = owner;
      ++given;
    }
  };
  owners[0] = owners[1] = owners[2] = "xen";
  owners[victim_mfn / kExtent] = "victim";
  give("dom0", 32);
  give("driver", 24);
  give("victim", 15);
  for (uint64_t extent = 0; extent < owners.size(); ++extent) {
    const std::string& owner = owners[extent];
    const uint64_t start = extent * kExtent;
    if (owner == "free") {
      view->memory.push_back({start, kExtent, owner, "free"});
    } else if (owner == "xen") {
      view->memory.push_back({start, kExtent, owner, extent == 0 ? "xen text" : "xenheap"});
    } else {
      const uint64_t tables = random() % 3 == 0 ? 12 : 0;
      const uint64_t shared = random() % 5 == 0 ? 1 : 0;
      view->memory.push_back({start, 200, owner, "writable"});
      if (tables) view->memory.push_back({start + 200, tables, owner, "page table"});
      view->memory.push_back({start + 200 + tables, kExtent - 200 - tables - shared, owner, "writable"});
      if (shared) view->memory.push_back({start + kExtent - 1, shared, owner, "granted"});
    }
  }
}

// First frame of the n-th writable run of `owner`.
uint64_t FrameOf(const View& view, const std::string& owner, int n) {
  for (const FrameRun& run : view.memory) {
    if (run.owner == owner && run.type == "writable" && n-- == 0) return run.start_mfn;
  }
  return 0;
}

Result Base(const std::string& scenario, const std::string& claim, Mode mode) {
  Result result;
  result.scenario = scenario;
  result.claim = claim;
  result.verdict = Verdict::kHolds;
  result.mode = mode;
  result.trace_digest = "sha256:" + FakeDigest(1);
  result.simulated_ps = 812 * kMs + 345678901;
  result.kernels = {{"6.1", "linux-source-6.1", "6.1.192-2", false, {}, {"VIRQ_ELSEWHERE"}}};
  constexpr const char* kPaths[] = {"arch/x86/pci/xen.c",
                                    "drivers/base/dd.c",
                                    "drivers/misc/pci_endpoint_test.c",
                                    "drivers/pci/msi/msi.c",
                                    "drivers/pci/probe.c",
                                    "drivers/pci/xen-pcifront.c",
                                    "drivers/xen/events/events_base.c",
                                    "drivers/xen/events/events_fifo.c",
                                    "drivers/xen/swiotlb-xen.c",
                                    "drivers/xen/xen-pciback/pciback_ops.c",
                                    "drivers/xen/xenbus/xenbus_xs.c",
                                    "kernel/dma/mapping.c",
                                    "kernel/irq/chip.c",
                                    "kernel/irq/manage.c"};
  int number = 0;
  for (const char* path : kPaths) {
    ++number;
    Original original{"6.1", path, FakeDigest(number), 300 + 83 * number, number * 37 % 411, 120 + 9 * number, 0, {}, {}};
    original.lines_covered = original.blocks_run % original.lines_coverable;
    original.functions_idle = {"never_called", "error_path"};
    original.package_sha256 = original.sha256;
    result.originals.push_back(original);
  }
  result.changes = {
      {ChangeKind::kShadow, "asm/io.h", FakeDigest(50), "MMIO accessors enter the seam"},
      {ChangeKind::kDefine, "-fshort-wchar", FakeDigest(51), "needed by the link-time optimizer"},
      {ChangeKind::kWrap, "xen_swiotlb_map_page", FakeDigest(52), "observes the DMA API, calls the original"}};
  result.emulated = {{"kmem_cache_alloc", EmulatedKind::kEmulated, 8120},
                     {"schedule", EmulatedKind::kEmulated, 1204},
                     {"queue_work_on", EmulatedKind::kEmulated, 88},
                     {"pm_runtime_init", EmulatedKind::kDummy, 14}};
  result.domains = {{0, "dom0", "dom0", "6.1", 2, DomainState::kRunning, std::nullopt,
                     IrqsOff{31'000'000, 4'000'000, 1, {}}},
                    {1, "driver", "domU", "6.1", 2, DomainState::kRunning, std::nullopt,
                     IrqsOff{2'000'101'000'000, 81'000'000, 0, {{"do_pci_op", "drivers/pci/xen-pcifront.c", 188}}}},
                    {2, "victim", "domU", std::nullopt, 1, DomainState::kRunning, std::nullopt, std::nullopt}};
  result.hypercalls = {{"driver", "EVTCHNOP_send", 812, 0},         {"driver", "EVTCHNOP_bind_pirq", 3, 0},
                       {"driver", "SCHEDOP_poll", 2210, 0},         {"dom0", "PHYSDEVOP_map_pirq", 4, 1},
                       {"dom0", "EVTCHNOP_bind_interdomain", 2, 0}, {"dom0", "EVTCHNOP_alloc_unbound", 2, 0}};
  const char* iommu = mode == Mode::kM0 ? "none" : mode == Mode::kM1 ? "dmar" : "dmar+ir";
  result.reproduce = fmt::format("./pvpci run {} --iommu {} --seed 1 --kernel 6.1", scenario, iommu);
  View& view = result.view;
  view.policy = "MSI without IOMMU as in Xen <= 4.4";
  view.iommu = {mode != Mode::kM0, mode != Mode::kM0, mode == Mode::kM2};
  view.topology = {
      {"rc", "", NodeKind::kRootComplex, "", "Root complex", 0, 0, std::nullopt, std::nullopt, {}},
      {"rp0", "rc", NodeKind::kRootPort, "0000:00:01.0", "Root port", 0, 0, "dom0", std::nullopt, {}},
      {"nic0",
       "rp0",
       NodeKind::kEndpoint,
       kNic,
       "PCI endpoint test (104c:b500)",
       3,
       8,
       "driver",
       "pci-endpoint-test",
       {"BAR0 0xfe000000 1 MiB", "MSI 1, MSI-X 32 vectors"}},
      {"rp1", "rc", NodeKind::kRootPort, "0000:00:02.0", "Root port", 0, 0, "dom0", std::nullopt, {}},
      {"sw0.up", "rp1", NodeKind::kSwitchUpstream, "0000:03:00.0", "Switch, upstream", 4, 16, "dom0", std::nullopt, {}},
      {"sw0.d0",
       "sw0.up",
       NodeKind::kSwitchDownstream,
       "0000:03:01.0",
       "Switch, port 0",
       0,
       0,
       "dom0",
       std::nullopt,
       {}},
      {"edu0",
       "sw0.d0",
       NodeKind::kEndpoint,
       kEndpoint,
       "edu (1234:11e8)",
       3,
       4,
       "dom0",
       "xen-pciback",
       {"BAR0 0xfea00000 1 MiB"}},
      {"sw0.d1",
       "sw0.up",
       NodeKind::kSwitchDownstream,
       "0000:03:02.0",
       "Switch, port 1",
       0,
       0,
       "dom0",
       std::nullopt,
       {}},
      {"attack0",
       "sw0.d1",
       NodeKind::kEndpoint,
       "0000:05:00.0",
       "Attack device (1af4:10f0)",
       3,
       4,
       std::nullopt,
       std::nullopt,
       {}},
  };
  AddMemory(&view, 0x1f400);
  view.consoles = {{"dom0", "console.dom0.txt",
                    "[    0.812000] pciback 0000:02:00.0: seizing device\n[    0.913004] xen_pciback: vpci: "
                    "0000:02:00.0: assign to virtual slot 0\n"},
                   {"driver", "console.driver.txt",
                    "[    0.213000] pcifront pci-0: Installing PCI frontend\n[    0.213411] pci_endpoint_test "
                    "0000:00:00.0: enabling device (0000 -> 0002)\n"}};
  view.assumptions = {{"hypervisor.do_irq_entry", "250 ns (180 to 400 ns)", "timing.md A7"},
                      {"link.gen3_x8", "7.88 GB/s, 64-byte write 14.2 ns", "timing.md A1, exact"},
                      {"guest.block_cost", "from the image's own disassembly", "timing.md A6"}};
  view.limits = {"The scheduler, slab and page allocator of the guests are emulated.",
                 "Caches are not modelled: a DMA read sees memory at once."};
  return result;
}

void AddHonestLandings(Result* result, int accesses, int64_t bytes) {
  const uint64_t mfn = FrameOf(result->view, "driver", 5);
  for (int i = 0; i < 6; ++i) {
    result->view.landings.push_back({kNic, DmaClass::kE0, i % 2 ? Access::kWrite : Access::kRead, (mfn + 20 * i) << 12,
                                     bytes / 6, 16 * 4096, accesses / 6, "driver", false, std::nullopt,
                                     300 * kMs + i * kMs, 310 * kMs + i * kMs});
  }
  result->dma[DmaClass::kE0] = {accesses, bytes};
}

void Expect(Result* result, const std::string& text, const std::string& actual, bool held = true) {
  result->expectations.push_back({text, held, actual, std::nullopt});
}

Finding SlurpFinding(Mode mode) {
  Finding finding;
  finding.id = "F1";
  finding.dma_class = DmaClass::kE5;
  finding.fingerprint = "b1c95f0e4477";
  finding.title = "The device of driver reads memory of victim";
  finding.severity = Severity::kHigh;
  finding.cwe = {"CWE-668", "CWE-441"};
  finding.device = {kNic, kNic};
  finding.attacker = Party{"driver", "domU"};
  finding.victim = Party{"victim", "domU"};
  finding.direction = Access::kRead;
  finding.address = 0x1f400000;
  finding.mfn = 0x1f400;
  finding.bytes = 4096;
  finding.programmed_by = ProgrammedBy{"BAR0+0x0c",
                                       0x1f400000,
                                       501 * kMs + 204 * kUs,
                                       {{"slurp_program_source", "driver/user/slurp.c", 41},
                                        {"slurp_one_page", "driver/user/slurp.c", 77},
                                        {"slurp_work", "driver/user/slurp.c", 102},
                                        {"process_one_work", "kernel/workqueue.c", 2292},
                                        {"worker_thread", "kernel/workqueue.c", 2441},
                                        {"kthread", "kernel/kthread.c", 376},
                                        {"ret_from_fork", "arch/x86/entry/entry_64.S", 306}}};
  finding.frame = FrameStory{"victim", "victim", "writable", 3, 0, 3};
  finding.deputy = kNic;
  finding.bus_address = 0x1f400000;
  finding.landed_ps = 501 * kMs + 206 * kUs;
  finding.reproduce = "./pvpci run slurp --iommu none --seed 1";
  finding.story = {
      {200 * kMs, "victim (domU)", "writes its secret into mfn 0x1f400"},
      {501 * kMs + 204 * kUs, "driver (domU)", "writes 0x1f400000 to BAR0+0x0c, the source address register"},
      {501 * kMs + 205 * kUs, "driver (domU)", "writes READ to the command register"},
      {501 * kMs + 206 * kUs, "device 0000:02:00.0", "reads 4096 bytes at 0x1f400000"}};
  if (mode == Mode::kM0) {
    finding.leaked_bytes_proven = 4096;
    finding.story.push_back(
        {501 * kMs + 209 * kUs, "device 0000:02:00.0", "writes them to the attacker's buffer, mfn 0x9c05"});
    for (int i = 0; i < 64; ++i) finding.first_bytes.push_back("the victim's secret, frame 0x1f400 "[i % 35]);
  } else {
    finding.stopped_by = "DMA remapping, reason 6: the page is not readable for this device";
    finding.story.push_back({501 * kMs + 207 * kUs, "IOMMU", "refuses the read, fault reason 6"});
  }
  finding.other_modes = {{"M0", "escapes, 4096 bytes leaked"},
                         {"M1", "stopped by DMA remapping, reason 6"},
                         {"M2", "stopped by DMA remapping, reason 6"}};
  finding.other_modes.erase(std::string(Name(mode)));
  finding.evidence.build = "pvpci 0011223344556677, linux_6_1 8899aabbccddeeff";
  finding.evidence.run_ps = 612 * kMs;
  finding.evidence.configuration = "sha256:" + std::string(64, 'c');
  finding.evidence.tools = {"linux-source-6.1 6.1.192-2", "clang 14.0", "g++ 12.2.0", "SystemC 2.3.4"};
  finding.evidence.files = {"result.json", "console-driver.txt"};
  finding.evidence.trace = {{4711, "501204000000 driver mmio write 0000:02:00.0 BAR0+0x0c = 0x1f400000"},
                            {4713, "501206000000 xen bus read 0000:02:00.0 0x1f400000 -> 0x1f400000 4096 bytes E5"}};
  finding.limits = {"0000:02:00.0 is a model (PCI endpoint test)"};
  return finding;
}

void AddInterrupts(Result* result, InterruptKind kind, PortAbi abi, int count, double scale) {
  std::mt19937_64 random(static_cast<int>(kind) * 10 + static_cast<int>(abi));
  LatencyRow row;
  const auto around = [&](Ps typical) { return typical + random() % (typical / 8 + 1); };
  for (int i = 0; i < count; ++i) {
    const bool slow = random() % 40 == 0;
    const Ps fabric = around(static_cast<Ps>(430 * kNs * scale));
    const Ps irq = around(260 * kNs);
    const Ps wait = slow ? around(1900 * kNs) : around(90 * kNs);
    const Ps upcall = around(abi == PortAbi::kFifo ? 340 * kNs : 300 * kNs);
    const Ps handler = around(510 * kNs);
    std::vector<LatencyRow::Part> parts = {{"t0_t1_fabric", fabric},
                                           {"t1_t2_do_irq", irq},
                                           {"t2_t3_upcall_pending", around(40 * kNs)},
                                           {"t3_t4_wait", wait},
                                           {"t4_t5_entry", around(120 * kNs)},
                                           {"t5_t6_handler", upcall + handler}};
    row.Add(parts, {{"t6_t8_eoi", kind == InterruptKind::kIntx ? around(1100 * kNs) : around(420 * kNs)}});
  }
  Interrupt interrupt;
  interrupt.source = kNic;
  interrupt.kind = kind;
  interrupt.abi = abi;
  interrupt.domain = "driver";
  interrupt.asserted = interrupt.delivered = count;
  interrupt.spurious = kind == InterruptKind::kIntx ? 212 : 0;
  row.Fill(&interrupt);
  LatencyRow merged;
  merged.Add({{"t0_t2_merged", 600 * kNs}, {"t2_t6_coalesced", 900 * kNs}}, {});
  merged.FillCoalescing(&interrupt);
  result->interrupts.push_back(interrupt);
  Path path;
  path.since = "storm";
  path.row = interrupt;
  path.delivered_in_domain = count;
  path.hypercalls = {{"driver", "EVTCHNOP_unmask", count, 0}};
  path.samples = {{"p50", 17, 20 * kUs, 1500 * kNs, {{"t0_t1_fabric", 430 * kNs}, {"t1_t6_rest", 1070 * kNs}},
                   {{"t6_t8_eoi", 200 * kNs}}, 0, PrecedingDma{2, 96, 19 * kUs, "bus write 0000:02:00.0 64 bytes E0"},
                   {{"softirq", 1700 * kNs, 1900 * kNs}}}};
  path.upcall_blocks = 2;
  path.functions = {{"handle_edge_irq", "kernel/irq/chip.c", 2}};
  path.events = {{0, kNic, "t0 vector 0"}, {1500 * kNs, "driver", "t6"}};
  result->paths.push_back(path);
}

}  // namespace

Result SampleHonestDma() {
  Result result =
      Base("honest_dma",
           "A real driver in a domU moves its data through a passed-through device and nothing lands anywhere else.",
           Mode::kM0);
  AddHonestLandings(&result, 64212, 9220608);
  result.dma[DmaClass::kE1] = {12, 24};
  for (const char* size : {"1", "1024", "1025", "1024000", "1024001"}) {
    for (const char* verb : {"-r", "-w", "-c"}) {
      const char* word = verb[1] == 'r' ? "READ" : verb[1] == 'w' ? "WRITE" : "COPY";
      result.programs.push_back(
          {"driver", {"pcitest", verb, "-s", size}, 0, fmt::format("{} ({:>7} bytes):\t\tOKAY\n", word, size)});
    }
  }
  AddInterrupts(&result, InterruptKind::kMsi, PortAbi::kFifo, 240, 1.0);
  Expect(&result, "dma.E5.bytes == 0", "0");
  Expect(&result, "findings.count == 0", "0");
  Expect(&result, "programs.failed == 0", "0");
  result.expectations.back().reason = "every transfer of pcitest is checked by a CRC on both sides";
  return result;
}

Result SampleSlurp(Mode mode) {
  Result result = Base(
      "slurp", "Without an IOMMU a domU reads its neighbour's memory through its own device, byte for byte.", mode);
  AddHonestLandings(&result, 600, 480000);
  result.findings = {SlurpFinding(mode)};
  const bool stopped = mode != Mode::kM0;
  if (stopped) {
    result.faults = {
        {kNic, 0x1f400000, Access::kRead, 6,
         "DMAR:[DMA Read] Request device [02:00.0] fault addr 0x1f400000, reason 06 - PTE Read access is not set",
         501 * kMs + 207 * kUs}};
  } else {
    result.dma[DmaClass::kE5] = {32, 4096};
  }
  result.view.landings.push_back({kNic, DmaClass::kE5, Access::kRead, 0x1f400000, 4096, 4096, 32, "victim", stopped,
                                  "F1", 501 * kMs + 206 * kUs, 501 * kMs + 209 * kUs});
  AddInterrupts(&result, InterruptKind::kMsi, PortAbi::kFifo, 20, 1.0);
  Expect(&result, stopped ? "dma.E5.bytes == 0" : "dma.E5.bytes == 4096", stopped ? "0" : "4096");
  Expect(&result, "domain.driver.state == running", "running");
  return result;
}

Result SampleForgedMsi(Mode mode) {
  Result result = Base(
      "forged_msi", "A device can forge an interrupt with a plain memory write unless interrupts are remapped.", mode);
  Finding finding = SlurpFinding(Mode::kM0);
  finding.dma_class = DmaClass::kE9;
  finding.title = "The device of driver forges vector 0xb0";
  finding.cwe = {"CWE-1299", "CWE-345"};
  finding.direction = Access::kWrite;
  finding.address = 0xfee00000;
  finding.mfn.reset();
  finding.frame.reset();
  finding.victim = Party{"dom0", "dom0"};
  finding.leaked_bytes_proven = 0;
  finding.bytes = 4;
  finding.first_bytes = {0xb0, 0, 0, 0};
  const bool stopped = mode == Mode::kM2;
  if (stopped) finding.stopped_by = "interrupt remapping, reason 0x25: compatibility format blocked";
  result.findings = {finding};
  if (!stopped) result.dma[DmaClass::kE9] = {1, 4};
  result.view.landings.push_back(
      {kNic, DmaClass::kE9, Access::kWrite, 0xfee00000, 4, 4, 1, "xen", stopped, "F1", 501 * kMs, 501 * kMs});
  AddHonestLandings(&result, 60, 48000);
  Expect(&result, "findings.E9.count == 1", "1");
  return result;
}

Result SampleInterruptLatency() {
  Result result =
      Base("interrupt_latency",
           "Ten thousand interrupts of each kind in both event-channel ABIs reach the driver: none lost, none doubled.",
           Mode::kM0);
  AddHonestLandings(&result, 60, 48000);
  for (PortAbi abi : {PortAbi::k2l, PortAbi::kFifo}) {
    AddInterrupts(&result, InterruptKind::kIntx, abi, 10000, 1.6);
    AddInterrupts(&result, InterruptKind::kMsi, abi, 10000, 1.0);
    AddInterrupts(&result, InterruptKind::kMsix, abi, 10000, 1.05);
  }
  Expect(&result, "interrupts.lost == 0", "0");
  Expect(&result, "interrupts.duplicated == 0", "0");
  return result;
}

Result SampleTrouble() {
  Result result = SampleSlurp(Mode::kM0);
  const std::string hostile = std::string("</script><!--\x1b[2J\x07 \"'& ]]> \xff\xfe caf\xc3\xa9 ") +
                              std::string(1, '\0') + "https://example.org/";
  result.scenario = "trouble";
  result.verdict = Verdict::kViolated;
  result.verdict_reason = "one expectation does not hold";
  result.programs = {{"driver", {"pcitest", hostile}, std::nullopt, hostile + "\n"}};
  result.attack = Attack{Outcome::kEscaped, DmaClass::kE5, 4096, "F1: " + hostile, {{"dma.E5.bytes > 0", true, "4096", {}}}};
  result.sub_page = {{"driver", "0000:02:00.0", 256, "to device", Frame{"slurp_map", "driver/user/slurp.c", 66}, 3,
                      {{"object", "kmalloc-256", 256, 0, true, Frame{"slurp_request", "driver/user/slurp.c", 31}, 3},
                       {"object", "kernfs_node_cache", 128, -512, false, {}, 1},
                       {"bounced buffer", "0000:02:00.0", 1024, 1024, false, {}, 1}}}};
  result.intervals = Intervals{
      "bdw-gen3x8", 17, 1, 2, 12,
      {{"timing.vcpu_unblock", "1 us", "3 us", "8 us", "V: " + hostile, true}},
      {{hostile, "latency_p50", "ns", 2258, 4258, 9258, "timing.vcpu_unblock", 1, true, {{"timing.vcpu_unblock", 2258, 9258}}}},
      {{hostile, kClaimUndecided, true, 12, 16, {"timing.vcpu_unblock"}}}};
  result.domains[1].state = DomainState::kCrashed;
  result.domains[1].report =
      DomainReport{"oops",
                   "BUG: unable to handle page fault for address: 0x10 " + hostile,
                   {{"pci_endpoint_test_irqhandler", "drivers/misc/pci_endpoint_test.c", 158}, {"?", "", 0}}};
  result.view.consoles[0].text = hostile;
  result.view.warnings = {"one run was not found in the memory ledger"};
  result.findings[0].title = hostile;
  Expect(&result, "dma.E5.bytes == 0", "4096", false);
  Expect(&result, "console contains " + hostile, hostile, false);
  return result;
}

}  // namespace pvpci::reports
