// SPDX-License-Identifier: Apache-2.0
// What short references stand for: CWE-668, A5 (a paper of threats.md 3), H5 (a hypothesis of threats.md 5), XSA-302.
#ifndef PVPCI_REPORTS_CITATIONS_H_
#define PVPCI_REPORTS_CITATIONS_H_

#include <string>

namespace pvpci::reports {

// "Exposure of Resource to Wrong Sphere", "Markuze et al., True IOMMU Protection, ASPLOS 2016"; "" if nothing is known.
// What nobody has looked up again ends in "[k]": from general knowledge, to be checked before it is quoted.
std::string CitationText(const std::string& reference);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_CITATIONS_H_
