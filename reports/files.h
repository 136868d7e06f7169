// SPDX-License-Identifier: Apache-2.0
// Output folders. Every file is written under a temporary name in its own folder and renamed, so a reader sees the old
// file or the new one. BeginRun leaves a result.json with "incomplete": true before anything runs; whatever ends the
// process after that, the folder says so until FinishRun replaces it.
#ifndef PVPCI_REPORTS_FILES_H_
#define PVPCI_REPORTS_FILES_H_

#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "reports/index_html.h"
#include "reports/result.h"

namespace pvpci::reports {

// The folder cannot be made or written; what() names the path and the system's reason. Exit code 5 or 2 is the
// caller's.
struct FileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Writes `bytes` to `path` atomically. Makes the parent folders.
void WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes);

// Removes what an earlier run left in `folder` (only file names pvpci writes, and temporary names) and writes a
// result.json with incomplete = true, verdict unable. `stub` has at least scenario, claim, seed, mode, reproduce.
void BeginRun(const std::filesystem::path& folder, Result stub);

enum class Format : uint8_t { kHtml, kJunit };  // result.json is always written

// Writes each format, then result.json (validated before anything is written). Call it also for an interrupted run,
// with result.incomplete set. Returns the names of the files written, in order.
std::vector<std::string> FinishRun(const std::filesystem::path& folder, const Result& result,
                                   const std::set<Format>& formats = {Format::kHtml, Format::kJunit});

// For a call with several scenarios: reads `folder`/<name>/result.json of each name and writes index.html and junit.xml
// over all of them. A folder without a readable result is a line that says so, never left out.
void WriteIndex(const std::filesystem::path& folder, const std::vector<std::string>& names);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_FILES_H_
