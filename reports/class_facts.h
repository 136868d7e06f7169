// SPDX-License-Identifier: Apache-2.0
// What is known of each class of access beyond one run: threats.md 1 and 7. One table for findings, SARIF rules and pages.
#ifndef PVPCI_REPORTS_CLASS_FACTS_H_
#define PVPCI_REPORTS_CLASS_FACTS_H_

#include <string>
#include <vector>

#include "reports/result.h"

namespace pvpci::reports {

struct ClassFacts {
  DmaClass dma_class = DmaClass::kE0;
  const char* name;                // of the SARIF rule, "ForeignFrame"
  const char* explanation;         // why it matters, one or two sentences
  std::vector<std::string> cwe;    // "CWE-668"
  std::vector<std::string> refs;   // advisories and papers of the kind
};

const ClassFacts& FactsOf(DmaClass dma_class);
const std::vector<DmaClass>& AllClasses();

// Of an interrupt message that a device had no right to send: whom it reaches.
enum class MessageReach : uint8_t {
  kNone,        // the access is no message
  kGuest,       // a vector that Xen gives to a guest
  kHypervisor,  // another vector, or NMI, INIT, SMI or start-up
};

// The severity rule of threats.md 7.
Severity SeverityOf(DmaClass dma_class, Access access, bool stopped, MessageReach message);

// The CVSS 3.1 base vector: a device that a guest's unprivileged user may drive, local, without anybody's help; what it
// harms lies in another authority's scope unless it is the guest's own. Stopped: no impact.
std::string CvssVector(DmaClass dma_class, Access access, bool stopped, MessageReach message);
// The base score of such a vector, rounded up to one decimal as the standard says. Throws std::invalid_argument.
double CvssScore(const std::string& vector);

// The score that code scanning sorts by, "9.3".
const char* SecuritySeverity(Severity severity);

// The check that an access of this class that landed passed, or that was not there.
std::string AbsentGuard(DmaClass dma_class, Mode mode);

// Whether Xen's security support covers passthrough in this mode (SUPPORT.md).
std::string SupportText(Mode mode);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_CLASS_FACTS_H_
