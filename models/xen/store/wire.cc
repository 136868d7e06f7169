// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/wire.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "sim/check.h"

namespace pvpci::xen {

const char* Name(XsType type) {
  static constexpr std::array<const char*, 23> kNames = {
      "CONTROL",         "DIRECTORY", "READ",    "GET_PERMS",       "WATCH", "UNWATCH", "TRANSACTION_START",
      "TRANSACTION_END", "INTRODUCE", "RELEASE", "GET_DOMAIN_PATH", "WRITE", "MKDIR",   "RM",
      "SET_PERMS",       "WATCH_EVENT", "ERROR", "IS_DOMAIN_INTRODUCED", "RESUME", "SET_TARGET", "?",
      "RESET_WATCHES",   "DIRECTORY_PART"};
  const auto index = static_cast<size_t>(type);
  return index < kNames.size() ? kNames[index] : "?";
}

const char* Name(XsError error) {
  switch (error) {
    case XsError::kOk: return "OK";
    case XsError::kEinval: return "EINVAL";
    case XsError::kEacces: return "EACCES";
    case XsError::kEexist: return "EEXIST";
    case XsError::kEisdir: return "EISDIR";
    case XsError::kEnoent: return "ENOENT";
    case XsError::kEnomem: return "ENOMEM";
    case XsError::kEnospc: return "ENOSPC";
    case XsError::kEio: return "EIO";
    case XsError::kEnotempty: return "ENOTEMPTY";
    case XsError::kEnosys: return "ENOSYS";
    case XsError::kErofs: return "EROFS";
    case XsError::kEbusy: return "EBUSY";
    case XsError::kEagain: return "EAGAIN";
    case XsError::kEisconn: return "EISCONN";
    case XsError::kE2big: return "E2BIG";
    case XsError::kEperm: return "EPERM";
  }
  return "EINVAL";
}

std::string Serialize(const XsMessage& message) {
  XsHeader header = message.header;
  header.length_bytes = static_cast<uint32_t>(message.payload.size());
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += message.payload;
  return bytes;
}

std::optional<std::vector<std::string_view>> SplitStrings(std::string_view payload, bool open_end) {
  std::vector<std::string_view> strings;
  while (!payload.empty()) {
    const size_t end = payload.find('\0');
    if (end == std::string_view::npos) {
      if (!open_end) return std::nullopt;
      strings.push_back(payload);
      break;
    }
    strings.push_back(payload.substr(0, end));
    payload.remove_prefix(end + 1);
  }
  return strings;
}

std::optional<uint32_t> ParseDecimal(std::string_view text) {
  if (text.empty() || text.size() > 10) return std::nullopt;
  uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  if (value > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(value);
}

uint32_t XsAssembler::wanted() const {
  return (in_payload_ ? message_.header.length_bytes : static_cast<uint32_t>(sizeof(XsHeader))) - have_;
}

bool XsAssembler::Feed(const char* data, uint32_t length_bytes) {
  SIM_CHECK(!broken_ && length_bytes <= wanted(), "the caller takes what is wanted, from a stream that is whole");
  if (in_payload_) {
    message_.payload.append(data, length_bytes);
    have_ += length_bytes;
    return have_ == message_.header.length_bytes;
  }
  std::memcpy(reinterpret_cast<char*>(&message_.header) + have_, data, length_bytes);
  have_ += length_bytes;
  if (have_ < sizeof(XsHeader)) return false;
  if (message_.header.length_bytes > kXsPayloadMax) {
    broken_ = true;
    return false;
  }
  in_payload_ = true;
  have_ = 0;
  return message_.header.length_bytes == 0;
}

XsMessage XsAssembler::Take() {
  XsMessage message = std::move(message_);
  Reset();
  return message;
}

void XsAssembler::Reset() { *this = XsAssembler(); }

}  // namespace pvpci::xen
