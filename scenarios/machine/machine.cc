// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/machine.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "models/xen/frames.h"
#include "models/xen/irq.h"
#include "models/xen/passthrough.h"
#include "models/xen/store/store_trace.h"
#include "scenarios/machine/fabric_builder.h"
#include "scenarios/machine/model_parameters.h"
#include "scenarios/parameters.h"
#include "scenarios/parser.h"
#include "scenarios/units.h"
#include "scenarios/xen_frames.h"
#include "sim/check.h"
#include "sim/log.h"

namespace pvpci::scenarios {
namespace {

constexpr const char* kIommuInterrupt = "dmar_interrupt";  // driver/env/dmar.c
// From a domain's unpausing until its kernel begins to do what is modelled: unpacking itself, its memory, its processors. A
// second on hardware; here as long as a backend needs to be ready, for it always is by then.
constexpr sim::Ps kBootLeftOut = 5 * sim::kMs;

xen::NoIommuPolicy ToXen(NoIommuPolicy policy) {
  switch (policy) {
    case NoIommuPolicy::kRefused: return xen::NoIommuPolicy::kRefused;
    case NoIommuPolicy::kIntxOnly: return xen::NoIommuPolicy::kIntxOnly;
    case NoIommuPolicy::kMsiToo: return xen::NoIommuPolicy::kMsiToo;
  }
  return xen::NoIommuPolicy::kRefused;
}

sim::SimulationConfig SimulationOf(const Scenario& scenario) {
  sim::SimulationConfig config;
  config.seed = scenario.seed;
  config.quantum = scenario.machine.quantum;
  return config;
}

// As firmware leaves a device that it has started from.
void SetBusMaster(pci::Function& function) {
  constexpr unsigned kCommand = 4;
  constexpr uint32_t kBusMaster = 4;
  const auto command = static_cast<uint32_t>(function.config().Read(kCommand, 2));
  function.ConfigWrite(kCommand, 2, command | kBusMaster, 0);
}

std::optional<pci::Bdf> ParseBdf(const std::string& text) {
  unsigned segment = 0, bus = 0, device = 0, function = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "%x:%x:%x.%x%n", &segment, &bus, &device, &function, &used) != 4) return std::nullopt;
  if (static_cast<size_t>(used) != text.size() || bus > 255 || device > 31 || function > 7) return std::nullopt;
  return pci::Bdf(static_cast<uint16_t>(segment), bus, device, function);
}

}  // namespace

