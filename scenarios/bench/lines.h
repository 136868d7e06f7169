// SPDX-License-Identifier: Apache-2.0
// What the lines of the benchmark share. A group measures some lines that need the same machines; it says which
// lines those are, and is asked only for lines that are wanted.
//
// To add a line: a LineSpec in its group, and in the group's function a Comparison, or rounds of its own.
#ifndef PVPCI_SCENARIOS_BENCH_LINES_H_
#define PVPCI_SCENARIOS_BENCH_LINES_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scenarios/bench/bench.h"
#include "scenarios/bench/table.h"
#include "scenarios/bench/worker.h"
#include "scenarios/machine/machine.h"

namespace pvpci::scenarios {

// kQuick: of every call. kGoals: with --goals. kPeers: with --goals and --peers; its baseline may be absent.
enum class Occasion { kQuick, kGoals, kPeers };

struct LineSpec {
  const char* id;
  const char* what;
  const char* baseline;
  const char* goal;
  Occasion occasion;
};

class Bench;

struct LineGroup {
  const char* title;                  // for the progress line
  std::vector<LineSpec> lines;
  void (*measure)(Bench& bench);      // called if one of its lines is wanted
};

// What is measured is built in a process of its own when it is asked for the first time.
class Subject {
 public:
  Subject(std::string name, std::function<void(WorkerPort&)> body) : name_(std::move(name)), body_(std::move(body)) {}
  double Ask(uint32_t what, uint32_t count) {
    if (!worker_) worker_ = std::make_unique<Worker>(name_, body_);
    return worker_->Ask(what, count);
  }

 private:
  const std::string name_;
  const std::function<void(WorkerPort&)> body_;
  std::unique_ptr<Worker> worker_;
};

// One line: in each round both are asked, in this order, and the figure is their quotient.
struct Comparison {
  const char* id;
  std::function<double()> subject;
  std::function<double()> baseline;   // none: the figure is the subject's
  std::string unit = "ns";            // for people; with {}: "{} ns each"
  bool times_faster = false;          // the figure is baseline / subject
};

class Bench {
 public:
  Bench(const BenchOptions& options, const std::set<std::string>& wanted) : options_(options), wanted_(wanted) {}

  const BenchOptions& options() const { return options_; }
  unsigned rounds() const { return options_.rounds; }
  bool wanted(const std::string& id) const { return wanted_.count(id) != 0; }
  bool wants_any(const std::vector<std::string>& ids) const;

  // The images are looked for when they are needed.
  const ImageFiles& counted_image();
  const ImageFiles& plain_image();

  // `serve` runs inside SystemC, in the subject's process.
  Subject InSystemC(std::string name, std::function<void(WorkerPort&)> serve) const;

  void Compare(const std::vector<Comparison>& comparisons);
  void Record(const std::string& id, double figure);
  void Detail(const std::string& id, const std::string& detail);
  // A peer that cannot be had here: the line has no figure.
  void Absent(const std::string& id, const std::string& why);

  // Standard error, once the whole takes more than two seconds.
  void Begin(const char* title) { title_ = title; }
  void ShowRound(unsigned round);
  void Show(const std::string& text);
  void ClearProgress();

  BenchLine Finished(const LineSpec& spec);

 private:
  const BenchOptions& options_;
  const std::set<std::string>& wanted_;
  std::optional<ImageFiles> counted_, plain_;
  struct Answer {
    std::vector<double> rounds;
    std::string detail, absent;
  };
  std::map<std::string, Answer> answers_;
  const char* title_ = "";
  double start_ = WallNs();
  bool shown_ = false;
};

double Median(const std::vector<double>& samples);

// The groups, in the order in which their lines are printed.
const std::vector<LineGroup>& LineGroups();

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_LINES_H_
