// SPDX-License-Identifier: Apache-2.0
#include "scenarios/fidelity/link_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "models/pci/link.h"

namespace pvpci::scenarios {
namespace {

constexpr uint64_t kAddress = uint64_t{1} << 32;  // requests with 64-bit addresses
constexpr unsigned kBoundary = 64;
constexpr unsigned kMostPayload = 2048;
constexpr unsigned kTransactions = 16;
enum class Traffic { kRead, kWrite, kBoth };
constexpr const char* kNames[] = {"read", "write", "read and write"};

// Of the maximum read request sizes those that cut no completion shorter than the maximum payload does.
unsigned MaxReadRequest(unsigned mps) { return std::max(512u, mps); }

unsigned Pieces(unsigned bytes, unsigned limit) { return (bytes + limit - 1) / limit; }

// --- The closed form, in floating point. ---

// Bytes between two ACKs: PCIe 5.0 tables 3-7 to 3-9 by the formula above them; flow control updates keep the same
// pace.
double AckLimit(unsigned generation, unsigned width, unsigned mps) {
  constexpr double kTlpOverhead = 28;
  const double internal_delay = generation == 1 ? 19 : generation == 2 ? 70 : 115;
  double factor = width == 16 ? 2.0 : 1.0;
  if (mps <= 256) factor = width <= 4 ? 1.4 : width == 8 ? 2.5 : 3.0;
  return std::floor((mps + kTlpOverhead) * factor / width + internal_delay);
}

// Bytes per ns that TLPs get.
double LinkRate(unsigned generation, unsigned width, unsigned mps) {
  constexpr double kTransfers[] = {2.5, 5, 8, 16, 32};
  const double coding = generation <= 2 ? 8.0 / 10 : 128.0 / 130;
  const double raw = kTransfers[generation - 1] * coding / 8 * width;
  return raw * (1 - 2 * 8 / AckLimit(generation, width, mps) - 4.0 / 1538);
}

double ClosedForm(unsigned generation, unsigned width, unsigned mps, Traffic traffic, unsigned payload) {
  constexpr unsigned kWrite = 24, kReadRequest = 24, kCompletion = 20;
  double up = 0, down = 0;
  if (traffic != Traffic::kRead) up += Pieces(payload, mps) * kWrite + payload;
  if (traffic != Traffic::kWrite) {
    up += Pieces(payload, MaxReadRequest(mps)) * kReadRequest;
    down += Pieces(payload, mps) * kCompletion + payload;
  }
  return LinkRate(generation, width, mps) / std::max(up, down);
}

// --- The models. ---

double Simulated(unsigned generation, unsigned width, unsigned mps, Traffic traffic, unsigned payload) {
  pci::LinkDirection up({generation, width}, mps), down({generation, width}, mps);
  for (unsigned i = 0; i < kTransactions; ++i) {
    if (traffic != Traffic::kRead) {
      for (unsigned done = 0; done < payload;) {
        const uint32_t piece = pci::NextPiece(kAddress + done, payload - done, mps);
        up.Send(0, pci::MemoryWriteBytes(kAddress, piece, false));
        done += piece;
      }
    }
    if (traffic != Traffic::kWrite) {
      for (unsigned done = 0; done < payload;) {
        const uint32_t piece = pci::NextPiece(kAddress + done, payload - done, MaxReadRequest(mps));
        up.Send(0, pci::MemoryReadBytes(kAddress, false));
        const uint32_t completions = pci::CompletionCount(kAddress + done, piece, mps, kBoundary);
        down.Send(0, completions * pci::CompletionBytes(0, false) + piece);
        done += piece;
      }
    }
  }
  return kTransactions / (static_cast<double>(std::max(up.free_at(), down.free_at())) / sim::kNs);
}

}  // namespace

LinkCheck CheckLinks() {
  LinkCheck check;
  for (unsigned generation = 1; generation <= 5; ++generation) {
    for (unsigned width = 1; width <= 16; width *= 2) {
      for (unsigned mps = 128; mps <= 4096; mps *= 2) {
        for (const Traffic traffic : {Traffic::kRead, Traffic::kWrite, Traffic::kBoth}) {
          for (unsigned payload = 1; payload <= kMostPayload; ++payload) {
            const double closed = ClosedForm(generation, width, mps, traffic, payload);
            const double error = std::fabs(Simulated(generation, width, mps, traffic, payload) / closed - 1);
            ++check.points;
            if (error <= check.worst) continue;
            check.worst = error;
            check.worst_point = fmt::format("gen{} x{}, MPS {}, {}, {} bytes", generation, width, mps,
                                            kNames[static_cast<int>(traffic)], payload);
          }
        }
      }
    }
  }
  return check;
}

}  // namespace pvpci::scenarios
