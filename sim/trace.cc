// SPDX-License-Identifier: Apache-2.0
#include "sim/trace.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "sim/check.h"
#include "sim/sha256.h"

namespace pvpci::sim {
namespace {

constexpr size_t kChunkBytes = 1 << 20;

// What precedes each payload in a chunk; payloads are padded with zeros to 8 bytes, so that both are aligned.
struct Header {
  uint64_t time;
  uint16_t kind;
  uint16_t domain;
  uint32_t size;
};
static_assert(sizeof(Header) == 16);

size_t Padded(uint32_t size) { return (size_t{size} + 7) & ~size_t{7}; }

struct Chunk {
  std::unique_ptr<std::byte[]> bytes;
  size_t capacity = 0;
  size_t used = 0;
};

}  // namespace

struct Trace::Impl {
  Clock clock;
  std::vector<Chunk> chunks;
  size_t unhashed_in_last = 0;  // the last chunk is hashed up to here; all earlier ones wholly
  Sha256 sha;
  uint64_t count = 0;
  bool stopped = false;
  std::map<RecordKind, Formatter> formatters;
  std::map<DomId, std::string> names;

  void HashUpToHere() {
    if (chunks.empty()) return;
    const Chunk& last = chunks.back();
    sha.Update(last.bytes.get() + unhashed_in_last, last.used - unhashed_in_last);
    unhashed_in_last = last.used;
  }
};

Trace::Trace(Clock clock) : impl_(new Impl) { impl_->clock = std::move(clock); }

Trace::~Trace() { delete impl_; }

void Trace::Stop() { impl_->stopped = true; }

void Trace::Append(RecordKind kind, DomId domain, const void* payload, uint32_t size) {
  if (impl_->stopped) return;
  const size_t needed = sizeof(Header) + Padded(size);
  if (impl_->chunks.empty() || impl_->chunks.back().capacity - impl_->chunks.back().used < needed) {
    impl_->HashUpToHere();
    Chunk chunk;
    chunk.capacity = std::max(kChunkBytes, needed);
    chunk.bytes.reset(new std::byte[chunk.capacity]);  // not cleared: every byte up to `used` is written below
    impl_->chunks.push_back(std::move(chunk));
    impl_->unhashed_in_last = 0;
  }
  Chunk& chunk = impl_->chunks.back();
  std::byte* at = chunk.bytes.get() + chunk.used;
  const Header header{impl_->clock(), static_cast<uint16_t>(kind), domain, size};
  std::memcpy(at, &header, sizeof header);
  at += sizeof header;
  if (size != 0) std::memcpy(at, payload, size);
  std::memset(at + size, 0, Padded(size) - size);
  chunk.used += needed;
  ++impl_->count;
}

void Trace::SetFormatter(RecordKind kind, Formatter formatter) { impl_->formatters[kind] = std::move(formatter); }

void Trace::SetDomainName(DomId domain, std::string name) { impl_->names[domain] = std::move(name); }

std::string Trace::Format(const RecordView& record) const {
  std::string text = std::to_string(record.time) + ' ';
  const auto name = impl_->names.find(record.domain);
  if (name != impl_->names.end()) {
    text += name->second;
  } else if (record.domain == kDomXen) {
    text += "xen";
  } else {
    text += "dom" + std::to_string(record.domain);
  }
  text += ' ';
  const auto formatter = impl_->formatters.find(record.kind);
  if (formatter != impl_->formatters.end()) return text + formatter->second(record);
  text += "kind" + std::to_string(static_cast<unsigned>(record.kind));
  static constexpr char kDigits[] = "0123456789abcdef";
  if (record.size != 0) text += ' ';
  for (uint32_t i = 0; i < record.size; ++i) {
    const auto byte = std::to_integer<unsigned>(record.payload[i]);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

uint64_t Trace::count() const { return impl_->count; }

void Trace::ForEach(const std::function<void(const RecordView&)>& visit) const {
  // By index: `visit` may append, and what it appends is visited too.
  for (size_t c = 0; c < impl_->chunks.size(); ++c) {
    for (size_t at = 0; at < impl_->chunks[c].used;) {
      const std::byte* const bytes = impl_->chunks[c].bytes.get() + at;
      Header header;
      std::memcpy(&header, bytes, sizeof header);
      visit({header.time, static_cast<RecordKind>(header.kind), header.domain, bytes + sizeof header, header.size});
      at += sizeof header + Padded(header.size);
    }
  }
}

void Trace::WriteText(std::ostream& out) const {
  ForEach([this, &out](const RecordView& record) { out << Format(record) << '\n'; });
}

void Trace::MixIn(std::string_view identity) {
  impl_->HashUpToHere();
  const uint64_t size = identity.size();
  impl_->sha.Update(&size, sizeof size);
  impl_->sha.Update(identity.data(), identity.size());
}

std::string Trace::Digest() const {
  impl_->HashUpToHere();
  return "sha256:" + impl_->sha.Hex();
}

}  // namespace pvpci::sim
