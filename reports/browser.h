// SPDX-License-Identifier: Apache-2.0
// A page in headless Chromium, for tests: real key presses, and what the page made of them. Speaks the browser's own debugging
// protocol over two pipes; nothing of the page is changed, and no network is used.
#ifndef PVPCI_REPORTS_BROWSER_H_
#define PVPCI_REPORTS_BROWSER_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

namespace pvpci::reports {

class Browser {
 public:
  // Opens the file. Null if there is no browser or it does not start; then `why` says so.
  static std::unique_ptr<Browser> Open(const std::string& file, const std::string& profile_folder, std::string* why);
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  // The value of a JavaScript expression in the page; throws std::runtime_error with the page's words if that throws.
  nlohmann::json Evaluate(const std::string& expression);
  // A key goes down and up: "Tab", "Enter", "ArrowRight", or one character, "n".
  void Press(const std::string& key, bool shift = false);
  // Bytes of the page as it would be printed, PDF.
  size_t PrintedBytes();
  // Exceptions that nobody caught, and errors on the console, so far.
  const std::string& errors() const { return errors_; }

 private:
  Browser() = default;
  // Sends a command and waits for its answer; throws std::runtime_error.
  nlohmann::json Call(const std::string& method, const nlohmann::json& parameters, bool to_page = true);
  nlohmann::json Receive();
  void Note(const nlohmann::json& event);

  pid_t child_ = -1;
  int to_ = -1, from_ = -1;
  int number_ = 0;
  std::string session_, buffer_, errors_;
};

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_BROWSER_H_
