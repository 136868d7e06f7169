// SPDX-License-Identifier: Apache-2.0
// The keys of escape windows, as fields.h has those of results. Included by writers and readers before archive.h.
#ifndef PVPCI_REPORTS_WINDOW_FIELDS_H_
#define PVPCI_REPORTS_WINDOW_FIELDS_H_

#include "reports/fields.h"
#include "reports/windows.h"

namespace pvpci::reports {

template <typename A>
void Fields(A& a, Of<WindowPoint, A>& x) {
  a("iotlb_entries", x.iotlb_entries);
  a("losses", x.losses);
  a("nonzero", x.nonzero);
  a("open", x.open);
  a("p50_ps", x.p50_ps);
  a("max_ps", x.max_ps);
  a("command", x.command);
}

template <typename A>
void Fields(A& a, Of<WindowCurve, A>& x) {
  a("policy", x.policy);
  a("what", x.what);
  a("points", x.points);
}

template <typename A>
void Fields(A& a, Of<WindowProfile, A>& x) {
  a("profile", x.profile);
  a("question", x.question);
  a("scenario", x.scenario);
  a("loss", x.loss);
  a("drawn", x.drawn);
  a("curves", x.curves);
}

template <typename A>
void Fields(A& a, Of<Windows, A>& x) {
  a("kernel", x.kernel);
  a("profiles", x.profiles);
}

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_WINDOW_FIELDS_H_