Machine::Machine(const Scenario& scenario, const ImageFiles& image, Watch watch)
    : scenario_(scenario),
      image_files_(image),
      simulation_(SimulationOf(scenario)),
      trace_([this] { return simulation_.now(); }) {
  sim::SetLogClock([this] { return simulation_.now(); });
  sim::SetLogLevel(sim::LogLevel::kError);  // what domains do wrong is in the result and in their consoles
  const bool watched = watch == Watch::kEverything;
  if (!watched) trace_.Stop();
  trace_.MixIn(fmt::format("{} seed {} mode {}", scenario_.name, scenario_.seed, ModeName(scenario_.machine.iommu)));
  if (image_files_.mutant) trace_.MixIn("mutant " + image_files_.mutant->id);
  memory_ = std::make_unique<sim::MachineMemory>(scenario_.machine.memory_bytes >> sim::kPageShift);
  secrets_ = std::make_unique<Secrets>(*memory_, scenario_.seed);
  spans_ = std::make_unique<Spans>(simulation_, trace_);
  classifier_ = std::make_unique<Classifier>(simulation_, trace_, *memory_, ledger_, *secrets_, backtraces_, *this);
  register_trace_ = std::make_unique<RegisterTrace>(trace_, *classifier_);
  RegisterDmaTrace(trace_);

  sub_page_ = std::make_unique<SubPage>(*memory_, backtraces_);
  fabric_ = std::make_unique<pci::Fabric>(simulation_, BuildFabricSpec(scenario_), pci::HostPorts{});
  for (const DeviceSpec& device : scenario_.devices) {
    if (device.bus_master_at_boot) SetBusMaster(*fabric_->Find(device.name));
  }
  if (watched) fabric_->set_register_observer(register_trace_.get());
  register_trace_->SetFabric(fabric_.get());
  classifier_->SetFabric(fabric_.get());
  xen_pci_.SetFabric(fabric_.get());

  if (scenario_.machine.iommu != IommuKind::kNone) {
    iommu::IommuConfig config;
    config.remap_interrupts = scenario_.machine.iommu == IommuKind::kDmarIr;
    config.wait_status_later = scenario_.bare_metal();
    ApplyParameters(scenario_.machine, &config);
    iommu_ = std::make_unique<iommu::Iommu>(&simulation_, memory_.get(), &trace_, config);
    iommu_->OnFault([this](const iommu::FaultRecorded& fault) { classifier_->OnFault(fault); });
    if (scenario_.bare_metal()) {
      // The message that its software programs reaches no local APIC of this machine: the kernel's handler is called.
      iommu_->OnEvent([this](uint64_t, uint32_t) {
        guests_.at(0)->Post(SEAM_WORK_CALL, {kIommuInterrupt}, [](long, const std::string&) {});
      });
    } else {
      tables_ = std::make_unique<IommuTables>(*iommu_, *memory_, scenario_.seed);
    }
  }

  xen::HypervisorConfig config;
  config.no_iommu = ToXen(scenario_.machine.policy);
  config.ecam_address = fabric_->ecam_base();
  config.ecam_length = uint64_t{fabric_->ecam_buses()} << 20;
  config.xen_frames_on_top = scenario_.bare_metal();
  config.pci_hole_start = scenario_.machine.low_memory_end();
  if (scenario_.machine.bar_window != 0) config.firmware_bytes = MachineSpec::kFirmwareBytes;
  ApplyParameters(scenario_.machine, &config);
  ApplyPassthroughParameters(&config);
  hypervisor_ =
      std::make_unique<xen::Hypervisor>(config, simulation_, *memory_, trace_, xen_pci_, tables_.get());
  if (iommu_ && watched) meter_ = std::make_unique<EscapeMeter>(simulation_, *iommu_, tables_.get());
  if (tables_) {
    AttachDeviceTlbs();
    iommu::TableWriterConfig writer;
    ApplyParameters(scenario_.machine, &writer);
    tables_->Enable(*hypervisor_, writer);
    if (meter_) hypervisor_->passthrough().SetLossObserver(meter_.get());
    if (watched) tables_->OnInterruptEntry([this](unsigned index) { OnInterruptEntry(index); });
  }
  if (tables_) hypervisor_->SetInterruptRemapper(iommu_.get());
  for (const pci::Function* function : fabric_->functions()) hypervisor_->passthrough().AddFunction(function->bdf());
  if (watched) hypervisor_->SetInterruptProbe(spans_.get());
  hypervisor_->AddDomainObserver(this);
  spans_->SetHypervisor(hypervisor_.get());
  spans_->OnStrayHandler([this](sim::DomId domain, uint32_t port, const std::string& handler) {
    classifier_->OnStrayHandler(domain, port, handler);
  });
  spans_->SetOwnerLookup([this](pci::Bdf function) { return OwnerOf(function); });
  spans_->SetAbsenceLookup([this](sim::DomId domain, unsigned vcpu) {
    const auto absence = guests_.at(domain)->vcpus()[vcpu]->runner().last_absence();
    return std::pair(absence.since, absence.until);
  });
  spans_->SetMaskedLookup([this](sim::DomId domain, unsigned vcpu) { return MaskedIn(domain, vcpu); });

  pci::HostPorts ports;
  ports.memory = memory_.get();
  ports.remapper = iommu_.get();
  ports.interrupts = &hypervisor_->interrupts();
  if (watched) {
    ports.accesses = classifier_.get();
    ports.assertions = spans_.get();
  }
  fabric_->set_host(ports);

  store_ = std::make_unique<xen::Xenstored>(simulation_, trace_);
  watcher_ = store_->OpenClient(0, xen::kToolstack);
  rings_ = std::make_unique<RingProbe>(trace_, *hypervisor_, *store_);
  control_ = std::make_unique<xen::ModelHypervisorControl>(*hypervisor_);
  agent_ = std::make_unique<SysfsAgent>([this](sim::DomId id) { return FindGuest(id); });
  inventory_ = std::make_unique<FabricInventory>(*fabric_);
  xen::ToolstackConfig tools;
  tools.no_iommu = ToXen(scenario_.machine.policy);
  ApplyParameters(scenario_.machine, &tools);
  toolstack_ = std::make_unique<xen::Toolstack>(simulation_, trace_, *store_, *control_, *agent_, *inventory_, tools);

  image_ = driver::Image::Open(image_files_.Path("elf"), image_files_.accounted ? image_files_.Path("blocks.tsv") : "",
                               CoreMhz(scenario_.machine));
  Surroundings around;
  around.simulation = &simulation_;
  around.trace = &trace_;
  around.hypervisor = hypervisor_.get();
  around.fabric = fabric_.get();
  if (scenario_.bare_metal()) around.iommu = iommu_.get();
  around.watched = watched;
  around.ledger = &ledger_;
  around.backtraces = &backtraces_;
  around.secrets = secrets_.get();
  around.spans = spans_.get();
  around.rings = rings_.get();
  around.mutant = image_files_.mutant ? image_files_.mutant->number : 0;
  around.function_of = [this](sim::DomId domain, const std::string& name) { return PhysicalBdf(domain, name); };
  around.dma_called = [this](const DmaCall& call) {
    if (scenario_.bare_metal()) {  // bus pages are nobody else's there, and say nothing of memory
      if (!call.begins && meter_) meter_->OnUnmap(call.function, call.bus_address, call.bytes);
    } else if (call.begins) {
      sub_page_->OnMap(call, FindGuest(call.domain)->image());
    } else {
      sub_page_->OnUnmap(call);
    }
  };
  around.stopped = [this](sim::DomId domain) {
    if (stopped_) stopped_(*FindGuest(domain));
  };
  // dom0 is domain 0; the others count from 1 in the order of the file.
  sim::DomId next = 1;
  DomainPlace place;
  constexpr uint64_t kAlign = 2ull << 20;
  if (scenario_.domains.size() > driver::DomainSpace::kSlots) place.offset = 0;  // one behind the other
  for (const DomainSpec& spec : scenario_.domains) {
    const sim::DomId id = spec.role == Role::kDom0 ? 0 : next++;
    guests_[id] =
        std::make_unique<GuestDomain>(spec, id, place, spec.kernel ? image_ : nullptr, around);
    ++place.index;
    if (place.offset) *place.offset += (spec.memory_bytes + kAlign - 1) / kAlign * kAlign;
    trace_.SetDomainName(id, spec.name);
  }
}

