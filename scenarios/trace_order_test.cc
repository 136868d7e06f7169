// SPDX-License-Identifier: Apache-2.0
// The order of hypercalls, ring operations and store writes that abi.md 5.1 and 5.2 state, on the trace of honest_dma:
// what a domU's real pcifront and driver do, and what dom0's pciback does under them.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pvpci::scenarios {
namespace {

// A kind of line, and the word it becomes; "$1" is what its pattern captured. First match wins, "" drops the line.
struct Word {
  const char* pattern;
  const char* word;
};
const Word kWords[] = {
    {R"(^driver hypercall event_channel_op alloc_unbound \{dom=32752 rdom=0 port=0\} -> .*port=(\d+)\} = 0$)",
     "alloc:$1"},
    {R"(^driver hypercall event_channel_op expand_array )", "expand"},
    {R"(^driver hypercall event_channel_op bind_vcpu \{port=(\d+) vcpu=0\} = 0$)", "vcpu:$1"},
    {R"(^driver hypercall event_channel_op bind_pirq \{pirq=(\d+) flags=(\d) port=0\} -> .* port=(\d+)\} = 0$)",
     "bind:$1/$2:$3"},
    {R"(^driver hypercall event_channel_op close \{port=(\d+)\} = 0$)", "close:$1"},
    {R"(^driver hypercall event_channel_op (send|unmask) )", ""},
    {R"(^driver hypercall physdev_op irq_status_query \{irq=(\d+) )", "query:$1"},
    {R"(^driver hypercall physdev_op eoi \{irq=(\d+)\} = 0$)", "eoi:$1"},
    {R"(^driver hypercall memory_op exchange .*out_order=6 .* = 0$)", "exchange"},
    {R"(^driver hypercall memory_op exchange .*out_order=6 .* = -12$)", "refused"},
    {R"(^driver hypercall multicall )", "multicall"},
    {R"(^driver store WRITE \S*/(pci-op-ref|event-channel) (\d+)$)", "$1:$2"},
    {R"(^driver store WRITE \S*/magic 7$)", "magic"},
    {R"(^driver store WRITE \S*/device/pci/0/state (\d)$)", "state:$1"},
    {R"(^driver ring response conf_read \S+ off=0x3c size=1 value=0x15 err=0$)", "line"},
    {R"(^driver ring request conf_)", "conf"},
    {R"(^driver ring response conf_)", ""},
    {R"(^driver ring request (\w+) )", "$1?"},
    {R"(^driver ring response (\w+) .* err=0$)", "$1."},
    {R"(^driver ring response (\w+) .* err=(-\d+)$)", "$1.$2"},
    {R"(^control hypercall physdev_op map_pirq \{dom=1 type=3 .*\} -> .* pirq=(\d+) .* = 0$)", "map:$1"},
    {R"(^control hypercall physdev_op unmap_pirq \{dom=1 pirq=(\d+)\} = 0$)", "unmap:$1"},
    {R"(^driver hypercall (event_channel_op|physdev_op|memory_op) )", "other"},
};

class TraceOrder : public testing::Test {
 protected:
  // One run serves all tests.
  static void SetUpTestSuite() {
    setenv("PVPCI_IMAGES", "driver", 1);  // Bazel runs tests in the folder of their data
    const std::string out = std::string(std::getenv("TEST_TMPDIR")) + "/honest_dma";
    const std::string command = "scenarios/pvpci run honest_dma --format trace --out " + out + " >&2";
    ASSERT_EQ(std::system(command.c_str()), 0);
    std::ifstream console(out + "/console-driver.txt");
    console_.assign(std::istreambuf_iterator<char>(console), {});
    std::vector<std::pair<std::regex, std::string>> words;
    for (const Word& word : kWords) words.emplace_back(word.pattern, word.word);
    std::ifstream trace(out + "/trace.txt");
    bool begun = false;
    for (std::string line; std::getline(trace, line);) {
      line.erase(0, line.find(' ') + 1);  // the time
      if (line.rfind("driver ", 0) != 0 && line.rfind("control hypercall physdev_op ", 0) != 0) continue;
      begun = begun || line.find(" alloc_unbound ") != std::string::npos;
      if (begun) Add(line, words);
    }
  }

  static void Add(const std::string& line, const std::vector<std::pair<std::regex, std::string>>& words) {
    const auto starts = [&](const char* text) { return line.rfind(text, 0) == 0; };
    if (starts("driver ring") || starts("driver hypercall event_channel_op send")) ring_.push_back(line);
    const bool known = starts("driver ring ") || starts("driver store ") || starts("control ") ||
                       starts("driver hypercall event_channel_op ") || starts("driver hypercall physdev_op ") ||
                       starts("driver hypercall memory_op ") || starts("driver hypercall multicall ");
    if (!known) return;
    for (const auto& [pattern, format] : words) {
      std::smatch match;
      if (!std::regex_search(line, match, pattern)) continue;
      const std::string word = match.format(format);
      if (!word.empty()) text_ += word + " ";
      return;
    }
  }

