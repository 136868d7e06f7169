// SPDX-License-Identifier: Apache-2.0
#include "reports/browser.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <stdexcept>
#include <thread>

namespace pvpci::reports {
namespace {

using nlohmann::json;

constexpr const char* kProgram = "/usr/bin/chromium";
// What the browser calls its ends of the pipes.
constexpr int kReads = 3, kWrites = 4;
constexpr int kAnswerMs = 30'000;

struct Key {
  const char* code;
  int number;
  const char* text;
};

Key KeyOf(const std::string& key) {
  static const std::map<std::string, Key> keys = {
      {"Tab", {"Tab", 9, ""}},           {"Enter", {"Enter", 13, "\r"}},       {" ", {"Space", 32, " "}},
      {"ArrowLeft", {"ArrowLeft", 37, ""}}, {"ArrowUp", {"ArrowUp", 38, ""}},  {"ArrowRight", {"ArrowRight", 39, ""}},
      {"ArrowDown", {"ArrowDown", 40, ""}}, {"+", {"Equal", 187, "+"}},        {"-", {"Minus", 189, "-"}},
      {"0", {"Digit0", 48, "0"}},        {"n", {"KeyN", 78, "n"}},
  };
  return keys.at(key);
}

[[noreturn]] void Become(const std::string& profile, int reads, int writes) {
  setpgid(0, 0);
  // The other way round they could overwrite each other.
  const int in = fcntl(reads, F_DUPFD, 10), out = fcntl(writes, F_DUPFD, 10);
  dup2(in, kReads);
  dup2(out, kWrites);
  const int log = open((profile + ".log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  const std::string data = "--user-data-dir=" + profile;
  execl(kProgram, kProgram, "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-quic",
        "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--window-size=1280,900", data.c_str(), nullptr);
  _exit(127);
}

}  // namespace

std::unique_ptr<Browser> Browser::Open(const std::string& file, const std::string& profile, std::string* why) {
  if (access(kProgram, X_OK) != 0) {
    *why = std::string(kProgram) + " is not installed";
    return nullptr;
  }
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
    *why = "no pipes";
    return nullptr;
  }
  signal(SIGPIPE, SIG_IGN);
  std::unique_ptr<Browser> browser(new Browser);
  browser->child_ = fork();
  if (browser->child_ == 0) Become(profile, to[0], from[1]);
  close(to[0]);
  close(from[1]);
  browser->to_ = to[1];
  browser->from_ = from[0];
  try {
    const json page = browser->Call("Target.createTarget", {{"url", "about:blank"}}, false)["targetId"];
    browser->session_ = browser->Call("Target.attachToTarget", {{"targetId", page}, {"flatten", true}}, false)["sessionId"];
    browser->Call("Runtime.enable", json::object());
    browser->Call("Emulation.setFocusEmulationEnabled", {{"enabled", true}});
    browser->Call("Page.enable", json::object());
    browser->Call("Page.navigate", {{"url", "file://" + file}});
    for (int tries = 0; tries < 400; ++tries) {
      if (browser->Evaluate("location.protocol + document.readyState") == "file:complete") return browser;
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    throw std::runtime_error("the page is never complete");
  } catch (const std::exception& error) {
    *why = std::string(kProgram) + " does not start here: " + error.what();
    return nullptr;
  }
}

Browser::~Browser() {
  close(to_);
  close(from_);
  kill(-child_, SIGKILL);
  waitpid(child_, nullptr, 0);
}

json Browser::Receive() {
  for (;;) {
    if (const size_t end = buffer_.find('\0'); end != std::string::npos) {
      const json message = json::parse(buffer_.substr(0, end));
      buffer_.erase(0, end + 1);
      return message;
    }
    pollfd ready{from_, POLLIN, 0};
    if (poll(&ready, 1, kAnswerMs) <= 0) throw std::runtime_error("the browser does not answer");
    char bytes[65536];
    const ssize_t got = read(from_, bytes, sizeof bytes);
    if (got <= 0) throw std::runtime_error("the browser has ended");
    buffer_.append(bytes, static_cast<size_t>(got));
  }
}

void Browser::Note(const json& event) {
  const std::string method = event.value("method", "");
  if (method == "Runtime.exceptionThrown") errors_ += event["params"]["exceptionDetails"].dump() + "\n";
  if (method == "Runtime.consoleAPICalled" && event["params"]["type"] == "error") errors_ += event["params"].dump() + "\n";
}

json Browser::Call(const std::string& method, const json& parameters, bool to_page) {
  json message = {{"id", ++number_}, {"method", method}, {"params", parameters}};
  if (to_page) message["sessionId"] = session_;
  const std::string text = message.dump() + std::string(1, '\0');
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t wrote = write(to_, text.data() + sent, text.size() - sent);
    if (wrote <= 0) throw std::runtime_error("the browser has ended");
    sent += static_cast<size_t>(wrote);
  }
  for (;;) {
    const json answer = Receive();
    if (answer.value("id", 0) != number_) {
      Note(answer);
      continue;
    }
    if (answer.contains("error")) throw std::runtime_error(method + ": " + answer["error"].dump());
    return answer["result"];
  }
}

json Browser::Evaluate(const std::string& expression) {
  const json answer = Call("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}});
  if (answer.contains("exceptionDetails")) throw std::runtime_error(answer["exceptionDetails"].dump());
  return answer["result"].value("value", json());
}

void Browser::Press(const std::string& name, bool shift) {
  const Key key = KeyOf(name);
  json down = {{"type", *key.text != 0 ? "keyDown" : "rawKeyDown"}, {"key", name}, {"code", key.code},
               {"windowsVirtualKeyCode", key.number}, {"modifiers", shift ? 8 : 0}};
  if (*key.text != 0) down["text"] = key.text;
  Call("Input.dispatchKeyEvent", down);
  down["type"] = "keyUp";
  down.erase("text");
  Call("Input.dispatchKeyEvent", down);
}

size_t Browser::PrintedBytes() {
  const json answer = Call("Page.printToPDF", {{"printBackground", true}, {"preferCSSPageSize", true}});
  return answer["data"].get<std::string>().size() / 4 * 3;
}

}  // namespace pvpci::reports
