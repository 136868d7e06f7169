// SPDX-License-Identifier: Apache-2.0
// Requests on a ring: from payload to store operation and back. docs/misc/xenstore.txt, section by section.
#include <algorithm>

#include "models/xen/store/ring_connection.h"

namespace pvpci::xen {
namespace {

std::string Text(std::string_view text) { return std::string(text) + '\0'; }

}  // namespace

void RingConnection::Serve(const XsMessage& message) {
  ++daemon_.counters_.requests;
  const Answer answer = Dispatch(message);
  if (dead_) return;
  XsMessage reply;
  reply.header = message.header;
  if (answer.error != XsError::kOk) {
    reply.header.type = static_cast<uint32_t>(XsType::kError);
    reply.payload = Text(Name(answer.error));
    ++daemon_.counters_.errors;
  } else {
    reply.payload = answer.payload.empty() ? Text("OK") : answer.payload;
  }
  // An empty value or directory is an empty payload, not "OK".
  const auto type = static_cast<XsType>(message.header.type);
  if (answer.error == XsError::kOk && answer.payload.empty() &&
      (type == XsType::kRead || type == XsType::kDirectory)) {
    reply.payload.clear();
  }
  ++daemon_.counters_.responses;
  Queue(std::move(reply), false);

  // The acknowledgement of a watch comes before its first event.
  if (type == XsType::kWatch && answer.error == XsError::kOk) {
    const auto arguments = SplitStrings(message.payload, false);
    daemon_.FireFirst(*this, (*arguments)[0], (*arguments)[1]);
  }
}

RingConnection::Answer RingConnection::Dispatch(const XsMessage& message) {
  const auto type = static_cast<XsType>(message.header.type);
  const TransactionId id = message.header.transaction;

  if (type == XsType::kWrite) {
    // The value is whatever follows the path, NUL bytes included.
    const size_t end = message.payload.find('\0');
    if (end == std::string::npos) return XsError::kEinval;
    return daemon_.Do(*this, id, {type, message.payload.substr(0, end), message.payload.substr(end + 1), {}});
  }
  const auto split = SplitStrings(message.payload, false);
  if (!split) return XsError::kEinval;
  const std::vector<std::string_view>& arguments = *split;
  const auto has = [&arguments](size_t count) { return arguments.size() == count; };

  switch (type) {
    case XsType::kRead: {
      if (!has(1)) return XsError::kEinval;
      const auto node = daemon_.Get(*this, id, arguments[0], StoreAccess::kRead);
      if (!node.ok()) return node.error;
      return node.value->value;
    }
    case XsType::kDirectory:
      if (!has(1)) return XsError::kEinval;
      return Directory(id, arguments[0]);
    case XsType::kDirectoryPart:
      if (!has(2)) return XsError::kEinval;
      return DirectoryPart(id, arguments[0], arguments[1]);
    case XsType::kGetPerms: {
      if (!has(1)) return XsError::kEinval;
      const auto node = daemon_.Get(*this, id, arguments[0], StoreAccess::kRead);
      if (!node.ok()) return node.error;
      std::string list;
      for (const StorePermission& permission : node.value->permissions) list += Text(ToString(permission));
      return list;
    }
    case XsType::kSetPerms: return SetPermissions(id, message.payload);
    case XsType::kMkdir:
    case XsType::kRm:
      if (!has(1)) return XsError::kEinval;
      return daemon_.Do(*this, id, {type, std::string(arguments[0]), {}, {}});
    case XsType::kWatch:
      if (!has(2)) return XsError::kEinval;
      return daemon_.AddWatch(*this, arguments[0], arguments[1]);
    case XsType::kUnwatch:
      if (!has(2)) return XsError::kEinval;
      return watches.Remove(domain, arguments[0], arguments[1]);
    case XsType::kResetWatches:
      watches.Clear();
      transactions.clear();
      return XsError::kOk;
    case XsType::kTransactionStart: {
      if (id != kNoTransaction) return XsError::kEbusy;
      const auto started = daemon_.StartTransaction(*this);
      if (!started.ok()) return started.error;
      return Text(std::to_string(started.value));
    }
    case XsType::kTransactionEnd:
      if (!has(1) || (arguments[0] != "T" && arguments[0] != "F")) return XsError::kEinval;
      return daemon_.EndTransaction(*this, id, arguments[0] == "T");
    case XsType::kGetDomainPath: {
      const auto number = has(1) ? ParseDecimal(arguments[0]) : std::nullopt;
      if (!number || *number >= sim::kDomSelf) return XsError::kEinval;
      return Text(DomainPath(static_cast<sim::DomId>(*number)));
    }
    case XsType::kIsDomainIntroduced: {
      const auto number = has(1) ? ParseDecimal(arguments[0]) : std::nullopt;
      if (!number || *number >= sim::kDomSelf) return XsError::kEinval;
      return Text(daemon_.introduced(static_cast<sim::DomId>(*number)) ? "T" : "F");
    }
    case XsType::kIntroduce:
      if (!caller().privileged()) return XsError::kEacces;
      return Introduce(arguments);
    case XsType::kRelease:
    case XsType::kResume: {
      if (!caller().privileged()) return XsError::kEacces;
      const auto number = has(1) ? ParseDecimal(arguments[0]) : std::nullopt;
      // Releasing the ring this request came through would answer into nothing.
      if (!number || *number >= sim::kDomSelf || *number == domain) return XsError::kEinval;
      const auto other = static_cast<sim::DomId>(*number);
      if (type == XsType::kRelease) return daemon_.Release(other);
      return daemon_.introduced(other) ? XsError::kOk : XsError::kEnoent;
    }
    case XsType::kControl:
    case XsType::kSetTarget:
      if (!caller().privileged()) return XsError::kEacces;
      return XsError::kEnosys;
    default: return XsError::kEnosys;
  }
}

RingConnection::Answer RingConnection::Directory(TransactionId id, std::string_view path) {
  const auto node = daemon_.Get(*this, id, path, StoreAccess::kRead);
  if (!node.ok()) return node.error;
  std::string names;
  for (const auto& [name, child] : node.value->children) names += Text(name);
  if (names.size() > kXsPayloadMax) return XsError::kE2big;
  return names;
}

RingConnection::Answer RingConnection::DirectoryPart(TransactionId id, std::string_view path, std::string_view offset) {
  const auto start = ParseDecimal(offset);
  if (!start) return XsError::kEinval;
  const auto node = daemon_.Get(*this, id, path, StoreAccess::kRead);
  if (!node.ok()) return node.error;
  std::string part = Text(std::to_string(node.value->generation));
  size_t position = 0;
  bool complete = true;
  for (const auto& [name, child] : node.value->children) {
    const size_t here = position;
    position += name.size() + 1;
    if (here < *start) continue;
    // One byte is kept for the empty string that ends the list.
    if (part.size() + name.size() + 2 > kXsPayloadMax) {
      complete = false;
      break;
    }
    part += Text(name);
  }
  if (complete && *start > position) return XsError::kEinval;
  if (complete) part += '\0';
  return part;
}

RingConnection::Answer RingConnection::SetPermissions(TransactionId id, std::string_view payload) {
  const auto arguments = SplitStrings(payload, false);
  if (!arguments || arguments->size() < 2) return XsError::kEinval;
  StorePermissions permissions;
  for (size_t i = 1; i < arguments->size(); ++i) {
    const auto permission = ParsePermission((*arguments)[i]);
    if (!permission) return XsError::kEinval;
    permissions.push_back(*permission);
  }
  return daemon_.Do(*this, id, {XsType::kSetPerms, std::string(arguments->front()), {}, permissions});
}

RingConnection::Answer RingConnection::Introduce(const std::vector<std::string_view>& arguments) {
  if (arguments.size() < 3) return XsError::kEinval;
  const auto number = ParseDecimal(arguments[0]);
  const auto gfn = ParseDecimal(arguments[1]);
  const auto port = ParseDecimal(arguments[2]);
  if (!number || *number >= sim::kDomSelf || !gfn || !port || !daemon_.resolver_) return XsError::kEinval;
  const auto other = static_cast<sim::DomId>(*number);
  auto ring = daemon_.resolver_(other, *gfn, *port);
  if (!ring) return XsError::kEinval;
  return daemon_.Introduce(other, std::move(*ring));
}

}  // namespace pvpci::xen
