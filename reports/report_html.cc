// SPDX-License-Identifier: Apache-2.0
#include "reports/report_html.h"

#include "reports/exported.h"
#include "reports/html_text.h"
#include "reports/json_text.h"
#include "reports/names.h"
#include "reports/result_json.h"
#include "reports/text_summary.h"

namespace pvpci::reports {
namespace {

constexpr char kPage[] =
#include "reports/html/page.html.inc"
    ;
constexpr char kStyle[] =
#include "reports/html/report.css.inc"
    ;
constexpr const char* kScripts[] = {
#include "reports/html/dom.js.inc"
    ,
#include "reports/html/machine.js.inc"
    ,
#include "reports/html/memory.js.inc"
    ,
#include "reports/html/latency.js.inc"
    ,
#include "reports/html/intervals.js.inc"
    ,
#include "reports/html/findings.js.inc"
    ,
#include "reports/html/exposure.js.inc"
    ,
#include "reports/html/main.js.inc"
};

}  // namespace

std::string ReportHtml(const Result& whole) {
  const Result result = Exported(whole);
  std::string script;
  for (const char* part : kScripts) script += part;
  TextOptions plain;
  plain.unicode = true;
  return FillTemplate(kPage, {{"title", HtmlEscape(result.scenario + ": " + std::string(Name(result.verdict)))},
                              {"css", kStyle},
                              {"summary", HtmlEscape(TextSummary(result, plain))},
                              {"result", ScriptJson(ToJson(result))},
                              {"script", script}});
}

}  // namespace pvpci::reports
