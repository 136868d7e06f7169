// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/store_nodes.h"

#include <map>
#include <string>
#include <utility>

#include "models/xen/store/store_trace.h"

namespace pvpci::scenarios {
namespace {

struct Node {
  std::string history;
  std::string writers;
  uint32_t commit = 0;  // of the last write
  bool there = false;
};

void Note(Node* node, const std::string& value, const std::string& writer) {
  const char* blank = node->writers.empty() ? "" : " ";
  node->history += blank + value;
  node->writers += blank + writer;
}

}  // namespace

nlohmann::json StoreNodes(Machine& machine) {
  std::map<std::string, Node> nodes;
  std::map<uint32_t, std::string> commits;
  machine.trace().ForEach([&](const sim::RecordView& record) {
    if (record.kind != sim::RecordKind::kStore) return;
    const xen::StoreWrite write = xen::ParseStoreRecord(record);
    const std::string writer = record.domain == xen::kToolstack ? "toolstack" : machine.DomainName(record.domain);
    if (write.type == xen::XsType::kWrite) {
      Node& node = nodes[write.path];
      Note(&node, write.value, writer);
      node.commit = write.commit;
      node.there = true;
      if (write.commit != 0) {
        std::string& together = commits[write.commit];
        together += (together.empty() ? "" : " ") + write.path.substr(write.path.rfind('/') + 1);
      }
    } else if (write.type == xen::XsType::kRm) {
      // What lies below goes with it.
      for (auto it = nodes.lower_bound(write.path); it != nodes.end(); ++it) {
        if (it->first.compare(0, write.path.size(), write.path) != 0) break;
        const bool below = it->first.size() == write.path.size() || it->first[write.path.size()] == '/';
        if (below && std::exchange(it->second.there, false)) Note(&it->second, "-", writer);
      }
    }
  });
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [path, node] : nodes) {
    const auto found = machine.store().tree().Find(path);
    list.push_back({{"path", path},
                    {"value", found ? nlohmann::json(found->value) : nlohmann::json(nullptr)},
                    {"history", node.history},
                    {"writers", node.writers},
                    {"together", node.commit == 0 ? "" : commits[node.commit]}});
  }
  return list;
}

nlohmann::json RingOperations(Machine& machine) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [key, count] : machine.rings().counts()) {
    uint64_t errors = 0;
    std::string codes;
    for (const auto& [code, times] : count.errors) {
      errors += times;
      codes += (codes.empty() ? "" : " ") + std::to_string(code);
    }
    list.push_back({{"domain", machine.DomainName(key.first)},
                    {"op", key.second},
                    {"sends", count.sends},
                    {"repeated", count.repeated},
                    {"answers", count.answers},
                    {"errors", errors},
                    {"codes", codes}});
  }
  return list;
}

}  // namespace pvpci::scenarios
