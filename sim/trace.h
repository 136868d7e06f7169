// SPDX-License-Identifier: Apache-2.0
// The trace: typed, timed records of everything that crosses a boundary. One digest over all of them proves that two
// runs were the same; tests and reports read records, never log text.
//
// A record type is a trivially copyable struct without padding that mentions no host address. Its owner registers how
// it prints (one line of trace.txt, format of the golden traces). Emit costs a copy; nothing is formatted until asked.
#ifndef PVPCI_SIM_TRACE_H_
#define PVPCI_SIM_TRACE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "sim/machine_memory.h"
#include "sim/time.h"

namespace pvpci::sim {

// Kinds are stable numbers: the digest covers them.
enum class RecordKind : uint16_t {
  kHypercall = 1, kRing = 2, kStore = 3, kBusAccess = 4, kInterrupt = 5, kConfigAccess = 6, kMmio = 7,
  kFault = 8, kDomain = 9, kToolstack = 10, kProgram = 11, kPort = 12, kProbe = 13, kDmaMap = 14,
};

struct RecordView {
  Ps time;
  RecordKind kind;
  DomId domain;                 // kDomXen for hardware and the hypervisor itself
  const std::byte* payload;
  uint32_t size;
};

class Trace {
 public:
  using Clock = std::function<Ps()>;
  explicit Trace(Clock clock);
  ~Trace();

  // Appends one record at the present time. `T` must be trivially copyable.
  template <typename T>
  void Emit(RecordKind kind, DomId domain, const T& payload) {
    static_assert(std::is_trivially_copyable_v<T>);
    static_assert(std::has_unique_object_representations_v<T>, "padding bytes would reach the digest");
    Append(kind, domain, &payload, sizeof payload);
  }
  // Keeps nothing from now on: what a run costs without a trace. Its digest says nothing then.
  void Stop();
  // For records with variable length (store writes: fixed header and text).
  void Append(RecordKind kind, DomId domain, const void* payload, uint32_t size);

  // How records of `kind` print, without time and domain: "hypercall event_channel_op send {port=8} = 0".
  using Formatter = std::function<std::string(const RecordView&)>;
  void SetFormatter(RecordKind kind, Formatter formatter);
  // "dom0", "domU", ...; set by the machine.
  void SetDomainName(DomId domain, std::string name);
  std::string Format(const RecordView& record) const;  // "<time_ps> <domain> <text>"

  uint64_t count() const;
  uint64_t bytes() const;  // that the records take
  void ForEach(const std::function<void(const RecordView&)>& visit) const;
  void WriteText(std::ostream& out) const;

  // "sha256:<64 hex digits>" over kind, time, domain and payload of every record so far, after seed and scenario.
  void MixIn(std::string_view identity);
  std::string Digest() const;

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_TRACE_H_
