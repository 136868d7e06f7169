// SPDX-License-Identifier: Apache-2.0
// GoogleTest main for tests that build a Simulation: each TEST runs in a forked process of its own inside sc_main,
// because a SystemC kernel elaborates once per process. Output and exit code as GoogleTest's; --gtest_filter,
// --gtest_list_tests and XML_OUTPUT_FILE (JUnit, one case per TEST) are honoured.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <systemc>
#include <vector>

namespace {

// How a child says that its test came to an end; any other exit, 0 too, happened in the midst of it.
constexpr int kPassedExit = 76;
constexpr int kSkippedExit = 77;
constexpr int kFailedExit = 78;

struct Case {
  std::string suite;
  std::string name;
  bool disabled = false;
  enum class Outcome { kPassed, kFailed, kSkipped } outcome = Outcome::kPassed;
  long milliseconds = 0;
  std::string output;
  std::string full_name() const { return suite + "." + name; }
};

// '*' and '?' of one pattern, as GoogleTest reads them.
bool Matches(const char* pattern, const char* pattern_end, const char* text) {
  if (pattern == pattern_end) return *text == '\0';
  if (*pattern == '*') {
    return Matches(pattern + 1, pattern_end, text) || (*text != '\0' && Matches(pattern, pattern_end, text + 1));
  }
  return *text != '\0' && (*pattern == '?' || *pattern == *text) && Matches(pattern + 1, pattern_end, text + 1);
}

bool MatchesAny(const std::string& patterns, const std::string& text) {
  size_t start = 0;
  while (start <= patterns.size()) {
    const size_t colon = std::min(patterns.find(':', start), patterns.size());
    if (Matches(patterns.data() + start, patterns.data() + colon, text.c_str())) return true;
    start = colon + 1;
  }
  return false;
}

bool Selected(const std::string& filter, const std::string& name) {
  const size_t dash = filter.find('-');
  const std::string positive = filter.substr(0, dash);
  const std::string negative = dash == std::string::npos ? "" : filter.substr(dash + 1);
  return MatchesAny(positive.empty() ? "*" : positive, name) && (negative.empty() || !MatchesAny(negative, name));
}

std::vector<Case> SelectedCases() {
  std::vector<Case> cases;
  const testing::UnitTest& unit = *testing::UnitTest::GetInstance();
  const std::string filter = testing::GTEST_FLAG(filter);
  for (int s = 0; s < unit.total_test_suite_count(); ++s) {
    const testing::TestSuite& suite = *unit.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t) {
      Case c;
      c.suite = suite.name();
      c.name = suite.GetTestInfo(t)->name();
      const bool disabled = c.suite.rfind("DISABLED_", 0) == 0 || c.name.rfind("DISABLED_", 0) == 0;
      c.disabled = disabled && !testing::GTEST_FLAG(also_run_disabled_tests);
      if (Selected(filter, c.full_name())) cases.push_back(c);
    }
  }
  return cases;
}

// Prints what failed or was skipped, nothing else.
class FailurePrinter : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (result.type() == testing::TestPartResult::kSuccess) return;
    printf("%s:%d: %s\n%s\n", result.file_name() == nullptr ? "unknown file" : result.file_name(),
           result.line_number(), result.skipped() ? "Skipped" : "Failure", result.message());
    fflush(stdout);
  }
};

// In the child: one test, without the header and footer that would repeat for each.
[[noreturn]] void RunChild(const Case& c, int output, int argc, char** argv) {
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  close(output);
  setvbuf(stdout, nullptr, _IOLBF, 0);
  testing::GTEST_FLAG(filter) = c.full_name();
  testing::GTEST_FLAG(output) = "";
  testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  delete listeners.Release(listeners.default_xml_generator());
  listeners.Append(new FailurePrinter);
  setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
  const int status = sc_core::sc_elab_and_sim(argc, argv);
  fflush(nullptr);
  const testing::UnitTest& unit = *testing::UnitTest::GetInstance();
  const bool ran = unit.test_to_run_count() == 1;
  const bool skipped = unit.skipped_test_count() > 0;
  _exit(status != 0 || !ran ? kFailedExit : skipped ? kSkippedExit : kPassedExit);
}

