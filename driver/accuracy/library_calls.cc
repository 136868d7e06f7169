// SPDX-License-Identifier: Apache-2.0
// Calls functions of a kernel image natively, at the addresses where it was linked, and says what each workload executed.
//
//   library_calls counted IMAGE BLOCKS   an image with accounting: "name calls instructions", summed up by its blocks
//   library_calls plain IMAGE            one without: "name calls"; callgrind counts between the toggles and dumps the
//                                        statistics of each workload under its name
//
// In between there is nothing but the call: what it takes to make it is the workload "empty", to be taken off.
#include <sys/mman.h>
#include <valgrind/callgrind.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "driver/loader/block_table.h"
#include "driver/loader/elf_file.h"

namespace pvpci::driver {
namespace {

constexpr const char* kGuards = "__sancov_guards";
constexpr int64_t kCountdown = int64_t{1} << 40;  // never used up: the accounting does not leave for the host
constexpr const char* kEmpty = "empty";
constexpr uint64_t kPageBytes = 4096;

// An image at its link addresses, with no hypervisor and no start: only functions that need neither may be called.
class Library {
 public:
  explicit Library(const std::string& path) : file_(path) {
    for (const ElfSegment& segment : file_.segments()) {
      if (segment.memory_size == 0) continue;
      const uint64_t first = segment.address / kPageBytes * kPageBytes;
      const uint64_t bytes = segment.address + segment.memory_size - first;
      void* const at = mmap(reinterpret_cast<void*>(first), bytes, PROT_READ | PROT_WRITE | PROT_EXEC,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
      if (at != reinterpret_cast<void*>(first)) throw std::runtime_error("the image's addresses are not free");
      std::memcpy(reinterpret_cast<void*>(segment.address), segment.data, segment.file_size);
    }
  }
  uint64_t Function(const std::string& name) const {
    const auto [symbols, count] = file_.symbols();
    for (size_t i = 0; i < count; ++i) {
      if (file_.SymbolName(symbols[i]) == name && ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC) {
        return symbols[i].st_value;
      }
    }
    throw std::runtime_error("the image has no function " + name);
  }
  // Each block subtracts its instructions from the countdown.
  void CountInstructions(const BlockTable& blocks) {
    for (const ImageSection& section : file_.sections()) {
      if (section.name != kGuards) continue;
      auto* const guards = reinterpret_cast<uint32_t*>(section.address);
      for (uint64_t i = 0; i < section.size / sizeof *guards; ++i) {
        if (guards[i] != 0) guards[i] = blocks.block(guards[i]).instructions;
      }
      return;
    }
    throw std::runtime_error("the image has no guards");
  }

 private:
  ElfFile file_;
};

asm(R"(
  .text
  .type library_calls_empty, @function
library_calls_empty:
  ret
)");
extern "C" void library_calls_empty();

struct Count {
  uint64_t calls = 0;
  int64_t instructions = 0;
};

// Kernel code keeps to the C calling convention, knows no red zone, and counts down in xmm15 (driver/seam/seam.h). Never
// inlined: what stands between the toggles is the same for all.
[[gnu::noinline]] uint64_t Call(Count* count, uint64_t function, std::array<uint64_t, 6> a) {
  int64_t left = 0;
  uint64_t result = 0;
  register uint64_t fifth asm("r8") = a[4];
  register uint64_t sixth asm("r9") = a[5];
  CALLGRIND_TOGGLE_COLLECT;
  asm volatile(
      "movq %[start], %%xmm15\n\t"
      "call *%[function]\n\t"
      "movq %%xmm15, %[left]"
      : "=a"(result), [left] "=&r"(left), "+D"(a[0]), "+S"(a[1]), "+d"(a[2]), "+c"(a[3]), "+r"(fifth), "+r"(sixth)
      : [start] "m"(kCountdown), [function] "r"(function)
      : "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
        "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
  CALLGRIND_TOGGLE_COLLECT;
  ++count->calls;
  count->instructions += kCountdown - left;
  return result;
}

class Random {
 public:
  uint64_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  uint64_t Below(uint64_t limit) { return Next() % limit; }

 private:
  uint64_t state_ = 0x9e3779b97f4a7c15;
};

uint64_t Pointer(const void* at) { return reinterpret_cast<uint64_t>(at); }

// include/linux/rbtree_types.h.
struct RbNode {
  uint64_t parent_and_colour = 0;
  RbNode* right = nullptr;
  RbNode* left = nullptr;
};

class Workloads {
 public:
  explicit Workloads(const Library& library) : library_(library) {}

  // `done` is told of each, in order.
  void Run(const std::function<void(const std::string&, const Count&)>& done) {
    Named(kEmpty, Pointer(reinterpret_cast<void*>(&library_calls_empty)), done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) call({});
    });
    Bits(done);
    Text(done);
    Sums(done);
    Trees(done);
  }

