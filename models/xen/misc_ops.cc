// SPDX-License-Identifier: Apache-2.0
#include "models/xen/misc_ops.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "models/xen/frames.h"
#include "sim/log.h"

namespace pvpci::xen {
namespace {

constexpr long kXenVersion = 4 << 16 | 17;
constexpr unsigned kMaxCallbackType = 7;
constexpr unsigned kMaxAssistType = 5;
constexpr uint64_t kMaxMulticalls = 1 << 16;

// Feature bits of submap 0, xen/include/public/features.h.
enum Feature : uint32_t {
  kPtUpdatePreserveAd = 1u << 5, kHighmemAssist = 1u << 6, kGnttabMapAvailBits = 1u << 7, kDom0 = 1u << 11,
  kMemoryOpVnode = 1u << 13, kRsdpUnrestricted = 1u << 15, kNotDirectMapped = 1u << 16,
};

}  // namespace

void MiscOps::Register() {
  using M = MiscOps;
  constexpr unsigned kVersion = abi::kXenVersion;
  table_.Group(kVersion, "xen_version", "XENVER_");
  table_.On(kVersion, 0, "version", &M::Version, this);
  table_.On(kVersion, 1, "extraversion", &M::GetExtraVersion, this, Outputs::kSuccess);
  table_.Absent(kVersion, 2, "compile_info");
  table_.On(kVersion, 3, "capabilities", &M::GetCapabilities, this, Outputs::kSuccess);
  table_.Absent(kVersion, 4, "changeset");
  table_.On(kVersion, 5, "platform_parameters", &M::GetPlatformParameters, this, Outputs::kSuccess);
  table_.On(kVersion, 6, "get_features", &M::GetFeatures, this, Outputs::kSuccess,
            {{"submap", 0, 4}, {"features", 4, 4}});
  table_.On(kVersion, 7, "pagesize", &M::PageSize, this);
  table_.Group(abi::kCallbackOp, "callback_op", "CALLBACKOP_");
  table_.On(abi::kCallbackOp, 0, "register", &M::RegisterCallback, this, Outputs::kNone,
            {{"type", 0, 2}, {"flags", 2, 2}});
  table_.On(abi::kCallbackOp, 1, "unregister", &M::UnregisterCallback, this, Outputs::kNone, {{"type", 0, 2}});
  table_.OnRaw(abi::kSetTrapTable, "set_trap_table", &M::SetTrapTable, this);
  table_.OnRaw(abi::kSetGdt, "set_gdt", &M::SetGdt, this, {{"entries", 8, 4}});
  table_.OnRaw(abi::kStackSwitch, "stack_switch", &M::Accept, this);
  table_.OnRaw(abi::kFpuTaskswitch, "fpu_taskswitch", &M::Accept, this);
  table_.OnRaw(abi::kSetDebugreg, "set_debugreg", &M::Accept, this, {{"reg", 0, 4}});
  table_.OnRaw(abi::kGetDebugreg, "get_debugreg", &M::GetDebugreg, this, {{"reg", 0, 4}});
  table_.OnRaw(abi::kUpdateDescriptor, "update_descriptor", &M::UpdateDescriptor, this, {{"address", 0, 8}});
  table_.OnRaw(abi::kVmAssist, "vm_assist", &M::VmAssist, this, {{"cmd", 0, 4}, {"type", 8, 4}});
  table_.OnRaw(abi::kSetSegmentBase, "set_segment_base", &M::SetSegmentBase, this, {{"which", 0, 4}});
  table_.OnRaw(abi::kConsoleIo, "console_io", &M::ConsoleIo, this, {{"cmd", 0, 4}, {"count", 8, 4}});
  table_.OnRaw(abi::kMulticall, "multicall", &M::Multicall, this, {{"count", 8, 4}});
  table_.OnRaw(abi::kIret, "iret", &M::Iret, this);
}

// Also the guest's way to have pending events delivered now: any hypercall's exit does that (abi.md S18).
long MiscOps::Version(Call&, NoArguments&) { return kXenVersion; }

long MiscOps::GetExtraVersion(Call&, ExtraVersion& args) {
  std::memset(&args, 0, sizeof args);
  std::snprintf(args.text, sizeof args.text, ".7");
  return 0;
}

long MiscOps::GetCapabilities(Call&, Capabilities& args) {
  std::memset(&args, 0, sizeof args);
  std::snprintf(args.text, sizeof args.text, "xen-3.0-x86_64 ");
  return 0;
}

long MiscOps::GetPlatformParameters(Call&, PlatformParameters& args) {
  args.virt_start = 0xffff800000000000;
  return 0;
}

long MiscOps::GetFeatures(Call& call, abi::FeatureInfo& args) {
  args.submap = 0;
  if (args.submap_idx != 0) return -abi::kEINVAL;
  args.submap = kPtUpdatePreserveAd | kHighmemAssist | kGnttabMapAvailBits | kMemoryOpVnode | kNotDirectMapped;
  if (call.domain.privileged()) args.submap |= kDom0 | kRsdpUnrestricted;
  return 0;
}

long MiscOps::PageSize(Call&, NoArguments&) { return static_cast<long>(sim::kPageSize); }

long MiscOps::RegisterCallback(Call& call, abi::CallbackRegister& args) {
  if (args.type > kMaxCallbackType || args.type == 3 || args.type == 6) return -abi::kENOSYS;
  call.domain.callbacks[args.type] = args.address;
  return 0;
}

long MiscOps::UnregisterCallback(Call& call, abi::CallbackUnregister& args) {
  // Only NMI and the compatibility entries may go; events must keep an entry.
  if (args.type != 4 && args.type != 5 && args.type != 7) return -abi::kEINVAL;
  call.domain.callbacks.erase(args.type);
  return 0;
}

long MiscOps::SetTrapTable(Call& call) {
  call.domain.trap_table_entries = 0;
  if (call.args[0] == 0) return 0;
  struct Trap { uint8_t vector; uint8_t flags; uint16_t cs; uint32_t pad; uint64_t address; };
  for (uint64_t va = call.args[0];; va += sizeof(Trap)) {
    Trap trap;
    if (!call.CopyIn(&trap, va, sizeof trap)) return -abi::kEFAULT;
    if (trap.address == 0) return 0;
    if (++call.domain.trap_table_entries > 256) return -abi::kEINVAL;
  }
}

long MiscOps::SetGdt(Call& call) {
  const uint64_t entries = static_cast<uint32_t>(call.args[1]);
  if (entries > 14 * 512) return -abi::kEINVAL;
  const uint64_t frames = (entries + 511) / 512;
  for (uint64_t i = 0; i < frames; ++i) {
    uint64_t mfn;
    if (!call.CopyIn(&mfn, call.args[0] + i * 8, 8)) return -abi::kEFAULT;
    if (!hypervisor_.frames().GetType(call.domain, mfn, sim::FrameType::kSegment)) return -abi::kEINVAL;
  }
  return 0;
}

long MiscOps::UpdateDescriptor(Call& call) {
  const uint64_t address = call.args[0];
  const sim::Frame* frame = hypervisor_.memory().Find(address >> sim::kPageShift);
  if (address % 8 != 0 || frame == nullptr || frame->owner != call.domain.id()) return -abi::kEINVAL;
  if (frame->type_count != 0 && frame->type != sim::FrameType::kSegment && frame->type != sim::FrameType::kWritable) {
    return -abi::kEINVAL;
  }
  hypervisor_.memory().Store(address, call.args[1]);
  return 0;
}

long MiscOps::VmAssist(Call& call) {
  if (call.args[0] > 1) return -abi::kENOSYS;
  return call.args[1] > kMaxAssistType ? -abi::kEINVAL : 0;
}

long MiscOps::SetSegmentBase(Call& call) { return call.args[0] > 3 ? -abi::kEINVAL : 0; }
long MiscOps::Accept(Call&) { return 0; }
long MiscOps::GetDebugreg(Call& call) { return call.args[0] > 7 ? -abi::kEINVAL : 0; }

long MiscOps::ConsoleIo(Call& call) {
  if (!call.domain.privileged()) return -abi::kEPERM;
  const uint64_t count = std::min<uint64_t>(static_cast<uint32_t>(call.args[1]), 4096);
  if (call.args[0] == 1) return 0;  // read: nobody types
  if (call.args[0] != 0) return -abi::kENOSYS;
  std::string text(count, '\0');
  if (!call.CopyIn(text.data(), call.args[2], count)) return -abi::kEFAULT;
  sim::Log(sim::LogLevel::kInfo, "xen.console", "{}", text);
  return 0;
}

long MiscOps::Multicall(Call& call) {
  const uint64_t count = static_cast<uint32_t>(call.args[1]);
  if (count > kMaxMulticalls) return -abi::kEINVAL;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t va = call.args[0] + i * sizeof(abi::MulticallEntry);
    abi::MulticallEntry entry;
    if (!call.CopyIn(&entry, va, sizeof entry)) return -abi::kEFAULT;
    Call inner{call.vcpu, call.domain, entry.args};
    entry.result = entry.op == abi::kMulticall ? static_cast<uint64_t>(-abi::kEINVAL)
                                               : static_cast<uint64_t>(table_.Run(static_cast<unsigned>(entry.op), inner));
    call.cost += inner.cost;
    call.block = call.block || inner.block;
    if (!call.CopyOut(va + offsetof(abi::MulticallEntry, result), &entry.result, sizeof entry.result)) {
      return -abi::kEFAULT;
    }
  }
  return 0;
}

long MiscOps::Iret(Call& call) {
  hypervisor_.EndUpcall(call.vcpu);
  return 0;
}

}  // namespace pvpci::xen