// What lets events in and out, and how a kernel waits, says nothing of why it does: the first caller that is neither.
std::string Machine::MaskedIn(sim::DomId domain, unsigned vcpu) {
  static constexpr const char* kMeans[] = {"driver/",     "drivers/xen/events/", "arch/x86/", "include/",
                                           "kernel/irq/", "kernel/locking/",    "lib/",      "mm/"};
  const driver::RawBacktrace backtrace = guests_.at(domain)->vcpus()[vcpu]->runner().CaptureBacktrace();
  for (const reports::Frame& frame : backtraces_.Resolve(domain, backtrace)) {
    const bool means = frame.file.empty() || std::any_of(std::begin(kMeans), std::end(kMeans), [&](const char* prefix) {
      return frame.file.rfind(prefix, 0) == 0;
    });
    if (!means) return frame.function;
  }
  return "";
}

Machine::~Machine() { sim::SetLogClock({}); }

void Machine::ApplyPassthroughParameters(xen::HypervisorConfig* config) const {
  for (const Parameter& parameter : scenario_.machine.xen) {
    const ParameterSpec& spec = *FindParameter("xen", parameter.name);
    const uint64_t v = ParseParameter(spec, parameter.value).value_or(0);
    if (parameter.name == "dom0-iommu") config->dom0_iommu = static_cast<xen::Dom0Iommu>(v);
    if (parameter.name == "map-reserved") config->map_reserved = v != 0;
    if (parameter.name == "quarantine") config->quarantine = static_cast<xen::Quarantine>(v);
    if (parameter.name == "sched") config->scheduler = static_cast<xen::SchedulerKind>(v);
    if (parameter.name == "iommu-flush") config->iommu_flush = static_cast<xen::IommuFlush>(v);
    if (parameter.name == "iommu_dev_iotlb_timeout") config->iommu_dev_iotlb_timeout = v;
    if (parameter.name != "unfixed") continue;
    for (unsigned i = 0; i < spec.words.size(); ++i) {
      if ((v >> i & 1) != 0) config->unfixed.insert(static_cast<xen::Unfixed>(i));
    }
  }
  for (const ReservedSpec& reserved : scenario_.machine.reserved) {
    xen::ReservedRegion region;
    region.first_mfn = reserved.at >> sim::kPageShift;
    region.last_mfn = region.first_mfn + (reserved.bytes >> sim::kPageShift) - 1;
    for (const std::string& name : reserved.devices) region.devices.push_back(fabric_->Find(name)->bdf());
    config->reserved.push_back(region);
  }
}

