// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/store_trace.h"

#include <fmt/format.h>

#include <cstring>
#include <string>

namespace pvpci::xen {
namespace {

// Followed by the path and the text of the value or of the permission list, without NUL.
struct StoreRecord {
  uint32_t type;
  uint32_t commit;
  uint32_t path_bytes;
  uint32_t value_bytes;
};

// One line whatever a guest wrote.
std::string Printable(std::string_view text) {
  std::string line;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '\\') {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      line += c;
    }
  }
  return line;
}

std::string FormatRecord(const sim::RecordView& view) {
  const StoreWrite write = ParseStoreRecord(view);
  const bool has_value = write.type == XsType::kWrite || write.type == XsType::kSetPerms;
  return fmt::format("store {} {}{}{}", Name(write.type), write.path, has_value ? " " : "", Printable(write.value));
}

}  // namespace

StoreWrite ParseStoreRecord(const sim::RecordView& view) {
  StoreRecord record;
  std::memcpy(&record, view.payload, sizeof record);
  const char* text = reinterpret_cast<const char*>(view.payload) + sizeof record;
  StoreWrite write;
  write.type = static_cast<XsType>(record.type);
  write.commit = record.commit;
  write.path.assign(text, record.path_bytes);
  write.value.assign(text + record.path_bytes, record.value_bytes);
  return write;
}

void EmitStoreOperation(sim::Trace& trace, sim::DomId writer, const StoreOperation& operation,
                        uint32_t commit) {
  std::string value = operation.value;
  if (operation.type == XsType::kSetPerms) {
    for (const StorePermission& permission : operation.permissions) {
      if (!value.empty()) value += ' ';
      value += ToString(permission);
    }
  }
  const StoreRecord record{static_cast<uint32_t>(operation.type), commit, static_cast<uint32_t>(operation.path.size()),
                           static_cast<uint32_t>(value.size())};
  std::string bytes(reinterpret_cast<const char*>(&record), sizeof record);
  bytes += operation.path;
  bytes += value;
  trace.Append(sim::RecordKind::kStore, writer, bytes.data(), static_cast<uint32_t>(bytes.size()));
}

void RegisterStoreTrace(sim::Trace& trace) {
  trace.SetFormatter(sim::RecordKind::kStore, FormatRecord);
  trace.SetDomainName(kToolstack, "toolstack");
}

}  // namespace pvpci::xen
