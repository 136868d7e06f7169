// SPDX-License-Identifier: Apache-2.0
// pcapng: draft-ietf-opsawg-pcapng. TLP headers: PCIe 6.0 2.2.1, 2.2.7 (memory), 2.2.8 (configuration requests).
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "reports/names.h"
#include "scenarios/machine/trace_records.h"
#include "scenarios/traces/trace_files.h"

namespace pvpci::scenarios {
namespace {

constexpr uint32_t kSectionHeader = 0x0A0D0D0A, kInterface = 1, kEnhancedPacket = 6;
constexpr uint32_t kByteOrderMagic = 0x1A2B3C4D;
// LINKTYPE_USER0: readers know no number for bare TLPs, and let the user name a dissector for this one.
constexpr uint16_t kLinkType = 147;
constexpr uint16_t kOptionEnd = 0, kOptionComment = 1, kOptionName = 2, kOptionResolution = 9;
constexpr char kPicoseconds = 12;
constexpr uint32_t kDwordBytes = 4;

void Put16(std::string* out, uint16_t value) {
  out->push_back(static_cast<char>(value & 0xff));
  out->push_back(static_cast<char>(value >> 8));
}
void Put32(std::string* out, uint32_t value) {
  Put16(out, static_cast<uint16_t>(value));
  Put16(out, static_cast<uint16_t>(value >> 16));
}
void Pad(std::string* out) { out->resize((out->size() + 3) / 4 * 4); }

void PutOption(std::string* out, uint16_t code, std::string_view value) {
  Put16(out, code);
  Put16(out, static_cast<uint16_t>(value.size()));
  out->append(value);
  Pad(out);
}

void PutBlock(std::string* out, uint32_t type, const std::string& body) {
  const auto length = static_cast<uint32_t>(12 + body.size());
  Put32(out, type);
  Put32(out, length);
  out->append(body);
  Put32(out, length);
}

// A TLP's bytes go most significant first.
void PutDword(std::string* out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift & 0xff));
}

// First and last dword's byte enables, and the length in dwords. 2.2.5.
struct Span {
  uint32_t dwords, first, last;
};
Span SpanOf(uint64_t address, uint32_t length) {
  const auto into = static_cast<uint32_t>(address & 3);
  const uint32_t dwords = std::max(1u, (into + length + 3) / 4);
  const uint32_t end = (into + length) & 3;
  uint32_t first = 0xfu << into & 0xf, last = end == 0 ? 0xf : 0xfu >> (4 - end);
  if (length == 0) first = 0;
  if (dwords == 1) {
    first &= length == 0 ? 0 : last;
    last = 0;
  }
  return {dwords, first, last};
}

std::string MemoryHeader(bool write, uint64_t address, uint32_t length, uint16_t requester) {
  const Span span = SpanOf(address, length);
  const bool wide = address >> 32 != 0;
  const uint32_t format = (write ? 2u : 0u) | (wide ? 1u : 0u);
  std::string tlp;
  PutDword(&tlp, format << 29 | (span.dwords & 0x3ff));  // 1024 dwords are written as 0
  PutDword(&tlp, uint32_t{requester} << 16 | span.last << 4 | span.first);
  if (wide) PutDword(&tlp, static_cast<uint32_t>(address >> 32));
  PutDword(&tlp, static_cast<uint32_t>(address) & ~3u);
  return tlp;
}

std::string ConfigurationHeader(bool write, uint16_t function, uint64_t offset, uint32_t length) {
  constexpr uint32_t kType0 = 4;
  const Span span = SpanOf(offset, length);
  std::string tlp;
  PutDword(&tlp, (write ? 2u : 0u) << 29 | kType0 << 24 | 1);
  PutDword(&tlp, span.first);
  PutDword(&tlp, uint32_t{function} << 16 | (static_cast<uint32_t>(offset) & 0xffc));
  return tlp;
}

