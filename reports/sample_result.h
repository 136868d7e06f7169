// SPDX-License-Identifier: Apache-2.0
// Results that look like those of the four flagship scenarios, for tests of the renderers and for looking at the page.
// Figures are invented, with a fixed seed; nothing here was measured.
#ifndef PVPCI_REPORTS_SAMPLE_RESULT_H_
#define PVPCI_REPORTS_SAMPLE_RESULT_H_

#include "reports/result.h"

namespace pvpci::reports {

Result SampleHonestDma();
Result SampleSlurp(Mode mode);
Result SampleForgedMsi(Mode mode);
Result SampleInterruptLatency();

// Violated, a crashed domain, hostile strings in every place a guest can reach.
Result SampleTrouble();

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_SAMPLE_RESULT_H_
