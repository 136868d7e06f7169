// SPDX-License-Identifier: Apache-2.0
#include "reports/review_html.h"

#include <set>

#include <nlohmann/json.hpp>

#include "reports/citations.h"
#include "reports/exported.h"
#include "reports/html_text.h"
#include "reports/json_text.h"
#include "reports/result_json.h"
#include "reports/review_json.h"
#include "reports/review_text.h"

namespace pvpci::reports {
namespace {

constexpr char kPage[] =
#include "reports/html/review.html.inc"
    ;
constexpr char kStyle[] =
#include "reports/html/report.css.inc"
    ;
constexpr char kReviewStyle[] =
#include "reports/html/review.css.inc"
    ;
constexpr const char* kScripts[] = {
#include "reports/html/dom.js.inc"
    ,
#include "reports/html/memory.js.inc"
    ,
#include "reports/html/findings.js.inc"
    ,
#include "reports/html/attack_map.js.inc"
    ,
#include "reports/html/exposure.js.inc"
    ,
#include "reports/html/windows.js.inc"
    ,
#include "reports/html/review.js.inc"
};

// What the page's short references stand for.
nlohmann::ordered_json Citations(const Review& review) {
  std::set<std::string> used;
  for (const ReviewStory& story : review.stories) used.insert(story.references.begin(), story.references.end());
  for (const ReviewCell& cell : review.cells) {
    for (const Finding& finding : cell.findings) used.insert(finding.cwe.begin(), finding.cwe.end());
  }
  nlohmann::ordered_json texts = nlohmann::ordered_json::object();
  for (const std::string& reference : used) {
    if (const std::string text = CitationText(reference); !text.empty()) texts[reference] = text;
  }
  return texts;
}

}  // namespace

std::string ReviewHtml(const Review& whole) {
  const Review review = Exported(whole);
  nlohmann::ordered_json document = ToJson(review);
  document["originals"] = review.originals;
  document["citations"] = Citations(review);
  document["evidence"] = nlohmann::ordered_json::array();
  for (const auto& [cell, result] : review.evidence) {
    nlohmann::ordered_json run = ToJson(result);
    run.erase("findings");  // the cell has them
    document["evidence"].push_back({{"cell", cell}, {"result", std::move(run)}});
  }
  std::string script;
  for (const char* part : kScripts) script += part;
  return FillTemplate(kPage, {{"title", "Security review of PCI passthrough"},
                              {"css", kStyle},
                              {"review_css", kReviewStyle},
                              {"summary", HtmlEscape(ReviewText(review))},
                              {"review", ScriptJson(document)},
                              {"script", script}});
}

}  // namespace pvpci::reports