// What was written, at its place in the dwords.
std::string Data(uint64_t address, uint32_t length, uint64_t value) {
  std::string data((address & 3) + length, '\0');
  for (uint32_t i = 0; i < length && i < sizeof value; ++i) {
    data[(address & 3) + i] = static_cast<char>(value >> 8 * i & 0xff);
  }
  Pad(&data);
  return data;
}

void PutPacket(std::string* out, sim::Ps time, const std::string& captured, uint64_t original,
               const std::string& comment) {
  std::string body;
  Put32(&body, 0);
  Put32(&body, static_cast<uint32_t>(time >> 32));
  Put32(&body, static_cast<uint32_t>(time));
  Put32(&body, static_cast<uint32_t>(captured.size()));
  Put32(&body, static_cast<uint32_t>(original));
  body += captured;
  Pad(&body);
  if (!comment.empty()) {
    PutOption(&body, kOptionComment, comment);
    PutOption(&body, kOptionEnd, "");
  }
  PutBlock(out, kEnhancedPacket, body);
}

void PutUpstream(std::string* out, const sim::RecordView& view) {
  const auto access = RecordAs<AccessRecord>(view);
  const bool write = (access.flags & kAccessWrite) != 0;
  const std::string header = MemoryHeader(write, access.bus_address, access.length_bytes, access.requester);
  std::string comment = access.dma_class == kClassOfMessages
                            ? fmt::format("interrupt {}", access.interrupt)
                            : std::string(reports::Name(static_cast<reports::DmaClass>(access.dma_class)));
  if (access.fault != 0) comment += fmt::format(", stopped, VT-d reason {:#x}", access.fault);
  if (access.requester != access.function) {
    comment += ", sent by " + pci::ToString(pci::Bdf::FromId(access.function));
  }
  const uint64_t data = write ? uint64_t{SpanOf(access.bus_address, access.length_bytes).dwords} * kDwordBytes : 0;
  PutPacket(out, view.time, header, header.size() + data, comment);
}

void PutDownstream(std::string* out, const sim::RecordView& view, const AddressOf& address_of) {
  const auto access = RecordAs<RegisterRecord>(view);
  const bool write = access.write != 0;
  pci::Bdf function = pci::Bdf::FromId(access.function);
  function.segment = access.segment;
  const auto space = static_cast<pci::RegisterSpace>(access.space);
  std::string tlp;
  if (space == pci::RegisterSpace::kConfig) {
    tlp = ConfigurationHeader(write, access.function, access.offset, access.size);
    if (write) tlp += Data(access.offset, access.size, access.value);
  } else {
    const uint64_t address = address_of(function, space, access.offset);
    if (address == 0) return;
    tlp = MemoryHeader(write, address, access.size, 0);
    if (write) tlp += Data(address, access.size, access.value);
  }
  const std::string answer = write ? "" : fmt::format(", answered {:#x}", access.value);
  PutPacket(out, view.time, tlp, tlp.size(),
            fmt::format("{} {}{}", pci::ToString(function), pci::RegisterName(space, access.offset), answer));
}

}  // namespace

std::string TlpCapture(const sim::Trace& trace, const AddressOf& address_of) {
  std::string out, body;
  Put32(&body, kByteOrderMagic);
  Put16(&body, 1);  // version 1.0
  Put16(&body, 0);
  Put32(&body, 0xffffffff);  // length of the section: not said
  Put32(&body, 0xffffffff);
  PutBlock(&out, kSectionHeader, body);
  body.clear();
  Put16(&body, kLinkType);
  Put16(&body, 0);
  Put32(&body, 0);  // no limit on packets
  PutOption(&body, kOptionName, "root complex");
  PutOption(&body, kOptionResolution, std::string_view(&kPicoseconds, 1));
  PutOption(&body, kOptionEnd, "");
  PutBlock(&out, kInterface, body);
  trace.ForEach([&](const sim::RecordView& record) {
    if (record.kind == sim::RecordKind::kBusAccess) PutUpstream(&out, record);
    if (record.kind == sim::RecordKind::kConfigAccess || record.kind == sim::RecordKind::kMmio) {
      PutDownstream(&out, record, address_of);
    }
  });
  return out;
}

}  // namespace pvpci::scenarios
