// SPDX-License-Identifier: Apache-2.0
// trace.bin: every line of trace.txt in a few bytes. The layout is in README.md beside this file. What a line says is kept as
// the text with its numbers taken out, which is told once, and the numbers; so a reader needs nothing of this program, and
// gets the same bytes back.
#ifndef PVPCI_SCENARIOS_TRACES_BINARY_TRACE_H_
#define PVPCI_SCENARIOS_TRACES_BINARY_TRACE_H_

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "sim/trace.h"

namespace pvpci::scenarios {

// What the file begins with.
struct BinaryTraceHead {
  std::string scenario;
  std::string mode;    // "M0"
  std::string digest;  // of the trace, as in result.json
  uint64_t seed = 0;
};

std::string BinaryTrace(const sim::Trace& trace, const BinaryTraceHead& head);

// One record, as it was written. The views last as long as the call.
struct BinaryTraceRecord {
  uint64_t time_ps;
  uint16_t kind;            // sim::RecordKind
  std::string_view domain;
  std::string_view text;
};

// Not a trace, cut off, or of another version; what() says where.
struct BinaryTraceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Calls `visit` for every record in order.
BinaryTraceHead ReadBinaryTrace(std::string_view file, const std::function<void(const BinaryTraceRecord&)>& visit);

// Whether the line is about the interrupt of that number: its assertion, its message, a probe of it.
bool TellsOfInterrupt(std::string_view text, uint32_t number);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_TRACES_BINARY_TRACE_H_
