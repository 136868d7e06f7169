// SPDX-License-Identifier: Apache-2.0
#include "scenarios/sweep/run_sweep.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/loader/image.h"
#include "reports/files.h"
#include "reports/json_text.h"
#include "reports/sweep_html.h"
#include "scenarios/cli.h"
#include "scenarios/engine.h"
#include "scenarios/images.h"
#include "scenarios/problem.h"
#include "scenarios/review/warm_image.h"
#include "scenarios/shell_word.h"
#include "scenarios/suggest.h"
#include "scenarios/supervise.h"
#include "scenarios/sweep/design.h"
#include "scenarios/sweep/measure.h"
#include "scenarios/sweep/slurm.h"
#include "scenarios/sweep/spec.h"
#include "scenarios/sweep/summary.h"
#include "scenarios/sweep/sweep_intervals.h"
#include "scenarios/yaml_tree.h"
#include "sim/sha256.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kReports[] = {"points.csv", "sweep.json", "index.html"};
constexpr const char* kMadeFrom = "made_from";

fs::path ExperimentsFolder(const std::string& root) { return fs::path(root) / "scenarios" / "experiments"; }

std::vector<std::string> ExperimentNames(const std::string& root) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(ExperimentsFolder(root), error)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string FindExperiment(const std::string& root, const std::string& argument) {
  if (argument.find('/') != std::string::npos || fs::path(argument).has_extension()) return argument;
  const std::vector<std::string> names = ExperimentNames(root);
  if (std::find(names.begin(), names.end(), argument) == names.end()) {
    const std::string hint = DidYouMean(argument, names);
    throw UsageError(fmt::format("no experiment '{}'{}", argument, hint.empty() ? "; './pvpci sweep --list' shows them" : hint));
  }
  return (ExperimentsFolder(root) / (argument + ".yaml")).string();
}

