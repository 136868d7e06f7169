// SPDX-License-Identifier: Apache-2.0
// The words result.json uses for the enumerations of result.h, and one-line texts for people.
#ifndef PVPCI_REPORTS_NAMES_H_
#define PVPCI_REPORTS_NAMES_H_

#include <string>
#include <string_view>

#include "reports/result.h"

namespace pvpci::reports {

std::string_view Name(Verdict value);
std::string_view Name(Mode value);
std::string_view Name(Access value);
std::string_view Name(DmaClass value);
std::string_view Name(Severity value);
std::string_view Name(Outcome value);  // "ESCAPED", "N/A"
std::string_view Name(ChangeKind value);
std::string_view Name(EmulatedKind value);
std::string_view Name(DomainState value);
std::string_view Name(InterruptKind value);
std::string_view Name(PortAbi value);
std::string_view Name(NodeKind value);

// The value with that name into *value. False, and *value untouched, when there is none.
bool FromName(std::string_view name, Verdict* value);
bool FromName(std::string_view name, Mode* value);
bool FromName(std::string_view name, Access* value);
bool FromName(std::string_view name, DmaClass* value);
bool FromName(std::string_view name, Severity* value);
bool FromName(std::string_view name, Outcome* value);
bool FromName(std::string_view name, ChangeKind* value);
bool FromName(std::string_view name, EmulatedKind* value);
bool FromName(std::string_view name, DomainState* value);
bool FromName(std::string_view name, InterruptKind* value);
bool FromName(std::string_view name, PortAbi* value);
bool FromName(std::string_view name, NodeKind* value);

// ", modified: drivers/pci/xen-pcifront.c" names the originals of a kernel that differ from its package's; "" if it does
// not differ, or there is nothing to compare with.
std::string ModifiedText(const Result& result, const Kernel& kernel);

// "no IOMMU", "DMA remapping", "DMA and interrupt remapping".
std::string_view Describe(Mode mode);
// Where such an access lands, threats.md 1, in a few words.
std::string_view Describe(DmaClass dma_class);
// False for the classes that honest work shows: E0, E1, E4.
bool IsEscape(DmaClass dma_class);

// "999 ps", "12.345 ns", "1.234 us", "2.345 ms", "3.456 s"; last digit truncated.
std::string FormatPs(Ps ps);
// "512 bytes", "4 KiB", "1.5 MiB"; last digit truncated.
std::string FormatBytes(int64_t bytes);
// "0x1f400000", lower-case, no padding.
std::string Hex(uint64_t value);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_NAMES_H_
