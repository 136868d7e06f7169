// SPDX-License-Identifier: Apache-2.0
#include "sim/trace.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "sim/check.h"
#include "sim/sha256.h"

namespace pvpci::sim {
namespace {

constexpr size_t kFirstChunkBytes = 1 << 16;
constexpr size_t kChunkBytes = 2 << 20;  // a page of the larger size
constexpr uint32_t kLongSize = 0xff;

// How a record lies in a chunk: kind, domain and size of the payload (kLongSize: the size follows in 4 bytes), then
// words of 8 bytes without their leading zeros: the time since the record before, in zigzag, and the payload, its end
// filled up with zeros. In front of the words their lengths, two to a byte.
struct Head {
  uint8_t kind;
  uint8_t size;
  uint16_t domain;
};
static_assert(sizeof(Head) == 4);

constexpr size_t WordsOf(uint32_t size) { return 1 + (size_t{size} + 7) / 8; }

// At most so many bytes, and a word's end that is written and not counted.
constexpr size_t MostBytes(uint32_t size) {
  return sizeof(Head) + sizeof size + (WordsOf(size) + 1) / 2 + WordsOf(size) * 8 + 8;
}

uint64_t ZigZag(int64_t value) { return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63); }
int64_t FromZigZag(uint64_t value) { return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1); }

unsigned BytesOf(uint64_t word) { return (71 - static_cast<unsigned>(__builtin_clzll(word | 1))) / 8 - (word == 0 ? 1 : 0); }

// Writes words and their lengths.
class Packer {
 public:
  Packer(std::byte* at, size_t words) : lengths_(at), at_(at + (words + 1) / 2) { std::memset(at, 0, (words + 1) / 2); }
  void Add(uint64_t word) {
    const unsigned bytes = BytesOf(word);
    lengths_[count_ / 2] |= std::byte(bytes << count_ % 2 * 4);
    ++count_;
    std::memcpy(at_, &word, sizeof word);
    at_ += bytes;
  }
  std::byte* end() const { return at_; }

 private:
  std::byte* lengths_;
  std::byte* at_;
  unsigned count_ = 0;
};

class Unpacker {
 public:
  Unpacker(const std::byte* at, size_t words) : lengths_(at), at_(at + (words + 1) / 2) {}
  uint64_t Next() {
    const unsigned bytes = std::to_integer<unsigned>(lengths_[count_ / 2] >> count_ % 2 * 4) & 15;
    ++count_;
    uint64_t word = 0;
    std::memcpy(&word, at_, bytes);
    at_ += bytes;
    return word;
  }
  const std::byte* end() const { return at_; }

 private:
  const std::byte* lengths_;
  const std::byte* at_;
  unsigned count_ = 0;
};

// Large pages where the host has them: a chunk is one page fault then, not hundreds.
struct Unmap {
  size_t bytes = 0;
  void operator()(std::byte* at) const { munmap(at, bytes); }
};
using Pages = std::unique_ptr<std::byte[], Unmap>;

Pages MapPages(size_t bytes) {
  // Twice as much, so that an aligned part can be kept.
  const size_t room = bytes >= kChunkBytes ? bytes + kChunkBytes : bytes;
  void* const mapped = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* at = static_cast<std::byte*>(mapped);
  if (room != bytes) {
    const size_t before = (kChunkBytes - reinterpret_cast<uintptr_t>(mapped) % kChunkBytes) % kChunkBytes;
    if (before != 0) munmap(at, before);
    at += before;
    if (room - before - bytes != 0) munmap(at + bytes, room - before - bytes);
    madvise(at, bytes, MADV_HUGEPAGE);
  }
  return Pages(at, Unmap{bytes});
}

struct Chunk {
  Pages bytes;
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
  uint64_t bytes = 0;
  Ps last_time = 0;
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
  const size_t needed = MostBytes(size);
  if (impl_->chunks.empty() || impl_->chunks.back().capacity - impl_->chunks.back().used < needed) {
    impl_->HashUpToHere();
    Chunk chunk;
    const size_t usual = impl_->chunks.empty() ? kFirstChunkBytes : kChunkBytes;
    chunk.capacity = needed <= usual ? usual : (needed + kChunkBytes - 1) / kChunkBytes * kChunkBytes;
    chunk.bytes = MapPages(chunk.capacity);
    impl_->chunks.push_back(std::move(chunk));
    impl_->unhashed_in_last = 0;
  }
  Chunk& chunk = impl_->chunks.back();
  std::byte* const begin = chunk.bytes.get() + chunk.used;
  std::byte* at = begin;
  const Head head{static_cast<uint8_t>(kind), static_cast<uint8_t>(std::min(size, kLongSize)), domain};
  std::memcpy(at, &head, sizeof head);
  at += sizeof head;
  if (size >= kLongSize) {
    std::memcpy(at, &size, sizeof size);
    at += sizeof size;
  }
  Packer words(at, WordsOf(size));
  const Ps time = impl_->clock();
  words.Add(ZigZag(static_cast<int64_t>(time - impl_->last_time)));
  impl_->last_time = time;
  const auto* from = static_cast<const std::byte*>(payload);
  uint32_t left = size;
  for (; left >= 8; left -= 8, from += 8) {
    uint64_t word;
    std::memcpy(&word, from, sizeof word);
    words.Add(word);
  }
  if (left != 0) {
    uint64_t word = 0;
    std::memcpy(&word, from, left);
    words.Add(word);
  }
  const auto taken = static_cast<size_t>(words.end() - begin);
  chunk.used += taken;
  impl_->bytes += taken;
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
uint64_t Trace::bytes() const { return impl_->bytes; }

void Trace::ForEach(const std::function<void(const RecordView&)>& visit) const {
  // By index: `visit` may append, and what it appends is visited too.
  std::vector<uint64_t> payload;
  Ps time = 0;
  for (size_t c = 0; c < impl_->chunks.size(); ++c) {
    for (size_t used = 0; used < impl_->chunks[c].used;) {
      const std::byte* const begin = impl_->chunks[c].bytes.get() + used;
      const std::byte* at = begin;
      Head head;
      std::memcpy(&head, at, sizeof head);
      at += sizeof head;
      uint32_t size = head.size;
      if (size == kLongSize) {
        std::memcpy(&size, at, sizeof size);
        at += sizeof size;
      }
      Unpacker words(at, WordsOf(size));
      time += static_cast<Ps>(FromZigZag(words.Next()));
      payload.resize(WordsOf(size) - 1);
      for (uint64_t& word : payload) word = words.Next();
      used += static_cast<size_t>(words.end() - begin);
      visit({time, static_cast<RecordKind>(head.kind), head.domain, reinterpret_cast<const std::byte*>(payload.data()), size});
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
