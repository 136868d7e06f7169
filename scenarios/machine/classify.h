// SPDX-License-Identifier: Apache-2.0
// Judges every bus access of every device: classes E0 .. E10 of threats.md 1, from the frame ledger (owner, type,
// grants, generation), the live DMA-API mappings, and the fabric's provenance. Makes the findings.
//
// The device's own domain is the one that programmed the address; where no register write carried it, the one that owns
// the device when the access lands, dom0 owning what nobody else does. A stopped
// access is a fault and a finding, never counted as DMA that reached its target.
#ifndef PVPCI_SCENARIOS_MACHINE_CLASSIFY_H_
#define PVPCI_SCENARIOS_MACHINE_CLASSIFY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "models/iommu/faults.h"
#include "models/pci/fabric.h"
#include "models/pci/host_ports.h"
#include "reports/class_facts.h"
#include "reports/result.h"
#include "scenarios/machine/backtraces.h"
#include "scenarios/machine/secrets.h"
#include "sim/dma_ledger.h"
#include "sim/machine_memory.h"
#include "sim/simulation.h"
#include "sim/trace.h"

namespace pvpci::scenarios {

// What the classifier asks the machine.
class Ownership {
 public:
  virtual ~Ownership() = default;
  virtual sim::DomId OwnerOf(pci::Bdf function) const = 0;
  virtual std::string DomainName(sim::DomId domain) const = 0;   // "driver", "xen", "free", "dom_io"
  virtual std::string DomainRole(sim::DomId domain) const = 0;   // "dom0", "domU", "hypervisor"
  // A live grant lets `domain` map this frame of another's.
  virtual bool MapsByGrant(sim::DomId domain, sim::Mfn mfn) const = 0;
  // What an interrupt message means now: "vector 0x31, delivery fixed, local APIC 2, which Xen gives to ...".
  virtual std::string MessageStory(uint64_t address, uint32_t data) const = 0;
  // Who gets a message in compatibility format, kDomXen if no domain does.
  virtual sim::DomId MessageReceiver(uint64_t address, uint32_t data) const = 0;
  // The same in fields; without what ran.
  virtual reports::MessagePath PathOfMessage(uint64_t address, uint32_t data) const = 0;
  // Label of the step under way; "" between them.
  virtual std::string StepUnderWay() const = 0;
  // It is a fixed vector of a guest's pirq: not an exception, nor one of Xen's own.
  virtual bool MessageIsAGuests(uint64_t address, uint32_t data) const = 0;
};

class Classifier : public pci::AccessObserver {
 public:
  Classifier(sim::Simulation& simulation, sim::Trace& trace, sim::MachineMemory& memory, sim::DmaLedger& ledger,
             Secrets& secrets, Backtraces& backtraces, const Ownership& ownership);
  void SetFabric(const pci::Fabric* fabric) { fabric_ = fabric; }

  void OnAccess(const pci::Access& access) override;
  // A register write that may carry an address: notes who owned the frame then.
  void OnProgrammed(pci::ProvenanceId id, uint64_t value);
  void OnFault(const iommu::FaultRecorded& fault);
  // A domain's interrupt handler began for an event of that port which no device was programmed to send.
  void OnStrayHandler(sim::DomId domain, uint32_t port, const std::string& handler);
  // Called at the first occurrence of each finding.
  void OnFinding(std::function<void()> callback) { first_finding_ = std::move(callback); }

  const std::map<reports::DmaClass, reports::DmaTotals>& totals() const { return totals_; }
  // What quarantine's scratch pages took in silence; not in totals.
  const reports::DmaTotals& scratch() const { return scratch_; }
  const std::vector<reports::Fault>& faults() const { return faults_; }
  // In the order of first occurrence; ids F1, F2, ...
  std::vector<reports::Finding> Findings(reports::Mode mode, const std::string& reproduce);
  std::vector<reports::Landing> Landings() const;
  // Of each of Findings(): numbers of the trace's records that tell it, the write that gave the address and the first landing
  // with their neighbours. Ascending.
  std::vector<std::vector<uint64_t>> Records() const;

