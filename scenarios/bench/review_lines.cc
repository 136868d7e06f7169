// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "scenarios/bench/groups.h"
#include "scenarios/bench/own_process.h"

namespace pvpci::scenarios {
namespace {

// A whole review as a user runs it: once, for it takes its time. What it says is not judged here.
void Measure(Bench& bench) {
  bench.Show("the catalogue of attacks and the mutants");
  const std::filesystem::path out =
      std::filesystem::temp_directory_path() / fmt::format("pvpci-bench-{}", static_cast<int>(getpid()));
  const OwnRun run = RunSelf({"review", "--json", "--out", out.string()});
  std::error_code ignored;
  std::filesystem::remove_all(out, ignored);
  const auto review = nlohmann::json::parse(run.text, nullptr, /*allow_exceptions=*/false);
  if (!review.is_object() || review["cells"].empty()) {
    throw std::runtime_error(fmt::format("the review gave no answer, exit code {}", run.exit_code));
  }
  std::vector<double> cells;
  for (const nlohmann::json& cell : review["cells"]) cells.push_back(cell["seconds"].get<double>() * 1e3);
  const Quartiles quartiles = QuartilesOf(cells);
  bench.Record("R1", quartiles.median);
  bench.Detail("R1", fmt::format("{} cells, half of them between {:.0f} and {:.0f} ms; as many at once as processors",
                                 cells.size(), quartiles.first, quartiles.third));
  bench.Record("R2", review["seconds"].get<double>());
  bench.Detail("R2", fmt::format("{} cells and {} mutants", cells.size(), review["mutants"].size()));
}

}  // namespace

LineGroup ReviewLines() {
  return {"the review",
          {
              {"R1", "a cell of the review, median, ms",
               "nothing: elaboration, boot, attack, verdict and records are all in it", "<= 100", Occasion::kQuick},
              {"R2", "the whole review, mutants and pages included, s", "nothing", "<= 180", Occasion::kQuick},
          },
          &Measure};
}

}  // namespace pvpci::scenarios
