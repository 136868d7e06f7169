// SPDX-License-Identifier: Apache-2.0
// The result of one run as plain data: spec/result.md, schema 1, field by field, and under Result::view what
// report.html draws beyond it. scenarios/ fills it, every renderer of this folder reads nothing else.
// All times are simulated picoseconds (Ps); the writer makes the contract's `_ns` numbers from them.
// std::optional that is empty is written as null. Strings may hold any bytes: writers replace what is not UTF-8.
#ifndef PVPCI_REPORTS_RESULT_H_
#define PVPCI_REPORTS_RESULT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reports/intervals.h"
#include "sim/time.h"

namespace pvpci::reports {

using sim::Ps;

inline constexpr int kSchemaNumber = 1;

enum class Verdict : uint8_t { kHolds, kViolated, kSkipped, kUnable };  // "holds" ...
enum class Mode : uint8_t { kM0, kM1, kM2 };                            // threats.md, legend
enum class Access : uint8_t { kRead, kWrite };                          // as the device sees it
enum class DmaClass : uint8_t { kE0, kE1, kE2, kE3, kE4, kE5, kE6, kE7, kE8, kE9, kE10, kE11 };  // threats.md 1
enum class Severity : uint8_t { kInfo, kLow, kMedium, kHigh, kCritical };                        // threats.md 7
// What became of an attack, the gravest last. threats.md 4.
enum class Outcome : uint8_t { kNotApplicable, kContained, kDegraded, kGuestFault, kHostFault, kEscaped };
enum class ChangeKind : uint8_t { kShadow, kDefine, kInclude, kWrap, kMutant };
enum class EmulatedKind : uint8_t { kEmulated, kDummy };
enum class DomainState : uint8_t { kRunning, kCrashed, kHung, kDestroyed };
enum class InterruptKind : uint8_t { kIntx, kMsi, kMsix };
enum class PortAbi : uint8_t { k2l, kFifo };

// A kernel that at least one domain ran.
struct Kernel {
  std::string name;                    // "6.1"
  std::optional<std::string> package;  // "linux-source-6.1"; empty for the user's own tree
  std::string version;                 // "6.1.192-2"
  std::optional<bool> modified = false;  // C or a header differs from that of the same version's package; empty: there
                                         // is no such package to compare with
  std::vector<std::string> headers_differ;  // beyond the contract: the headers among those
  std::vector<std::string> features;     // beyond the contract: fixes its sources have that not all of its family have
};

// One original source file linked into an image.
struct Original {
  std::string kernel;
  std::string path;    // below the kernel's root
  std::string sha256;  // lower-case hex, of the file as the package, or the user's own tree, has it
  int64_t lines = 0;
  int64_t blocks_run = 0;  // distinct basic blocks that ran in this scenario
  // Beyond the contract. A line is coverable if the compiler made code of it.
  int64_t lines_coverable = 0;
  int64_t lines_covered = 0;
  std::vector<std::string> functions_idle;  // with coverable lines, none of which ran
  std::optional<std::string> package_sha256;  // of the file in the package of the same version; empty: not known
};

// Anything applied to originals.
struct Change {
  ChangeKind kind = ChangeKind::kShadow;
  std::string name;
  std::string sha256;
  std::string why;
};

// A user program that ran in a guest.
struct Program {
  std::string domain;
  std::vector<std::string> argv;
  std::optional<int> exit;  // empty: it never ended
  std::string stdout_text;  // key "stdout"
};

// An emulated function or dummy that was called.
struct Emulated {
  std::string function;
  EmulatedKind kind = EmulatedKind::kEmulated;
  int64_t calls = 0;
};

// One call frame, innermost first in a backtrace. `file` is below the kernel's root. Unknown: empty, 0.
struct Frame {
  std::string function;
  std::string file;
  int line = 0;
};

// Why a domain stopped.
struct DomainReport {
  std::string kind;  // "oops", "BUG", "panic", "stack overflow", "hung", "missing symbol"
  std::string message;
  std::vector<Frame> backtrace;
};

// The longest time that one of a domain's vCPUs let no event in. `backtrace` is where it let them in again.
struct IrqsOff {
  Ps longest_ps = 0;
  Ps from_ps = 0;
  int vcpu = 0;
  std::vector<Frame> backtrace;
};

struct DomainResult {
  int id = 0;
  std::string name;
  std::string role;                   // "dom0", "domU", "driver domain"
  std::optional<std::string> kernel;  // empty: no image, a model-only domain
  int vcpus = 1;
  DomainState state = DomainState::kRunning;
  std::optional<DomainReport> report;
  std::optional<IrqsOff> irqs_off;  // beyond the contract; empty: no image, or it never let events in
};

struct DmaTotals {
  int64_t accesses = 0;
  int64_t bytes = 0;
};

// A fault record of the IOMMU.
struct Fault {
  std::string bdf;
  uint64_t address = 0;
  Access access = Access::kRead;
  int reason = 0;    // VT-d fault reason
  std::string text;  // "DMAR:[DMA Read] Request device [02:00.0] fault addr 0x1f400000, reason 06 - ..."
  Ps time_ps = 0;
};

struct FindingDevice {
  std::string bdf;           // true function
  std::string requester_id;  // as on the wire, "0000:02:00.0"
};

struct Party {
  std::string domain;
  std::string role;  // written for the victim only
};

// The register write that gave the device the address.
struct ProgrammedBy {
  std::string reg;  // key "register", "BAR0+0x0c"
  uint64_t value = 0;
  Ps time_ps = 0;
  std::vector<Frame> backtrace;
  int vcpu = 0;     // of the domain that wrote; beyond the contract
};

// Who wrote an entry of the interrupt remapping table last. Beyond the contract.
struct EntryWriter {
  std::string domain;     // whose hypercall it was; "xen": Xen by itself
  std::string hypercall;  // "PHYSDEVOP_map_pirq"; empty: none
  Ps time_ps = 0;
  std::vector<Frame> backtrace;  // of that domain
};

// The way of an interrupt message that its device had no right to send, as far as it came. Beyond the contract.
struct MessagePath {
  uint64_t address = 0;
  int64_t data = 0;
  std::string format;                 // "compatibility", "remappable"
  std::optional<int> entry;           // of the interrupt remapping table that it names; empty: it names none
  std::string source;                 // of that entry: which requester id it serves; empty: no entry, or not present
  std::optional<EntryWriter> written_by;  // of that entry; empty: nobody has written it
  std::optional<int> vector;          // the message's, or its entry's; empty: there is no such entry
  std::string delivery;               // "fixed", "NMI", "INIT" ...; empty: as vector
  std::optional<int> processor;       // local APIC; empty: as vector
  std::string domain;                 // whose pirq has the vector there; empty: nobody's
  std::optional<int> pirq, port;      // of that domain; port empty: not bound
  std::string handler;                // what it ran in that domain; empty: nothing was seen to run
};

// Who mapped or unmapped the buffer through the DMA API.
struct MappingEvent {
  uint64_t address = 0;  // bus address
  int64_t bytes = 0;
  Ps time_ps = 0;
  std::vector<Frame> backtrace;
};

struct FrameStory {
  std::string owner_when_programmed;
  std::string owner_when_landed;
  std::string type;  // "writable", "page table", ...
  uint64_t generation = 0;
  int64_t grant_maps = 0;  // live grant mappings of it; beyond the contract
  std::optional<uint64_t> generation_when_programmed;  // empty: no write gave this address; beyond the contract
};

// One step of a finding's story; extra key "story". The report shows them in time order.
struct StoryStep {
  Ps time_ps = 0;
  std::string actor;  // "driver (domU)", "device 0000:02:00.0", "Xen", "IOMMU"
  std::string text;   // one sentence
};

// A record of the trace, as trace.txt prints it.
struct TraceLine {
  int64_t record = 0;  // its number, from 0
  std::string text;
};

// What else a reader needs who wants to see a finding again, and to know what it was seen with. Beyond the contract.
struct Evidence {
  std::string build;               // "pvpci 1f0e2d3c4b5a6978, linux_6_1 ..."; what ran, by its digests
  int exit_code = 0;               // of the run that `reproduce` names
  Ps run_ps = 0;                   // simulated time of that run
  std::string configuration;       // "sha256:...": of the scenario, with everything that the command line changed
  std::vector<std::string> tools;  // "g++ 12.2.0"; what made the programs
  std::vector<std::string> files;  // that the run left beside the report
  std::vector<TraceLine> trace;    // around the write that gave the address, and around the first landing
};

struct Finding {
  std::string id;                      // "F1"
  DmaClass dma_class = DmaClass::kE5;  // key "class"
  std::string fingerprint;
  std::string title;
  Severity severity = Severity::kInfo;
  std::vector<std::string> cwe;  // "CWE-668"
  FindingDevice device;
  std::optional<Party> attacker;
  std::optional<Party> victim;
  Access direction = Access::kRead;
  uint64_t address = 0;
  std::optional<uint64_t> mfn;
  int64_t bytes = 0;
  int64_t leaked_bytes_proven = 0;
  std::optional<ProgrammedBy> programmed_by;
  std::optional<MappingEvent> mapped_by;
  std::optional<MappingEvent> unmapped_by;
  std::optional<FrameStory> frame;
  std::optional<std::string> stopped_by;  // "DMA remapping, reason 6"; empty: it landed
  bool embargo = false;
  std::string reproduce;
  // Beyond the contract.
  int64_t occurrences = 1;
  std::vector<StoryStep> story;
  std::vector<uint8_t> first_bytes;                // of the data that moved, at most 64, synthetic data only
  std::map<std::string, std::string> other_modes;  // "M1" -> "blocked by DMA remapping, reason 6"
  std::string guard;                               // the check that stopped it, or that was not there
  std::string support;                             // whether Xen's security support covers it, SUPPORT.md
  std::vector<std::string> refs;                   // advisories, papers: "XSA-302"
  std::string cvss;                                // CVSS 3.1 base vector; severity is the bench's own rule
  std::string step;                                // label of the step that was under way at the first occurrence
  std::optional<MessagePath> message;              // of an interrupt message
  std::string peer;                                // E8: "BAR0+0x10 of 0000:03:00.0"
  std::string deputy;                              // the device that did what its driver said; empty: by itself
  uint64_t bus_address = 0;                        // on the wire, of the first access
  Ps landed_ps = 0;                                // the first, or when it was stopped
  Evidence evidence;
  std::vector<std::string> limits;                 // what of this story is modelled, or not confirmed
};

// min <= p50 <= p90 <= p99 <= max. latency_stats.h computes them.
struct Latency {
  Ps min = 0, p50 = 0, p90 = 0, p99 = 0, max = 0;
};

// The interval between two consecutive probes.
struct LatencyPart {
  std::string name;  // "t0_t1_fabric"
  Ps total_ps = 0;
  Ps p50 = 0;
  Ps p99 = 0;
};

// Latencies in [from_ps, to_ps).
struct LatencyBucket {
  Ps from_ps = 0;
  Ps to_ps = 0;
  int64_t count = 0;
};

// Assertions that were merged into another one under way: from their own t0 to the entry of the handler that served both.
// Beyond the contract.
struct Coalescing {
  int64_t count = 0;               // of those whose handler had not begun; any other is served by what it already did
  Latency latency;
  Ps total_ps = 0;
  std::vector<LatencyPart> parts;  // add up to total_ps
};

// asserted == delivered + coalesced + lost.
struct Interrupt {
  std::string source;  // BDF
  InterruptKind kind = InterruptKind::kMsi;
  PortAbi abi = PortAbi::kFifo;
  std::string domain;
  int64_t asserted = 0, delivered = 0, coalesced = 0, lost = 0, duplicated = 0, spurious = 0;
  std::optional<Latency> latency;  // empty when none was delivered
  Ps total_ps = 0;
  std::vector<LatencyPart> parts;  // in probe order; add up to total_ps
  Ps eoi_tail_ps = 0;
  // Beyond the contract.
  std::vector<LatencyPart> tail_parts;   // add up to eoi_tail_ps
  std::optional<Coalescing> coalescing;  // empty: none was merged
  int64_t vcpu_moves = 0;                // deliveries on another vCPU than the one before
  std::vector<LatencyBucket> histogram;  // latency_stats.h, LogHistogram
};

// A stretch of one interrupt's way.
struct SpanPart {
  std::string name;  // "t3_t4_wait"
  Ps ps = 0;
};

// What the device did since its interrupt before, and was done when this one's message left: an MSI is a write, and passes no
// write before it (PCIe 6.0 2.4.1).
struct PrecedingDma {
  int64_t accesses = 0;
  int64_t bytes = 0;
  Ps last_ps = 0;    // when the last one was done
  std::string last;  // as trace.txt has it
};

// What a handler left to be done later.
struct BottomHalf {
  std::string what;            // "softirq", "work", "irq thread", "completion": what waits for it is woken
  Ps queued_ps = 0;            // since t0
  std::optional<Ps> began_ps;  // since t0; empty: it did not, or that cannot be told
};

// The interrupt that stands at a mark of a distribution (nearest rank; of equal ones the first). Beyond the contract.
struct SpanSample {
  std::string at;                // "p50", "p90", "p99", "max"
  int64_t interrupt = 0;         // its number, the same in every trace
  Ps asserted_ps = 0;            // t0
  Ps latency_ps = 0;             // t0 to t6
  std::vector<SpanPart> parts;   // add up to latency_ps
  std::vector<SpanPart> tail;    // from t6 to the last probe
  int vcpu = 0;                  // where its handler ran
  std::optional<PrecedingDma> dma;
  std::vector<BottomHalf> bottom_halves;  // where blocks are counted
};

// What happened on the way of the median interrupt.
struct PathEvent {
  Ps after_ps = 0;    // since t0
  std::string where;  // domain, "xen", or the device
  std::string what;   // as trace.txt has it
};

// Basic blocks of one function.
struct FunctionBlocks {
  std::string function;
  std::string source;
  int64_t blocks = 0;
};

struct HypercallCount {
  std::string domain;
  std::string name;
  int64_t calls = 0;
  int64_t failed = 0;
};

// The way of one source's interrupts through Xen and the guest, from a step of the scenario to the end of the run: what gates
// judge and ./pvpci diff compares. Beyond the contract.
struct Path {
  std::string since;                       // label of that step; empty: the start of the run
  Interrupt row;                           // key "interrupts": those asserted since then
  int64_t delivered_in_domain = 0;         // by all sources, since then
  std::vector<HypercallCount> hypercalls;  // of the domain, since then
  std::vector<SpanSample> samples;
  std::optional<int64_t> upcall_blocks;    // of the upcall that is met most often among those that deliver one of these
                                           // interrupts and no other; empty: blocks were not counted
  std::vector<FunctionBlocks> functions;   // of that upcall
  std::vector<PathEvent> events;           // of the median interrupt, from t0 to its last probe
};

struct ExpectationResult {
  std::string text;
  bool held = false;
  std::string actual;
  std::optional<std::string> reason;  // beyond the contract: why the scenario expects it
};

// ---- What the page draws beyond the contract: everything below is under the key "view". ----

enum class NodeKind : uint8_t { kRootComplex, kRootPort, kSwitchUpstream, kSwitchDownstream, kEndpoint };

// One PCI function (or the root complex, which has no bdf). Parents come before their children.
struct TopologyNode {
  std::string id;      // unique, instance name: "rc", "rp0", "sw0.up", "nic0"
  std::string parent;  // id; empty for the root complex
  NodeKind kind = NodeKind::kEndpoint;
  std::string bdf;
  std::string label;  // "PCI endpoint test (104c:b500)"
  int link_gen = 0;   // the link towards the parent; 0: internal, no link
  int link_width = 0;
  std::optional<std::string> domain;  // assigned to
  std::optional<std::string> driver;  // bound real driver, "pci_endpoint_test"
  std::vector<std::string> notes;     // "BAR0 0xfe000000 1 MiB", "MSI-X 32 vectors"
};

struct IommuView {
  bool present = false;
  bool dma_remapping = false;
  bool interrupt_remapping = false;
};

// `count` machine frames from `start_mfn`, same owner and type. Sorted, disjoint.
struct FrameRun {
  uint64_t start_mfn = 0;
  uint64_t count = 0;
  std::string owner;  // domain name, or "xen", "free", "dom_io", "mmio"
  std::string type;   // "writable", "page table", "xenheap", "shared", ...
};

// DMA of one device, class and direction into neighbouring frames, aggregated by the filler.
struct Landing {
  std::string bdf;
  DmaClass dma_class = DmaClass::kE0;
  Access access = Access::kWrite;
  uint64_t address = 0;    // lowest machine address
  int64_t bytes = 0;       // moved in all
  int64_t span_bytes = 0;  // extent from `address`
  int64_t accesses = 0;
  std::string owner;                   // of the frames, as in FrameRun
  bool stopped = false;                // never reached memory
  std::optional<std::string> finding;  // "F1"
  Ps first_ps = 0;
  Ps last_ps = 0;
};

struct ConsoleTail {
  std::string domain;
  std::optional<std::string> file;  // in the output folder
  std::string text;                 // last lines
};

// A parameter or modelling choice on which the figures lean.
struct Assumption {
  std::string name;    // "hypervisor.do_irq_entry"
  std::string value;   // "250 ns (180 to 400 ns)"
  std::string origin;  // "timing.md A7"
};

struct View {
  std::string policy;  // "MSI without IOMMU as in Xen <= 4.4"
  std::vector<TopologyNode> topology;
  IommuView iommu;
  uint64_t machine_frames = 0;  // total, 4 KiB each
  std::vector<FrameRun> memory;
  std::vector<Landing> landings;
  std::vector<ConsoleTail> consoles;
  std::vector<Assumption> assumptions;
  std::vector<std::string> limits;  // what is not modelled, one sentence each
  std::vector<std::string> warnings;
  std::map<std::string, std::string> settings;  // --set key=value that were given
  std::string source_file;                      // the scenario's file, from the project's root if it is below it
  int source_line = 1;                          // where its attack, else its first step stands
};

// How long devices could still reach what their domain had lost, one entry per kind of loss. Beyond the contract.
struct EscapeWindow {
  std::string loss;        // "ownership", "type", "grant", "device"; where a kernel drives the unit "unmap"
  int64_t count = 0;       // losses while a function of the domain was there to use them
  int64_t nonzero = 0;     // of them with a window longer than 0, those still open among them
  int64_t open = 0;        // never ended
  std::optional<Ps> min_ps, p50_ps, max_ps;  // of those that ended; empty: none did
};

// The IOMMU of the run, and how the hypervisor kept it. Beyond the contract.
struct IommuResult {
  std::string dom0;                   // "relaxed", "strict", "passthrough"
  std::string quarantine;             // "none", "basic", "scratch-page"
  std::string flush;                  // "page", "operation"
  std::vector<std::string> unfixed;   // "XSA-346": flaws of the past that the scenario brought back
  DmaTotals scratch;                  // what quarantine's scratch pages took in silence; in no class of `dma`
  int64_t hits = 0, misses = 0, tables_read = 0, invalidations = 0;
  int64_t faults = 0, faults_lost = 0;
  int64_t log_suppressed = 0;         // lines that Xen did not print because there were too many
  std::vector<std::string> silenced;  // functions whose bus mastering Xen took away, PT_FAULT_THRESHOLD
  std::vector<EscapeWindow> escape_windows;
};

// What lay on a page that was mapped for a device, outside the buffer. Beyond the contract.
struct SlabNeighbour {
  std::string kind;          // "object" of the slab, "buffer" that was mapped for a device, too, "bounced buffer"
  std::string cache;         // of an object: "kmalloc-256", or the cache's name; of a buffer: its device
  int64_t bytes = 0;         // as asked for
  int64_t distance = 0;      // bytes between the two: behind the buffer, negative before it (from start to start)
  bool code_pointer = false; // one of its words is the address of kernel code
  std::optional<Frame> allocated_by;
  int64_t times = 1;         // such objects beside such mappings
};

// What one place in the code exposes beside what it maps, threats.md A7: other buffers everywhere, objects where their owners
// are kept (`slab_owners` on the kernel's command line, or switched on later). Beyond the contract.
struct SubPageExposure {
  std::string domain;
  std::string device;        // BDF
  int64_t bytes = 0;         // of the buffer
  std::string direction;     // "to device", "from device", "both ways"
  std::optional<Frame> mapped_by;
  int64_t maps = 0;
  std::vector<SlabNeighbour> neighbours;
};

// What became of the attack that the scenario tells, and what shows it. Beyond the contract.
struct Attack {
  Outcome outcome = Outcome::kContained;  // key "verdict"
  std::optional<DmaClass> dma_class;      // of an escape, key "class"
  int64_t bytes = 0;                      // of that class that landed
  std::string reason;                     // one sentence
  std::vector<ExpectationResult> observations;  // the scenario's own conditions; held: it is so
};

struct Result {
  std::string scenario;
  std::string claim;
  Verdict verdict = Verdict::kUnable;
  uint64_t seed = 1;
  Mode mode = Mode::kM0;
  std::optional<std::string> trace_digest;  // "sha256:" and 64 hex digits
  Ps simulated_ps = 0;
  std::vector<Kernel> kernels;
  std::vector<Original> originals;
  std::vector<Change> changes;
  std::vector<Program> programs;
  std::vector<Emulated> emulated;
  std::vector<DomainResult> domains;
  std::map<DmaClass, DmaTotals> dma;  // classes that occurred
  std::vector<Fault> faults;
  std::vector<Finding> findings;
  std::vector<Interrupt> interrupts;
  std::vector<HypercallCount> hypercalls;
  std::vector<ExpectationResult> expectations;
  bool incomplete = false;
  std::string reproduce;
  // Beyond the contract.
  std::optional<std::string> verdict_reason;  // one sentence; why skipped, unable or violated
  bool embargo = false;                       // exported.h
  std::optional<IommuResult> iommu;           // empty: there is none
  std::optional<Attack> attack;               // empty: the scenario tells none
  std::vector<SubPageExposure> sub_page;
  std::vector<Path> paths;                    // a row for each of `interrupts` that a handler saw
  std::optional<Intervals> intervals;         // empty: nobody asked (run --intervals)
  View view;
};

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_RESULT_H_