void Machine::AttachDeviceTlbs() {
  for (const DeviceSpec& device : scenario_.devices) {
    if (DeviceOption(device, "ats", 0) == 0) continue;
    device_tlbs_.push_back(std::make_unique<DeviceTlb>(DeviceOption(device, "mute", 0) == 0));
    iommu_->AttachDeviceTlb(fabric_->Find(device.name)->bdf(), device_tlbs_.back().get());
  }
}

GuestDomain& Machine::guest(const std::string& name) {
  for (const auto& [id, guest] : guests_) {
    if (guest->spec().name == name) return *guest;
  }
  SIM_CHECK(false, "no domain " + name);
  return *guests_.begin()->second;
}

GuestDomain* Machine::FindGuest(sim::DomId id) {
  const auto it = guests_.find(id);
  return it == guests_.end() ? nullptr : it->second.get();
}

pci::Function& Machine::device(const std::string& name) {
  pci::Function* function = fabric_->Find(name);
  SIM_CHECK(function != nullptr, "no device " + name);
  return *function;
}

// dom0's firmware tables are words on its command line: driver/env/acpi.c.
std::string Machine::CommandLine(const GuestDomain& guest) const {
  const DomainSpec& spec = guest.spec();
  std::string text = fmt::format("emul_seed={} emul_vcpus={}", scenario_.seed * 64 + guest.id() + 1, spec.vcpus);
  if (spec.role == Role::kDom0) {
    // A PC's interrupts of the ISA bus: the timer is on pin 2, ACPI's own (9) is level-triggered and active high.
    text += fmt::format(" emul_mcfg={:x} emul_madt={:x},0.2.0,9.9.d emul_prt=", fabric_->ecam_base(),
                        hypervisor_->config().io_apic_address);
    bool first = true;
    for (const pci::Function* function : fabric_->functions()) {
      if (function->bdf().bus() != 0 || function->bdf().function() != 0) continue;
      for (unsigned pin = 1; pin <= 4; ++pin) {
        text += fmt::format("{}{}.{}.{}{}", first ? "" : ",", function->bdf().device(), pin,
                            fabric_->GsiOfRootPin(function->bdf().device(), pin),
                            fabric_->firmware().gsi_active_high ? "h" : "");
        first = false;
      }
    }
  }
  if (spec.role == Role::kDom0 && fabric_->firmware().native_aer) text += " emul_osc=aer";
  if (spec.bare_metal) {
    text += fmt::format(" emul_crs={:x}-{:x}", fabric_->firmware().memory_base, fabric_->firmware().memory_end - 1);
  }
  if (spec.bare_metal && iommu_) {
    text += fmt::format(" emul_dmar={:x},{}", iommu::kRegisterBase, iommu_->config().host_address_bits);
  }
  if (spec.events == EventAbi::k2L) text += " xen.fifo_events=0";
  if (spec.swiotlb_bytes != 0) text += fmt::format(" swiotlb={}", spec.swiotlb_bytes / 2048);  // slots of 2 KiB
  if (!spec.cmdline.empty()) text += " " + spec.cmdline;
  return text;
}

void Machine::BuildDomain(GuestDomain& guest) {
  const sim::DomId id = guest.id();
  guest.Build(CommandLine(guest), scenario_.seed, [this, id] { store_->OnEvent(id); });
}