  // Of the words from the first that starts with `from` to the first `to` after it.
  std::string Part(const std::string& from, const std::string& to, size_t start = 0) const {
    const size_t first = text_.find(from, start);
    if (first == std::string::npos) return "";
    const size_t last = text_.find(to, first + from.size());
    return text_.substr(first, last == std::string::npos ? last : last + to.size() - first);
  }
  std::string Without(std::string text, const std::string& words) const {
    return std::regex_replace(text, std::regex("(" + words + ") "), "");
  }

  static inline std::string text_;
  static inline std::string console_;
  static inline std::vector<std::string> ring_;  // operations, and sends on any port
};

MATCHER_P(IsInOrder, pattern, "") { return std::regex_match(arg, std::regex(pattern)); }

TEST_F(TraceOrder, FrontendPublishesThenWaitsThenScans) {
  // abi.md 5.1. The pool is exchanged in extents of 256 KiB; each zaps 64 pages and maps 64, in multicalls of 32. The
  // kernel begins with narrow addresses and widens them while the hypervisor has none.
  const std::string start = Part("alloc:", "conf ");
  EXPECT_THAT(start, IsInOrder(R"(alloc:(\d+) (expand )?vcpu:\1 pci-op-ref:\d+ event-channel:\1 magic state:3 )"
                               R"((multicall multicall (exchange|refused) multicall multicall )+conf )"));
  size_t exchanged = 0;
  for (size_t at = 0; (at = start.find("exchange ", at)) != std::string::npos; ++at) ++exchanged;
  std::smatch pool;
  ASSERT_TRUE(std::regex_search(console_, pool, std::regex(R"(software IO TLB: mapped \[.*\] \((\d+)MB\))")));
  EXPECT_EQ(exchanged, 4 * std::stoul(pool[1]));
  const std::string scan = Part("conf ", "state:");
  size_t accesses = 0;
  for (size_t at = 0; (at = scan.find("conf ", at)) != std::string::npos; ++at) ++accesses;
  EXPECT_GE(accesses, 256u);
  EXPECT_THAT(scan, testing::EndsWith("state:"));
  EXPECT_EQ(text_.substr(text_.find("state:", text_.find("conf ")), 7), "state:4");
}

TEST_F(TraceOrder, EveryAccessIsOneRequestOneSendOneResponse) {
  // Twice: the device is taken away and attached again, with a new page.
  const std::string port = text_.substr(6, text_.find(' ') - 6);
  std::string kinds;
  size_t scans = 0;
  for (const std::string& line : ring_) {
    const bool send = line.find(" send {port=") != std::string::npos;
    if (send && line.find(" send {port=" + port + "}") == std::string::npos) continue;  // xenbus
    kinds += send ? 's' : line.find("ring request") != std::string::npos ? 'q' : 'r';
    if (line.find("ring request conf_read 0000:00:1f.7 ") != std::string::npos) ++scans;
    if (kinds.size() < 3) continue;
    ASSERT_EQ(kinds, "qsr") << line;
    kinds.clear();
  }
  EXPECT_GE(scans, 2u);
}

TEST_F(TraceOrder, IntxIsBoundAskedAcknowledgedAndRouted) {
  // abi.md 5.2: enabling asks about the line; request_irq binds; free_irq closes, and nothing else.
  EXPECT_THAT(text_, testing::HasSubstr("line "));
  EXPECT_TRUE(std::regex_search(text_, std::regex("line (conf )*query:21 ")));
  const std::string intx = Without(Part("bind:21/1:", "close:"), "conf|line");
  EXPECT_THAT(intx, IsInOrder(R"(bind:21/1:(\d+) query:21 (eoi:21 )?vcpu:\1 (eoi:21 )*close:)"));
}

TEST_F(TraceOrder, MsiIsMappedByDom0ThenBound) {
  const std::string msi = Without(Part("enable_msi? ", "disable_msi. "), "conf|line|state:4");
  EXPECT_THAT(msi, IsInOrder(R"(enable_msi\? map:(\d+) enable_msi\. bind:\1/0:(\d+) query:\1 (eoi:\1 )?vcpu:\2 )"
                             R"((eoi:\1 )*close:\2 disable_msi\? unmap:\1 disable_msi\. )"));
}

TEST_F(TraceOrder, MsixIsOneOperationAndOneBindPerVector) {
  const std::string msix = Without(Part("enable_msix? ", "close:"), "conf|line");
  EXPECT_THAT(msix, IsInOrder(R"(enable_msix\? (map:\d+ ){8}enable_msix\. )"
                              R"((bind:\d+/0:\d+ query:\d+ (eoi:\d+ )?vcpu:\d+ ){8}(eoi:\d+ )*close:)"));
  // abi.md S2: its end goes over the ring as disable_msi, and pciback unmaps nothing.
  const size_t end = text_.find("enable_msix. ");
  const std::string teardown = Without(Part("close:", "disable_msi. ", end), "conf|line");
  EXPECT_THAT(teardown, IsInOrder(R"((close:\d+ ){8}disable_msi\? disable_msi\. )"));
  EXPECT_EQ(text_.find("disable_msix?"), std::string::npos);
}

}  // namespace
}  // namespace pvpci::scenarios
