// SPDX-License-Identifier: Apache-2.0
#include "reports/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "reports/result_json.h"
#include "reports/sample_result.h"

namespace pvpci::reports {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class Folder : public ::testing::Test {
 protected:
  Folder() {
    std::string name = ::testing::TempDir() + "/reports.XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Folder() override { fs::remove_all(path_); }

  std::string Read(const fs::path& name) const {
    std::ifstream file(path_ / name, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::vector<std::string> List(const fs::path& name = "") const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_ / name)) names.push_back(entry.path().filename());
    return names;
  }

  fs::path path_;
};

TEST_F(Folder, AFileIsReplacedWholeAndNoTemporaryStays) {
  WriteFileAtomically(path_ / "a/b/x.txt", "first");
  WriteFileAtomically(path_ / "a/b/x.txt", "second");
  EXPECT_EQ(Read("a/b/x.txt"), "second");
  EXPECT_THAT(List("a/b"), ElementsAre("x.txt"));
}

TEST_F(Folder, AWriteThatFailsNamesThePathAndLeavesTheOldFile) {
  fs::create_directory(path_ / "x.txt");
  WriteFileAtomically(path_ / "x.txt/keep", "old");
  try {
    WriteFileAtomically(path_ / "x.txt", "new");
    FAIL() << "a folder was replaced by a file";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), HasSubstr("x.txt"));
  }
  EXPECT_THAT(List(), ElementsAre("x.txt"));
  EXPECT_EQ(Read("x.txt/keep"), "old");
  EXPECT_THROW(WriteFileAtomically(path_ / "x.txt/keep/below", "new"), FileError);
}

TEST_F(Folder, AKilledRunLeavesAResultThatSaysSo) {
  FinishRun(path_, SampleSlurp(Mode::kM0));
  Result stub;
  stub.scenario = "slurp";
  stub.verdict = Verdict::kHolds;
  BeginRun(path_, stub);
  EXPECT_THAT(List(), ElementsAre("result.json"));
  const Result left = ReadResultJson(Read("result.json"));
  EXPECT_TRUE(left.incomplete);
  EXPECT_EQ(left.verdict, Verdict::kUnable);
}

TEST_F(Folder, BeginRunTouchesOnlyWhatRunsWrite) {
  WriteFileAtomically(path_ / "notes.txt", "mine");
  WriteFileAtomically(path_ / ".trace.txt.partial", "half");
  WriteFileAtomically(path_ / "schedule.txt", "of a run that failed");
  Result stub;
  stub.scenario = "slurp";
  BeginRun(path_, stub);
  EXPECT_THAT(List(), UnorderedElementsAre("notes.txt", "result.json"));
}

TEST_F(Folder, FinishRunWritesEveryFormatAndTheResultLast) {
  EXPECT_THAT(FinishRun(path_, SampleHonestDma()), ElementsAre("report.html", "junit.xml", "result.json"));
  EXPECT_THAT(List(), UnorderedElementsAre("report.html", "junit.xml", "result.json"));
  EXPECT_FALSE(ReadResultJson(Read("result.json")).incomplete);
}

TEST_F(Folder, ABrokenResultWritesNothing) {
  Result result = SampleHonestDma();
  result.trace_digest = "none";
  EXPECT_THROW(FinishRun(path_, result), std::logic_error);
  EXPECT_TRUE(List().empty());
}

TEST_F(Folder, TheIndexHasALineForEveryNameEvenWithoutAResult) {
  FinishRun(path_ / "slurp", SampleSlurp(Mode::kM0));
  FinishRun(path_ / "trouble", SampleTrouble());
  fs::create_directory(path_ / "crashed");
  WriteIndex(path_, {"slurp", "trouble", "crashed"});
  const std::string page = Read("index.html");
  EXPECT_THAT(page, HasSubstr("1 of 3 hold"));
  EXPECT_THAT(page, HasSubstr("slurp/report.html"));
  EXPECT_THAT(page, HasSubstr("crashed/result.json: cannot be read"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(Read("junit.xml"), HasSubstr(R"(<testsuite name="crashed" tests="1" failures="0" errors="1")"));
}

}  // namespace
}  // namespace pvpci::reports
