// SPDX-License-Identifier: Apache-2.0
#include "sim/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <utility>

namespace pvpci::sim {
namespace {

struct State {
  std::function<Ps()> clock;
  LogLevel level = LogLevel::kWarning;
  std::shared_ptr<spdlog::logger> logger;
};

void Use(State* state, spdlog::sink_ptr sink) {
  state->logger = std::make_shared<spdlog::logger>("pvpci", std::move(sink));
  state->logger->set_pattern("%v");  // the line is complete; spdlog's own time would be the wall clock's
  state->logger->set_level(spdlog::level::trace);
}

State& TheState() {
  static State state = [] {
    State s;
    Use(&s, std::make_shared<spdlog::sinks::stderr_sink_st>());
    return s;
  }();
  return state;
}

// "1250 ns", "1250.5 ns": exact, without trailing zeros.
std::string Nanoseconds(Ps time) {
  std::string text = fmt::format("{}", time / kNs);
  if (time % kNs != 0) {
    text += fmt::format(".{:03}", time % kNs);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + " ns";
}

}  // namespace

void SetLogClock(std::function<Ps()> clock) { TheState().clock = std::move(clock); }

void SetLogLevel(LogLevel level) { TheState().level = level; }

void SetLogFile(const std::string& path) {
  Use(&TheState(), std::make_shared<spdlog::sinks::basic_file_sink_st>(path, /*truncate=*/true));
}

bool LogEnabled(LogLevel level) { return level >= TheState().level; }

void LogText(LogLevel level, std::string_view instance, const std::string& text) {
  static constexpr struct { char letter; spdlog::level::level_enum level; } kLevels[] = {
      {'D', spdlog::level::debug}, {'I', spdlog::level::info}, {'W', spdlog::level::warn}, {'E', spdlog::level::err}};
  State& state = TheState();
  const auto& entry = kLevels[static_cast<int>(level)];
  state.logger->log(entry.level, "[{}] {} {}: {}", Nanoseconds(state.clock ? state.clock() : 0), entry.letter, instance,
                    text);
  state.logger->flush();
}

}  // namespace pvpci::sim
