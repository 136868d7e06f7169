// SPDX-License-Identifier: Apache-2.0
// Blast radius: what each device can reach at this moment, page by page, whose that is, and the cheapest way there.
// threats.md 1 (E0 to E10), 9. Reads the machine, changes nothing.
#ifndef PVPCI_SCENARIOS_MACHINE_REACH_H_
#define PVPCI_SCENARIOS_MACHINE_REACH_H_

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "scenarios/machine/machine.h"

namespace pvpci::scenarios {

// Neighbouring machine frames of one owner and type that the device reaches in one way.
struct ReachRun {
  uint64_t first_mfn = 0;
  uint64_t pages = 0;
  std::string owner;      // domain, "xen", "free", "dom_io", "device NAME"
  std::string type;       // "writable", "page table", "register" ...
  bool read = false;
  bool write = false;
  std::string by;         // "no translation", "table", "IOTLB only", "peer"
  std::string relation;   // to the device's domain: "own", "granted", "foreign", "hypervisor", "free", "reserved", "device"
  uint64_t bus_address = 0;            // that leads to the first of them
  std::vector<std::string> witness;    // the walk for it; empty: none is needed
};

struct DeviceReach {
  std::string device, bdf, domain;
  bool bus_master = false;   // off: it reaches nothing before somebody switches it on
  std::string by;            // what its requests meet: "no IOMMU", "pass-through", "table of domain id 2", "refused: ..."
  std::string interrupts;    // what it can send to the interrupt window
  std::vector<ReachRun> runs;
};

std::vector<DeviceReach> Reach(Machine& machine);

nlohmann::ordered_json ReachJson(const std::vector<DeviceReach>& devices);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_REACH_H_
