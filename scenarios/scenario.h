// SPDX-License-Identifier: Apache-2.0
// A scenario as data: what one YAML file says after parsing and checking. One file states one claim.
//
// Nothing here runs anything. scenarios/parser.h fills these structs, scenarios/machine/ builds a machine room from
// them, scenarios/engine.h walks the steps and judges the expectations. Every default below is the file format's
// default; scenario.schema.json says the same to editors. Sizes are bytes, times integer picoseconds.
#ifndef PVPCI_SCENARIOS_SCENARIO_H_
#define PVPCI_SCENARIOS_SCENARIO_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/time.h"

namespace pvpci::scenarios {

// Where something stands in the scenario file, counted from 1. 0: not from a file (command line, C++ test).
struct Place {
  int line = 0;
  int column = 0;
};

// threats.md 1: M0 no IOMMU, M1 DMA remapping, M2 plus interrupt remapping.
enum class IommuKind : uint8_t { kNone, kDmar, kDmarIr };
const char* Name(IommuKind kind);      // "none", "dmar", "dmar+ir"
const char* ModeName(IommuKind kind);  // "M0", "M1", "M2"

// "6.1" and "6.12": what the language calls a kernel by, whatever its point release. A tree belongs to one of them.
const std::vector<std::string>& KernelFamilies();

// Whether `kernel` names a tree rather than a family.
bool IsKernelPath(const std::string& kernel);

// What some point releases of a family have and others have not, because a fix was brought back: the image of a kernel
// says which of these its sources have (driver/env/compat.h).
const std::vector<std::string>& KernelFeatures();

// Where a step, an expectation or a whole claim applies: in one of these modes, on one of these kernels, and with all of
// these features. An empty list leaves that dimension open.
struct Scope {
  std::vector<IommuKind> modes;
  std::vector<std::string> kernels;   // of KernelFamilies()
  std::vector<std::string> features;  // of KernelFeatures(); "no NAME": a kernel without it
};

// What the toolstack does with passthrough when there is no IOMMU. abi.md S3.
enum class NoIommuPolicy : uint8_t {
  kRefused,   // today: libxl refuses
  kIntxOnly,  // Xen 4.5 .. 4.12: MSI maps answer -ENODEV
  kMsiToo,    // Xen <= 4.4, the patch series' own era
};
const char* Name(NoIommuPolicy policy);  // "refused", "intx_only", "msi_too"

enum class Role : uint8_t { kDom0, kDomU };
const char* Name(Role role);  // "dom0", "domU"

enum class P2mLayout : uint8_t { kExtents2M, kScatter4K };
const char* Name(P2mLayout layout);  // "extents_2m", "scatter_4k"

enum class EventAbi : uint8_t { k2L, kFifo };
const char* Name(EventAbi abi);  // "2l", "fifo"

enum class DeviceModel : uint8_t { kEndpointTest, kEdu, kVirtioRng, kPlxDma, kI6300esb, kDwXdata, kClone, kAttacker };
// One row for each model: everything that files and reports say about it. A new device starts here.
struct DeviceModelInfo {
  DeviceModel model;
  const char* name;                  // in scenario files
  const char* label;                 // in reports
  std::vector<const char*> options;  // what it takes under `options:`, of the group "device" in parameters.cc
};
const std::vector<DeviceModelInfo>& DeviceModels();
const char* Name(DeviceModel model);
const char* Label(DeviceModel model);

enum class IrqKind : uint8_t { kIntx, kMsi, kMsix };
const char* Name(IrqKind kind);  // "intx", "msi", "msix"

// "gen3 x8".
struct Link {
  unsigned generation = 3;  // 1 .. 5
  unsigned width = 8;       // 1, 2, 4, 8, 16
};

// Parameters of a model, by the name the model's own parameter struct uses ("uptime_at_start", "hypercall_ns").
// Values keep their unit as written; scenarios/machine/parameters.h knows the names and converts.
struct Parameter {
  std::string name;
  std::string value;
  Place place;
};

// What a profile says of a parameter (scenarios/profile.h), in ps, as a count, or 0 and 1.
struct ProfileValue {
  std::string group, name;
  uint64_t value = 0;
};

// RAM that firmware keeps for DMA of some devices: RMRR of the DMAR table.
struct ReservedSpec {
  uint64_t at = 0;                       // machine address, a multiple of 4 KiB
  uint64_t bytes = 0;                    // the same
  std::vector<std::string> devices;
  Place place;
};

struct MachineSpec {
  uint64_t memory_bytes = 512ull << 20;  // where it ends, 64 MiB .. 8 GiB; 2 .. 4 GiB is the PCI hole
  uint64_t bar_window = 0;               // 32-bit BARs from here on, 32 MiB .. 2 GiB; 0: at 0xf0000000
  IommuKind iommu = IommuKind::kNone;
  NoIommuPolicy policy = NoIommuPolicy::kMsiToo;
  bool native_aer = false;               // root ports report errors, and dom0's kernel is granted AER
  std::string profile = "bdw-gen3x8";    // name or file, as the scenario has it: scenarios/profiles/
  std::string profile_file;              // found; empty: the default one
  std::vector<ProfileValue> assumed;     // where the profile differs from the models' defaults. What follows goes first
  std::vector<Parameter> xen;            // overrides of models/xen parameters
  std::vector<Parameter> vtd;            // overrides of the IOMMU's own parameters
  std::vector<Parameter> fabric;         // and of the root complex, its links and memory
  std::vector<ReservedSpec> reserved;
  std::vector<Parameter> timing;         // overrides of fabric, IOMMU and CPU cost parameters
  // Where RAM below 4 GiB ends. Firmware keeps the MiB between that and the window of BARs, if that was placed.
  uint64_t low_memory_end() const { return bar_window == 0 ? uint64_t{2} << 30 : bar_window - kFirmwareBytes; }
  static constexpr uint64_t kFirmwareBytes = 1 << 20;
  static constexpr uint64_t kHoleEnd = uint64_t{4} << 30;
  uint64_t ram_bytes() const {
    return std::min(memory_bytes, low_memory_end()) + (memory_bytes > kHoleEnd ? memory_bytes - kHoleEnd : 0);
  }
  sim::Ps quantum = sim::kUs;            // skew between runnable vCPUs
  Place place;
};

// A run of frames in a domain filled with a keyed pattern before any attack; leaked bytes are proven by comparing.
struct SecretSpec {
  std::string name = "secret";
  uint64_t bytes = 4096;  // multiple of 4 KiB
  Place place;
};

struct DomainSpec {
  std::string name;
  Role role = Role::kDomU;
  uint64_t memory_bytes = 32ull << 20;  // 8 MiB .. 64 MiB: below 2 GiB there is room for 28 domains
  unsigned vcpus = 1;                   // 1 .. 8
  P2mLayout p2m = P2mLayout::kExtents2M;
  uint64_t memory_at = 0;               // machine address of its first frame, all others follow; 0: anywhere, by `p2m`
  bool bare_metal = false;              // dom0: its kernel drives the IOMMU itself, and mfn = pfn above 1 MiB
  bool e820_host = true;                // domU: its memory map shows the host's reserved ranges ("e820_host=1")
  EventAbi events = EventAbi::kFifo;
  uint64_t swiotlb_bytes = 0;           // 0: the kernel's own choice, else "swiotlb=" on its command line
  std::string cmdline;                  // appended to what the machine gives
  bool kernel = true;                   // false: memory only, no kernel runs in it (a victim need not boot)
  std::vector<SecretSpec> secrets;
  Place place;
};

struct BarSpec {
  int index = 0;                      // 0 .. 5
  uint64_t bytes = 0;                 // power of two
  enum class Kind : uint8_t { kMemory32, kMemory64, kPrefetch64, kIo } kind = Kind::kMemory32;
  Place place;
};
const char* Name(BarSpec::Kind kind);  // "memory32", "memory64", "prefetch64", "io"

struct SwitchSpec {
  std::string name;
  Link link;                   // upstream link
  unsigned ports = 2;          // downstream ports, 1 .. 16
  bool acs = true;             // peer requests are redirected upstream
  Place place;
};

struct DeviceSpec {
  std::string name;
  DeviceModel model = DeviceModel::kEndpointTest;
  std::string behind;          // name of a switch; empty: its own root port
  std::string beside;          // name of a device behind its own root port: the next function of the same package
  unsigned slot = 0;           // 1 .. 31: integrated, on the root bus at 0000:00:<slot>.0; 0: behind a port
  Link link;
  std::string assigned_to;     // domain that gets it at `attach`; empty: named in the step
  std::string config_dump;     // clone: lspci -xxxx file, absolute or relative to the scenario file, exists
  std::vector<BarSpec> bars;   // clone: sizes cannot be read from a dump
  unsigned msi_vectors = 1;    // 0 (no MSI), 1, 2, 4, 8, 16, 32
  unsigned msix_vectors = 8;   // 0 (no MSI-X) .. 32; the table has a page of its own
  bool msi_maskable = false;   // per-vector mask bits in the MSI capability (decides Xen's ack type)
  bool intx = true;
  bool bus_master_at_boot = false;  // firmware leaves bus mastering on: it may DMA before anybody drives it
  std::vector<Parameter> options;  // of the model itself
  Place place;
};

enum class StepKind : uint8_t {
  kBoot,       // build and start `domain`; done when its init reports ready
  kSeize,      // dom0's pciback takes `device`
  kAttach,     // toolstack gives `device` to `domain`; done when both ends are Connected
  kDetach,     // the reverse; done when the frontend no longer has it
  kDestroy,    // destroy `domain`
  kPause,      // `domain`'s vCPUs stand still
  kUnpause,
  kFrontend,   // the tools give `domain` a paravirtual device that has no backend: its two directories
  kStore,      // the tools write `nodes`, in one transaction
  kRefuse,     // the store refuses the next write of `path` by a domain
  kAwait,      // until the store's node `path` is `value`
  kProgram,    // run `argv` as user program in `domain`, compare exit code and output
  kWrite,      // write `value` to sysfs `path` in `domain`
  kRead,       // read sysfs `path` in `domain`; `value` if given must match
  kCall,       // as kAttack, for code that means no harm
  kAttack,     // call C function `function` of `domain`'s image with `args`
  kCrash,      // make the guest do what guests must not: `crash`
  kError,      // `device` detects `error` and reports it as its registers say
  kStorm,      // devices assert interrupts by themselves; done when all are delivered
  kEmit,       // the attack device sends a raw TLP
  kIommuEdit,  // change one leaf entry of the device's tables behind Xen's back
  kWait,       // let time pass
  kJoin,       // until every step in the background is done
  kCompare,    // the trace since `since` against a golden file
  kFail,       // hypercalls of `domain` answer `result` from now on and do nothing
  kStall,      // vCPUs of `domain` stand still where they enter a function; done at once
  kEnters,     // from now to the end `domain` enters `function` `count` times; done at once
  kCalls,      // the hypercalls of `domain` since a step are these, in this order
  kIntact,     // from now to the end `count` of `bytes` bytes of machine memory at `address` change; done at once
  kPreempt,    // passes through a window of `domain` stand still, each one block later; done at once
};
const char* Name(StepKind kind);  // the key in the file: "boot", "seize", ...

enum class CrashKind : uint8_t { kOops, kBug, kPanic, kStackOverflow, kSpin, kWildJump };
const char* Name(CrashKind kind);  // "oops", "bug", "panic", "stack_overflow", "spin", "wild_jump"

// Bits of the AER status registers, PCIe 7.8.4.2 and 7.8.4.5. Whether an uncorrectable one is fatal says the device's own
// severity register.
enum class DeviceError : uint8_t {
  kReceiverError, kBadTlp,                                               // correctable
  kCompletionTimeout, kCompleterAbort, kUnsupportedRequest,              // non-fatal by default
  kDataLinkProtocol, kMalformedTlp,                                      // fatal by default
};
const char* Name(DeviceError error);  // "receiver_error", ...

struct StormSpec {
  std::string device;
  IrqKind kind = IrqKind::kMsix;
  uint64_t count = 1;
  sim::Ps interval = 20 * sim::kUs;  // between assertions of this device
  unsigned vector = 0;               // MSI message or MSI-X entry; INTx: ignored
  Place place;
};

// A node that the tools write. `path` as in expectations: "/local/domain/0/...", "driver.be/state", "driver.fe/state".
struct StoreNodeSpec {
  std::string path;
  std::optional<std::string> value;  // not given: remove it
  Place place;
};

// "vbd/51712": the directories of a paravirtual device, and what its kind's tools write there.
struct FrontendSpec {
  std::string kind;
  uint64_t id = 0;
  std::vector<std::pair<std::string, std::string>> front, back;  // name and value
};

// A window of kernel code that the guest passes again and again, from the entry of one function to that of another. In pass
// n the vCPU stands still before the n-th block of `blocks` that it executes there, until a pass has fewer: then every
// place was tried once. Then, with `times` above 1, so many `passes` stand still before two to `times` blocks each, drawn by
// the seed.
struct PreemptSpec {
  std::string from, until;          // functions
  std::vector<std::string> blocks;  // functions, or source files ("drivers/xen/events/events_base.c")
  unsigned times = 1;               // 1 .. 3
  uint64_t passes = 0;
  std::string only;                 // as written
  std::vector<uint64_t> blocks_only;  // not empty: every pass stands still before these, ascending, and before no others
  std::string device;               // raises an interrupt at that moment; empty: none
  IrqKind kind = IrqKind::kMsix;
  unsigned vector = 0;
};

// One step. Which members count depends on `kind`; the parser refuses keys that do not belong.
struct Step {
  StepKind kind = StepKind::kWait;
  std::string label;                 // for progress lines and messages; default made by the parser
  sim::Ps deadline = 10 * sim::kSec; // simulated time after which the step has failed
  Scope when;
  bool background = false;           // the next step starts at once
  Place place;

