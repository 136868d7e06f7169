// SPDX-License-Identifier: Apache-2.0
// What the machine itself writes into the trace (sim/trace.h), as it lies there. The digest covers these bytes.
#ifndef PVPCI_SCENARIOS_MACHINE_TRACE_RECORDS_H_
#define PVPCI_SCENARIOS_MACHINE_TRACE_RECORDS_H_

#include <cstdint>
#include <cstring>

#include "sim/trace.h"

namespace pvpci::scenarios {

// kBusAccess: an upstream access, when its outcome is known.
struct AccessRecord {
  uint64_t bus_address;
  uint64_t host_address;
  uint32_t length_bytes;
  uint32_t interrupt;  // whose message it is, or 0
  uint16_t segment;
  uint16_t requester;
  uint16_t function;
  uint8_t flags;       // bit 0 write, bit 1 message
  uint8_t status;      // pci::Completion
  uint8_t dma_class;   // 0xff: an interrupt message
  uint8_t fault;       // VT-d reason, or 0
  uint16_t pad;
  uint32_t pad2;
};
inline constexpr uint8_t kAccessWrite = 1, kAccessMessage = 2;
inline constexpr uint8_t kClassOfMessages = 0xff;

// kConfigAccess and kMmio: a downstream access, after it was done.
struct RegisterRecord {
  uint64_t offset;
  uint64_t value;
  uint16_t segment;
  uint16_t function;
  uint8_t space;  // pci::RegisterSpace
  uint8_t size;
  uint8_t write;
  uint8_t status;  // pci::Completion
};

// kInterrupt: t0.
struct AssertedRecord {
  uint32_t interrupt;  // its number, in all records
  uint16_t segment;
  uint16_t function;
  uint16_t kind;    // pci::InterruptKind
  uint16_t vector;  // message, MSI-X entry, or pin
};

// kProbe: t1 .. t10 of abi.md 5.3.
struct ProbeRecord {
  uint32_t interrupt;
  uint32_t probe;
  uint64_t time;  // of the probe; the record may be written later
};

template <typename T>
T RecordAs(const sim::RecordView& view) {
  T record;
  std::memcpy(&record, view.payload, sizeof record);
  return record;
}

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_TRACE_RECORDS_H_
