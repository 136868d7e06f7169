// SPDX-License-Identifier: Apache-2.0
#include "scenarios/fidelity/hosts.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <stdexcept>

namespace pvpci::scenarios {
namespace {

// The keys of one map, all of which must be there.
class Keys {
 public:
  Keys(const std::string& file, const std::string& path, const YAML::Node& node)
      : file_(file), path_(path), node_(node) {}

  double Number(const char* key) const {
    const YAML::Node value = node_[key];
    if (!value) throw std::runtime_error(fmt::format("{}: {}.{} is missing", file_, path_, key));
    try {
      return value.as<double>();
    } catch (const YAML::Exception&) {
      throw std::runtime_error(fmt::format("{}: {}.{} is not a number", file_, path_, key));
    }
  }
  sim::Ps Time(const char* key) const { return static_cast<sim::Ps>(std::llround(Number(key) * sim::kNs)); }
  unsigned Count(const char* key) const { return static_cast<unsigned>(std::llround(Number(key))); }

 private:
  const std::string& file_;
  const std::string path_;
  const YAML::Node node_;
};

}  // namespace

Hosts LoadHosts(const std::string& file) {
  YAML::Node root;
  try {
    root = YAML::LoadFile(file);
  } catch (const YAML::Exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", file, error.what()));
  }
  constexpr uint64_t kMiB = 1 << 20;
  Hosts hosts;
  for (const auto& item : root["hosts"]) {
    const auto name = item.first.as<std::string>();
    const Keys keys(file, "hosts." + name, item.second);
    MeasuredHost host;
    host.name = name;
    host.read = keys.Time("read");
    host.llc_saves = keys.Time("llc_saves");
    host.llc_bytes = keys.Count("llc_mib") * kMiB;
    host.refresh_time = keys.Time("refresh_time");
    host.hit = keys.Time("hit");
    host.miss = keys.Time("miss");
    host.miss_in_details = keys.Time("miss_in_details");
    host.write_miss = keys.Time("write_miss");
    host.iotlb_entries = keys.Count("iotlb_entries");
    host.walkers = keys.Count("walkers");
    host.walker_recovery = keys.Time("walker_recovery");
    host.read_recovery = keys.Time("read_recovery");
    hosts.hosts.push_back(std::move(host));
  }
  if (hosts.hosts.empty()) throw std::runtime_error(file + ": no hosts");
  const Keys memory(file, "memory", root["memory"]);
  hosts.refresh_interval = memory.Time("refresh_interval");
  hosts.ranks = memory.Count("ranks");
  hosts.read_queue = Keys(file, "", root).Count("read_queue");
  const Keys device(file, "device", root["device"]);
  hosts.device.read = device.Time("read");
  hosts.device.read_byte = device.Time("read_byte");
  hosts.device.write = device.Time("write");
  hosts.device.write_byte = device.Time("write_byte");
  hosts.device.write_done = device.Time("write_done");
  hosts.device.write_done_byte = device.Time("write_done_byte");
  hosts.device.clock = device.Time("clock");
  hosts.device.jitter = device.Time("jitter");
  hosts.device.read_last_byte = device.Time("read_last_byte");
  hosts.device.write_window = device.Count("write_window");
  hosts.device.write_interval = device.Time("write_interval");
  hosts.device.write_gap = device.Time("write_gap");
  hosts.device.read_interval = device.Time("read_interval");
  hosts.device.read_end = device.Time("read_end");
  hosts.device.reads = device.Count("reads");
  hosts.device.large_reads = device.Count("large_reads");
  return hosts;
}

}  // namespace pvpci::scenarios
