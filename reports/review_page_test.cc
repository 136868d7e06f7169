// SPDX-License-Identifier: Apache-2.0
// The pages of the review in a real browser, if Chromium is installed: their scripts draw every part and throw nothing, and
// everything can be done with the keyboard.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "reports/browser.h"
#include "reports/review_html.h"
#include "reports/sample_result.h"
#include "reports/windows.h"

namespace pvpci::reports {
namespace {

using testing::HasSubstr;

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

Windows SampleWindows() {
  WindowProfile profile{"Xen PV: type", "from here to there", "window_type", "type", "max_ps", {}};
  for (const char* policy : {"page", "XSA-78"}) {
    WindowCurve curve{policy, "a policy <b>in words</b>", {}};
    for (const int64_t entries : {16, 64, 256}) {
      const bool open = policy[0] == 'X';
      curve.points.push_back({entries, 64, open ? 64 : 0, open ? 64 : 0, sim::Ps{0}, sim::Ps{0}, "./pvpci run window_type"});
    }
    profile.curves.push_back(curve);
  }
  return {"6.1", {profile}};
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
  review.windows = SampleWindows();
  review.cells[0].sub_page = SampleTrouble().sub_page;
  // What remains in M2; and a second attack below the first.
  review.cells.push_back(review.cells[0]);
  review.cells.back().mode = Mode::kM2;
  review.cells.push_back(review.cells[0]);
  review.cells.back().scenario = "S-02";
  review.stories.push_back({"S-02", "own-pagetable", "another", "guest kernel", "v", "s02", "o", {"CWE-668"}, "s.yaml", 3});
  review.cells[1].agrees = false;
  review.cells[1].expected = Outcome::kDegraded;
  return review;
}

// A page that is open, or why not.
std::unique_ptr<Browser> Open(const std::string& name, const std::string& html, std::string* why) {
  const std::filesystem::path folder = std::filesystem::absolute(std::filesystem::path(testing::TempDir()) / name);
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "index.html") << html;
  return Browser::Open((folder / "index.html").string(), (folder / "profile").string(), why);
}

#define OPEN_OR_SKIP(browser, name, html)                      \
  std::string why_no_browser;                                  \
  const std::unique_ptr<Browser> browser = Open(name, html, &why_no_browser); \
  if (browser == nullptr) GTEST_SKIP() << why_no_browser

// Presses Tab until the focused element matches the selector; how often, or -1 if it never does.
int TabTo(Browser& browser, const std::string& selector) {
  for (int presses = 1; presses <= 120; ++presses) {
    browser.Press("Tab");
    if (browser.Evaluate("document.activeElement.matches('" + selector + "')") == true) return presses;
  }
  return -1;
}

// Some mark shows where the focus is.
bool FocusShows(Browser& browser) {
  return browser.Evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'") == true;
}

TEST(ReviewPage, DrawsEveryPart) {
  OPEN_OR_SKIP(browser, "draws", ReviewHtml(Sample()));

  const std::string dom = browser->Evaluate("document.documentElement.outerHTML");

  EXPECT_EQ(browser->errors(), "");
  EXPECT_THAT(browser->Evaluate("document.querySelector('.headline').textContent").get<std::string>(),
              HasSubstr("1 of 1attacks escape, on Xen as it is, by default")) << "M2";
  EXPECT_THAT(dom, HasSubstr("LOOK AGAIN")) << "a cell differs and nobody explains it";
  for (const char* id : {"verdict", "remains", "attackers", "matrix", "story", "map", "findings", "memory", "differences", "windows", "exposure",
                         "mutants", "coverage"}) {
    EXPECT_EQ(browser->Evaluate(std::string("document.querySelectorAll('#") + id + "').length"), 1) << id;
  }
  EXPECT_THAT(dom, HasSubstr("class=\"timeline\""));
  EXPECT_THAT(dom, HasSubstr("aria-pressed=\"true\""));
  EXPECT_THAT(dom, HasSubstr("&lt;b&gt;it&lt;/b&gt; is so")) << "strings become text, never markup";
  EXPECT_THAT(dom, HasSubstr("exit code 0")) << "of a finding: what a repetition ends with";
  EXPECT_THAT(dom, HasSubstr("sha256:cccc")) << "the configuration";
  EXPECT_THAT(dom, HasSubstr("501204000000 driver mmio write")) << "a record of the trace";
  EXPECT_THAT(dom, HasSubstr("CWE-668</b> Exposure of Resource to Wrong Sphere"));
  EXPECT_THAT(dom, HasSubstr("64 of 64 never end"));
  EXPECT_EQ(browser->Evaluate("performance.getEntriesByType('resource').length"), 0) << "it loads nothing";
}

TEST(ReviewPage, TheMatrixIsWalkedWithArrowsAndACellChosenWithEnter) {
  OPEN_OR_SKIP(browser, "matrix", ReviewHtml(Sample()));
  const auto cell = [&](const char* what) {
    return browser->Evaluate("(c => c.scenario + ' ' + c.mode)(review.cells[" + std::string(what) + ".dataset.cell])");
  };

  EXPECT_EQ(browser->Evaluate("document.querySelectorAll('a:not([href]), [onclick]').length"), 0);
  ASSERT_GT(TabTo(*browser, "[data-cell]"), 0) << "the matrix is out of the keyboard's reach";
  EXPECT_TRUE(FocusShows(*browser));
  EXPECT_EQ(cell("document.activeElement"), "S-01 M0");
  browser->Press("ArrowRight");
  EXPECT_EQ(cell("document.activeElement"), "S-01 M1");
  browser->Press("ArrowLeft");
  browser->Press("ArrowDown");
  EXPECT_EQ(cell("document.activeElement"), "S-02 M0");
  browser->Press("ArrowUp");
  EXPECT_EQ(cell("document.activeElement"), "S-01 M0");
  browser->Press("ArrowRight");
  EXPECT_EQ(cell("document.querySelector('[aria-pressed=true]')"), "S-01 M0") << "looking is not choosing";

  browser->Press("Enter");

  EXPECT_EQ(cell("document.querySelector('[aria-pressed=true]')"), "S-01 M1");
  EXPECT_THAT(browser->Evaluate("document.querySelector('#story h2').textContent").get<std::string>(), HasSubstr("M1"));
  EXPECT_EQ(browser->Evaluate("document.activeElement.closest('#story') !== null"), true) << "the story is where one reads on";
  EXPECT_EQ(browser->errors(), "");
}

TEST(ReviewPage, TheMapIsZoomedAndLeftWithTheKeyboard) {
  OPEN_OR_SKIP(browser, "map", ReviewHtml(Sample()));
  const auto window = [&] { return browser->Evaluate("+document.querySelector('#map .window').getAttribute('width')").get<double>(); };
  const auto at = [&] { return browser->Evaluate("+document.querySelector('#map .window').getAttribute('x')").get<double>(); };

  ASSERT_GT(TabTo(*browser, "#map svg"), 0);
  EXPECT_TRUE(FocusShows(*browser));
  const double whole = window();
  browser->Press("+");
  browser->Press("+");
  EXPECT_LT(window(), whole);
  const double before = at();
  browser->Press("ArrowRight");
  EXPECT_GT(at(), before);
  browser->Press("0");
  EXPECT_EQ(window(), whole);
  browser->Press("n");
  EXPECT_LT(window(), whole);
  EXPECT_THAT(browser->Evaluate("document.querySelector('#map [role=status]').textContent").get<std::string>(), HasSubstr("E5"));
  // The keyboard is not caught in it.
  EXPECT_GT(TabTo(*browser, "#map .tools button"), 0);
  EXPECT_EQ(browser->errors(), "");
}

TEST(ReviewPage, EvidenceFoldsOutWithEnter) {
  OPEN_OR_SKIP(browser, "evidence", ReviewHtml(Sample()));

  ASSERT_GT(TabTo(*browser, "details.evidence > summary"), 0);
  EXPECT_EQ(browser->Evaluate("document.activeElement.parentElement.open"), false);
  browser->Press("Enter");
  EXPECT_EQ(browser->Evaluate("document.activeElement.parentElement.open"), true);
  browser->Press("Enter");
  EXPECT_EQ(browser->Evaluate("document.activeElement.parentElement.open"), false);
}

TEST(ReviewPage, PrintsWithEverythingFoldedOut) {
  OPEN_OR_SKIP(browser, "print", ReviewHtml(Sample()));

  EXPECT_GT(browser->PrintedBytes(), 20'000u);
  EXPECT_EQ(browser->Evaluate("[...document.querySelectorAll('details')].every(d => d.open)"), true);
  EXPECT_EQ(browser->errors(), "");
}

TEST(WindowsPage, DrawsALineForEachPolicy) {
  OPEN_OR_SKIP(browser, "windows", WindowsHtml(SampleWindows()));

  EXPECT_EQ(browser->Evaluate("document.querySelectorAll('svg polyline').length"), 2);
  EXPECT_EQ(browser->Evaluate("document.querySelectorAll('svg circle').length"), 6);
  EXPECT_THAT(browser->Evaluate("document.body.textContent").get<std::string>(), HasSubstr("a policy <b>in words</b>"));
  EXPECT_EQ(browser->errors(), "");
}

}  // namespace
}  // namespace pvpci::reports
