// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/lines.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "scenarios/images.h"

namespace pvpci::scenarios {

double Median(const std::vector<double>& samples) { return QuartilesOf(samples).median; }

bool Bench::wants_any(const std::vector<std::string>& ids) const {
  return std::any_of(ids.begin(), ids.end(), [this](const std::string& id) { return wanted(id); });
}

const ImageFiles& Bench::counted_image() {
  if (!counted_) counted_ = FindImage("6.1", options_.root);
  return *counted_;
}

const ImageFiles& Bench::plain_image() {
  if (!plain_) plain_ = FindImage("6.1", options_.root, ImageVariant::kPlain);
  return *plain_;
}

Subject Bench::InSystemC(std::string name, std::function<void(WorkerPort&)> serve) const {
  return Subject(std::move(name), [systemc = options_.systemc, serve = std::move(serve)](WorkerPort& port) {
    systemc([&] {
      serve(port);
      return 0;
    });
  });
}

void Bench::Compare(const std::vector<Comparison>& comparisons) {
  struct Times {
    std::vector<double> subject, baseline;
  };
  std::vector<Times> times(comparisons.size());
  for (unsigned round = 0; round < rounds(); ++round) {
    ShowRound(round);
    for (size_t i = 0; i < comparisons.size(); ++i) {
      const Comparison& c = comparisons[i];
      if (!wanted(c.id)) continue;
      const double subject = c.subject();
      times[i].subject.push_back(subject);
      if (!c.baseline) {
        Record(c.id, subject);
        continue;
      }
      const double baseline = c.baseline();
      times[i].baseline.push_back(baseline);
      Record(c.id, c.times_faster ? baseline / subject : subject / baseline);
    }
  }
  for (size_t i = 0; i < comparisons.size(); ++i) {
    const Comparison& c = comparisons[i];
    if (times[i].baseline.empty()) continue;
    Detail(c.id, fmt::format("{:.4g} {} against {:.4g} {}", Median(times[i].subject), c.unit, Median(times[i].baseline),
                             c.unit));
  }
}

void Bench::Record(const std::string& id, double figure) { answers_[id].rounds.push_back(figure); }

void Bench::Detail(const std::string& id, const std::string& detail) { answers_[id].detail = detail; }

void Bench::Absent(const std::string& id, const std::string& why) {
  answers_[id].rounds.clear();
  answers_[id].absent = why;
}

BenchLine Bench::Finished(const LineSpec& spec) {
  Answer& answer = answers_[spec.id];
  if (answer.rounds.empty() && answer.absent.empty()) answer.absent = "not measured";
  return {spec.id, spec.what, spec.baseline, spec.goal, answer.detail, answer.rounds, answer.absent};
}

void Bench::ShowRound(unsigned round) { Show(fmt::format("{}, round {} of {}", title_, round + 1, rounds())); }

void Bench::Show(const std::string& text) {
  if (WallNs() - start_ < 2e9) return;
  if (isatty(STDERR_FILENO) == 1) {
    std::fputs(fmt::format("\r\033[Kbench: {}", text).c_str(), stderr);
  } else if (!shown_) {
    std::fputs(fmt::format("bench: {} interleaved rounds\n", rounds()).c_str(), stderr);
  }
  std::fflush(stderr);
  shown_ = true;
}

void Bench::ClearProgress() {
  if (shown_ && isatty(STDERR_FILENO) == 1) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

}  // namespace pvpci::scenarios
