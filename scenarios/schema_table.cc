// SPDX-License-Identifier: Apache-2.0
// The table of the scenario language. Order is the order of `pvpci check --keys` and of the JSON Schema.
#include "scenarios/schema.h"

#include <fmt/format.h>

#include "reports/path_diff.h"
#include "scenarios/scenario.h"
#include "sim/time.h"

namespace pvpci::scenarios {
namespace {

constexpr double kKiB = 1024;
constexpr double kMiB = 1024 * kKiB;
constexpr double kGiB = 1024 * kMiB;

ValueSpec Text() { return {}; }
ValueSpec Ranged(ValueType type, double minimum, double maximum) {
  ValueSpec spec;
  spec.type = type;
  spec.minimum = minimum;
  spec.maximum = maximum;
  return spec;
}
ValueSpec NameValue() { return Ranged(ValueType::kName, 0, 0); }
ValueSpec Integer(double minimum, double maximum) { return Ranged(ValueType::kInteger, minimum, maximum); }
ValueSpec Unsigned(double minimum = 0, double maximum = 1.8446744073709552e19) {
  return Ranged(ValueType::kUnsigned, minimum, maximum);
}
ValueSpec Size(double minimum, double maximum, uint64_t multiple = 1) {
  ValueSpec spec = Ranged(ValueType::kSize, minimum, maximum);
  spec.multiple = multiple;
  return spec;
}
ValueSpec Duration(sim::Ps minimum, sim::Ps maximum) {
  return Ranged(ValueType::kDuration, static_cast<double>(minimum), static_cast<double>(maximum));
}
ValueSpec Bool() { return Ranged(ValueType::kBool, 0, 1); }
ValueSpec LinkValue() { return Ranged(ValueType::kLink, 0, 0); }
ValueSpec Words(std::vector<std::string> words) {
  ValueSpec spec = Ranged(ValueType::kWord, 0, 0);
  spec.words = std::move(words);
  return spec;
}
ValueSpec Parameters(const char* group) {
  ValueSpec spec = Ranged(ValueType::kParameters, 0, 0);
  spec.words = {group};
  return spec;
}
ValueSpec Object(const ObjectSpec& object) {
  ValueSpec spec = Ranged(ValueType::kObject, 0, 0);
  spec.object = &object;
  return spec;
}
ValueSpec ListOf(ValueSpec spec, size_t minimum_items = 0) {
  spec.list = true;
  spec.minimum_items = minimum_items;
  return spec;
}
ValueSpec OneOrMore(ValueSpec spec) {
  spec.list = true;
  spec.single = true;
  spec.minimum_items = 1;
  return spec;
}

ValueSpec Modes() { return OneOrMore(Words({"M0", "M1", "M2"})); }
ValueSpec Kernels() { return OneOrMore(Words(KernelFamilies())); }
ValueSpec When() {
  ValueSpec spec = Modes();
  spec.words.insert(spec.words.end(), KernelFamilies().begin(), KernelFamilies().end());
  for (const std::string& feature : KernelFeatures()) {
    spec.words.push_back(feature);
    spec.words.push_back("no " + feature);
  }
  return spec;
}
ValueSpec Kernel() {
  ValueSpec spec = Words(KernelFamilies());
  spec.type = ValueType::kKernel;
  return spec;
}

const ObjectSpec& ReservedTable() {
  static const ObjectSpec spec{
      "a reserved region",
      {
          {"at", Size(kMiB, 8 * kGiB, 4096), true, "machine address of its first byte, in RAM, a multiple of 4 KiB"},
          {"bytes", Size(4096, 64 * kMiB, 4096), true, "length, a multiple of 4 KiB"},
          {"devices", OneOrMore(Text()), true, "devices whose owner's IOMMU table maps it 1:1 (RMRR)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& MachineTable() {
  static const ObjectSpec spec{
      "the machine",
      {
          {"memory", Size(64 * kMiB, 8 * kGiB, 4096), false, "where machine memory ends, 64 MiB .. 8 GiB; 2 .. 4 GiB is the PCI hole (512 MiB)"},
          {"bar_window", Size(32 * kMiB, 2 * kGiB, kMiB), false,
           "where 32-bit BARs begin, 32 MiB .. 2 GiB; RAM below 4 GiB ends 1 MiB before (0xf0000000, RAM ends at 2 GiB)"},
          {"iommu", Words({"none", "dmar", "dmar+ir"}), false, "none (M0), dmar (M1), dmar+ir (M2) (none)"},
          {"policy", Words({"refused", "intx_only", "msi_too"}), false,
           "what the tools do without an IOMMU: refused, intx_only, msi_too (msi_too), abi.md S3"},
          {"native_aer", Bool(), false, "root ports report errors, and dom0's kernel may use AER (false)"},
          {"profile", Text(), false, "what is assumed of time: a name in scenarios/profiles/, or a file (bdw-gen3x8)"},
          {"quantum", Duration(sim::kNs, sim::kMs), false, "skew between runnable vCPUs (1 us)"},
          {"xen", Parameters("xen"), false, "hypervisor parameters"},
          {"vtd", Parameters("vtd"), false, "the IOMMU's own parameters"},
          {"fabric", Parameters("fabric"), false, "root complex, links and memory"},
          {"rmrr", ListOf(Object(ReservedTable())), false, "RAM that firmware keeps for DMA of some devices"},
          {"timing", Parameters("timing"), false, "latency parameters"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& SwitchTable() {
  static const ObjectSpec spec{
      "a switch",
      {
          {"name", NameValue(), true, "name, used by devices' behind"},
          {"link", LinkValue(), false, "upstream link (gen3 x8)"},
          {"ports", Unsigned(1, 16), false, "downstream ports, 1 .. 16 (2)"},
          {"acs", Bool(), false, "peer requests are redirected upstream (true)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& SecretTable() {
  static const ObjectSpec spec{
      "a secret",
      {
          {"name", NameValue(), false, "name, used in ${domain.name} (secret)"},
          {"bytes", Size(4096, kMiB, 4096), false, "size, a multiple of 4 KiB (4 KiB)"},
      },
      "name",
      {}};
  return spec;
}

const ObjectSpec& DomainTable() {
  static const ObjectSpec spec{
      "a domain",
      {
          {"name", NameValue(), true, "name"},
          {"role", Words({"dom0", "domU"}), true, "dom0 (exactly one) or domU"},
          {"memory", Size(8 * kMiB, 64 * kMiB, 4096), false, "8 MiB .. 64 MiB (32 MiB)"},
          {"vcpus", Unsigned(1, 8), false, "1 .. 8 (1)"},
          {"p2m", Words({"extents_2m", "scatter_4k"}), false, "how machine frames are dealt out (extents_2m)"},
          {"memory_at", Size(4 * kMiB, 8 * kGiB, 4096), false,
           "with kernel: false: machine address of its first frame, all others follow (anywhere)"},
          {"bare_metal", Bool(), false,
           "dom0: the IOMMU belongs to its kernel's own driver (cmdline: intel_iommu=on), pfn = machine frame (false)"},
          {"e820_host", Bool(), false,
           "domU: its memory map shows the host's reserved ranges, as with the tools' e820_host=1 (true)"},
          {"events", Words({"2l", "fifo"}), false, "event channel ABI (fifo)"},
          {"swiotlb", Size(64 * kKiB, 64 * kMiB, 2048), false, "bounce pool (the kernel's own choice)"},
          {"cmdline", Text(), false, "appended to the kernel command line"},
          {"kernel", Bool(), false, "false: memory only, no kernel runs in it (true)"},
          {"secrets", ListOf(Object(SecretTable())), false, "frames with a keyed pattern that must not leak"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& BarTable() {
  static const ObjectSpec spec{
      "a BAR",
      {
          {"index", Unsigned(0, 5), true, "0 .. 5"},
          {"bytes", Size(4, kGiB), true, "size, a power of two"},
          {"kind", Words({"memory32", "memory64", "prefetch64", "io"}), false, "(memory32)"},
      },
      "",
      {}};
  return spec;
}

ValueSpec DeviceModelNames() {
  std::vector<std::string> names;
  for (const DeviceModelInfo& info : DeviceModels()) names.emplace_back(info.name);
  return Words(names);
}

const ObjectSpec& DeviceTable() {
  static const ObjectSpec spec{
      "a device",
      {
          {"name", NameValue(), true, "name"},
          {"model", DeviceModelNames(), true, "which device model"},
          {"behind", NameValue(), false, "a switch (its own root port)"},
          {"beside", NameValue(), false, "a device on its own root port: the next function of the same package"},
          {"slot", Unsigned(1, 31), false, "on the root bus at 0000:00:<slot>.0 (its own root port)"},
          {"link", LinkValue(), false, "generation and width (gen3 x8)"},
          {"assigned_to", NameValue(), false, "domain that gets it at attach"},
          {"config_dump", Text(), false, "clone: file with 'lspci -xxxx' or hexdump output"},
          {"bars", ListOf(Object(BarTable())), false, "clone: BAR sizes"},
          {"msi_vectors", Unsigned(0, 32), false, "0, 1, 2, 4, 8, 16, 32; 0: no MSI (1)"},
          {"msix_vectors", Unsigned(0, 32), false, "0 .. 32; 0: no MSI-X (8)"},
          {"msi_maskable", Bool(), false, "mask bits in the MSI capability (false)"},
          {"intx", Bool(), false, "has an interrupt pin (true)"},
          {"bus_master_at_boot", Bool(), false, "firmware leaves bus mastering on (false)"},
          {"options", Parameters("device"), false, "what this model alone has"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& AttachTable() {
  static const ObjectSpec spec{
      "an attach or detach",
      {
          {"device", NameValue(), true, "a device"},
          {"domain", NameValue(), false, "a domU (the device's assigned_to)"},
          {"refused", Text(), false, "the tools must refuse, with this text in their error"},
          {"waits", Bool(), false, "attach: the tools wait for the backend, before and after (true)"},
      },
      "device",
      {}};
  return spec;
}

const ObjectSpec& SeizeTable() {
  static const ObjectSpec spec{
      "a seizure",
      {
          {"device", NameValue(), true, "a device"},
          {"quarantine", Bool(), false,
           "the tools assign it to dom_io, as 'xl pci-assignable-add' does and dom0's own binding does not (true)"},
      },
      "device",
      {}};
  return spec;
}

const ObjectSpec& StoreTable() {
  static const ObjectSpec spec{
      "a node of the store",
      {
          {"path", Text(), true, "/absolute, or DOMAIN.be/..., DOMAIN.fe/..., DOMAIN.home/..."},
          {"value", Text(), false, "what to write, or to wait for; a write without it removes the node"},
      },
      "path",
      {}};
  return spec;
}

const ObjectSpec& FrontendTable() {
  static const ObjectSpec spec{
      "a paravirtual device",
      {
          {"domain", NameValue(), true, "a domU"},
          {"kind", Text(), true, "vbd, vif, vkbd, ... : the name of its directories"},
          {"id", Unsigned(0, 1 << 30), true, "its number"},
          {"front", ListOf(Text()), false, "what the tools write beside the usual nodes: NAME=VALUE, ..."},
          {"back", ListOf(Text()), false, "the same in the backend's directory"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& ProgramTable() {
  static const ObjectSpec spec{
      "a program",
      {
          {"domain", OneOrMore(NameValue()), true, "where it runs; several: in each"},
          {"run", OneOrMore(Text()), true, "command line or lines, split at blanks"},
          {"exit", Integer(-255, 255), false, "expected exit code (any)"},
          {"prints", OneOrMore(Text()), false, "texts that its output must contain"},
          {"stops", Bool(), false, "the domain must not survive it (false)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& FileTable() {
  static const ObjectSpec spec{
      "a sysfs access",
      {
          {"domain", NameValue(), true, "a domain"},
          {"path", Text(), true, "absolute path in the guest's sysfs"},
          {"value", Text(), false, "what to write, or what must be read"},
          {"result", Integer(-4095, 1 << 20), false, "expected result, 0 or -errno (any)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& AttackTable() {
  static const ObjectSpec spec{
      "C in a guest's image",
      {
          {"domain", NameValue(), true, "the domain that runs it"},
          {"function", NameValue(), true, "the name it registers in driver/guest or driver/hostile"},
          {"args", ListOf(Text()), false, "numbers, texts, ${domain.secret}, ${domain.secret.bytes}, ${device.bdf}, ${device.bar0}, ${device.msi_address}, ..."},
          {"result", Integer(-4095, 1 << 30), false, "expected result (any)"},
          {"stops", Bool(), false, "the domain must not survive it (false)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& CrashTable() {
  static const ObjectSpec spec{
      "a crash",
      {
          {"domain", NameValue(), true, "a domain"},
          {"kind", Words({"oops", "bug", "panic", "stack_overflow", "spin", "wild_jump"}), true, "how it ends"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& ErrorTable() {
  static const ObjectSpec spec{
      "an error",
      {
          {"device", NameValue(), true, "a device with AER"},
          {"kind",
           Words({"receiver_error", "bad_tlp", "completion_timeout", "completer_abort", "unsupported_request",
                  "data_link_protocol", "malformed_tlp"}),
           true, "what it detects: the first two are correctable, the last two fatal unless its registers say otherwise"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& StormTable() {
  static const ObjectSpec spec{
      "a storm",
      {
          {"device", NameValue(), true, "a device"},
          {"kind", Words({"intx", "msi", "msix"}), true, "how it interrupts"},
          {"count", Unsigned(1, 10000000), true, "how many"},
          {"interval", Duration(0, sim::kSec), false, "from one to the next (20 us)"},
          {"vector", Unsigned(0, 31), false, "MSI message or MSI-X entry (0)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& EmitTable() {
  static const ObjectSpec spec{
      "a raw TLP",
      {
          {"device", NameValue(), true, "an attacker device"},
          {"tlp", Words({"read", "write"}), true, "memory read or write"},
          {"address", Text(), true, "bus address, or ${domain.secret}"},
          {"bytes", Size(1, kMiB), false, "length (4)"},
          {"data", Unsigned(), false, "pattern of a write"},
          {"requester", Text(), false, "requester id on the wire, 'ssss:bb:dd.f' (its own)"},
          {"count", Unsigned(1, 1000000), false, "how many (1)"},
          {"translated", Bool(), false, "the device says that it has translated the address itself: ATS (false)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& IommuEditTable() {
  static const ObjectSpec spec{
      "an IOMMU table edit",
      {
          {"device", NameValue(), true, "whose tables"},
          {"address", Text(), true, "bus address of the page, or ${domain.secret}"},
          {"data", Unsigned(), false, "the entry's new raw value (0: not present)"},
          {"invalidate", Bool(), false, "queue an invalidation after it (true)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& CompareTable() {
  static const ObjectSpec spec{
      "a trace comparison",
      {
          {"golden", Text(), true, "recording as golden/README.md has them: calls and ring, or store writes"},
          {"since", Text(), false, "label of the step where the phase starts (the first)"},
          {"min_rate", Ranged(ValueType::kNumber, 0, 1), false, "2 x matched / (golden + bench) (0.95)"},
      },
      "golden",
      {}};
  return spec;
}

const ObjectSpec& FailTable() {
  static const ObjectSpec spec{
      "a hypercall that fails",
      {
          {"domain", NameValue(), true, "whose calls"},
          {"hypercall", NameValue(), true, "as the result names it: EVTCHNOP_bind_pirq"},
          {"result", Integer(-4095, 0), true, "what it answers, doing nothing: -errno, or 0 for a lie"},
          {"count", Unsigned(0, 1000000), false, "how many calls; 0: all that follow (1)"},
          {"skip", Unsigned(0, 1000000), false, "calls that run as ever before (0)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& StallTable() {
  static const ObjectSpec spec{
      "vCPUs that the hypervisor does not run",
      {
          {"domain", NameValue(), true, "whose"},
          {"time", Duration(sim::kNs, 3600 * sim::kSec), true, "how long"},
          {"function", NameValue(), true, "where one enters this kernel function"},
          {"count", Unsigned(1, 1000000), false, "how many entries of the function (1)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& EntersTable() {
  static const ObjectSpec spec{
      "entries of a function",
      {
          {"domain", NameValue(), true, "whose"},
          {"function", NameValue(), true, "a kernel function"},
          {"times", Unsigned(0, 1000000000), true, "how often it is entered from now to the end of the run"},
          {"within", Unsigned(0, 1000000), false, "so many more or less will do (0)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& IntactTable() {
  static const ObjectSpec spec{
      "a watch on machine memory",
      {
          {"address", Text(), true, "machine address, ${domain.secret}, ${xen.text}, ${xen.iommu_table}, ..."},
          {"bytes", Size(1, 64 * kMiB), true, "how many"},
          {"changed", Unsigned(0, 64 * kMiB), false, "so many of them differ at the end of the run (0)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& PreemptTable() {
  static const ObjectSpec spec{
      "a preemption at every block",
      {
          {"domain", NameValue(), true, "whose vCPUs"},
          {"from", NameValue(), true, "a pass starts where this kernel function is entered"},
          {"until", NameValue(), true, "and ends where this one is"},
          {"blocks", OneOrMore(Text()), true, "blocks of these functions or source files count"},
          {"time", Duration(sim::kNs, sim::kSec), true, "how long the vCPU stands still"},
          {"times", Unsigned(1, 3), false, "after that, passes that stand still before two to so many blocks, drawn by the seed (1)"},
          {"passes", Unsigned(0, 1000000), false, "how many of those (0)"},
          {"only", Text(), false, "always before this block, or these: 3,17,40 (one later in each pass)"},
          {"device", NameValue(), false, "interrupts at that moment (none)"},
          {"kind", Words({"intx", "msi", "msix"}), false, "how (msix)"},
          {"vector", Unsigned(0, 31), false, "MSI message or MSI-X entry (0)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& CallsTable() {
  static const ObjectSpec spec{
      "an order of hypercalls",
      {
          {"domain", NameValue(), true, "whose"},
          {"since", Text(), true, "label of the step where it starts"},
          {"are", ListOf(Text()), true, "every such call since then: how its trace line starts, '*' for anything"},
          {"of", OneOrMore(NameValue()), false, "which hypercalls count, as traced (event_channel_op, physdev_op)"},
          {"without", OneOrMore(Text()), false, "calls that do not count, in the same way"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& StepTable() {
  static const ObjectSpec spec{
      "a step",
      {
          {"boot", OneOrMore(NameValue()), false, "start a domain's kernel, wait until it is up"},
          {"seize", OneOrMore(Object(SeizeTable())), false, "dom0's pciback takes a device"},
          {"attach", Object(AttachTable()), false, "tools give a device to a domU, wait until connected; before its boot: from its start on"},
          {"detach", Object(AttachTable()), false, "the reverse"},
          {"destroy", NameValue(), false, "destroy a domain"},
          {"pause", NameValue(), false, "a domain's vCPUs stand still"},
          {"unpause", NameValue(), false, "and go on"},
          {"frontend", Object(FrontendTable()), false, "tools make the directories of a device that has no backend"},
          {"store", OneOrMore(Object(StoreTable())), false, "the tools write to the store, in one transaction"},
          {"refuse", Text(), false, "the store refuses the next write of this node by a domain, with EACCES"},
          {"await", Object(StoreTable()), false, "wait until a node of the store has a value"},
          {"program", Object(ProgramTable()), false, "run a user program in a guest"},
          {"write", Object(FileTable()), false, "write to sysfs in a guest"},
          {"read", Object(FileTable()), false, "read from sysfs in a guest"},
          {"call", Object(AttackTable()), false, "call C in a guest's image"},
          {"attack", Object(AttackTable()), false, "call hostile C in a guest's image"},
          {"crash", Object(CrashTable()), false, "make a guest do what guests must not"},
          {"error", Object(ErrorTable()), false, "a device detects an error and reports it"},
          {"storm", OneOrMore(Object(StormTable())), false, "devices interrupt; wait until all are delivered"},
          {"emit", Object(EmitTable()), false, "the attack device sends raw TLPs"},
          {"iommu_edit", Object(IommuEditTable()), false, "change an IOMMU entry behind Xen's back"},
          {"wait", Duration(0, 3600 * sim::kSec), false, "let simulated time pass"},
          {"join", Words({"all"}), false, "wait until the steps in the background are done"},
          {"compare", Object(CompareTable()), false, "compare the trace of a phase with a golden one"},
          {"stall", Object(StallTable()), false, "the next vCPUs that enter a function stand still there; the next step does not wait"},
          {"enters", Object(EntersTable()), false, "a kernel function is entered so often from now on; the next step does not wait"},
          {"intact", Object(IntactTable()), false, "bytes of machine memory that change until the end; the next step does not wait"},
          {"preempt", Object(PreemptTable()), false, "a vCPU stands still at each block of a window, once; the next step does not wait"},
          {"calls", Object(CallsTable()), false, "exactly these hypercalls since a step"},
          {"fail", Object(FailTable()), false, "hypercalls answer an error from now on; may precede the domain's boot"},
          {"label", Text(), false, "name of the step in messages"},
          {"deadline", Duration(sim::kUs, 3600 * sim::kSec), false, "simulated time it may take (10 s)"},
          {"background", Bool(), false, "the next step starts at once (false)"},
          {"when", When(), false, "only in these modes, on these kernels, with these features of theirs (all)"},
          {"because", Text(), false, "why the real code answers so"},
      },
      "",
      {"boot", "seize", "attach", "detach", "destroy", "pause", "unpause", "frontend", "store", "refuse", "await",
       "program", "write", "read", "call", "attack", "crash", "error", "storm", "emit", "iommu_edit", "wait", "join", "compare",
       "stall", "enters", "intact", "preempt", "calls", "fail"}};
  return spec;
}

const ObjectSpec& MatrixTable() {
  static const ObjectSpec spec{
      "a test matrix",
      {
          {"modes", Modes(), false, "(all where the claim applies)"},
          {"kernels", Kernels(), false, "(all where the claim applies)"},
          {"events", OneOrMore(Words({"2l", "fifo"})), false, "in every domain with a kernel (rows: both, unless one says 2l)"},
          {"vcpus", OneOrMore(Unsigned(1, 8)), false, "in every domain with a kernel (rows: 1 and 4, unless one says more)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& ConditionTable() {
  static const ObjectSpec spec{
      "an observation",
      {
          {"that", Text(), true, "as an expectation, dma.E11.bytes > 0"},
          {"when", When(), false, "only in these modes, on these kernels, with these features of theirs (all)"},
          {"because", Text(), false, "why it counts, for the report"},
      },
      "that",
      {}};
  return spec;
}

ValueSpec DmaClasses() {
  return OneOrMore(Words({"E0", "E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8", "E9", "E10", "E11"}));
}

const ObjectSpec& EscapeTable() {
  static const ObjectSpec spec = [] {
    ObjectSpec with_class = ConditionTable();
    ValueSpec one = DmaClasses();
    one.list = one.single = false;
    with_class.keys.push_back({"class", one, false, "the class of threats.md 1 that it amounts to (none)"});
    return with_class;
  }();
  return spec;
}

const ObjectSpec& ReviewTable() {
  static const ObjectSpec spec{
      "what counts in an attack",
      {
          {"escapes", DmaClasses(), false,
           "accesses of these classes that land are its escape, the gravest first (E7 E3 E6 E5 E9 E8 E11)"},
          {"escaped_if", OneOrMore(Object(EscapeTable())), false, "what else shows that it escaped"},
          {"host_fault_if", OneOrMore(Object(ConditionTable())), false, "what else shows that dom0 or Xen is down"},
          {"guest_fault_if", OneOrMore(Object(ConditionTable())), false, "what else shows that a domU is down"},
          {"degraded_if", OneOrMore(Object(ConditionTable())), false, "a measure and the threshold beyond which "
           "somebody's service suffers"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& ExpectTable() {
  static const ObjectSpec spec = [] {
    ObjectSpec table{"an expectation", {{"that", Text(), false, "dma.E5.bytes == 4096; or, in its place, bounds:"}}, "that", {}};
    for (const reports::PathMeasure& measure : reports::PathMeasures()) {
      table.keys.push_back({measure.name, Text(), false,
                            fmt::format("'<= {}': {}", measure.time ? "4300" : "2", measure.help)});
    }
    table.keys.push_back({"of", OneOrMore(Text()), false, "bounds: of which device, kind, ABI or domain, words that all fit (all)"});
    table.keys.push_back({"since", Text(), false, "bounds: label of the step from which on interrupts count (the first storm)"});
    table.keys.push_back({"baseline", Text(), false, "bounds: result.json or paths.json of an earlier run to compare with (none)"});
    table.keys.push_back({"when", When(), false, "only in these modes, on these kernels, with these features of theirs (all)"});
    table.keys.push_back({"because", Text(), false, "why, for the report"});
    return table;
  }();
  return spec;
}

// One alone needs no brackets.
ValueSpec Expectations() {
  ValueSpec spec = OneOrMore(Object(ExpectTable()));
  spec.minimum_items = 1;
  return spec;
}

}  // namespace

const ObjectSpec& ScenarioSpec() {
  static const ObjectSpec spec{
      "a scenario",
      {
          {"name", NameValue(), true, "name, as its file"},
          {"claim", Text(), true, "what it proves, one sentence"},
          {"kernel", Kernel(), false, "6.1, 6.12 or the path of a kernel tree (6.1)"},
          {"seed", Unsigned(), false, "all randomness comes from it (1)"},
          {"modes", Modes(), false, "modes where the claim applies; elsewhere skipped (all)"},
          {"kernels", Kernels(), false, "kernels where the claim applies; elsewhere skipped (all)"},
          {"embargo", Bool(), false, "it may show a flaw of shipped code: left out of report.html and junit.xml (false)"},
          {"matrix", Object(MatrixTable()), false, "in which combinations the test suite runs it"},
          {"review", Object(ReviewTable()), false, "it tells an attack: what decides whether it was contained"},
          {"until", Duration(sim::kUs, 3600 * sim::kSec), false, "end of the run (when the steps are done)"},
          {"machine", Object(MachineTable()), false, "memory, IOMMU, hypervisor"},
          {"switches", ListOf(Object(SwitchTable())), false, "PCIe switches"},
          {"domains", ListOf(Object(DomainTable()), 1), true, "dom0 and domUs, in order of their ids"},
          {"devices", ListOf(Object(DeviceTable())), false, "PCI functions"},
          {"steps", ListOf(Object(StepTable()), 1), true, "what happens, one after the other"},
          {"expect", Expectations(), true, "what must hold at the end"},
      },
      "",
      {}};
  return spec;
}

}  // namespace pvpci::scenarios