xen::StoreRing Machine::RingOf(GuestDomain& guest) {
  const sim::DomId id = guest.id();
  xen::Domain& domain = *guest.domain();
  xen::StoreRing ring;
  ring.page = domain.store_page;
  ring.port = domain.store_port;
  ring.gfn = (domain.store_page - domain.memory.base) >> sim::kPageShift;
  ring.notify = [this, id, port = domain.store_port] { hypervisor_->NotifyFromHost(id, port); };
  return ring;
}

xen::ToolDomain Machine::ToolDomainOf(GuestDomain& guest) {
  xen::ToolDomain tool;
  tool.domain = guest.id();
  tool.name = guest.spec().name;
  tool.vcpus = guest.spec().vcpus;
  tool.memory_kib = guest.spec().memory_bytes >> 10;
  tool.ring = RingOf(guest);
  for (const DeviceSpec& device : scenario_.devices) {
    if (device.assigned_to == guest.spec().name) tool.wants_passthrough = true;
  }
  return tool;
}

// The tools create it during the run, although nothing runs in it.
bool Machine::BuiltLater(const GuestDomain& guest) const {
  return std::any_of(scenario_.steps.begin(), scenario_.steps.end(), [&](const Step& step) {
    return step.kind == StepKind::kBoot && step.domain == guest.spec().name;
  });
}

void Machine::BuildFirstDomains() {
  // Who has a place in machine memory takes it before anybody gets frames anywhere.
  for (const bool placed : {true, false}) {
    for (const auto& [id, guest] : guests_) {
      if ((id == 0 || (!guest->spec().kernel && !BuiltLater(*guest))) && (guest->spec().memory_at != 0) == placed) BuildDomain(*guest);
    }
  }
  toolstack_->InitDom0(ToolDomainOf(*guests_.at(0)));
}

void Machine::Boot(GuestDomain& guest, Done done) {
  if (guest.id() == 0) {
    guest.Start([done] { done(""); });
    return;
  }
  BuildDomain(guest);
  if (!guest.spec().kernel) return done("");
  toolstack_->CreateDomain(ToolDomainOf(guest), [this, &guest, done](const xen::OperationResult& result) {
    if (!result.ok) return done(result.error);
    std::vector<pci::Bdf> functions = std::exchange(configured_[guest.id()], {});
    if (functions.empty()) return guest.Start([done] { done(""); });
    // Tools pass devices through before they unpause the domain; its frontend connects while the kernel comes up.
    const auto attached = [this, &guest, functions, done](const xen::OperationResult& attach) {
      if (!attach.ok) {
        for (const pci::Bdf function : functions) owners_.erase(function);
        return done(attach.error);
      }
      simulation_.After(kBootLeftOut, [this, &guest, done] {
        guest.Start([this, &guest, done] { WaitFrontend(guest.id(), done); });
      });
    };
    toolstack_->AttachCold(guest.id(), functions, {}, attached);
  });
}

void Machine::Seize(pci::Function& device, Done done, bool quarantine) {
  toolstack_->Seize(
      device.bdf(), [done](const xen::OperationResult& result) { done(result.ok ? "" : result.error); }, quarantine);
}

void Machine::Attach(pci::Function& device, GuestDomain& guest, Done done, bool waits) {
  // Who owns the device matters from the first assignment on, long before the guest knows it.
  owners_[device.bdf()] = guest.id();
  if (guest.domain() == nullptr) {  // no domain yet: part of its configuration
    configured_[guest.id()].push_back(device.bdf());
    return done("");
  }
  xen::AttachOptions options;
  options.waits = waits;
  const auto attached = [this, &device, &guest, waits, done](const xen::OperationResult& result) {
    if (!result.ok) {
      owners_.erase(device.bdf());
      return done(result.error);
    }
    if (!waits) return done("");
    WaitFrontend(guest.id(), done);
  };
  toolstack_->AttachHot(guest.id(), device.bdf(), options, attached);
}

void Machine::AddFrontend(GuestDomain& guest, const FrontendSpec& spec, Done done) {
  toolstack_->AddFrontend(guest.id(), {spec.kind, spec.id, spec.front, spec.back},
                          [done](const xen::OperationResult& result) { done(result.error); });
}

