// SPDX-License-Identifier: Apache-2.0
// The kinds of step that operations are made of.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "models/xen/toolstack/toolstack.h"

namespace pvpci::xen {
namespace {

std::string WithReason(const std::string& failure, long result) {
  return failure + ": " + strerror(static_cast<int>(-result));
}

}  // namespace

Toolstack::Step Toolstack::Check(std::function<std::string()> check) {
  return [check = std::move(check)](const Next& next) { next(check()); };
}

Toolstack::Step Toolstack::Control(std::string what, std::function<long()> call, std::string failure) {
  return [this, what = std::move(what), call = std::move(call), failure = std::move(failure)](const Next& next) {
    simulation_.After(config_.control_latency, [this, alive = alive_, what, call, failure, next] {
      if (!*alive) return;
      const long result = call();
      Say(fmt::format("{} = {}", what, result));
      next(result < 0 && !failure.empty() ? WithReason(failure, result) : std::string());
    });
  };
}

Toolstack::Step Toolstack::Store(std::string what, std::function<XsError(TransactionId)> body) {
  return [this, what = std::move(what), body = std::move(body)](const Next& next) {
    simulation_.After(config_.store_latency, [this, alive = alive_, what, body, next] {
      if (!*alive) return;
      const XsError error = client_->Transact(body);
      next(error == XsError::kOk ? std::string()
                                 : fmt::format("libxl: error: {}: xenstore answers {}", what, Name(error)));
    });
  };
}

Toolstack::Step Toolstack::Sysfs(std::string path, std::string value, std::string failure) {
  return [this, path = std::move(path), value = std::move(value), failure = std::move(failure)](const Next& next) {
    const sim::EventHandle deadline = simulation_.After(config_.agent_timeout, [path, next] {
      next(fmt::format("libxl: error: write to {} does not return", path));
    });
    agent_.SysfsWrite(0, path, value, [this, alive = alive_, path, value, failure, next, deadline](long result) {
      if (!*alive || !simulation_.Cancel(deadline)) return;
      Say(fmt::format("write {} {} = {}", path, value, result));
      next(result < 0 && !failure.empty() ? WithReason(failure, result) : std::string());
    });
  };
}

Toolstack::Step Toolstack::ReadSysfs(std::string path,
                                     std::function<std::string(long result, const std::string& text)> take) {
  return [this, path = std::move(path), take = std::move(take)](const Next& next) {
    const sim::EventHandle deadline = simulation_.After(config_.agent_timeout, [path, next] {
      next(fmt::format("libxl: error: read of {} does not return", path));
    });
    agent_.SysfsRead(0, path, [this, alive = alive_, path, take, next, deadline](long result, const std::string& text) {
      if (!*alive || !simulation_.Cancel(deadline)) return;
      Say(fmt::format("read {} = {}", path, result));
      next(take(result, text));
    });
  };
}

Toolstack::Step Toolstack::WaitState(std::string path, unsigned state, sim::Ps timeout, std::string failure) {
  return [this, path = std::move(path), state, timeout, failure = std::move(failure)](const Next& next) {
    auto watch = std::make_shared<StoreClient::WatchId>(0);
    const sim::EventHandle deadline =
        simulation_.After(timeout, [this, alive = alive_, path, state, failure, next, watch] {
          if (!*alive) return;
          client_->Unwatch(*watch);
          const auto last = client_->Read(path);
          Say(fmt::format("{} is {}, not {}", path, last.ok() ? last.value : Name(last.error), state));
          next(failure);
        });
    *watch = client_->Watch(path, [this, path, state, next, watch, deadline](const std::string&) {
      const auto value = client_->Read(path);
      // Closed and unregistered is closed.
      const bool gone = value.error == XsError::kEnoent && state == kXenbusClosed;
      if (!gone && (!value.ok() || ParseDecimal(value.value) != state)) return;
      simulation_.Cancel(deadline);
      client_->Unwatch(*watch);
      next({});
    });
  };
}

}  // namespace pvpci::xen
