// SPDX-License-Identifier: Apache-2.0
// hosts.yaml: the hosts of the published measurements as parameters of the models, and the device that measured.
#ifndef PVPCI_SCENARIOS_FIDELITY_HOSTS_H_
#define PVPCI_SCENARIOS_FIDELITY_HOSTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sim/time.h"

namespace pvpci::scenarios {

struct MeasuredHost {
  std::string name;
  sim::Ps read = 0;  // pci::FabricParameters::read_round_trip
  sim::Ps llc_saves = 0;
  uint64_t llc_bytes = 0;
  sim::Ps refresh_time = 0;
  sim::Ps hit = 0, miss = 0;  // iommu::IommuConfig
  sim::Ps miss_in_details = 0;  // the same when latency_details.csv was taken
  sim::Ps write_miss = 0;       // pci::FabricParameters::llc_write_miss
  unsigned iotlb_entries = 0;
  unsigned walkers = 0;
  sim::Ps walker_recovery = 0, read_recovery = 0;
};

struct MeasuringDevice {
  sim::Ps clock = 0;   // of its time stamps
  sim::Ps jitter = 0;  // of an access, about its mean
  sim::Ps read = 0;
  sim::Ps read_byte = 0;
  sim::Ps read_last_byte = 0;
  sim::Ps write = 0;
  sim::Ps write_byte = 0;
  sim::Ps write_done = 0;
  sim::Ps write_done_byte = 0;
  uint32_t write_window = 0;  // bytes
  sim::Ps write_interval = 0;
  sim::Ps write_gap = 0;
  sim::Ps read_interval = 0;
  sim::Ps read_end = 0;
  unsigned reads = 0;
  unsigned large_reads = 0;
};

struct Hosts {
  std::vector<MeasuredHost> hosts;  // in the file's order
  MeasuringDevice device;
  sim::Ps refresh_interval = 0;
  unsigned ranks = 0;
  unsigned read_queue = 0;
};

// Throws std::runtime_error naming file and key.
Hosts LoadHosts(const std::string& file);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_FIDELITY_HOSTS_H_
