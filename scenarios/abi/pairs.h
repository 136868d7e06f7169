// SPDX-License-Identifier: Apache-2.0
// All pairs, in the one order that both sides take them. BEGIN and END, where defined, stand around what one model has.
#ifndef BEGIN
#define BEGIN(space)
#define END
#endif
BEGIN(xen::abi)
#include "scenarios/abi/xen_pairs.h"
#include "scenarios/abi/call_pairs.h"
END
BEGIN(xen)
#include "scenarios/abi/store_pairs.h"
END
BEGIN(scenarios)
#include "scenarios/abi/ring_pairs.h"
END
BEGIN(pci::reg)
#include "scenarios/abi/pci_pairs.h"
END
BEGIN(iommu)
#include "scenarios/abi/vtd_pairs.h"
END