 private:
  struct Judgement {
    reports::DmaClass dma_class = reports::DmaClass::kE0;
    sim::DomId attacker = 0;
    sim::DomId victim = sim::kDomNone;
    const sim::DmaMapping* mapping = nullptr;   // that it was near, or that had ended
  };
  // Frame as it was when the address was programmed.
  struct Programmed {
    bool known = false;  // the value written was the address of a frame
    sim::DomId owner = sim::kDomNone;
    uint32_t generation = 0;
  };
  struct Found {
    reports::Finding finding;
    sim::DomId victim = sim::kDomNone;
    uint64_t device_bytes_proven = 0;
    uint64_t memory_bytes_proven = 0;
    uint64_t end = 0;             // one past the last byte, while accesses are adjacent
    pci::ProvenanceId provenance = 0;
    uint32_t backtrace = 0;
    uint64_t record = 0;                       // of the trace: its first access
    bool of_dom0 = false, translated = false, reserved = false;  // who asked, what it claimed, which memory
    pci::ProvenanceId first_provenance = 0;    // the register write behind that
  };
  struct FindingKey {
    reports::DmaClass dma_class;
    pci::Bdf function;
    sim::DomId victim;
    bool write;
    bool stopped;
    uint32_t backtrace;           // same code, another time: the same finding
    uint64_t message;             // E9: another kind of message, or receiver, is another finding
    friend bool operator<(const FindingKey& a, const FindingKey& b) {
      return std::tie(a.dma_class, a.function, a.victim, a.write, a.stopped, a.backtrace, a.message) <
             std::tie(b.dma_class, b.function, b.victim, b.write, b.stopped, b.backtrace, b.message);
    }
  };
  struct LandingKey {
    pci::Bdf function;
    reports::DmaClass dma_class;
    bool write;
    sim::DomId owner;
    bool stopped;
    sim::Mfn mfn;  // last: neighbouring frames are neighbours in the map
    bool SameStory(const LandingKey& other) const {
      return std::tie(function, dma_class, write, owner, stopped) ==
             std::tie(other.function, other.dma_class, other.write, other.owner, other.stopped);
    }
    friend bool operator<(const LandingKey& a, const LandingKey& b) {
      return std::tie(a.function, a.dma_class, a.write, a.owner, a.stopped, a.mfn) <
             std::tie(b.function, b.dma_class, b.write, b.owner, b.stopped, b.mfn);
    }
  };

  Judgement Judge(const pci::Access& access) const;
  Judgement JudgeMemory(const pci::Access& access, sim::DomId attacker, uint64_t address) const;
  void Note(const pci::Access& access, const Judgement& judgement);
  // The page that quarantine sends everything to: nothing reached its target, and no fault tells.
  bool InScratch(const pci::Access& access) const;
  bool Stopped(const pci::Access& access) const { return access.fault != nullptr || InScratch(access); }
  void NoteLanding(const pci::Access& access, const Judgement& judgement, const Found* found);
  std::string GuardOf(const Found& found, reports::Mode mode) const;
  uint64_t MessageKind(const pci::Access& access) const;
  Found& FindOrAdd(const pci::Access& access, const Judgement& judgement);
  reports::MessageReach ReachOf(const pci::Access& access, const Judgement& judgement) const;
  void Describe(const pci::Access& access, const Judgement& judgement, Found* found);
  void DescribeProgramming(const pci::Access& access, Found* found);
  void Trail(const pci::Access& access, sim::DomId attacker);
  void Emit(const pci::Access& access, const Judgement& judgement);

  sim::Simulation& simulation_;
  sim::Trace& trace_;
  sim::MachineMemory& memory_;
  sim::DmaLedger& ledger_;
  Secrets& secrets_;
  Backtraces& backtraces_;
  const Ownership& ownership_;
  const pci::Fabric* fabric_ = nullptr;
  std::function<void()> first_finding_;

  std::map<reports::DmaClass, reports::DmaTotals> totals_;
  reports::DmaTotals scratch_;
  std::vector<reports::Fault> faults_;
  std::vector<Found> found_;
  std::map<FindingKey, size_t> by_key_;
  std::map<LandingKey, reports::Landing> landings_;
  std::vector<Programmed> programmed_;  // by provenance id, which number every register write
  std::vector<uint64_t> written_;       // the same: where in the trace, 0: not known
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_CLASSIFY_H_