std::string FileText(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

class Sweep {
 public:
  explicit Sweep(const SweepOptions& options)
      : options_(options),
        spec_(LoadSweep(FindExperiment(options.root, options.file), options.root)),
        points_(PointsOf(spec_, options.root, options.quick, options.profile)),
        out_(options.out.empty() ? fs::path("out") / spec_.name : fs::path(options.out)) {
    if (options.last > points_.size()) {
      throw UsageError(fmt::format("sweep: --points {}..{}: there are {} points", options.first, options.last, points_.size()));
    }
  }

  const std::vector<SweepPoint>& points() const { return points_; }
  const SweepSpec& spec() const { return spec_; }
  const fs::path& out() const { return out_; }

  // The points that this call has to do, less those that are there already.
  void Prepare() {
    std::error_code ignored;
    if (options_.last == 0) {
      for (const char* file : kReports) fs::remove(out_ / file, ignored);
      if (!options_.resume) fs::remove_all(out_ / "points", ignored);
    }
    std::map<std::string, std::string> images;  // kernel -> digest
    for (const SweepPoint& point : points_) {
      const std::string& kernel = point.scenario.kernel;
      if (images.count(kernel) != 0) continue;
      const ImageFiles files = FindImage(kernel, options_.root);
      images_.push_back(OpenWarm(files));  // the children find it mapped
      images[kernel] = sim::Sha256::Hex(FileText(files.Path("elf")));
    }
    const std::string program = sim::Sha256::Hex(FileText("/proc/self/exe"));
    for (const SweepPoint& point : points_) {
      made_from_.push_back(sim::Sha256::Hex(Source(point) + program + images.at(point.scenario.kernel)));
    }
    records_.resize(points_.size());
    if (options_.resume || options_.last != 0) Take();
  }

  // Reads the files of points that are there and were made from the same.
  void Take() {
    for (size_t i = 0; i < points_.size(); ++i) {
      ordered_json record = Kept(PointFile(i), made_from_[i]);
      if (record.is_null()) continue;
      // Levels may have come in between since.
      record["point"] = points_[i].number;
      records_[i] = std::move(record);
    }
  }

  size_t finished() const {
    return static_cast<size_t>(std::count_if(records_.begin(), records_.end(), [](const auto& record) { return record.has_value(); }));
  }

  // Runs what is missing here. False: interrupted.
  bool RunHere() {
    std::vector<size_t> wanted;
    for (size_t i = 0; i < points_.size(); ++i) {
      const bool mine = options_.last == 0 || (i + 1 >= options_.first && i + 1 <= options_.last);
      if (mine && !records_[i]) wanted.push_back(i);
    }
    std::vector<ChildBody> bodies;
    for (const size_t i : wanted) bodies.push_back(BodyOf(points_[i], points_[i].scenario, made_from_[i]));
    ProgressLine progress(options_.progress, wanted.size());
    RunInChildren(bodies, options_.jobs == 0 ? UsableProcessors() : options_.jobs, options_.timeout_s,
                  [&](size_t index, const ChildAnswer& answer) {
                    if (interrupted_by() != 0) return;
                    Keep(wanted[index], answer);
                    progress.Done(LevelsText(points_[wanted[index]]));
                  });
    return interrupted_by() == 0;
  }

  // As a job array. False: interrupted.
  bool RunOnSlurm() {
    const size_t missing = points_.size() - finished();
    if (missing == 0) return true;
    SlurmJob job;
    job.name = fmt::format("pvpci-{}-{}", spec_.name, getpid());
    job.out = fs::absolute(out_);
    job.file = fs::absolute(spec_.file);
    job.points = points_.size();
    job.tasks = std::min<size_t>(options_.jobs == 0 ? 32 : options_.jobs, points_.size());
    job.quick = options_.quick;
    job.profile = options_.profile;
    job.root = fs::absolute(options_.root);
    ProgressLine progress(options_.progress, points_.size());
    RunSlurmJob(job, [&] {
      size_t there = 0;
      for (size_t i = 0; i < points_.size(); ++i) there += fs::exists(PointFile(i)) ? 1 : 0;
      progress.Done("Slurm", there);
    });
    Take();
    return interrupted_by() == 0;
  }

  ordered_json Document() const {
    std::vector<ordered_json> records;
    for (const auto& record : records_) {
      if (record) records.push_back(*record);
    }
    const fs::path below = fs::path(spec_.file).lexically_proximate(options_.root);
    const bool shipped = !below.empty() && *below.begin() != "..";
    const std::string file = shipped ? below.string() : fs::path(spec_.file).filename().string();
    const bool named = shipped && fs::path(file).parent_path() == fs::path("scenarios") / "experiments";
    ordered_json document = SweepDocument(spec_, records, file, fmt::format("./pvpci sweep {}{}", named ? spec_.name : file,
                                                                            Words()));
    document["incomplete"] = records.size() != points_.size();
    if (intervals_) AddIntervals(*intervals_, &document);
    return document;
  }

  // Each point again and again. False: interrupted, or a point has no record.
  bool RunIntervals() {
    std::vector<ordered_json> standard;
    for (const auto& record : records_) {
      if (record && record->contains("interrupts")) standard.push_back(*record);
    }
    if (standard.size() != points_.size()) return true;  // told as missing
    intervals_ = IntervalsOfSweep(spec_, points_, standard, options_.root, [&](const std::vector<VariedPoint>& wanted) {
      std::vector<ordered_json> answers(wanted.size());
      std::vector<std::string> made_from;
      std::vector<size_t> missing;
      for (size_t n = 0; n < wanted.size(); ++n) {
        made_from.push_back(VariedFrom(wanted[n]));
        answers[n] = options_.resume ? Kept(VariedFile(wanted[n], made_from[n]), made_from[n]) : ordered_json();
        if (answers[n].is_null()) missing.push_back(n);
      }
      std::vector<ChildBody> bodies;
      for (const size_t n : missing) bodies.push_back(BodyOf(points_[wanted[n].index], wanted[n].scenario, made_from[n]));
      ProgressLine progress(options_.progress, missing.size());
      RunInChildren(bodies, options_.jobs == 0 ? UsableProcessors() : options_.jobs, options_.timeout_s,
                    [&](size_t index, const ChildAnswer& answer) {
                      if (interrupted_by() != 0) return;
                      const size_t n = missing[index];
                      answers[n] = Parsed(answer.text);
                      if (!answers[n].is_null()) {
                        reports::WriteFileAtomically(VariedFile(wanted[n], made_from[n]), answer.text + "\n");
                        answers[n].erase(kMadeFrom);
                      }
                      progress.Done("intervals, " + LevelsText(points_[wanted[n].index]));
                    });
      if (interrupted_by() != 0) answers.clear();
      return answers;
    });
    return intervals_.has_value();
  }

  // Points that no answer came from, told on standard error.
  bool TellMissing() const {
    size_t told = 0;
    for (size_t i = 0; i < points_.size(); ++i) {
      if (records_[i] && (*records_[i])["verdict"] != "unable") continue;
      const std::string why = records_[i] ? records_[i]->value("reason", "unable") : "nothing was measured";
      if (++told <= 10) std::fputs(fmt::format("pvpci: sweep: point {}: {}: {}\n", points_[i].number, why, points_[i].command).c_str(), stderr);
    }
    return told != 0;
  }

 private:
  fs::path PointFile(size_t index) const { return out_ / "points" / fmt::format("{:05}.json", points_[index].number); }

  std::string LevelsText(const SweepPoint& point) const {
    std::string text;
    for (size_t f = 0; f < spec_.factors.size(); ++f) {
      text += fmt::format("{}{} {}", f == 0 ? "" : ", ", spec_.factors[f].name, spec_.factors[f].levels[point.levels[f]].name);
    }
    return text;
  }

  // What of the command changes the document.
  std::string Words() const {
    std::string words = options_.quick ? " --quick" : "";
    if (!options_.profile.empty()) words += " --profile " + ShellWord(options_.profile);
    if (options_.intervals) words += " --intervals";
    return words;
  }

  // All that a point's record depends on, but for the program and the image.
  std::string Source(const SweepPoint& point) const {
    std::string text = FileText(point.scenario_file);
    for (const auto& [key, value] : point.settings) text += key + "=" + value + "\n";
    const MeasureSpec& measure = spec_.measure;
    text += fmt::format("{}\n{}\n", measure.since, measure.blocks);
    for (const std::string& domain : measure.domains) text += domain + "\n";
    for (const std::string& kind : measure.kinds) text += kind + "\n";
    for (const SweepResponse& response : spec_.responses) {
      text += fmt::format("{} {} {} {}\n", response.name, response.value, response.console, response.matches);
    }
    for (size_t f = 0; f < spec_.factors.size(); ++f) {
      text += spec_.factors[f].name + "=" + spec_.factors[f].levels[point.levels[f]].name + "\n";
    }
    return text;
  }

  // A record that an earlier call left, if it was made from the same; else null.
  static ordered_json Kept(const fs::path& file, const std::string& made_from) {
    ordered_json record = Parsed(FileText(file.string()));
    if (record.is_null() || record.value(kMadeFrom, "") != made_from) return {};
    record.erase(kMadeFrom);
    return record;
  }

  static ordered_json Parsed(const std::string& text) {
    ordered_json record = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
    return record.is_object() ? record : ordered_json();
  }

  std::string VariedFrom(const VariedPoint& varied) const {
    std::string text = made_from_[varied.index];
    for (const ProfileValue& each : varied.scenario.machine.assumed) text += fmt::format(" {}.{}={}", each.group, each.name, each.value);
    return sim::Sha256::Hex(text);
  }

  fs::path VariedFile(const VariedPoint& varied, const std::string& made_from) const {
    return out_ / "points" / fmt::format("{:05}.{}.json", points_[varied.index].number, made_from.substr(0, 16));
  }

  ChildBody BodyOf(const SweepPoint& point, const Scenario& scenario, const std::string& made_from) const {
    return [this, &point, scenario, made_from](std::string* answer) {
      return options_.systemc([&] {
        RunOptions run;
        run.root = options_.root;
        run.text = false;
        run.line_coverage = false;
        run.reproduce = point.command;
        Measurement measurement(spec_, point);
        measurement.Attach(&run);
        const reports::Result result = RunScenario(scenario, run);
        ordered_json record = measurement.Record(result);
        record[kMadeFrom] = made_from;
        *answer = record.dump();
        return ExitCodeOf(result);
      });
    };
  }

  void Keep(size_t index, const ChildAnswer& answer) {
    ordered_json record = Parsed(answer.text);
    if (record.is_null()) {
      const std::string why = answer.timed_out     ? fmt::format("not done in {} s", options_.timeout_s)
                              : answer.signal != 0 ? fmt::format("the bench died of signal {}", answer.signal)
                                                   : fmt::format("the bench failed, exit {}", answer.exit_code);
      std::fputs(fmt::format("pvpci: sweep: point {}: {}: {}\n", points_[index].number, why, points_[index].command).c_str(), stderr);
      return;
    }
    reports::WriteFileAtomically(PointFile(index), record.dump() + "\n");
    record.erase(kMadeFrom);
    records_[index] = std::move(record);
  }

  const SweepOptions& options_;
  const SweepSpec spec_;
  const std::vector<SweepPoint> points_;
  const fs::path out_;
  std::vector<std::shared_ptr<const driver::Image>> images_;
  std::vector<std::string> made_from_;                // digest, of each point
  std::vector<std::optional<ordered_json>> records_;  // of each point
  std::optional<reports::Intervals> intervals_;
};

int Interrupted(const Sweep& sweep, size_t finished) {
  reports::WriteFileAtomically(sweep.out() / "sweep.json", reports::FormatJson(sweep.Document()));
  std::fputs(fmt::format("pvpci: sweep: interrupted with {} of {} points; --resume goes on from there\n", finished,
                         sweep.points().size()).c_str(), stderr);
  return 128 + interrupted_by();
}

}  // namespace

