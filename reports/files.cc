// SPDX-License-Identifier: Apache-2.0
#include "reports/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "reports/index_html.h"
#include "reports/junit.h"
#include "reports/report_html.h"
#include "reports/result_json.h"

namespace pvpci::reports {
namespace {

namespace fs = std::filesystem;

constexpr char kResult[] = "result.json";
constexpr char kReport[] = "report.html";
constexpr char kJunit[] = "junit.xml";
constexpr char kIndex[] = "index.html";
constexpr char kTemporarySuffix[] = ".partial";  // the whole name is ".result.json.partial"

// What a run may leave in its folder; spec/result.md.
constexpr const char* kWritten[] = {kResult,     kReport,      kJunit,       "findings.sarif",
                                    "trace.txt", "trace.vcd",  "tlp.pcapng", "trace.perfetto.json",
                                    "trace.bin", "paths.json", "schedule.txt"};

[[noreturn]] void Fail(const fs::path& path, const std::string& what, int error) {
  throw FileError(fmt::format("{}: {}: {}", path.string(), what, std::strerror(error)));
}

fs::path TemporaryFor(const fs::path& path) {
  return path.parent_path() / ("." + path.filename().string() + kTemporarySuffix);
}

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw FileError(fmt::format("{}: cannot be read", path.string()));
  return text.str();
}

}  // namespace

void WriteFileAtomically(const fs::path& path, std::string_view bytes) {
  std::error_code made;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), made);
  if (made) Fail(path.parent_path(), "cannot be made", made.value());
  const fs::path temporary = TemporaryFor(path);
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) Fail(path, "cannot be written", errno);
  int error = 0;
  while (!bytes.empty() && error == 0) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(written);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(temporary.c_str());
    Fail(path, "cannot be written", error);
  }
}

void BeginRun(const fs::path& folder, Result stub) {
  for (const char* name : kWritten) {
    std::error_code ignored;  // what cannot be removed is replaced, or fails when it is
    fs::remove(folder / name, ignored);
    fs::remove(TemporaryFor(folder / name), ignored);
  }
  stub.incomplete = true;
  stub.verdict = Verdict::kUnable;
  WriteFileAtomically(folder / kResult, WriteResultJson(stub));
}

std::vector<std::string> FinishRun(const fs::path& folder, const Result& result, const std::set<Format>& formats) {
  std::vector<std::string> names;
  const auto write = [&](const char* name, const std::string& text) {
    WriteFileAtomically(folder / name, text);
    names.push_back(name);
  };
  const std::string json = WriteResultJson(result);
  if (formats.count(Format::kHtml)) write(kReport, ReportHtml(result));
  if (formats.count(Format::kJunit)) write(kJunit, JunitXml({result}));
  write(kResult, json);  // last: what BeginRun left says "incomplete" until all the others are there
  return names;
}

void WriteIndex(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<IndexEntry> entries;
  std::vector<Result> results;
  for (const std::string& name : names) {
    IndexEntry entry{name, std::nullopt, ""};
    try {
      entry.result = ReadResultJson(ReadFile(folder / name / kResult));
      results.push_back(*entry.result);
    } catch (const std::runtime_error& error) {
      entry.problem = error.what();
      // A run that left nothing must not look like a run that was never asked for.
      Result missing;
      missing.scenario = name;
      missing.verdict_reason = entry.problem;
      results.push_back(missing);
    }
    entries.push_back(std::move(entry));
  }
  WriteFileAtomically(folder / kJunit, JunitXml(results));
  WriteFileAtomically(folder / kIndex, IndexHtml(entries));
}

}  // namespace pvpci::reports
