// SPDX-License-Identifier: Apache-2.0
#include "reports/review_html.h"

#include <nlohmann/json.hpp>

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
#include "reports/html/review.js.inc"
};

}  // namespace

std::string ReviewHtml(const Review& whole) {
  const Review review = Exported(whole);
  nlohmann::ordered_json document = ToJson(review);
  document["originals"] = review.originals;
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
