// SPDX-License-Identifier: Apache-2.0
#include "reports/review_json.h"

#include <fmt/format.h>

#include "reports/window_fields.h"
// Sees the fields above.
#include "reports/archive.h"
#include "reports/json_text.h"

namespace pvpci::reports {

template <typename A>
void Fields(A& a, Of<ReviewCell, A>& x) {
  a("scenario", x.scenario);
  a("title", x.title);
  a("mode", x.mode);
  a("kernel", x.kernel);
  a("abi", x.abi);
  a("verdict", x.verdict);
  a("class", x.dma_class);
  a("bytes", x.bytes);
  a("expected", x.expected);
  a("agrees", x.agrees);
  a("seconds", x.seconds);
  a("explanation", x.explanation);
  a("expected_class", x.expected_class);
  a("name", x.name);
  a("reason", x.reason);
  a("held", x.held);
  a("problems", x.problems);
  a("embargo", x.embargo);
  a("reproduce", x.reproduce);
  a("simulated_ps", x.simulated_ps);
  a("fault_records", x.fault_records);
  a("observations", x.observations);
  a("lint", x.lint);
  a("stopped", x.stopped);
  a("findings", x.findings);
  a("findings_total", x.findings_total);
  a("sub_page", x.sub_page);
}

template <typename A>
void Fields(A& a, Of<ReviewMutant, A>& x) {
  a("id", x.id);
  a("file", x.file);
  a("detected", x.detected);
  a("by", x.by);
  a("function", x.function);
  a("reverts", x.reverts);
  a("kernels", x.kernels);
  a("seen", x.seen);
  a("problems", x.problems);
}

template <typename A>
void Fields(A& a, Of<AttackerRow, A>& x) {
  a("who", x.who);
  a("trust", x.trust);
  a("confidentiality", x.confidentiality);
  a("integrity", x.integrity);
  a("availability", x.availability);
  a("note", x.note);
}

template <typename A>
void Fields(A& a, Of<ReviewStory, A>& x) {
  a("id", x.id);
  a("title", x.title);
  a("story", x.story);
  a("attacker", x.attacker);
  a("victim", x.victim);
  a("name", x.name);
  a("observable", x.observable);
  a("references", x.references);
  a("file", x.file);
  a("line", x.line);
}

template <typename A>
void Fields(A& a, Of<Review, A>& x) {
  a("cells", x.cells);
  a("mutants", x.mutants);
  a("unmutated_clean", x.unmutated_clean);
  a("seconds", x.seconds);
  a("profile", x.profile);
  a("incomplete", x.incomplete);
  a("unclean", x.unclean);
  a("command", x.command);
  a("attackers", x.attackers);
  a("stories", x.stories);
  a("kernels", x.kernels);
  a("limits", x.limits);
  a("windows", x.windows);
}

ordered_json ToJson(const Review& review) {
  Writer writer;
  writer("schema", kSchemaNumber);
  Fields(writer, review);
  return std::move(writer.object_);
}

std::string WriteReviewJson(const Review& review) { return FormatJson(ToJson(review)); }

Review ReadReviewJson(std::string_view text) {
  const ordered_json document = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) throw ReadError("(document): not JSON");
  Reader reader(document, "");
  int schema = 0;
  reader("schema", schema);
  if (schema != kSchemaNumber) {
    throw ReadError(fmt::format("schema: {}, this program reads {}", schema, kSchemaNumber));
  }
  Review review;
  Fields(reader, review);
  return review;
}

}  // namespace pvpci::reports