int RunSweep(const SweepOptions& options) {
  Sweep sweep(options);
  sweep.Prepare();
  const bool slice = options.last != 0;
  const bool went_on = options.slurm && !slice ? sweep.RunOnSlurm() : sweep.RunHere();
  if (slice) return went_on ? kExitHolds : 128 + interrupted_by();
  if (!went_on || (options.intervals && !sweep.RunIntervals())) return Interrupted(sweep, sweep.finished());
  const ordered_json document = sweep.Document();
  const fs::path& out = sweep.out();
  reports::WriteFileAtomically(out / "points.csv", PointsCsv(document));
  reports::WriteFileAtomically(out / "index.html", reports::SweepHtml(document, SweepText(document)));
  reports::WriteFileAtomically(out / "sweep.json", reports::FormatJson(document));
  std::fputs((options.json ? reports::FormatJson(document)
                           : SweepText(document) + (out / "index.html").string() + "\n").c_str(), stdout);
  if (sweep.TellMissing()) return kExitBench;
  return AllHeld(document) ? kExitHolds : kExitViolated;
}

std::string ListExperiments(const std::string& root) {
  std::string text;
  for (const std::string& name : ExperimentNames(root)) {
    const SweepSpec spec = LoadSweep(FindExperiment(root, name), root);
    text += fmt::format("  {:<22} {:>4} points  {}\n", name, DesignOf(spec, false).size(), spec.question);
  }
  return text;
}

std::string KernelsOfSweep(const SweepOptions& options) {
  std::set<std::string> kernels;
  const Sweep sweep(options);
  for (const SweepPoint& point : sweep.points()) kernels.insert(point.scenario.kernel);
  std::string text;
  for (const std::string& kernel : kernels) text += kernel + "\n";
  return text;
}

}  // namespace pvpci::scenarios
