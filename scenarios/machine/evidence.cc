// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/evidence.h"

#include <elf.h>
#include <link.h>

#include <cstring>
#include <fstream>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <systemc>

namespace pvpci::scenarios {
namespace {

constexpr size_t kDigitsShown = 16;

size_t Aligned(size_t bytes) { return (bytes + 3) & ~size_t{3}; }

// The notes of the program itself, the first object that the loader tells of.
int FindBuildId(dl_phdr_info* info, size_t, void* found) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const auto* const notes = reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr);
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= segment.p_memsz;) {
      ElfW(Nhdr) note;
      std::memcpy(&note, notes + at, sizeof note);
      const char* const name = notes + at + sizeof note;
      const char* const content = name + Aligned(note.n_namesz);
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU &&
          std::memcmp(name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0) {
        for (size_t b = 0; b < note.n_descsz; ++b) {
          *static_cast<std::string*>(found) += fmt::format("{:02x}", static_cast<unsigned char>(content[b]));
        }
        return 1;
      }
      at += sizeof note + Aligned(note.n_namesz) + Aligned(note.n_descsz);
    }
  }
  return 1;
}

// As sha256sum wrote it when the image was built.
std::string ImageDigest(const ImageFiles& files) {
  std::ifstream stream(files.Path("sha256"));
  std::string digest;
  stream >> digest;
  return digest.empty() ? "without a digest" : digest.substr(0, kDigitsShown);
}

std::string Build(const ImageFiles& files) {
  const std::string program = ProgramBuildId();
  return fmt::format("pvpci {}, {} {}", program.empty() ? "without a build id" : program.substr(0, kDigitsShown), files.name,
                     ImageDigest(files));
}

// One pass over the trace for all findings.
void AddTrace(Machine& machine, std::vector<reports::Finding>* findings) {
  std::map<uint64_t, std::string> wanted;
  const std::vector<std::vector<uint64_t>> records = machine.classifier().Records();
  for (const auto& numbers : records) {
    for (const uint64_t number : numbers) wanted.emplace(number, "");
  }
  auto next = wanted.begin();
  uint64_t number = 0;
  machine.trace().ForEach([&](const sim::RecordView& record) {
    if (next != wanted.end() && next->first == number) (next++)->second = machine.trace().Format(record);
    ++number;
  });
  for (size_t i = 0; i < findings->size(); ++i) {
    for (const uint64_t of : records[i]) {
      if (of < number) (*findings)[i].evidence.trace.push_back({static_cast<int64_t>(of), wanted[of]});
    }
  }
}

// Code that attacks, not what stands for parts of the kernel.
bool IsOurs(const reports::Frame& frame) {
  for (const char* folder : {"driver/hostile/", "driver/guest/", "driver/user/"}) {
    if (frame.file.rfind(folder, 0) == 0) return true;
  }
  return false;
}

// What a reader must not take for silicon.
void AddLimitsOfModels(Machine& machine, const reports::Finding& finding, std::vector<std::string>* limits) {
  for (const DeviceSpec& device : machine.scenario().devices) {
    const pci::Function* const function = machine.fabric().Find(device.name);
    if (function == nullptr || pci::ToString(function->bdf()) != finding.device.bdf) continue;
    limits->push_back(fmt::format("{} is a model ({}); hostile firmware is what the scenario says", device.name, Label(device.model)));
  }
  if (machine.iommu() != nullptr) {
    limits->push_back("the IOMMU is the VT-d specification's legacy mode, without errata of silicon");
  }
  if (machine.scenario().bare_metal()) return;
  if (const auto& unfixed = machine.hypervisor().config().unfixed; !unfixed.empty()) {
    limits->push_back("the hypervisor is a model of Xen with a flaw of the past put back (machine.xen.unfixed), not Xen as it is");
  } else {
    limits->push_back("the hypervisor is a model of Xen, written from its source");
  }
}

void AddLimitsOfClass(reports::DmaClass dma_class, std::vector<std::string>* limits) {
  switch (dma_class) {
    case reports::DmaClass::kE1:
      limits->push_back("which objects share a page is the doing of the bench's allocator: power-of-two classes, as SLUB has, in an order of its own");
      break;
    case reports::DmaClass::kE3:
      limits->push_back("page tables are walked as they stand in memory; what a processor's TLB would still hold is not modelled");
      break;
    case reports::DmaClass::kE7:
      limits->push_back("Xen's frames have owner, type and content, but its code does not run from them: what a changed Xen does is not simulated");
      break;
    case reports::DmaClass::kE8: limits->push_back("what the peer does with the access is what its model does"); break;
    case reports::DmaClass::kE9:
      limits->push_back("exceptions, NMI, SMI and INIT end in what Xen's handlers print; a processor that is taken away is not simulated further");
      break;
    case reports::DmaClass::kE10: limits->push_back("what firmware does with reserved memory is not modelled"); break;
    default: break;
  }
}

std::vector<std::string> LimitsOf(Machine& machine, const reports::Finding& finding) {
  std::vector<std::string> limits;
  if (finding.programmed_by && !finding.programmed_by->backtrace.empty()) {
    std::vector<std::string> ours;
    for (const reports::Frame& frame : finding.programmed_by->backtrace) {
      if (IsOurs(frame) && (ours.empty() || ours.back() != frame.file)) ours.push_back(frame.file);
    }
    limits.push_back(ours.empty() ? "no frame of the backtrace is code of the bench's attackers: original drivers gave the address"
                                  : fmt::format("the attacker's code is the bench's ({}); what it calls is the kernel's", fmt::join(ours, ", ")));
  } else {
    limits.push_back("no register write gave the address: the device made it up");
  }
  AddLimitsOfModels(machine, finding, &limits);
  AddLimitsOfClass(finding.dma_class, &limits);
  if (machine.scenario().embargo) {
    limits.push_back("a hypothesis from reading code [H], seen in this bench only: withheld until its maintainers have judged it");
  }
  return limits;
}

}  // namespace

std::string ProgramBuildId() {
  static const std::string id = [] {
    std::string found;
    dl_iterate_phdr(FindBuildId, &found);
    return found;
  }();
  return id;
}

void AddEvidence(Machine& machine, const std::string& compiler, reports::Result* result) {
  if (result->findings.empty()) return;
  reports::Evidence evidence;
  evidence.build = Build(machine.image_files());
  evidence.run_ps = result->simulated_ps;
  evidence.configuration = "sha256:" + machine.scenario().configuration;
  for (const reports::Kernel& kernel : result->kernels) {
    evidence.tools.push_back(fmt::format("{} {}", kernel.package.value_or("own tree of linux-" + kernel.name), kernel.version));
  }
  evidence.tools.push_back("clang " + compiler);
  evidence.tools.push_back("g++ " __VERSION__);
  evidence.tools.push_back(std::string("SystemC ") + sc_core::sc_release());
  for (reports::Finding& finding : result->findings) {
    finding.evidence = evidence;
    finding.limits = LimitsOf(machine, finding);
  }
  AddTrace(machine, &result->findings);
}

}  // namespace pvpci::scenarios