std::string Machine::WriteStore(const std::vector<StoreNodeSpec>& nodes) {
  std::string failed;
  const xen::XsError error = watcher_->Transact([&](xen::TransactionId id) {
    for (const StoreNodeSpec& node : nodes) {
      const std::string path = *StorePath(node.path, domain_ids());
      const xen::XsError one = node.value ? watcher_->Write(path, *node.value, id) : watcher_->Rm(path, id);
      if (one == xen::XsError::kOk) continue;
      failed = path;
      return one;
    }
    return xen::XsError::kOk;
  });
  return error == xen::XsError::kOk ? "" : fmt::format("{}: xenstore answers {}", failed, xen::Name(error));
}

void Machine::AwaitStore(const std::string& path, const std::string& value, Done done) {
  const std::string absolute = *StorePath(path, domain_ids());
  auto watch = std::make_shared<xen::StoreClient::WatchId>(0);
  *watch = watcher_->Watch(absolute, [this, absolute, value, watch, done](const std::string&) {
    const auto node = store_->tree().Find(absolute);
    if (*watch == 0 || !node || node->value != value) return;
    watcher_->Unwatch(std::exchange(*watch, 0));
    done("");
  });
}

DomainIds Machine::domain_ids() const {
  return [this](const std::string& name) -> std::optional<unsigned> {
    for (const auto& [id, guest] : guests_) {
      if (guest->spec().name == name) return id;
    }
    return std::nullopt;
  };
}

// The tools are content when the backend is Connected; the frontend has scanned and bound drivers when it is, too.
void Machine::WaitFrontend(sim::DomId domain, Done done) {
  const std::string path = xen::FrontendPath(domain) + "/state";
  auto watch = std::make_shared<xen::StoreClient::WatchId>(0);
  *watch = watcher_->Watch(path, [this, path, watch, done](const std::string&) {
    if (*watch == 0) return;
    const auto node = store_->tree().Find(path);
    const std::string state = node ? node->value : "";
    const bool over = state == "5" || state == "6";
    if (state != "4" && !over) return;
    watcher_->Unwatch(std::exchange(*watch, 0));
    done(over ? "the frontend closed (state " + state + ")" : "");
  });
}

void Machine::Detach(pci::Function& device, GuestDomain& guest, Done done) {
  toolstack_->Detach(guest.id(), device.bdf(), [this, &device, done](const xen::OperationResult& result) {
    if (result.ok) owners_.erase(device.bdf());
    done(result.ok ? "" : result.error);
  });
}

void Machine::Destroy(GuestDomain& guest, Done done) {
  toolstack_->Destroy(guest.id(), [this, &guest, done](const xen::OperationResult& result) {
    if (result.ok) {
      guest.MarkDestroyed();
      for (auto it = owners_.begin(); it != owners_.end();) {
        it = it->second == guest.id() ? owners_.erase(it) : std::next(it);
      }
    }
    done(result.ok ? "" : result.error);
  });
}

std::optional<pci::Bdf> Machine::PhysicalBdf(sim::DomId domain, const std::string& guest_name) const {
  if (domain == 0) return ParseBdf(guest_name);
  const auto wanted = ParseBdf(guest_name);
  const std::string backend = xen::BackendPath(domain);
  for (unsigned i = 0; wanted && i < 32; ++i) {
    const auto virtual_node = store_->tree().Find(fmt::format("{}/vdev-{}", backend, i));
    const auto physical_node = store_->tree().Find(fmt::format("{}/dev-{}", backend, i));
    if (!physical_node) break;
    if (!virtual_node) continue;
    if (ParseBdf(virtual_node->value) == wanted) return ParseBdf(physical_node->value);
  }
  return std::nullopt;
}

std::optional<pci::Bdf> Machine::GuestBdf(pci::Bdf function) const {
  const sim::DomId domain = OwnerOf(function);
  if (domain == 0) return function;
  const std::string backend = xen::BackendPath(domain);
  for (unsigned i = 0; i < 32; ++i) {
    const auto physical_node = store_->tree().Find(fmt::format("{}/dev-{}", backend, i));
    const auto virtual_node = store_->tree().Find(fmt::format("{}/vdev-{}", backend, i));
    if (!physical_node) break;
    if (virtual_node && ParseBdf(physical_node->value) == function) return ParseBdf(virtual_node->value);
  }
  return std::nullopt;
}