void RunCase(Case* c, int argc, char** argv) {
  int ends[2];
  if (pipe(ends) != 0) {
    perror("pipe");
    exit(1);
  }
  fflush(nullptr);
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child < 0) {
    perror("fork");
    exit(1);
  }
  if (child == 0) {
    close(ends[0]);
    RunChild(*c, ends[1], argc, argv);
  }
  close(ends[1]);
  char buffer[4096];
  ssize_t got;
  while ((got = read(ends[0], buffer, sizeof buffer)) > 0) {
    fwrite(buffer, 1, static_cast<size_t>(got), stdout);
    fflush(stdout);
    c->output.append(buffer, static_cast<size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  c->milliseconds = static_cast<long>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count());
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == kPassedExit) return;
  c->outcome = code == kSkippedExit ? Case::Outcome::kSkipped : Case::Outcome::kFailed;
  if (code == kSkippedExit || code == kFailedExit) return;
  const std::string death = WIFSIGNALED(status)
                                ? std::string("killed by signal: ") + strsignal(WTERMSIG(status)) + "\n"
                                : "exited with " + std::to_string(code) + " before the test ended\n";
  fputs(death.c_str(), stdout);
  c->output += death;
}

std::string XmlText(const std::string& text) {
  std::string out;
  for (const char ch : text) {
    const auto c = static_cast<unsigned char>(ch);
    if (ch == '&') out += "&amp;";
    else if (ch == '<') out += "&lt;";
    else if (ch == '>') out += "&gt;";
    else if (ch == '"') out += "&quot;";
    else if ((c < 0x20 && ch != '\n' && ch != '\t') || c > 0x7e) out += '?';
    else out += ch;
  }
  return out;
}

void WriteXml(const char* path, const std::vector<Case>& cases, size_t failed) {
  std::ofstream xml(path);
  size_t disabled = 0;
  for (const Case& c : cases) disabled += c.disabled;
  xml << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"" << cases.size() << "\" failures=\""
      << failed << "\" disabled=\"" << disabled << "\" errors=\"0\" name=\"AllTests\">\n";
  for (size_t i = 0; i < cases.size();) {
    size_t last = i;
    size_t suite_failed = 0;
    while (last < cases.size() && cases[last].suite == cases[i].suite) {
      suite_failed += cases[last++].outcome == Case::Outcome::kFailed;
    }
    xml << "  <testsuite name=\"" << XmlText(cases[i].suite) << "\" tests=\"" << last - i << "\" failures=\""
        << suite_failed << "\" errors=\"0\">\n";
    for (; i < last; ++i) {
      const Case& c = cases[i];
      xml << "    <testcase name=\"" << XmlText(c.name) << "\" classname=\"" << XmlText(c.suite) << "\" status=\""
          << (c.disabled ? "notrun" : "run") << "\" time=\"" << static_cast<double>(c.milliseconds) / 1000 << "\"";
      if (c.outcome == Case::Outcome::kFailed) {
        xml << ">\n      <failure message=\"failed\">" << XmlText(c.output) << "</failure>\n    </testcase>\n";
      } else if (c.outcome == Case::Outcome::kSkipped || c.disabled) {
        xml << ">\n      <skipped/>\n    </testcase>\n";
      } else {
        xml << "/>\n";
      }
    }
    xml << "  </testsuite>\n";
  }
  xml << "</testsuites>\n";
}

}  // namespace

// Entered in each child.
int sc_main(int, char**) { return RUN_ALL_TESTS(); }

int main(int argc, char** argv) {
  const char* const xml_path = getenv("XML_OUTPUT_FILE");
  testing::InitGoogleMock(&argc, argv);
  if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
  std::vector<Case> cases = SelectedCases();
  size_t run = 0;
  size_t passed = 0;
  size_t skipped = 0;
  std::vector<std::string> failed;
  printf("[==========] Running %zu tests, each in its own process.\n", cases.size());
  for (Case& c : cases) {
    if (c.disabled) continue;
    ++run;
    printf("[ RUN      ] %s\n", c.full_name().c_str());
    RunCase(&c, argc, argv);
    const char* word = "[       OK ]";
    if (c.outcome == Case::Outcome::kFailed) word = "[  FAILED  ]";
    if (c.outcome == Case::Outcome::kSkipped) word = "[  SKIPPED ]";
    printf("%s %s (%ld ms)\n", word, c.full_name().c_str(), c.milliseconds);
    passed += c.outcome == Case::Outcome::kPassed;
    skipped += c.outcome == Case::Outcome::kSkipped;
    if (c.outcome == Case::Outcome::kFailed) failed.push_back(c.full_name());
  }
  printf("[==========] %zu tests ran.\n[  PASSED  ] %zu tests.\n", run, passed);
  if (skipped != 0) printf("[  SKIPPED ] %zu tests.\n", skipped);
  if (!failed.empty()) {
    printf("[  FAILED  ] %zu tests, listed below:\n", failed.size());
    for (const std::string& name : failed) printf("[  FAILED  ] %s\n", name.c_str());
  }
  if (xml_path != nullptr) WriteXml(xml_path, cases, failed.size());
  return failed.empty() ? 0 : 1;
}
