// SPDX-License-Identifier: Apache-2.0
#include "reports/sweep_html.h"

#include "reports/html_text.h"
#include "reports/json_text.h"

namespace pvpci::reports {
namespace {

constexpr char kPage[] =
#include "reports/html/sweep.html.inc"
    ;
constexpr char kStyle[] =
#include "reports/html/report.css.inc"
    ;
constexpr const char* kScripts[] = {
#include "reports/html/dom.js.inc"
    ,
#include "reports/html/latency.js.inc"
    ,
#include "reports/html/intervals.js.inc"
    ,
#include "reports/html/sweep.js.inc"
};

}  // namespace

std::string SweepHtml(const nlohmann::ordered_json& document, const std::string& text) {
  std::string script;
  for (const char* part : kScripts) script += part;
  return FillTemplate(kPage, {{"title", HtmlEscape(document["name"].get<std::string>())},
                              {"css", kStyle},
                              {"summary", HtmlEscape(text)},
                              {"sweep", ScriptJson(document)},
                              {"script", script}});
}

}  // namespace pvpci::reports
