// SPDX-License-Identifier: Apache-2.0
// The review page in a real browser, if Chromium is installed: its script draws every part and throws nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "reports/review_html.h"
#include "reports/sample_result.h"

namespace pvpci::reports {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kBrowser = "/usr/bin/chromium";

ReviewCell Cell(const Result& run, Outcome verdict) {
  ReviewCell cell;
  cell.scenario = "S-01";
  cell.title = "wild-dma";
  cell.name = run.scenario;
  cell.mode = run.mode;
  cell.kernel = "6.1";
  cell.verdict = cell.expected = verdict;
  cell.agrees = cell.held = true;
  cell.findings = run.findings;
  cell.findings_total = static_cast<int64_t>(run.findings.size());
  cell.reason = "<b>it</b> is so";
  cell.reproduce = run.reproduce;
  return cell;
}

Review Sample() {
  Review review;
  review.profile = "server";
  review.unmutated_clean = true;
  review.attackers.push_back({"guest kernel", "untrusted", true, true, true, "runs any code"});
  review.stories.push_back({"S-01", "wild-dma", "a story", "guest kernel", "v", "s01", "o", {"XSA-1"}, "s.yaml", 3});
  review.mutants.push_back({"XSA-155", "drivers/xen/xen-pciback/pciback_ops.c", true, {"S-12"}, "f", "r", {"6.1"}, {"d"}, {}});
  for (const Mode mode : {Mode::kM0, Mode::kM1}) {
    Result run = SampleSlurp(mode);
    review.kernels = run.kernels;
    review.cells.push_back(Cell(run, mode == Mode::kM0 ? Outcome::kEscaped : Outcome::kContained));
    if (mode == Mode::kM0) review.cells.back().dma_class = DmaClass::kE5;
    run.originals.clear();
    review.evidence.emplace_back(review.cells.size() - 1, std::move(run));
  }
  review.cells[1].agrees = false;
  review.cells[1].expected = Outcome::kDegraded;
  return review;
}

std::string Read(const std::filesystem::path& path) {
  std::ifstream stream(path);
  return std::string((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
}

TEST(ReviewPage, DrawsEveryPartInABrowser) {
  if (access(kBrowser, X_OK) != 0) GTEST_SKIP() << kBrowser << " is not installed";
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "review_page";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "index.html") << ReviewHtml(Sample());
  const std::string command =
      std::string("timeout 60 ") + kBrowser +
      " --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
      " --disable-component-update --disable-sync --enable-logging=stderr --user-data-dir=" + (folder / "profile").string() +
      " --virtual-time-budget=2000 --dump-dom file://" + std::filesystem::absolute(folder / "index.html").string() + " >" +
      (folder / "dom.html").string() + " 2>" + (folder / "log").string();
  if (std::system(command.c_str()) != 0) GTEST_SKIP() << "no browser starts here: " << Read(folder / "log").substr(0, 500);

  const std::string dom = Read(folder / "dom.html");

  EXPECT_THAT(Read(folder / "log"), Not(HasSubstr("Uncaught")));
  EXPECT_THAT(dom, HasSubstr("LOOK AGAIN")) << "a cell differs and nobody explains it";
  for (const char* id : {"verdict", "attackers", "matrix", "story", "map", "findings", "memory", "differences", "mutants",
                         "coverage"}) {
    EXPECT_THAT(dom, HasSubstr(std::string("id=\"") + id + "\"")) << id;
  }
  EXPECT_THAT(dom, HasSubstr("class=\"timeline\""));
  EXPECT_THAT(dom, HasSubstr("aria-pressed=\"true\""));
  EXPECT_THAT(dom, HasSubstr("&lt;b&gt;it&lt;/b&gt; is so")) << "strings become text, never markup";
}

}  // namespace
}  // namespace pvpci::reports