std::optional<sim::Mfn> Machine::FirstFrame(sim::FrameType type) const {
  for (sim::Mfn mfn = 0; mfn < memory_->frame_count(); ++mfn) {
    const sim::Frame* frame = memory_->Find(mfn);
    if (frame != nullptr && frame->host != nullptr && frame->type == type) return mfn;
  }
  return std::nullopt;
}

std::string Machine::Expand(const std::string& text) {
  std::string result = text;
  for (const std::string& inner : Placeholders(text)) {
    const size_t dot = inner.find('.');
    const std::string owner = inner.substr(0, dot);
    const std::string rest = inner.substr(dot + 1);
    std::string value;
    if (owner == "xen") {
      const auto mfn = FirstFrame(*XenFrameType(rest));
      if (!mfn) throw std::runtime_error(fmt::format("there is no {} in this mode", inner));
      value = fmt::format("{:#x}", *mfn << sim::kPageShift);
    } else if (scenario_.FindDevice(owner) != nullptr) {
      pci::Function& function = device(owner);
      if (rest == "dom0_bdf") {
        value = pci::ToString(function.bdf());
      } else if (rest == "bdf") {
        const auto bdf = GuestBdf(function.bdf());
        if (!bdf) throw std::runtime_error(owner + " has no address in its domain yet");
        value = pci::ToString(*bdf);
      } else if (rest.rfind("bar", 0) == 0) {
        value = fmt::format("{:#x}", function.bar_address(static_cast<unsigned>(rest[3] - '0')));
      } else {
        const auto message = MsiMessage(function);
        if (!message) throw std::runtime_error(owner + " has no MSI message yet");
        value = rest == "msi_address" ? fmt::format("{:#x}", message->address) : fmt::format("{:#x}", message->data);
      }
    } else {
      const bool bytes = rest.size() > 6 && rest.compare(rest.size() - 6, 6, ".bytes") == 0;
      const std::string name = bytes ? rest.substr(0, rest.size() - 6) : rest;
      const Secrets::Secret* secret = secrets_->Find(guest(owner).id(), name);
      if (secret == nullptr) throw std::runtime_error(fmt::format("{} does not exist yet: no secret '{}'", owner, name));
      value = bytes ? fmt::format("{}", secret->bytes()) : fmt::format("{:#x}", secret->machine_address());
    }
    const std::string placeholder = "${" + inner + "}";
    result.replace(result.find(placeholder), placeholder.size(), value);
  }
  return result;
}

sim::DomId Machine::OwnerOf(pci::Bdf function) const {
  const auto it = owners_.find(function);
  return it == owners_.end() ? 0 : it->second;
}

std::string Machine::DomainName(sim::DomId domain) const {
  const auto it = guests_.find(domain);
  if (it != guests_.end()) return it->second->spec().name;
  if (domain == sim::kDomXen) return "xen";
  if (domain == sim::kDomIo) return "dom_io";
  if (domain == sim::kDomNone) return "free";
  return fmt::format("domain {}", domain);
}

std::string Machine::DomainRole(sim::DomId domain) const {
  const auto it = guests_.find(domain);
  if (it != guests_.end()) return Name(it->second->spec().role);
  return domain == sim::kDomXen ? "hypervisor" : "none";
}

bool Machine::MapsByGrant(sim::DomId domain, sim::Mfn mfn) const {
  const xen::Domain* mapper = static_cast<const xen::Hypervisor&>(*hypervisor_).domain(domain);
  if (mapper == nullptr) return false;
  for (const xen::GrantMapping& mapping : mapper->grant_maps) {
    if (mapping.live && mapping.mfn == mfn) return true;
  }
  return false;
}

void Machine::OnShutdown(sim::DomId domain, unsigned) {
  store_->OnShutdown(domain);
  const std::string reason = hypervisor_->domain(domain)->crash_reason;
  // Not inside a hypercall of somebody else.
  if (!reason.empty()) simulation_.After(0, [this, domain, reason] { FindGuest(domain)->MarkCrashed(reason); });
}

}  // namespace pvpci::scenarios
