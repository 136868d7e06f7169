// SPDX-License-Identifier: Apache-2.0
#include "driver/loader/test_image.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "driver/loader/elf_file.h"
#include "sim/check.h"

namespace pvpci::driver {
namespace {

constexpr char kElf[] = "driver/loader/test_guest.elf";
constexpr char kSource[] = "driver/loader/test_guest.c";

std::string Slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  SIM_CHECK(in.good(), "cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

const ImageSection& Section(const ElfFile& elf, const char* name) {
  for (const ImageSection& section : elf.sections()) {
    if (section.name == name) return section;
  }
  SIM_CHECK(false, std::string("the test guest has no section ") + name);
  std::abort();
}

}  // namespace

TestImageFiles WriteTestImage(const std::string& tag) {
  const char* directory = std::getenv("TEST_TMPDIR");
  const std::string stem = fmt::format("{}/{}-{}", directory == nullptr ? "/tmp" : directory, tag, getpid());
  TestImageFiles files{stem + ".elf", stem + ".blocks"};
  std::string bytes = Slurp(kElf);
  const ElfFile elf(kElf);
  const auto [symbols, symbol_count] = elf.symbols();

  // __sancov_pcs: for every guard the block's address and 1 if it is a function's entry.
  const ImageSection& guards = Section(elf, "__sancov_guards");
  const ImageSection& pcs = Section(elf, "__sancov_pcs");
  const auto* pc = reinterpret_cast<const uint64_t*>(pcs.data);
  const size_t file_offset = static_cast<size_t>(reinterpret_cast<const char*>(guards.data) -
                                                 reinterpret_cast<const char*>(elf.raw()));
  std::ofstream table(files.blocks);
  std::string function;
  uint32_t index = 0;
  for (uint32_t id = 1; id <= guards.size / 4; ++id) {
    std::memcpy(&bytes[file_offset + (id - 1) * 4], &id, 4);
    ++index;
    if (pc[(id - 1) * 2 + 1] & 1) {
      index = 0;
      for (size_t i = 0; i < symbol_count; ++i) {
        if (symbols[i].st_value == pc[(id - 1) * 2] && ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC) {
          function = elf.SymbolName(symbols[i]);
        }
      }
    }
    table << fmt::format("{}\t{}\t{}\t{}\t3\t{}\t1\n", id, kSource, function, index, kTestBlockCost);
  }
  std::ofstream(files.elf, std::ios::binary) << bytes;
  return files;
}

std::shared_ptr<const Image> OpenTestImage() {
  const TestImageFiles files = WriteTestImage();
  auto image = Image::Open(files.elf, files.blocks);
  unlink(files.elf.c_str());
  unlink(files.blocks.c_str());
  return image;
}

uint32_t TestGuestLine(const std::string& marker) {
  std::ifstream in(kSource);
  std::string line;
  for (uint32_t number = 1; std::getline(in, line); ++number) {
    if (line.find("/* " + marker + " */") != std::string::npos) return number;
  }
  SIM_CHECK(false, "no line is marked " + marker);
  return 0;
}

}  // namespace pvpci::driver
