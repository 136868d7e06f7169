// SPDX-License-Identifier: Apache-2.0
#include "reports/sarif.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reports/citations.h"
#include "reports/class_facts.h"
#include "reports/names.h"
#include "reports/utf8.h"

namespace pvpci::reports {
namespace {

using nlohmann::ordered_json;

constexpr char kSchema[] =
#include "reports/sarif_schema.json.inc"
    ;
constexpr const char* kSchemaUri = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
constexpr const char* kFindingPrint = "pvpciFinding/v1";
constexpr const char* kCellPrint = "pvpciCell/v1";
constexpr size_t kDumpBytes = 64;

// Faults and degradations, beside the classes of accesses.
struct FaultRule {
  Outcome outcome;
  const char* id;
  const char* name;
  const char* text;
  const char* score;
  std::vector<std::string> cwe;
};
const std::vector<FaultRule>& FaultRules() {
  static const std::vector<FaultRule> rules = {
      {Outcome::kHostFault, "HOST-FAULT", "HostFault", "The attack stops dom0 or the hypervisor.", "7.9", {"CWE-617"}},
      {Outcome::kGuestFault, "GUEST-FAULT", "GuestFault", "The attack stops a guest.", "5.5", {"CWE-476", "CWE-617"}},
      {Outcome::kDegraded, "DEGRADED", "Degraded", "The attack takes somebody's service.", "5.5", {"CWE-400", "CWE-770"}},
  };
  return rules;
}

// RFC 4648.
std::string Base64(const std::vector<uint8_t>& bytes) {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t group = 0;
    const size_t there = std::min<size_t>(3, bytes.size() - at);
    for (size_t i = 0; i < 3; ++i) group = group << 8 | (i < there ? bytes[at + i] : 0);
    for (size_t i = 0; i < 4; ++i) text += i <= there ? kLetters[group >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

std::string Hexdump(const std::vector<uint8_t>& bytes) {
  constexpr size_t kRow = 16;
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += kRow) {
    std::string row, print;
    for (size_t i = at; i < std::min(at + kRow, bytes.size()); ++i) {
      row += fmt::format("{:02x} ", bytes[i]);
      print += bytes[i] >= 0x20 && bytes[i] < 0x7f ? static_cast<char>(bytes[i]) : '.';
    }
    text += fmt::format("{:04x}  {:<48} {}\n", at, row, print);
  }
  return text;
}

ordered_json Text(const std::string& text) { return {{"text", ToUtf8(text)}}; }

ordered_json Tags(const std::vector<std::string>& cwe) {
  ordered_json tags = {"security"};
  for (const std::string& id : cwe) {
    std::string lower = id;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    tags.push_back("external/cwe/" + lower);
  }
  return tags;
}

ordered_json Relationships(const std::vector<std::string>& cwe) {
  ordered_json list = ordered_json::array();
  for (const std::string& id : cwe) {
    list.push_back({{"target", {{"id", id.substr(id.find('-') + 1)}, {"toolComponent", {{"name", "CWE"}}}}},
                    {"kinds", {"superset"}}});
  }
  return list;
}

ordered_json Rule(const std::string& id, const std::string& name, const std::string& summary, const std::string& text,
                  const std::string& score, const std::vector<std::string>& cwe) {
  ordered_json rule = {{"id", id},
                       {"name", name},
                       {"shortDescription", Text(summary)},
                       {"fullDescription", Text(text)},
                       {"help", Text(text + " What decides a verdict: scenarios/attacks/README.md.")},
                       {"properties", {{"security-severity", score}, {"tags", Tags(cwe)}}}};
  if (!cwe.empty()) rule["relationships"] = Relationships(cwe);
  return rule;
}

ordered_json Rules() {
  ordered_json rules = ordered_json::array();
  for (const DmaClass dma_class : AllClasses()) {
    const ClassFacts& facts = FactsOf(dma_class);
    const Severity worst = std::max(SeverityOf(dma_class, Access::kWrite, false, MessageReach::kHypervisor),
                                    SeverityOf(dma_class, Access::kRead, false, MessageReach::kHypervisor));
    rules.push_back(Rule(std::string(Name(dma_class)), facts.name, std::string(Describe(dma_class)), facts.explanation,
                         SecuritySeverity(worst), facts.cwe));
  }
  for (const FaultRule& rule : FaultRules()) {
    rules.push_back(Rule(rule.id, rule.name, rule.text, rule.text, rule.score, rule.cwe));
  }
  return rules;
}

ordered_json CweTaxonomy() {
  std::set<int> ids;
  const auto add = [&ids](const std::vector<std::string>& cwe) {
    for (const std::string& id : cwe) ids.insert(std::stoi(id.substr(id.find('-') + 1)));
  };
  for (const DmaClass dma_class : AllClasses()) add(FactsOf(dma_class).cwe);
  for (const FaultRule& rule : FaultRules()) add(rule.cwe);
  ordered_json taxa = ordered_json::array();
  for (const int id : ids) {
    taxa.push_back({{"id", std::to_string(id)}, {"shortDescription", Text(CitationText(fmt::format("CWE-{}", id)))}});
  }
  return {{"name", "CWE"},
          {"organization", "MITRE"},
          {"shortDescription", Text("Common Weakness Enumeration")},
          {"taxa", taxa}};
}

// One run of the log: the cells of one mode on one kernel.
class RunWriter {
 public:
  RunWriter(const Review& review, const SarifOptions& options, Mode mode, const std::string& kernel)
      : review_(review), options_(options), mode_(mode), kernel_(kernel) {}

  ordered_json Run() {
    for (const auto& [name, what] : options_.files) {
      artifacts_.push_back({{"description", Text(what)}, {"location", {{"uri", name}, {"uriBaseId", "LOG"}}}, {"roles", {"attachment"}}});
    }
    for (const ReviewCell& cell : review_.cells) {
      if (cell.mode == mode_ && cell.kernel == kernel_) Add(cell);
    }
    AddAbsent();
    std::string version = "unknown";
    std::string package = "own tree";
    for (const Kernel& kernel : review_.kernels) {
      if (kernel.name != kernel_) continue;
      version = kernel.version;
      package = kernel.package.value_or(package);
    }
    const bool whole = !review_.incomplete;
    return {{"tool",
             {{"driver",
               {{"name", "pvpci"},
                {"organization", "pvpci"},
                {"informationUri", "https://wiki.xenproject.org/wiki/Xen_PCI_Passthrough"},
                {"rules", Rules()},
                {"supportedTaxonomies", {{{"name", "CWE"}}}}}}}},
            {"taxonomies", {CweTaxonomy()}},
            {"automationDetails", {{"id", fmt::format("pvpci/{}/{}/{}", review_.profile, Name(mode_), kernel_)}}},
            {"invocations",
             {{{"commandLine", ToUtf8(review_.command)}, {"exitCode", options_.exit_code}, {"executionSuccessful", whole}}}},
            {"versionControlProvenance",
             {{{"repositoryUri", fmt::format("pkg:deb/debian/{}@{}", package, version)},
               {"revisionId", version},
               {"mappedTo", {{"uriBaseId", "KERNEL"}}}}}},
            {"originalUriBaseIds",
             {{"KERNEL", {{"description", Text(fmt::format("root of the kernel's source, {} {}", package, version))}}},
              {"PROJECT", {{"description", Text("root of pvpci")}}},
              {"LOG", {{"description", Text("the folder of this log")}}}}},
            {"columnKind", "unicodeCodePoints"},
            {"artifacts", artifacts_},
            {"results", results_}};
  }

 private:
  const ReviewStory* StoryOf(const ReviewCell& cell) const {
    for (const ReviewStory& story : review_.stories) {
      if (story.id == cell.scenario) return &story;
    }
    return nullptr;
  }

  // What a contained attack was about: the class that it reaches elsewhere, else what it should come to somewhere.
  std::string RuleOf(const ReviewCell& contained) const {
    for (const ReviewCell& cell : review_.cells) {
      if (cell.scenario == contained.scenario && cell.dma_class) return std::string(Name(*cell.dma_class));
    }
    for (const ReviewCell& cell : review_.cells) {
      if (cell.scenario == contained.scenario && cell.expected_class) return std::string(Name(*cell.expected_class));
    }
    for (const FaultRule& rule : FaultRules()) {
      for (const ReviewCell& cell : review_.cells) {
        if (cell.scenario == contained.scenario && (cell.verdict == rule.outcome || cell.expected == rule.outcome)) {
          return rule.id;
        }
      }
    }
    for (const Finding& finding : contained.findings) return std::string(Name(finding.dma_class));
    return "GUEST-FAULT";
  }

  static ordered_json Physical(const std::string& uri, const char* base, int line) {
    return {{"artifactLocation", {{"uri", uri}, {"uriBaseId", base}}}, {"region", {{"startLine", std::max(1, line)}}}};
  }

  bool InKernel(const std::string& file) const { return review_.originals.count(file) != 0; }

  ordered_json FrameLocation(const Frame& frame) const {
    ordered_json location = {{"physicalLocation", Physical(frame.file, InKernel(frame.file) ? "KERNEL" : "PROJECT", frame.line)}};
    if (!frame.function.empty()) {
      location["logicalLocations"] = {{{"name", ToUtf8(frame.function)}, {"kind", "function"}}};
    }
    return location;
  }

  static const Frame* Placed(const std::vector<Frame>& frames) {
    for (const Frame& frame : frames) {
      if (!frame.file.empty() && frame.line > 0) return &frame;
    }
    return nullptr;
  }

  ordered_json ScenarioLocation(const ReviewCell& cell) const {
    const ReviewStory* story = StoryOf(cell);
    const std::string file = story != nullptr && !story->file.empty() ? story->file : "scenarios/" + cell.name + ".yaml";
    return {{"physicalLocation", Physical(file, "PROJECT", story != nullptr ? story->line : 1)}};
  }

  ordered_json Stack(const std::string& message, const std::vector<Frame>& frames) const {
    ordered_json list = ordered_json::array();
    for (const Frame& frame : frames) {
      if (frame.file.empty()) continue;
      list.push_back({{"location", FrameLocation(frame)}});
    }
    return {{"message", Text(message)}, {"frames", list}};
  }

  ordered_json Base(const std::string& rule, const char* kind, const std::string& message, const ReviewCell& cell) const {
    ordered_json result = {{"ruleId", rule}, {"kind", kind}, {"message", Text(message)}};
    result["level"] = std::string(kind) == "fail" ? "error" : "none";
    const ReviewStory* story = StoryOf(cell);
    ordered_json properties = {{"attack", cell.scenario},
                               {"title", cell.title},
                               {"mode", std::string(Name(cell.mode))},
                               {"kernel", cell.kernel},
                               {"abi", std::string(Name(cell.abi))},
                               {"verdict", std::string(Name(cell.verdict))},
                               {"expected", std::string(Name(cell.expected))},
                               {"reproduce", cell.reproduce}};
    if (story != nullptr) properties["references"] = story->references;
    if (cell.explanation) properties["explanation"] = ToUtf8(*cell.explanation);
    result["properties"] = properties;
    return result;
  }

  void Push(ordered_json result, const std::string& print) {
    if (result["kind"] == "fail") {
      if (options_.baseline != nullptr) result["baselineState"] = KnownBefore(print) ? "unchanged" : "new";
      const auto accepted = options_.suppressed.find(print);
      if (accepted != options_.suppressed.end()) {
        result["suppressions"] = {{{"kind", "external"}, {"status", "accepted"}, {"justification", ToUtf8(accepted->second)}}};
      }
    }
    results_.push_back(std::move(result));
  }

  bool KnownBefore(const std::string& print) const {
    for (const ReviewCell& cell : options_.baseline->cells) {
      if (CellFingerprint(cell) == print) return true;
      for (const Finding& finding : cell.findings) {
        if (!finding.stopped_by && finding.fingerprint == print) return true;
      }
    }
    return false;
  }

  void Add(const ReviewCell& cell) {
    const std::string where = fmt::format("{} {}: {} in {} on {}, {}", cell.scenario, cell.title, Name(cell.verdict),
                                          Name(cell.mode), cell.kernel, Name(cell.abi));
    if (cell.embargo) {
      ordered_json result = Base(RuleOf(cell), "review", where + ". The rest is withheld: it may show a flaw of shipped code "
                                 "that its maintainers should hear of first.", cell);
      result["properties"].erase("explanation");
      results_.push_back(std::move(result));
      return;
    }
    switch (cell.verdict) {
      case Outcome::kEscaped: AddEscapes(cell, where); return;
      case Outcome::kHostFault:
      case Outcome::kGuestFault:
      case Outcome::kDegraded: AddFault(cell, where); return;
      case Outcome::kNotApplicable:
        results_.push_back(Base(RuleOf(cell), "notApplicable", where, cell));
        return;
      case Outcome::kContained:
        results_.push_back(Base(RuleOf(cell), "pass", where + ". " + cell.reason, cell));
        return;
    }
  }

  void AddFault(const ReviewCell& cell, const std::string& where) {
    const auto rule = std::find_if(FaultRules().begin(), FaultRules().end(),
                                   [&](const FaultRule& candidate) { return candidate.outcome == cell.verdict; });
    ordered_json result = Base(rule->id, "fail", where + ". " + cell.reason, cell);
    if (cell.verdict == Outcome::kDegraded) result["level"] = "warning";
    ordered_json location = ScenarioLocation(cell);
    ordered_json stacks = ordered_json::array();
    for (const DomainResult& domain : cell.stopped) {
      if (!domain.report) continue;
      stacks.push_back(Stack(fmt::format("{}: {}", domain.name, domain.report->message), domain.report->backtrace));
      if (const Frame* frame = Placed(domain.report->backtrace); frame != nullptr && stacks.size() == 1) {
        location = FrameLocation(*frame);
      }
    }
    result["locations"] = {location};
    if (!stacks.empty()) result["stacks"] = stacks;
    const std::string print = CellFingerprint(cell);
    result["partialFingerprints"] = {{kCellPrint, print}};
    Push(std::move(result), print);
  }

  void AddEscapes(const ReviewCell& cell, const std::string& where) {
    std::set<std::string> told;
    for (const Finding& finding : cell.findings) {
      if (finding.stopped_by || finding.embargo || !told.insert(finding.fingerprint).second) continue;
      Push(EscapeResult(cell, finding, where), finding.fingerprint);
    }
    if (!told.empty()) return;
    // What no access shows: left-over state, bytes beside a buffer.
    ordered_json result = Base(cell.dma_class ? std::string(Name(*cell.dma_class)) : RuleOf(cell), "fail",
                               where + ". " + cell.reason, cell);
    result["locations"] = {ScenarioLocation(cell)};
    const std::string print = CellFingerprint(cell);
    result["partialFingerprints"] = {{kCellPrint, print}};
    Push(std::move(result), print);
  }

  // The first bytes that moved, inside the log: `contents` of an artifact that the result points to.
  ordered_json Attach(const Finding& finding) {
    const std::string what = fmt::format("{}: first bytes of the {} at {}", finding.id, Name(finding.direction),
                                         Hex(finding.address));
    const ordered_json artifact = {
        {"description", Text(what)},
        {"length", finding.first_bytes.size()},
        {"roles", {"attachment"}},
        {"mimeType", "application/octet-stream"},
        {"contents", {{"binary", Base64(finding.first_bytes)}, {"rendered", Text(Hexdump(finding.first_bytes))}}}};
    // An array of artifacts holds none twice (3.14.15).
    const size_t index = artifact_of_.try_emplace(artifact.dump(), artifacts_.size()).first->second;
    if (index == artifacts_.size()) artifacts_.push_back(artifact);
    return {{"description", Text(what)}, {"artifactLocation", {{"index", index}}}};
  }

  // How to see it again, and what it was seen with.
  static void AddEvidence(const Finding& finding, ordered_json* properties) {
    const Evidence& evidence = finding.evidence;
    (*properties)["busAddress"] = Hex(finding.bus_address);
    (*properties)["landedPs"] = finding.landed_ps;
    if (!finding.deputy.empty()) (*properties)["confusedDeputy"] = finding.deputy;
    (*properties)["build"] = ToUtf8(evidence.build);
    (*properties)["expectedExitCode"] = evidence.exit_code;
    (*properties)["simulatedPs"] = evidence.run_ps;
    (*properties)["configuration"] = evidence.configuration;
    (*properties)["tools"] = evidence.tools;
    (*properties)["limits"] = finding.limits;
    ordered_json trace = ordered_json::array();
    for (const TraceLine& line : evidence.trace) trace.push_back(fmt::format("{}: {}", line.record, ToUtf8(line.text)));
    (*properties)["trace"] = trace;
    if (!finding.peer.empty()) (*properties)["peer"] = finding.peer;
    if (finding.message) {
      const MessagePath& message = *finding.message;
      ordered_json path = {{"address", Hex(message.address)}, {"data", message.data}, {"format", message.format}};
      if (message.entry) path["entry"] = *message.entry;
      if (message.vector) path["vector"] = *message.vector;
      if (message.written_by) {
        path["entryWrittenBy"] = fmt::format("{} {}", message.written_by->domain, message.written_by->hypercall);
      }
      (*properties)["message"] = path;
    }
  }

  ordered_json EscapeResult(const ReviewCell& cell, const Finding& finding, const std::string& where) {
    ordered_json result = Base(std::string(Name(finding.dma_class)), "fail",
                               fmt::format("{}. {}. {}", where, finding.title, finding.guard), cell);
    if (finding.severity <= Severity::kMedium) result["level"] = "warning";
    const Frame* frame = finding.programmed_by ? Placed(finding.programmed_by->backtrace) : nullptr;
    result["locations"] = {frame != nullptr ? FrameLocation(*frame) : ScenarioLocation(cell)};
    result["partialFingerprints"] = {{kFindingPrint, finding.fingerprint}, {kCellPrint, CellFingerprint(cell)}};
    result["occurrenceCount"] = std::max<int64_t>(1, finding.occurrences);
    result["codeFlows"] = {CodeFlow(cell, finding)};
    ordered_json stacks = ordered_json::array();
    if (finding.programmed_by) stacks.push_back(Stack("programmed by", finding.programmed_by->backtrace));
    if (finding.mapped_by) stacks.push_back(Stack("mapped by", finding.mapped_by->backtrace));
    if (finding.unmapped_by) stacks.push_back(Stack("unmapped by", finding.unmapped_by->backtrace));
    if (finding.message && finding.message->written_by) {
      stacks.push_back(Stack("remapping entry written by", finding.message->written_by->backtrace));
    }
    if (!stacks.empty()) result["stacks"] = stacks;
    ordered_json& properties = result["properties"];
    properties["security-severity"] = SecuritySeverity(finding.severity);
    properties["severity"] = std::string(Name(finding.severity));
    properties["cvssVector"] = finding.cvss;
    properties["step"] = ToUtf8(finding.step);
    properties["device"] = finding.device.bdf;
    properties["requesterId"] = finding.device.requester_id;
    properties["direction"] = std::string(Name(finding.direction));
    properties["bytes"] = finding.bytes;
    properties["leakedBytesProven"] = finding.leaked_bytes_proven;
    properties["guard"] = finding.guard;
    properties["xenSecuritySupport"] = finding.support;
    properties["cwe"] = finding.cwe;
    if (finding.attacker) properties["attacker"] = finding.attacker->domain;
    if (finding.victim) properties["victim"] = finding.victim->domain;
    AddEvidence(finding, &properties);
    result["attachments"] = ordered_json::array();
    for (size_t i = 0; i < options_.files.size(); ++i) {
      result["attachments"].push_back({{"description", Text(options_.files[i].second)},
                                       {"artifactLocation", {{"uri", options_.files[i].first}, {"uriBaseId", "LOG"}, {"index", i}}}});
    }
    if (!finding.first_bytes.empty()) {
      result["attachments"].push_back(Attach(finding));
      const size_t kept = std::min(finding.first_bytes.size(), kDumpBytes);
      properties["firstBytes"] = fmt::format("{:02x}", fmt::join(finding.first_bytes.begin(), finding.first_bytes.begin() + static_cast<std::ptrdiff_t>(kept), ""));
    }
    return result;
  }

  // programmed, mapped, unmapped, landed: in the order of time.
  ordered_json CodeFlow(const ReviewCell& cell, const Finding& finding) const {
    std::vector<std::pair<Ps, ordered_json>> steps;
    const auto add = [&](Ps time, const std::string& message, const std::vector<Frame>* frames) {
      const Frame* frame = frames != nullptr ? Placed(*frames) : nullptr;
      ordered_json location = frame != nullptr ? FrameLocation(*frame) : ScenarioLocation(cell);
      location["message"] = Text(message);
      steps.emplace_back(time, ordered_json{{"location", location}, {"importance", "essential"}});
    };
    if (finding.mapped_by) add(finding.mapped_by->time_ps, "mapped for DMA", &finding.mapped_by->backtrace);
    if (finding.unmapped_by) add(finding.unmapped_by->time_ps, "unmapped", &finding.unmapped_by->backtrace);
    if (finding.programmed_by) {
      add(finding.programmed_by->time_ps,
          fmt::format("programmed {} = {}", finding.programmed_by->reg, Hex(finding.programmed_by->value)),
          &finding.programmed_by->backtrace);
    }
    Ps landed = 0;
    for (const StoryStep& step : finding.story) landed = std::max(landed, step.time_ps);
    add(landed, fmt::format("landed at {}: {}", Hex(finding.address), Describe(finding.dma_class)), nullptr);
    std::stable_sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    ordered_json locations = ordered_json::array();
    for (auto& [time, step] : steps) locations.push_back(std::move(step));
    return {{"threadFlows", {{{"locations", locations}}}}};
  }

  // What the baseline found in these cells and this review does not.
  void AddAbsent() {
    if (options_.baseline == nullptr) return;
    std::set<std::string> now;
    for (const ReviewCell& cell : review_.cells) {
      for (const Finding& finding : cell.findings) {
        if (!finding.stopped_by) now.insert(finding.fingerprint);
      }
    }
    for (const ReviewCell& cell : options_.baseline->cells) {
      if (cell.mode != mode_ || cell.kernel != kernel_ || cell.embargo) continue;
      for (const Finding& finding : cell.findings) {
        if (finding.stopped_by || finding.embargo || !now.insert(finding.fingerprint).second) continue;
        ordered_json result = EscapeResult(cell, finding, "no longer found: " + cell.scenario);
        result["baselineState"] = "absent";
        results_.push_back(std::move(result));
      }
    }
  }

  const Review& review_;
  const SarifOptions& options_;
  Mode mode_;
  std::string kernel_;
  ordered_json artifacts_ = ordered_json::array();
  std::map<std::string, size_t> artifact_of_;  // by its text, which of artifacts_
  ordered_json results_ = ordered_json::array();
};

}  // namespace

ordered_json SarifLog(const Review& review, const SarifOptions& options) {
  std::set<std::pair<Mode, std::string>> runs;
  for (const ReviewCell& cell : review.cells) runs.emplace(cell.mode, cell.kernel);
  ordered_json log = {{"$schema", kSchemaUri}, {"version", "2.1.0"}, {"runs", ordered_json::array()}};
  for (const auto& [mode, kernel] : runs) log["runs"].push_back(RunWriter(review, options, mode, kernel).Run());
  return log;
}

Review ReviewOf(const Result& result, const std::string& command) {
  Review review;
  review.command = command;
  review.profile = "run";
  review.kernels = result.kernels;
  review.incomplete = result.incomplete;
  for (const Original& original : result.originals) review.originals[original.path] = original.blocks_run;
  ReviewCell cell;
  cell.scenario = cell.name = cell.title = result.scenario;
  cell.mode = result.mode;
  cell.kernel = result.kernels.empty() ? "" : result.kernels.front().name;
  cell.embargo = result.embargo;
  cell.reproduce = result.reproduce;
  cell.findings = result.findings;
  cell.held = result.verdict == Verdict::kHolds;
  for (const DomainResult& domain : result.domains) {
    if (domain.state == DomainState::kCrashed || domain.state == DomainState::kHung) cell.stopped.push_back(domain);
  }
  const auto landed = std::find_if(result.findings.begin(), result.findings.end(),
                                   [](const Finding& finding) { return !finding.stopped_by; });
  if (result.attack) {
    cell.verdict = result.attack->outcome;
    cell.dma_class = result.attack->dma_class;
    cell.reason = result.attack->reason;
  } else {
    cell.verdict = landed != result.findings.end() ? Outcome::kEscaped : Outcome::kContained;
    if (result.verdict == Verdict::kSkipped) cell.verdict = Outcome::kNotApplicable;
    cell.reason = result.claim;
  }
  cell.expected = cell.verdict;
  review.stories.push_back({cell.scenario, cell.title, result.claim, "", "", cell.name, "", {}, result.view.source_file,
                            result.view.source_line});
  review.cells.push_back(std::move(cell));
  return review;
}

std::string CellFingerprint(const ReviewCell& cell) {
  return fmt::format("{}/{}/{}/{}/{}", cell.scenario, Name(cell.mode), cell.kernel, Name(cell.abi), Name(cell.verdict));
}

std::string_view SarifSchemaText() { return kSchema; }

}  // namespace pvpci::reports
