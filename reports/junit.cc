// SPDX-License-Identifier: Apache-2.0
#include "reports/junit.h"

#include <fmt/format.h>

#include "reports/exported.h"
#include "reports/names.h"
#include "reports/utf8.h"

namespace pvpci::reports {
namespace {

std::string Seconds(Ps ps) { return fmt::format("{}.{:09}", ps / sim::kSec, ps % sim::kSec / sim::kNs); }

void Property(std::string_view name, std::string_view value, std::string* out) {
  *out += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", XmlEscape(name), XmlEscape(value));
}

void Properties(const Result& result, std::string* out) {
  *out += "    <properties>\n";
  Property("claim", result.claim, out);
  Property("seed", std::to_string(result.seed), out);
  Property("mode", Name(result.mode), out);
  for (const Kernel& kernel : result.kernels) {
    Property("kernel",
             fmt::format("{} ({} {}{})", kernel.name, kernel.package.value_or("own tree"), kernel.version,
                         ModifiedText(result, kernel)),
             out);
  }
  if (result.trace_digest) Property("trace_digest", *result.trace_digest, out);
  Property("reproduce", result.reproduce, out);
  *out += "    </properties>\n";
}

// The testcase that stands for the run as a whole.
void VerdictCase(const Result& result, const std::string& class_name, std::string* out) {
  const std::string reason = result.verdict_reason.value_or("");
  std::string body;
  if (result.incomplete) {
    body = "      <error type=\"incomplete\" message=\"the run was interrupted\"/>\n";
  } else if (result.verdict == Verdict::kUnable) {
    body = fmt::format("      <error type=\"unable\" message=\"{}\"/>\n", XmlEscape(reason));
  } else if (result.verdict == Verdict::kSkipped) {
    body = fmt::format("      <skipped message=\"{}\"/>\n", XmlEscape(reason));
  } else if (result.verdict == Verdict::kViolated) {
    std::string text = reason.empty() ? "expected: holds\nactual: violated\n" : reason + "\n";
    for (const Finding& finding : result.findings) {
      text += fmt::format("{} {} {}: {}\n", finding.id, Name(finding.dma_class), Name(finding.severity), finding.title);
    }
    text += "reproduce: " + result.reproduce + "\n";
    body = fmt::format("      <failure type=\"violated\" message=\"the claim is violated\">{}</failure>\n",
                       XmlEscape(text, XmlPlace::kText));
  }
  *out += fmt::format("    <testcase classname=\"{}\" name=\"verdict\" time=\"{}\">\n{}    </testcase>\n", class_name,
                      Seconds(result.simulated_ps), body);
}

void ExpectationCase(const ExpectationResult& expectation, const Result& result, const std::string& class_name,
                     std::string* out) {
  *out += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"0\"", class_name, XmlEscape(expectation.text));
  if (expectation.held) {
    *out += "/>\n";
    return;
  }
  if (result.verdict == Verdict::kSkipped) {
    *out += ">\n      <skipped/>\n    </testcase>\n";
    return;
  }
  std::string text = fmt::format("expected: {}\nactual: {}\n", expectation.text, expectation.actual);
  if (expectation.reason) text += fmt::format("reason: {}\n", *expectation.reason);
  text += fmt::format("reproduce: {}\n", result.reproduce);
  *out += fmt::format(">\n      <failure type=\"violated\" message=\"{}\">{}</failure>\n    </testcase>\n",
                      XmlEscape("actual: " + expectation.actual), XmlEscape(text, XmlPlace::kText));
}

struct Counts {
  int tests = 0, failures = 0, errors = 0, skipped = 0;
};

Counts Count(const Result& result) {
  Counts counts;
  counts.tests = 1 + static_cast<int>(result.expectations.size());
  if (result.incomplete || result.verdict == Verdict::kUnable) {
    ++counts.errors;
  } else if (result.verdict == Verdict::kSkipped) {
    ++counts.skipped;
  } else if (result.verdict == Verdict::kViolated) {
    ++counts.failures;
  }
  for (const ExpectationResult& expectation : result.expectations) {
    if (!expectation.held) ++(result.verdict == Verdict::kSkipped ? counts.skipped : counts.failures);
  }
  return counts;
}

}  // namespace

std::string JunitXml(const std::vector<Result>& results) {
  Counts all;
  std::string suites;
  for (const Result& whole : results) {
    const Result result = Exported(whole);
    const Counts counts = Count(result);
    all.tests += counts.tests;
    all.failures += counts.failures;
    all.errors += counts.errors;
    all.skipped += counts.skipped;
    const std::string class_name = XmlEscape(fmt::format("pvpci.{}.{}", result.scenario, Name(result.mode)));
    suites +=
        fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">\n",
                    XmlEscape(result.scenario), counts.tests, counts.failures, counts.errors, counts.skipped,
                    Seconds(result.simulated_ps));
    Properties(result, &suites);
    VerdictCase(result, class_name, &suites);
    for (const ExpectationResult& expectation : result.expectations) {
      ExpectationCase(expectation, result, class_name, &suites);
    }
    std::string programs;
    for (const Program& program : result.programs) programs += program.stdout_text;
    if (!programs.empty())
      suites += fmt::format("    <system-out>{}</system-out>\n", XmlEscape(programs, XmlPlace::kText));
    suites += "  </testsuite>\n";
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"pvpci\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n{}</testsuites>\n",
      all.tests, all.failures, all.errors, all.skipped, suites);
}

std::string XmlEscape(std::string_view text, XmlPlace place) {
  std::string out;
  while (!text.empty()) {
    const uint32_t character = TakeCharacter(&text);
    switch (character) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      case '\t':
      case '\n':
        if (place == XmlPlace::kText) {
          out += static_cast<char>(character);
          break;
        }
        [[fallthrough]];
      case '\r':
        out += fmt::format("&#{};", character);
        break;
      default: {
        const bool allowed = character >= 0x20 && character != 0xfffe && character != 0xffff;
        AppendUtf8(allowed ? character : kReplacement, &out);
      }
    }
  }
  return out;
}

}  // namespace pvpci::reports
