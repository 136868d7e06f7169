// SPDX-License-Identifier: Apache-2.0
// The small hypercalls: version and features, callbacks, assists, segment and trap set-up, multicall, iret, console.
// abi.md 3.1 "Others on the path", S18.
#ifndef PVPCI_MODELS_XEN_MISC_OPS_H_
#define PVPCI_MODELS_XEN_MISC_OPS_H_

#include "models/xen/abi.h"
#include "models/xen/hypercall_table.h"
#include "models/xen/hypervisor.h"

namespace pvpci::xen {

class MiscOps {
 public:
  MiscOps(Hypervisor& hypervisor, HypercallTable& table) : hypervisor_(hypervisor), table_(table) {}
  void Register();

  struct ExtraVersion { char text[16]; };
  struct Capabilities { char text[1024]; };
  struct PlatformParameters { uint64_t virt_start; };

  long Version(Call& call, NoArguments& args);
  long GetExtraVersion(Call& call, ExtraVersion& args);
  long GetCapabilities(Call& call, Capabilities& args);
  long GetPlatformParameters(Call& call, PlatformParameters& args);
  long GetFeatures(Call& call, abi::FeatureInfo& args);
  long PageSize(Call& call, NoArguments& args);
  long RegisterCallback(Call& call, abi::CallbackRegister& args);
  long UnregisterCallback(Call& call, abi::CallbackUnregister& args);

  long SetTrapTable(Call& call);
  long SetGdt(Call& call);
  long UpdateDescriptor(Call& call);
  long VmAssist(Call& call);
  long SetSegmentBase(Call& call);
  long Accept(Call& call);        // stack_switch, fpu_taskswitch, set_debugreg: no effect on this path
  long GetDebugreg(Call& call);
  long ConsoleIo(Call& call);
  long Multicall(Call& call);
  long Iret(Call& call);

 private:
  Hypervisor& hypervisor_;
  HypercallTable& table_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_MISC_OPS_H_
