// SPDX-License-Identifier: Apache-2.0
// Every key of result.json, once, in the order it is written. An archive is either the writer or the reader of
// result_json.cc; both run the same lists, so what is written can be read. Included by result_json.cc only.
#ifndef PVPCI_REPORTS_FIELDS_H_
#define PVPCI_REPORTS_FIELDS_H_

#include <type_traits>

#include "reports/result.h"

namespace pvpci::reports {

// How a member is written where its type does not say it.
template <typename T>
struct HexField {  // uint64_t, or optional of it: "0x1f400000"
  T& value;
};
template <typename T>
struct NsField {  // Ps: nanoseconds with three decimals
  T& value;
};
template <typename T>
struct BytesField {  // vector<uint8_t>: "00ff", no prefix
  T& value;
};
template <typename T>
struct RunsField {  // vector<FrameRun>: owners and types by index, the runs as rows of numbers
  T& value;
};
template <typename T>
HexField(T&) -> HexField<T>;
template <typename T>
NsField(T&) -> NsField<T>;
template <typename T>
BytesField(T&) -> BytesField<T>;
template <typename T>
RunsField(T&) -> RunsField<T>;

// T for a reader, const T for a writer.
template <typename T, typename Archive>
using Of = std::conditional_t<Archive::kReads, T, const T>;

template <typename A>
void Fields(A& a, Of<Kernel, A>& x) {
  a("name", x.name);
  a("package", x.package);
  a("version", x.version);
  a("modified", x.modified);
  a("headers_differ", x.headers_differ);
  a("features", x.features);
}

template <typename A>
void Fields(A& a, Of<Original, A>& x) {
  a("kernel", x.kernel);
  a("path", x.path);
  a("sha256", x.sha256);
  a("lines", x.lines);
  a("blocks_run", x.blocks_run);
  a("lines_coverable", x.lines_coverable);
  a("lines_covered", x.lines_covered);
  a("functions_idle", x.functions_idle);
  a("package_sha256", x.package_sha256);
}

template <typename A>
void Fields(A& a, Of<Change, A>& x) {
  a("kind", x.kind);
  a("name", x.name);
  a("sha256", x.sha256);
  a("why", x.why);
}

template <typename A>
void Fields(A& a, Of<Program, A>& x) {
  a("domain", x.domain);
  a("argv", x.argv);
  a("exit", x.exit);
  a("stdout", x.stdout_text);
}

template <typename A>
void Fields(A& a, Of<Emulated, A>& x) {
  a("function", x.function);
  a("kind", x.kind);
  a("calls", x.calls);
}

template <typename A>
void Fields(A& a, Of<Frame, A>& x) {
  a("function", x.function);
  a("file", x.file);
  a("line", x.line);
}

template <typename A>
void Fields(A& a, Of<DomainReport, A>& x) {
  a("kind", x.kind);
  a("message", x.message);
  a("backtrace", x.backtrace);
}

template <typename A>
void Fields(A& a, Of<IrqsOff, A>& x) {
  a("longest_ps", x.longest_ps);
  a("from_ps", x.from_ps);
  a("vcpu", x.vcpu);
  a("backtrace", x.backtrace);
}

template <typename A>
void Fields(A& a, Of<DomainResult, A>& x) {
  a("id", x.id);
  a("name", x.name);
  a("role", x.role);
  a("kernel", x.kernel);
  a("vcpus", x.vcpus);
  a("state", x.state);
  a("report", x.report);
  a("irqs_off", x.irqs_off);
}

template <typename A>
void Fields(A& a, Of<DmaTotals, A>& x) {
  a("accesses", x.accesses);
  a("bytes", x.bytes);
}

template <typename A>
void Fields(A& a, Of<Fault, A>& x) {
  a("bdf", x.bdf);
  a("address", HexField{x.address});
  a("access", x.access);
  a("reason", x.reason);
  a("text", x.text);
  a("time_ps", x.time_ps);
}

template <typename A>
void Fields(A& a, Of<FindingDevice, A>& x) {
  a("bdf", x.bdf);
  a("requester_id", x.requester_id);
}

template <typename A>
void Fields(A& a, Of<Party, A>& x) {
  a("domain", x.domain);
  a("role", x.role);
}

template <typename A>
void Fields(A& a, Of<ProgrammedBy, A>& x) {
  a("register", x.reg);
  a("value", HexField{x.value});
  a("time_ps", x.time_ps);
  a("vcpu", x.vcpu);
  a("backtrace", x.backtrace);
}

template <typename A>
void Fields(A& a, Of<EntryWriter, A>& x) {
  a("domain", x.domain);
  a("hypercall", x.hypercall);
  a("time_ps", x.time_ps);
  a("backtrace", x.backtrace);
}

template <typename A>
void Fields(A& a, Of<MessagePath, A>& x) {
  a("address", HexField{x.address});
  a("data", x.data);
  a("format", x.format);
  a("entry", x.entry);
  a("source", x.source);
  a("written_by", x.written_by);
  a("vector", x.vector);
  a("delivery", x.delivery);
  a("processor", x.processor);
  a("domain", x.domain);
  a("pirq", x.pirq);
  a("port", x.port);
  a("handler", x.handler);
}

template <typename A>
void Fields(A& a, Of<MappingEvent, A>& x) {
  a("address", HexField{x.address});
  a("bytes", x.bytes);
  a("time_ps", x.time_ps);
  a("backtrace", x.backtrace);
}

template <typename A>
void Fields(A& a, Of<FrameStory, A>& x) {
  a("owner_when_programmed", x.owner_when_programmed);
  a("owner_when_landed", x.owner_when_landed);
  a("type", x.type);
  a("generation", x.generation);
  a("grant_maps", x.grant_maps);
  a("generation_when_programmed", x.generation_when_programmed);
}

template <typename A>
void Fields(A& a, Of<StoryStep, A>& x) {
  a("time_ps", x.time_ps);
  a("actor", x.actor);
  a("text", x.text);
}

template <typename A>
void Fields(A& a, Of<TraceLine, A>& x) {
  a("record", x.record);
  a("text", x.text);
}

template <typename A>
void Fields(A& a, Of<Evidence, A>& x) {
  a("build", x.build);
  a("exit_code", x.exit_code);
  a("run_ps", x.run_ps);
  a("configuration", x.configuration);
  a("tools", x.tools);
  a("files", x.files);
  a("trace", x.trace);
}

template <typename A>
void Fields(A& a, Of<Finding, A>& x) {
  a("id", x.id);
  a("class", x.dma_class);
  a("fingerprint", x.fingerprint);
  a("title", x.title);
  a("severity", x.severity);
  a("cwe", x.cwe);
  a("device", x.device);
  a("attacker", x.attacker);
  a("victim", x.victim);
  a("direction", x.direction);
  a("address", HexField{x.address});
  a("mfn", HexField{x.mfn});
  a("bytes", x.bytes);
  a("leaked_bytes_proven", x.leaked_bytes_proven);
  a("programmed_by", x.programmed_by);
  a("mapped_by", x.mapped_by);
  a("unmapped_by", x.unmapped_by);
  a("frame", x.frame);
  a("stopped_by", x.stopped_by);
  a("embargo", x.embargo);
  a("reproduce", x.reproduce);
  a("occurrences", x.occurrences);
  a("story", x.story);
  a("first_bytes", BytesField{x.first_bytes});
  a("other_modes", x.other_modes);
  a("guard", x.guard);
  a("support", x.support);
  a("refs", x.refs);
  a("cvss", x.cvss);
  a("step", x.step);
  a("message", x.message);
  a("peer", x.peer);
  a("deputy", x.deputy);
  a("bus_address", HexField{x.bus_address});
  a("landed_ps", x.landed_ps);
  a("evidence", x.evidence);
  a("limits", x.limits);
}

template <typename A>
void Fields(A& a, Of<Latency, A>& x) {
  a("min", NsField{x.min});
  a("p50", NsField{x.p50});
  a("p90", NsField{x.p90});
  a("p99", NsField{x.p99});
  a("max", NsField{x.max});
}

template <typename A>
void Fields(A& a, Of<LatencyPart, A>& x) {
  a("name", x.name);
  a("total_ps", x.total_ps);
  a("p50_ns", NsField{x.p50});
  a("p99_ns", NsField{x.p99});
}

template <typename A>
void Fields(A& a, Of<LatencyBucket, A>& x) {
  a("from_ps", x.from_ps);
  a("to_ps", x.to_ps);
  a("count", x.count);
}

template <typename A>
void Fields(A& a, Of<Coalescing, A>& x) {
  a("count", x.count);
  a("latency_ns", x.latency);
  a("total_ps", x.total_ps);
  a("parts", x.parts);
}

template <typename A>
void Fields(A& a, Of<Interrupt, A>& x) {
  a("source", x.source);
  a("kind", x.kind);
  a("abi", x.abi);
  a("domain", x.domain);
  a("asserted", x.asserted);
  a("delivered", x.delivered);
  a("coalesced", x.coalesced);
  a("lost", x.lost);
  a("duplicated", x.duplicated);
  a("spurious", x.spurious);
  a("latency_ns", x.latency);
  a("total_ps", x.total_ps);
  a("parts", x.parts);
  a("eoi_tail_ps", x.eoi_tail_ps);
  a("tail_parts", x.tail_parts);
  a("coalescing", x.coalescing);
  a("vcpu_moves", x.vcpu_moves);
  a("histogram", x.histogram);
}

template <typename A>
void Fields(A& a, Of<HypercallCount, A>& x) {
  a("domain", x.domain);
  a("name", x.name);
  a("calls", x.calls);
  a("failed", x.failed);
}

template <typename A>
void Fields(A& a, Of<SpanPart, A>& x) {
  a("name", x.name);
  a("ps", x.ps);
}

template <typename A>
void Fields(A& a, Of<PrecedingDma, A>& x) {
  a("accesses", x.accesses);
  a("bytes", x.bytes);
  a("last_ps", x.last_ps);
  a("last", x.last);
}

template <typename A>
void Fields(A& a, Of<BottomHalf, A>& x) {
  a("what", x.what);
  a("queued_ps", x.queued_ps);
  a("began_ps", x.began_ps);
}

template <typename A>
void Fields(A& a, Of<SpanSample, A>& x) {
  a("at", x.at);
  a("interrupt", x.interrupt);
  a("asserted_ps", x.asserted_ps);
  a("latency_ps", x.latency_ps);
  a("parts", x.parts);
  a("tail", x.tail);
  a("vcpu", x.vcpu);
  a("dma", x.dma);
  a("bottom_halves", x.bottom_halves);
}

template <typename A>
void Fields(A& a, Of<PathEvent, A>& x) {
  a("after_ps", x.after_ps);
  a("where", x.where);
  a("what", x.what);
}

template <typename A>
void Fields(A& a, Of<FunctionBlocks, A>& x) {
  a("function", x.function);
  a("source", x.source);
  a("blocks", x.blocks);
}

template <typename A>
void Fields(A& a, Of<Path, A>& x) {
  a("since", x.since);
  a("interrupts", x.row);
  a("delivered_in_domain", x.delivered_in_domain);
  a("hypercalls", x.hypercalls);
  a("samples", x.samples);
  a("upcall_blocks", x.upcall_blocks);
  a("functions", x.functions);
  a("events", x.events);
}

template <typename A>
void Fields(A& a, Of<ExpectationResult, A>& x) {
  a("text", x.text);
  a("held", x.held);
  a("actual", x.actual);
  a("reason", x.reason);
}

template <typename A>
void Fields(A& a, Of<EscapeWindow, A>& x) {
  a("loss", x.loss);
  a("count", x.count);
  a("nonzero", x.nonzero);
  a("open", x.open);
  a("min_ps", x.min_ps);
  a("p50_ps", x.p50_ps);
  a("max_ps", x.max_ps);
}

template <typename A>
void Fields(A& a, Of<IommuResult, A>& x) {
  a("dom0", x.dom0);
  a("quarantine", x.quarantine);
  a("flush", x.flush);
  a("unfixed", x.unfixed);
  a("scratch", x.scratch);
  a("hits", x.hits);
  a("misses", x.misses);
  a("tables_read", x.tables_read);
  a("invalidations", x.invalidations);
  a("faults", x.faults);
  a("faults_lost", x.faults_lost);
  a("log_suppressed", x.log_suppressed);
  a("silenced", x.silenced);
  a("escape_windows", x.escape_windows);
}

template <typename A>
void Fields(A& a, Of<SlabNeighbour, A>& x) {
  a("kind", x.kind);
  a("cache", x.cache);
  a("bytes", x.bytes);
  a("distance", x.distance);
  a("code_pointer", x.code_pointer);
  a("allocated_by", x.allocated_by);
  a("times", x.times);
}

template <typename A>
void Fields(A& a, Of<SubPageExposure, A>& x) {
  a("domain", x.domain);
  a("device", x.device);
  a("bytes", x.bytes);
  a("direction", x.direction);
  a("mapped_by", x.mapped_by);
  a("maps", x.maps);
  a("neighbours", x.neighbours);
}

template <typename A>
void Fields(A& a, Of<Attack, A>& x) {
  a("verdict", x.outcome);
  a("class", x.dma_class);
  a("bytes", x.bytes);
  a("reason", x.reason);
  a("observations", x.observations);
}

template <typename A>
void Fields(A& a, Of<TopologyNode, A>& x) {
  a("id", x.id);
  a("parent", x.parent);
  a("kind", x.kind);
  a("bdf", x.bdf);
  a("label", x.label);
  a("link_gen", x.link_gen);
  a("link_width", x.link_width);
  a("domain", x.domain);
  a("driver", x.driver);
  a("notes", x.notes);
}

template <typename A>
void Fields(A& a, Of<IommuView, A>& x) {
  a("present", x.present);
  a("dma_remapping", x.dma_remapping);
  a("interrupt_remapping", x.interrupt_remapping);
}

template <typename A>
void Fields(A& a, Of<Landing, A>& x) {
  a("bdf", x.bdf);
  a("class", x.dma_class);
  a("access", x.access);
  a("address", HexField{x.address});
  a("bytes", x.bytes);
  a("span_bytes", x.span_bytes);
  a("accesses", x.accesses);
  a("owner", x.owner);
  a("stopped", x.stopped);
  a("finding", x.finding);
  a("first_ps", x.first_ps);
  a("last_ps", x.last_ps);
}

template <typename A>
void Fields(A& a, Of<ConsoleTail, A>& x) {
  a("domain", x.domain);
  a("file", x.file);
  a("text", x.text);
}

template <typename A>
void Fields(A& a, Of<Assumption, A>& x) {
  a("name", x.name);
  a("value", x.value);
  a("origin", x.origin);
}

template <typename A>
void Fields(A& a, Of<View, A>& x) {
  a("policy", x.policy);
  a("topology", x.topology);
  a("iommu", x.iommu);
  a("machine_frames", x.machine_frames);
  a("memory", RunsField{x.memory});
  a("landings", x.landings);
  a("consoles", x.consoles);
  a("assumptions", x.assumptions);
  a("limits", x.limits);
  a("warnings", x.warnings);
  a("settings", x.settings);
  a("source_file", x.source_file);
  a("source_line", x.source_line);
}

template <typename A>
void Fields(A& a, Of<IntervalParameter, A>& x) {
  a("name", x.name);
  a("low", x.low);
  a("default", x.standard);
  a("high", x.high);
  a("origin", x.origin);
  a("acts", x.acts);
}

template <typename A>
void Fields(A& a, Of<Sway, A>& x) {
  a("parameter", x.parameter);
  a("low", x.low);
  a("high", x.high);
}

template <typename A>
void Fields(A& a, Of<FigureInterval, A>& x) {
  a("of", x.of);
  a("figure", x.figure);
  a("unit", x.unit);
  a("low", x.low);
  a("default", x.standard);
  a("high", x.high);
  a("most_sensitive", x.most_sensitive);
  a("share", x.share);
  a("monotone", x.monotone);
  a("sways", x.sways);
}

template <typename A>
void Fields(A& a, Of<ClaimInterval, A>& x) {
  a("text", x.text);
  a("decided", x.decided);
  a("default", x.standard);
  a("held", x.held);
  a("runs", x.runs);
  a("flipped_by", x.flipped_by);
}

template <typename A>
void Fields(A& a, Of<Intervals, A>& x) {
  a("profile", x.profile);
  a("runs", x.runs);
  a("failed", x.failed);
  a("corners", x.corners);
  a("samples", x.samples);
  a("parameters", x.parameters);
  a("figures", x.figures);
  a("claims", x.claims);
}

template <typename A>
void Fields(A& a, Of<Result, A>& x) {
  a("scenario", x.scenario);
  a("claim", x.claim);
  a("verdict", x.verdict);
  a("seed", x.seed);
  a("mode", x.mode);
  a("trace_digest", x.trace_digest);
  a("simulated_ps", x.simulated_ps);
  a("kernels", x.kernels);
  a("originals", x.originals);
  a("changes", x.changes);
  a("programs", x.programs);
  a("emulated", x.emulated);
  a("domains", x.domains);
  a("dma", x.dma);
  a("faults", x.faults);
  a("findings", x.findings);
  a("interrupts", x.interrupts);
  a("hypercalls", x.hypercalls);
  a("expectations", x.expectations);
  a("incomplete", x.incomplete);
  a("reproduce", x.reproduce);
  a("verdict_reason", x.verdict_reason);
  a("embargo", x.embargo);
  a("iommu", x.iommu);
  a("attack", x.attack);
  a("sub_page", x.sub_page);
  a("paths", x.paths);
  a("intervals", x.intervals);
  a("view", x.view);
}

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_FIELDS_H_
