// SPDX-License-Identifier: Apache-2.0
// driver/mutants/mutate.py on small sources: what each verb makes of one, and that it refuses what it does not find.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const char* const kSource = R"(// a comment with f(x) { in it
#include <x.h>
static int g(int x)
{
	return x;
}

#ifdef A
#endif
static int f(struct s *a,
	     int b)
{
	if (!a->on || b > 3)	/* the check */
		return -1;
	a->n = b;
	if (b)
		warn("b (%d)\n",
		     b);
	else
		a->n = 0;
	return g(b);
}
)";

struct Outcome {
  int status = -1;
  std::string text;  // the copy, or what was said
};

std::string Read(const std::string& path) {
  std::ifstream stream(path);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// `edits`: JSON of one mutant's edits, its number is 7.
Outcome Mutate(const std::string& edits) {
  const char* scratch = std::getenv("TEST_TMPDIR");
  const std::string folder = scratch == nullptr ? "/tmp" : scratch;
  const std::string log = folder + "/log", copy = folder + "/copy.c";
  std::ofstream(folder + "/f.c") << kSource;
  std::ofstream(folder + "/mutants.json") << R"({"mutants": [{"id": "X-1", "number": 7, "edits": [)" << edits << "]}]}";
  std::remove(copy.c_str());
  const std::string command = "python3 -B driver/mutants/mutate.py --tree " + folder + " --source f.c --mutants " + folder +
                              "/mutants.json --out " + copy + " 2>" + log;
  Outcome outcome;
  outcome.status = std::system(command.c_str());
  outcome.text = Read(outcome.status == 0 ? copy : log);
  return outcome;
}

Outcome Edit(const std::string& verb, const std::string& pattern, const std::string& by = "") {
  return Mutate(R"({"function": "f", "verb": ")" + verb + R"(", "pattern": ")" + pattern + R"(", "by": ")" + by + "\"}");
}

TEST(Mutate, KeepsEveryLineInItsPlace) {
  const Outcome copy = Edit("never", "b > 3");
  ASSERT_EQ(copy.status, 0) << copy.text;
  EXPECT_EQ(std::count(copy.text.begin(), copy.text.end(), '\n'),
            std::count(kSource, kSource + std::string(kSource).size(), '\n'));
  EXPECT_THAT(copy.text, HasSubstr("\n\tif (!a->on || (pvpci_mutant != 7 && (b > 3)))\t/* the check */\n"));
  EXPECT_THAT(copy.text, HasSubstr("volatile int pvpci_mutant __attribute__((weak)); // a comment"));
}

TEST(Mutate, KnowsEveryVerb) {
  EXPECT_THAT(Edit("always", "!a -> on").text, HasSubstr("if ((pvpci_mutant == 7 || (!a->on)) || b > 3)"));
  EXPECT_THAT(Edit("instead", "return {{g(b)}}", "0").text, HasSubstr("return (pvpci_mutant == 7 ? (0) : (g(b)));"));
  EXPECT_THAT(Edit("skip", "a->n = b").text, HasSubstr("\t{ if (pvpci_mutant != 7) a->n = b; }\n"));
  EXPECT_THAT(Edit("skip", "a->n = b", "b == 1").text, HasSubstr("{ if (pvpci_mutant != 7 || !(b == 1)) a->n = b; }"));
  EXPECT_THAT(Edit("skip", "if (b)").text, HasSubstr("{ if (pvpci_mutant != 7) if (b)\n"));
  EXPECT_THAT(Edit("skip", "if (b)").text, HasSubstr("\t\ta->n = 0; }\n\treturn"));
  EXPECT_THAT(Edit("call", "warn", "shout").text,
              HasSubstr("{ if (pvpci_mutant == 7) shout(\"b (%d)\\n\", b); else warn(\"b (%d)\\n\",\n\t\t     b); }"));
  EXPECT_THAT(Edit("replace", "a->n = b", "a->n = 9").text,
              HasSubstr("{ if (pvpci_mutant == 7) { a->n = 9; } else a->n = b; }"));
  EXPECT_THAT(Edit("before", "a->n = b", "h()").text, HasSubstr("if (pvpci_mutant == 7) { h(); } a->n = b;"));
  EXPECT_THAT(Edit("insert", "if (!a->on", "int i = 0").text, HasSubstr("\tint i = 0; if (!a->on"));
  EXPECT_THAT(Edit("declare", "", "static int v").text, HasSubstr("#endif\nstatic int v; static int f("));
}

TEST(Mutate, PutsTheLargerPlaceOutside) {
  const Outcome copy = Mutate(R"({"function": "f", "verb": "never", "pattern": "!a->on || b > 3", "by": ""},
                                 {"function": "f", "verb": "always", "pattern": "!a->on", "by": ""})");
  EXPECT_THAT(copy.text, HasSubstr("if ((pvpci_mutant != 7 && ((pvpci_mutant == 7 || (!a->on)) || b > 3)))"));
}

TEST(Mutate, RefusesWhatItDoesNotFindOnce) {
  const Outcome absent = Edit("never", "b > 4");
  EXPECT_NE(absent.status, 0);
  EXPECT_THAT(absent.text, HasSubstr("f.c: X-1: f: 'b > 4' is there 0 times"));
  EXPECT_THAT(absent.text, HasSubstr("driver/mutants/mutants.bzl"));
  EXPECT_THAT(absent.text, Not(HasSubstr("Traceback")));
  EXPECT_THAT(Edit("skip", "a->n =").text, HasSubstr("is there 2 times"));
  EXPECT_THAT(Edit("before", "return -1", "h()").text, HasSubstr("is not a statement of its own"));
  EXPECT_THAT(Mutate(R"({"function": "h", "verb": "skip", "pattern": "x", "by": ""})").text,
              HasSubstr("function h is defined 0 times"));
}

}  // namespace
