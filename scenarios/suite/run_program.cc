// SPDX-License-Identifier: Apache-2.0
#include "scenarios/suite/run_program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;

struct Child {
  pid_t pid = -1;
  std::string folder;
};

fs::path FreshFolder() {
  static int number = 0;
  const char* base = std::getenv("TEST_TMPDIR");
  const fs::path folder = fs::path(base == nullptr ? "/tmp" : base) / (std::to_string(getpid()) + "." + std::to_string(++number));
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

Child Start(std::vector<std::string> words) {
  Child child;
  child.folder = FreshFolder().string();
  words.insert(words.begin(), "scenarios/pvpci");
  words.insert(words.end(), {"--out", child.folder});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string output = child.folder + "/stdout", errors = child.folder + "/stderr";
  child.pid = fork();
  if (child.pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child.pid == 0) {
    setenv("PVPCI_ROOT", ".", 1);
    setenv("PVPCI_IMAGES", "driver", 1);
    const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const int err = open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  return child;
}

Child StartRun(const std::string& scenario, const std::vector<std::string>& options) {
  std::vector<std::string> words = {"run", scenario};
  words.insert(words.end(), options.begin(), options.end());
  return Start(std::move(words));
}

ProgramRun Finish(const Child& child) {
  int status = 0;
  while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  ProgramRun run;
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  run.folder = child.folder;
  run.output = ReadText(child.folder + "/stdout");
  run.errors = ReadText(child.folder + "/stderr");
  const std::string text = ReadText(child.folder + "/result.json");
  if (!text.empty()) run.result = nlohmann::json::parse(text);
  return run;
}

}  // namespace

ProgramRun RunPvpci(const std::string& scenario, const std::vector<std::string>& options) {
  return Finish(StartRun(scenario, options));
}

ProgramRun RunVerb(const std::vector<std::string>& words) {
  ProgramRun run = Finish(Start(words));
  run.result = nlohmann::json::parse(run.output, nullptr, /*allow_exceptions=*/false);
  return run;
}

std::vector<ProgramRun> RunPvpciAtOnce(const std::string& scenario,
                                       const std::vector<std::vector<std::string>>& options) {
  std::vector<Child> children;
  for (const auto& each : options) children.push_back(StartRun(scenario, each));
  std::vector<ProgramRun> runs;
  for (const Child& child : children) runs.push_back(Finish(child));
  return runs;
}

std::string ReadText(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string WriteScenario(const std::string& name, const std::string& text) {
  const std::string path = (FreshFolder() / (name + ".yaml")).string();
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at == std::string::npos || text.find(from, at + 1) != std::string::npos) {
    throw std::invalid_argument("'" + from + "' is not there exactly once");
  }
  return text.replace(at, from.size(), to);
}

std::vector<std::string> TraceLines(const ProgramRun& run, const std::vector<std::string>& prefixes) {
  std::istringstream trace(ReadText(run.folder + "/trace.txt"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(trace, line);) {
    const std::string text = line.substr(line.find(' ') + 1);
    for (const std::string& prefix : prefixes) {
      if (text.rfind(prefix, 0) != 0) continue;
      lines.push_back(text);
      break;
    }
  }
  return lines;
}

}  // namespace pvpci::scenarios