 private:
  using Done = std::function<void(const std::string&, const Count&)>;
  static constexpr unsigned kCalls = 200;
  static constexpr unsigned kBits = 4096;

  template <typename Body>
  void Named(const std::string& name, uint64_t function, const Done& done, Body body) {
    Count count;
    body([&](std::array<uint64_t, 6> arguments) { return pvpci::driver::Call(&count, function, arguments); });
    done(name, count);
  }
  template <typename Body>
  void With(const std::string& name, const Done& done, Body body) {
    Named(name, library_.Function(name), done, body);
  }

  void Bits(const Done& done) {
    std::vector<uint64_t> a(kBits / 64), b(kBits / 64), c(kBits / 64);
    for (auto* bits : {&a, &b}) {
      for (unsigned i = 0; i < kBits / 16; ++i) {
        const uint64_t bit = random_.Below(kBits);
        (*bits)[bit / 64] |= uint64_t{1} << bit % 64;
      }
    }
    With("_find_next_bit", done, [&](auto call) {
      for (uint64_t at = 0; at < kBits; ++at) at = call({Pointer(a.data()), kBits, at});
    });
    With("_find_first_bit", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) call({Pointer(a.data() + i % 32), 2048});
    });
    With("_find_next_zero_bit", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) call({Pointer(a.data()), kBits, random_.Below(kBits)});
    });
    With("__bitmap_weight", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) call({Pointer(a.data()), random_.Below(kBits)});
    });
    With("__bitmap_and", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) {
        call({Pointer(c.data()), Pointer(a.data()), Pointer(b.data()), random_.Below(kBits)});
      }
    });
    With("bitmap_find_next_zero_area_off", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) {
        call({Pointer(a.data()), kBits, random_.Below(kBits), 1 + random_.Below(20), 0, 0});
      }
    });
    With("__bitmap_set", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) call({Pointer(c.data()), random_.Below(kBits / 2), random_.Below(kBits / 2)});
    });
  }

  void Text(const Done& done) {
    std::array<char, 256> text{}, other{};
    With("snprintf", done, [&](auto call) {
      const std::array<const char*, 4> formats = {"%04x:%02x:%02x", "domain %d has %u pages", "[%8lx, %-8ld)",
                                                  "%#llx %c%5u"};
      for (unsigned i = 0; i < kCalls; ++i) {
        call({Pointer(text.data()), text.size(), Pointer(formats[i % formats.size()]), random_.Below(1 << 16),
              random_.Below(1 << 8), random_.Below(1 << 8)});
      }
    });
    With("sscanf", done, [&](auto call) {
      unsigned values[3] = {};
      for (unsigned i = 0; i < kCalls; ++i) {
        std::snprintf(text.data(), text.size(), "%04x:%02x:%u", static_cast<unsigned>(random_.Below(1 << 16)),
                      static_cast<unsigned>(random_.Below(1 << 8)), static_cast<unsigned>(random_.Below(32)));
        call({Pointer(text.data()), Pointer("%x:%x:%u"), Pointer(&values[0]), Pointer(&values[1]), Pointer(&values[2])});
      }
    });
    With("kstrtoull", done, [&](auto call) {
      uint64_t value = 0;
      for (unsigned i = 0; i < kCalls; ++i) {
        std::snprintf(text.data(), text.size(), "%llu", static_cast<unsigned long long>(random_.Next() >> i % 60));
        call({Pointer(text.data()), 10, Pointer(&value)});
      }
    });
    With("simple_strtoull", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) {
        std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(random_.Next() >> i % 60));
        call({Pointer(text.data()), 0, 0});
      }
    });
    With("strscpy", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) call({Pointer(other.data()), Pointer(Word(&text)), 64});
    });
    With("skip_spaces", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) {
        std::memset(text.data(), ' ', i % 30);
        std::strcpy(text.data() + i % 30, "x");
        call({Pointer(text.data())});
      }
    });
    With("strim", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) call({Pointer(Word(&text))});
    });
    With("strsep", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) {
        const char* rest = Word(&text);
        call({Pointer(&rest), Pointer("/:")});
      }
    });
    With("memparse", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) {
        std::snprintf(text.data(), text.size(), "%u%c", static_cast<unsigned>(random_.Below(1 << 20)), "KMG "[i % 4]);
        const char* rest = nullptr;
        call({Pointer(text.data()), Pointer(&rest)});
      }
    });
    With("hex_dump_to_buffer", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) {
        call({Pointer(Word(&text)), 1 + random_.Below(16), 16, 1, Pointer(other.data()), other.size()});
      }
    });
  }

  void Sums(const Done& done) {
    std::vector<uint8_t> bytes(2048);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_.Next());
    With("crc32_le", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) call({~uint32_t{0}, Pointer(bytes.data()), random_.Below(1024)});
    });
    With("memchr_inv", done, [&](auto call) {
      std::vector<uint8_t> zeros(1024);
      for (unsigned i = 0; i < kCalls; ++i) {
        const uint64_t at = random_.Below(zeros.size());
        zeros[at] = 1;
        call({Pointer(zeros.data()), 0, zeros.size()});
        zeros[at] = 0;
      }
    });
    With("sort", done, [&](auto call) {  // words of 8 bytes, by the kernel's own strcmp
      std::vector<std::array<char, 8>> words(100);
      for (unsigned i = 0; i < kCalls / 20; ++i) {
        for (auto& word : words) {
          std::snprintf(word.data(), word.size(), "%06x", static_cast<unsigned>(random_.Below(1 << 24)));
        }
        call({Pointer(words.data()), words.size(), sizeof words[0], library_.Function("strcmp"), 0});
      }
    });
  }

  void Trees(const Done& done) {
    std::vector<RbNode> nodes(kCalls);  // by address
    std::vector<unsigned> order(kCalls);
    for (unsigned i = 0; i < kCalls; ++i) std::swap(order[i] = i, order[random_.Below(i + 1)]);
    RbNode* root = nullptr;
    With("rb_insert_color", done, [&](auto call) {
      for (const unsigned i : order) {
        RbNode *parent = nullptr, **link = &root;
        while (*link != nullptr) {
          parent = *link;
          link = &nodes[i] < parent ? &parent->left : &parent->right;
        }
        *link = &nodes[i];
        nodes[i].parent_and_colour = Pointer(parent);  // rb_link_node
        call({Pointer(&nodes[i]), Pointer(&root)});
      }
    });
    With("rb_erase", done, [&](auto call) {
      for (unsigned i = 0; i < kCalls; ++i) call({Pointer(&nodes[i * 7 % kCalls]), Pointer(&root)});
    });
  }

  char* Word(std::array<char, 256>* text) {
    const uint64_t length = 1 + random_.Below(40);
    for (uint64_t i = 0; i < length; ++i) (*text)[i] = "abcdefg/:. "[random_.Below(11)];
    (*text)[length] = '\0';
    return text->data();
  }

  const Library& library_;
  Random random_;
};

int Main(int argc, char** argv) {
  const std::string mode = argc > 2 ? argv[1] : "";
  const bool counted = mode == "counted" && argc == 4;
  if (!counted && !(mode == "plain" && argc == 3)) {
    std::fputs("library_calls counted IMAGE BLOCKS | library_calls plain IMAGE\n", stderr);
    return 2;
  }
  Library library(argv[2]);
  if (counted) library.CountInstructions(BlockTable::Read(argv[3]));
  Workloads(library).Run([&](const std::string& name, const Count& count) {
    CALLGRIND_DUMP_STATS_AT(name.c_str());
    CALLGRIND_ZERO_STATS;
    const std::string calls = name + " " + std::to_string(count.calls);
    std::puts((counted ? calls + " " + std::to_string(count.instructions) : calls).c_str());
  });
  return 0;
}

}  // namespace
}  // namespace pvpci::driver

int main(int argc, char** argv) {
  try {
    return pvpci::driver::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "library_calls: %s\n", error.what());
    return 4;
  }
}
