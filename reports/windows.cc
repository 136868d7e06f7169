// SPDX-License-Identifier: Apache-2.0
#include "reports/windows.h"

#include <utility>

#include "reports/window_fields.h"
// Sees the fields above.
#include "reports/archive.h"
#include "reports/html_text.h"
#include "reports/json_text.h"

namespace pvpci::reports {
namespace {

constexpr char kPage[] =
#include "reports/html/windows.html.inc"
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
#include "reports/html/windows.js.inc"
    ,
#include "reports/html/windows_page.js.inc"
};

ordered_json Document(const Windows& windows) {
  Writer writer;
  writer("schema", kSchemaNumber);
  Fields(writer, windows);
  return std::move(writer.object_);
}

}  // namespace

std::string WindowsJson(const Windows& windows) { return FormatJson(Document(windows)); }

std::string WindowsHtml(const Windows& windows) {
  std::string script;
  for (const char* part : kScripts) script += part;
  return FillTemplate(kPage, {{"title", "Escape windows"},
                              {"css", kStyle},
                              {"review_css", kReviewStyle},
                              {"windows", ScriptJson(Document(windows))},
                              {"script", script}});
}

}  // namespace pvpci::reports