  std::string domain;
  std::string device;
  bool quarantine = true;            // kSeize: the tools assign the device to dom_io, as `xl pci-assignable-add` does
  bool waits = true;                 // kAttach: the tools look at the backend's state, before and after
  std::vector<StoreNodeSpec> nodes;  // kStore
  FrontendSpec frontend;             // kFrontend
  // kAttach, kDetach: the tools' error must contain it; empty: they must succeed
  std::string refused;
  // kProgram
  std::vector<std::string> argv;
  std::optional<int> exit;           // expected exit code; not given: any
  std::vector<std::string> prints;   // each must occur in standard output
  std::string because;               // why the real code answers so, for the report
  // kWrite, kRead, kAwait, kRefuse
  std::string path;
  std::optional<std::string> value;
  std::optional<int64_t> result;     // kWrite, kRead, kAttack: expected result (0 or -errno); not given: any
  // kAttack: integers and texts, replaced when the step starts: "${victim.secret}" (machine address of its first byte),
  // "${victim.secret.bytes}", "${device.bdf}" (as the guest sees it), "${device.msi_address}" and
  // "${device.msi_data}" (the message that the device's MSI registers hold at that moment).
  std::string function;
  std::vector<std::string> args;
  bool stops = false;                // the domain must not survive it
  // kCrash
  CrashKind crash = CrashKind::kOops;
  // kError
  DeviceError error = DeviceError::kReceiverError;
  // kStorm: all at the same time
  std::vector<StormSpec> storms;
  // kEmit
  bool write = true;
  std::string address;               // integer or placeholder
  uint64_t bytes = 4;
  std::optional<uint64_t> data;      // repeated little-endian pattern of a write
  std::string requester;             // "0000:03:00.0" to lie; empty: its own
  uint64_t count = 1;
  bool translated = false;           // the device says that the address is a machine address (ATS)
  // kIommuEdit
  bool invalidate = true;
  // kWait
  sim::Ps duration = 0;
  // kCompare
  std::string golden;                // file, exists
  std::string phase;                 // label of the step at which the phase starts
  double min_rate = 0.95;
  // kFail: `hypercall` as the result names it ("EVTCHNOP_bind_pirq"), `result` its answer, `count` how many (0: all
  // that follow), after `skip` that run as ever. May stand before the domain's boot. The run is violated if fewer came.
  std::string hypercall;
  uint64_t skip = 0;
  // kStall: the next `count` vCPUs that enter `function` stand still there for `duration`.
  uint64_t within = 0;               // kEnters: how far `count` may be missed
  PreemptSpec preempt;               // kPreempt, for `duration`
  // kCalls: the hypercalls `of` these names since the step labelled `phase`, but for those called as in `without`.
  std::vector<std::string> calls;    // patterns as scenarios/call_order.h has them
  std::vector<std::string> of;
  std::vector<std::string> without;
};

// "p99_ns <= 4300": what one of reports::PathMeasures() may come to. scenarios/gates.h.
struct GateBound {
  std::string measure;
  std::string sign;      // <=, <, >=, >, ==
  double value = 0;      // ns for a time; percent more than the baseline's
  bool percent = false;
  std::string text;
};
struct GateSpec {
  std::vector<GateBound> bounds;
  std::vector<std::string> of;  // device, kind, ABI or domain: words that all must fit; empty: all interrupts
  std::string since;            // label of a step; empty: the first storm, or the start of the run where there is none
  std::string baseline;         // file of an earlier run; empty: none
};

// "dma.E5.bytes == 4096". The grammar is in scenarios/expectations.h.
struct ExpectationSpec {
  std::string text;
  std::optional<GateSpec> gate;  // it bounds the cost of interrupts; `text` is for people then
  Scope when;
  std::string because;
  Place place;
};

// An observation that decides what became of an attack: an expectation's text (scenarios/expectations.h).
struct ConditionSpec {
  std::string text;
  Scope when;
  std::string dma_class;             // of `escaped_if`: the class of threats.md 1 that it amounts to; empty: none
  std::string because;
  Place place;
};

// What counts in an attack's story, for the security review. scenarios/review/verdict.h judges by it.
struct ReviewSpec {
  // Classes of accesses that, when they land, are this attack's escape, the gravest first.
  std::vector<std::string> escapes;
  // What else makes it escape, harm a guest, harm the host, or degrade somebody's service.
  std::vector<ConditionSpec> escaped_if, host_fault_if, guest_fault_if, degraded_if;
};

// In which combinations the test suite runs a scenario: every listed value with every other. An empty list of events or
// vCPUs leaves the domains as the file has them; an empty list of modes is all that the claim applies in on 6.1 and the
// file's own on other kernels; an empty list of kernels is all that the claim applies on.
struct MatrixSpec {
  std::vector<IommuKind> modes;
  std::vector<std::string> kernels;
  std::vector<EventAbi> events;      // of every domain that runs a kernel
  std::vector<unsigned> vcpus;       // of every domain that runs a kernel
};

struct Scenario {
  std::string file;                  // as given, for messages
  std::string configuration;         // 64 hex digits over what is run: machine, domains, devices, steps, seed, kernel
  std::string name;
  std::string claim;
  std::string kernel = "6.1";        // "6.1", "6.12" or the path of a tree
  std::string kernel_family = "6.1"; // of KernelFamilies(); of a tree: what its Makefile says
  std::optional<std::vector<std::string>> features;  // of KernelFeatures(), once an image is there: before, all apply
  uint64_t seed = 1;
  bool embargo = false;              // it may show a flaw of shipped code (threats.md 5): left out of exported reports
  Scope scope;                       // where the claim applies; elsewhere *skipped*
  MatrixSpec matrix;
  std::optional<ReviewSpec> review;  // it tells an attack
  sim::Ps until = 0;                 // 0: until the steps are done
  MachineSpec machine;
  std::vector<SwitchSpec> switches;
  std::vector<DomainSpec> domains;
  std::vector<DeviceSpec> devices;
  std::vector<Step> steps;
  std::vector<ExpectationSpec> expect;

  // Whether `where` includes this scenario's mode, kernel and features.
  bool Applies(const Scope& where) const;
  // All that the claim applies in and on, open dimensions spelt out.
  std::vector<IommuKind> modes() const;
  std::vector<std::string> kernels() const;

  const DomainSpec* FindDomain(const std::string& name) const;
  bool bare_metal() const;  // its dom0 is
  const DeviceSpec* FindDevice(const std::string& name) const;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SCENARIO_H_
