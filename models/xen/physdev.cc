// SPDX-License-Identifier: Apache-2.0
#include "models/xen/physdev.h"

#include "models/xen/frames.h"
#include "models/xen/irq.h"
#include "models/xen/msi.h"
#include "models/xen/passthrough.h"
#include "models/xen/pirq.h"

namespace pvpci::xen {
namespace {

pci::Bdf Function(unsigned segment, unsigned bus, unsigned devfn) {
  return pci::Bdf(static_cast<uint16_t>(segment), bus, devfn >> 3, devfn & 7);
}
pci::Bdf Function(const abi::PhysdevPciDevice& args) { return Function(args.seg, args.bus, args.devfn); }

}  // namespace

void PhysdevOps::Register(HypercallTable& table) {
  constexpr unsigned kNr = abi::kPhysdevOp;
  using P = PhysdevOps;
  const std::vector<Field> device = {{"seg", 0, 2}, {"bus", 2, 1}, {"devfn", 3, 1}};
  const std::vector<Field> old_device = {{"bus", 0, 1}, {"devfn", 1, 1}};
  table.Group(kNr, "physdev_op", "PHYSDEVOP_");
  table.On(kNr, 5, "irq_status_query", &P::IrqStatusQuery, this, Outputs::kSuccess, {{"irq", 0, 4}, {"flags", 4, 4}});
  table.On(kNr, 6, "set_iopl", &P::SetIopl, this, Outputs::kNone, {{"iopl", 0, 4}});
  table.On(kNr, 7, "set_iobitmap", &P::SetIobitmap, this, Outputs::kNone, {{"ports", 8, 4}});
  table.On(kNr, 8, "apic_read", &P::ApicRead, this, Outputs::kSuccess, {{"reg", 8, 4}, {"value", 12, 4}});
  table.On(kNr, 10, "alloc_irq_vector", &P::AllocIrqVector, this, Outputs::kSuccess, {{"irq", 0, 4}, {"vector", 4, 4}});
  table.On(kNr, 12, "eoi", &P::Eoi, this, Outputs::kNone, {{"irq", 0, 4}});
  table.On(kNr, 13, "map_pirq", &P::MapPirq, this, Outputs::kAlways,
           {{"dom", 0, 2}, {"type", 4, 4, true}, {"index", 8, 4, true}, {"pirq", 12, 4, true}, {"bus", 16, 4, true},
            {"devfn", 20, 4, true}, {"entry", 24, 4, true}, {"table", 32, 8}});
  table.On(kNr, 14, "unmap_pirq", &P::UnmapPirq, this, Outputs::kNone, {{"dom", 0, 2}, {"pirq", 4, 4, true}});
  table.On(kNr, 15, "manage_pci_add", &P::ManagePciAdd, this, Outputs::kNone, old_device);
  table.On(kNr, 16, "manage_pci_remove", &P::ManagePciRemove, this, Outputs::kNone, old_device);
  table.On(kNr, 17, "pirq_eoi_gmfn_v1", &P::EoiGmfnV1, this, Outputs::kNone, {{"gmfn", 0, 8}});
  table.On(kNr, 19, "restore_msi", &P::RestoreMsi, this, Outputs::kNone, old_device);
  table.On(kNr, 20, "manage_pci_add_ext", &P::ManagePciAddExt, this, Outputs::kNone, old_device);
  table.On(kNr, 21, "setup_gsi", &P::SetupGsi, this, Outputs::kNone,
           {{"gsi", 0, 4, true}, {"trig", 4, 1}, {"pol", 5, 1}});
  table.On(kNr, 22, "get_nr_pirqs", &P::GetNrPirqs, this, Outputs::kSuccess, {{"nr", 0, 4}});
  table.On(kNr, 23, "get_free_pirq", &P::GetFreePirq, this, Outputs::kSuccess, {{"type", 0, 4, true}, {"pirq", 4, 4}});
  table.On(kNr, 24, "pci_mmcfg_reserved", &P::MmcfgReserved, this, Outputs::kNone,
           {{"address", 0, 8}, {"seg", 8, 2}, {"start", 10, 1}, {"end", 11, 1}, {"flags", 12, 4}});
  table.On(kNr, 25, "pci_device_add", &P::PciDeviceAdd, this, Outputs::kNone,
           {{"seg", 0, 2}, {"bus", 2, 1}, {"devfn", 3, 1}, {"flags", 4, 4}});
  table.On(kNr, 26, "pci_device_remove", &P::PciDeviceRemove, this, Outputs::kNone, device);
  table.On(kNr, 27, "restore_msi_ext", &P::RestoreMsiExt, this, Outputs::kNone, device);
  table.On(kNr, 28, "pirq_eoi_gmfn_v2", &P::EoiGmfnV2, this, Outputs::kNone, {{"gmfn", 0, 8}});
  table.On(kNr, 30, "prepare_msix", &P::PrepareMsix, this, Outputs::kNone, device);
  table.On(kNr, 31, "release_msix", &P::ReleaseMsix, this, Outputs::kNone, device);
}

long PhysdevOps::IrqStatusQuery(Call& call, abi::PhysdevIrqStatusQuery& args) {
  if (args.irq >= call.domain.nr_pirqs) return -abi::kEINVAL;
  // Always "needs EOI", mapped or not: the precise answer is the bitmap page (abi.md S5).
  args.flags = abi::kIrqNeedsEoi;
  const auto found = call.domain.pirqs.find(args.irq);
  if (found != call.domain.pirqs.end() && hypervisor_.irqs().Shared(found->second.irq)) args.flags |= abi::kIrqShared;
  return 0;
}

long PhysdevOps::SetIopl(Call& call, abi::PhysdevSetIopl& args) {
  if (args.iopl > 3) return -abi::kEINVAL;
  call.domain.iopl = args.iopl;
  return 0;
}

long PhysdevOps::SetIobitmap(Call&, abi::PhysdevSetIobitmap& args) { return args.nr_ports > 65536 ? -abi::kEINVAL : 0; }

long PhysdevOps::ApicRead(Call& call, abi::PhysdevApic& args) {
  if (!call.domain.privileged()) return -abi::kEPERM;
  const HypervisorConfig& config = hypervisor_.config();
  if (args.apic_physbase != config.io_apic_address) return -abi::kEINVAL;
  // 82093AA 3.2.1, 3.2.2: id and version; entries are Xen's business and read as masked.
  if (args.reg == 0) args.value = 0;
  else if (args.reg == 1) args.value = (config.gsi_count - 1) << 16 | 0x20;
  else args.value = 1u << 16;
  return 0;
}

long PhysdevOps::AllocIrqVector(Call& call, abi::PhysdevIrq& args) {
  if (!call.domain.privileged()) return -abi::kEPERM;
  if (args.irq >= call.domain.nr_pirqs) return -abi::kEINVAL;
  args.vector = args.irq;
  return 0;
}

long PhysdevOps::Eoi(Call& call, abi::PhysdevEoi& args) { return hypervisor_.pirqs().Eoi(call.domain, args.irq); }

long PhysdevOps::MapPirq(Call& call, abi::PhysdevMapPirq& args) {
  Domain* domain = args.domid == sim::kDomSelf ? &call.domain : hypervisor_.domain(args.domid);
  if (domain == nullptr || domain->dying) return -abi::kESRCH;
  if (domain != &call.domain && !call.domain.privileged()) return -abi::kEPERM;
  Pirqs& pirqs = hypervisor_.pirqs();
  MsiRequest request;
  request.function = Function(static_cast<uint32_t>(args.bus) >> 16, static_cast<uint32_t>(args.bus) & 0xff,
                              static_cast<uint32_t>(args.devfn) & 0xff);
  int count = 1;
  switch (args.type) {
    case abi::kMapGsi: {
      const long pirq = pirqs.MapGsi(call.domain, *domain, args.index, args.pirq);
      if (pirq < 0) return pirq;
      args.pirq = static_cast<int32_t>(pirq);
      return 0;
    }
    case abi::kMapMsi:
      request.function.segment = 0;
      [[fallthrough]];
    case abi::kMapMsiSeg:
      request.entry_nr = args.entry_nr;
      request.table_base = args.table_base;
      break;
    case abi::kMapMultiMsi:
      if (args.table_base != 0) return -abi::kEINVAL;
      if (args.entry_nr <= 0 || args.entry_nr > 32) return -abi::kEDOM;
      count = args.entry_nr;
      break;
    default:
      return -abi::kEINVAL;
  }
  if (!call.domain.privileged()) return -abi::kEPERM;
  const long pirq = pirqs.MapMsi(*domain, request, args.pirq, count);
  if (pirq < 0) return pirq;
  args.pirq = static_cast<int32_t>(pirq);
  if (args.type == abi::kMapMultiMsi) args.entry_nr = count;
  return 0;
}

long PhysdevOps::UnmapPirq(Call& call, abi::PhysdevUnmapPirq& args) {
  Domain* domain = args.domid == sim::kDomSelf ? &call.domain : hypervisor_.domain(args.domid);
  if (domain == nullptr) return -abi::kESRCH;
  if (domain != &call.domain && !call.domain.privileged()) return -abi::kEPERM;
  return hypervisor_.pirqs().Unmap(*domain, args.pirq);
}

long PhysdevOps::AddFunction(Call& call, pci::Bdf function) {
  if (!call.domain.privileged()) return -abi::kEPERM;
  if ((hypervisor_.pci().ConfigRead(function, 0, 2) & 0xffff) == 0xffff) return -abi::kENODEV;
  functions_.insert(function);
  call.domain.devices.insert(function);
  hypervisor_.passthrough().AddFunction(function);
  return 0;
}

long PhysdevOps::RemoveFunction(Call& call, pci::Bdf function) {
  if (!call.domain.privileged()) return -abi::kEPERM;
  if (functions_.erase(function) == 0) return -abi::kENODEV;
  call.domain.devices.erase(function);
  return 0;
}

long PhysdevOps::ManagePciAdd(Call& call, abi::PhysdevManagePci& args) {
  return AddFunction(call, Function(0, args.bus, args.devfn));
}
long PhysdevOps::ManagePciRemove(Call& call, abi::PhysdevManagePci& args) {
  return RemoveFunction(call, Function(0, args.bus, args.devfn));
}
long PhysdevOps::ManagePciAddExt(Call& call, abi::PhysdevManagePciExt& args) {
  return AddFunction(call, Function(0, args.bus, args.devfn));
}
long PhysdevOps::PciDeviceAdd(Call& call, abi::PhysdevPciDeviceAdd& args) {
  return AddFunction(call, Function(args.seg, args.bus, args.devfn));
}
long PhysdevOps::PciDeviceRemove(Call& call, abi::PhysdevPciDevice& args) {
  return RemoveFunction(call, Function(args));
}

long PhysdevOps::SetEoiMap(Call& call, uint64_t gmfn, bool auto_unmask) {
  Domain& domain = call.domain;
  if (!hypervisor_.config().pirq_eoi_map || !domain.spec.pirq_eoi_map) return -abi::kENOSYS;
  if (!hypervisor_.frames().GetWritable(domain, gmfn)) return -abi::kEINVAL;
  if (domain.eoi_map != nullptr) {
    hypervisor_.frames().PutWritable(gmfn);
    return -abi::kEBUSY;
  }
  domain.eoi_map_mfn = gmfn;
  domain.eoi_map = hypervisor_.memory().frame(gmfn).host;
  domain.auto_unmask = auto_unmask;
  return 0;
}
long PhysdevOps::EoiGmfnV1(Call& call, abi::PhysdevEoiGmfn& args) { return SetEoiMap(call, args.gmfn, true); }
long PhysdevOps::EoiGmfnV2(Call& call, abi::PhysdevEoiGmfn& args) { return SetEoiMap(call, args.gmfn, false); }

long PhysdevOps::RestoreMsi(Call& call, abi::PhysdevManagePci& args) {
  abi::PhysdevPciDevice device{0, args.bus, args.devfn};
  return RestoreMsiExt(call, device);
}
long PhysdevOps::RestoreMsiExt(Call& call, abi::PhysdevPciDevice& args) {
  if (!call.domain.privileged()) return -abi::kEPERM;
  if (!Known(Function(args))) return -abi::kENODEV;
  return hypervisor_.msi().Restore(Function(args));
}

long PhysdevOps::SetupGsi(Call& call, abi::PhysdevSetupGsi& args) {
  if (!call.domain.privileged()) return -abi::kEPERM;
  if (args.gsi < 0) return -abi::kEINVAL;
  return hypervisor_.irqs().SetupGsi(static_cast<unsigned>(args.gsi), args.triggering != 0, args.polarity != 0);
}

long PhysdevOps::GetNrPirqs(Call& call, abi::PhysdevNrPirqs& args) {
  args.nr_pirqs = call.domain.nr_pirqs;
  return 0;
}

long PhysdevOps::GetFreePirq(Call& call, abi::PhysdevGetFreePirq& args) {
  const long pirq = hypervisor_.pirqs().FreePirq(call.domain, args.type != abi::kMapGsi);
  if (pirq < 0) return pirq;
  args.pirq = static_cast<uint32_t>(pirq);
  return 0;
}

long PhysdevOps::MmcfgReserved(Call& call, abi::PhysdevMmcfgReserved&) {
  return call.domain.privileged() ? 0 : -abi::kEPERM;
}

long PhysdevOps::PrepareMsix(Call& call, abi::PhysdevPciDevice& args) {
  if (!call.domain.privileged()) return -abi::kEPERM;
  return hypervisor_.msi().PrepareMsix(Function(args));
}
long PhysdevOps::ReleaseMsix(Call& call, abi::PhysdevPciDevice& args) {
  if (!call.domain.privileged()) return -abi::kEPERM;
  return hypervisor_.msi().ReleaseMsix(Function(args));
}

}  // namespace pvpci::xen
