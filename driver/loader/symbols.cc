// SPDX-License-Identifier: Apache-2.0
#include "driver/loader/symbols.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "driver/loader/image.h"

namespace pvpci::driver {
namespace {

struct Range {
  Dwarf_Addr low;
  Dwarf_Addr high;
  Dwarf_Off die;
};

// Of a die that covers addresses.
void AppendRanges(Dwarf_Die* die, std::vector<Range>* out) {
  Dwarf_Addr base = 0;
  Dwarf_Addr low = 0;
  Dwarf_Addr high = 0;
  ptrdiff_t at = 0;
  while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) out->push_back({low, high, dwarf_dieoffset(die)});
}

void SortRanges(std::vector<Range>* ranges) {
  std::sort(ranges->begin(), ranges->end(), [](const Range& a, const Range& b) { return a.low < b.low; });
}

// The die whose range holds `pc`; false if there is none.
bool Find(Dwarf* dwarf, const std::vector<Range>& ranges, uint64_t pc, Dwarf_Die* die) {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), pc,
                                [](uint64_t address, const Range& range) { return address < range.low; });
  if (after == ranges.begin()) return false;
  --after;
  return pc < after->high && dwarf_offdie(dwarf, after->die, die) != nullptr;
}

constexpr uint64_t kLineZeroReach = 128;
constexpr const char* kAccounting = "driver/env/accounting.c";

const char* String(Dwarf_Die* die, unsigned attribute) {
  Dwarf_Attribute found;
  return dwarf_formstring(dwarf_attr_integrate(die, attribute, &found));
}

std::string Normal(std::string_view path) {
  std::vector<std::string_view> parts;
  size_t at = 0;
  while (at < path.size()) {
    size_t end = path.find('/', at);
    if (end == std::string_view::npos) end = path.size();
    const std::string_view part = path.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else {
      parts.push_back(part);
    }
  }
  std::string out = path.substr(0, 1) == "/" ? "/" : "";
  for (size_t i = 0; i < parts.size(); ++i) out += (i ? "/" : "") + std::string(parts[i]);
  return out;
}

// Directories at the top of a kernel tree, and the one of this repository that guest code comes from.
constexpr std::array<std::string_view, 22> kTopDirectories = {
    "arch",    "block",  "certs", "crypto", "drivers", "fs",      "include",  "init",  "io_uring", "ipc", "kernel",
    "lib",     "mm",     "net",   "rust",   "samples", "scripts", "security", "sound", "tools",    "usr", "virt"};

bool StartsInTree(std::string_view path) {
  const std::string_view top = path.substr(0, path.find('/'));
  return std::find(kTopDirectories.begin(), kTopDirectories.end(), top) != kTopDirectories.end();
}

}  // namespace

struct Symbolizer::Impl {
  explicit Impl(std::shared_ptr<const Image> the_image) : image(std::move(the_image)) {}
  ~Impl() {
    if (dwarf != nullptr) dwarf_end(dwarf);
  }

  void Open();
  void FindRoots(Dwarf_Die* unit);
  std::string Relative(std::string_view path) const;
  const std::vector<Range>& FunctionsOf(Dwarf_Die* unit);
  void Nest(Dwarf_Die* parent, uint64_t pc, std::vector<Dwarf_Die>* scopes) const;
  std::vector<SourceFrame> Compute(uint64_t pc);

  std::shared_ptr<const Image> image;
  Dwarf* dwarf = nullptr;
  bool opened = false;
  std::vector<Range> units;
  std::map<Dwarf_Off, std::vector<Range>> functions;  // of the units asked for
  std::set<std::string, std::greater<>> roots;  // directories that stand before a source's own path
  std::map<uint64_t, std::vector<SourceFrame>> known;
};

void Symbolizer::Impl::Open() {
  opened = true;
  dwarf = dwarf_begin_elf(image->elf().handle(), DWARF_C_READ, nullptr);
  if (dwarf == nullptr) return;  // an image without debug information: functions only
  Dwarf_Off offset = 0;
  Dwarf_Off next = 0;
  size_t header = 0;
  while (dwarf_nextcu(dwarf, offset, &next, &header, nullptr, nullptr, nullptr) == 0) {
    Dwarf_Die unit;
    if (dwarf_offdie(dwarf, offset + header, &unit) != nullptr) {
      AppendRanges(&unit, &units);
      FindRoots(&unit);
    }
    offset = next;
  }
  SortRanges(&units);
}

// The side table knows each source by its relative path; whatever stands before that in DWARF is a root.
void Symbolizer::Impl::FindRoots(Dwarf_Die* unit) {
  const char* name = dwarf_diename(unit);
  if (name == nullptr) return;
  const char* directory = String(unit, DW_AT_comp_dir);
  if (directory != nullptr && directory[0] == '/') roots.insert(Normal(directory) + "/");
  const std::string path = Normal(name);
  if (path.empty() || path[0] != '/') return;
  for (const std::string& source : image->sources()) {
    if (path.size() > source.size() && path.compare(path.size() - source.size(), source.size(), source) == 0 &&
        path[path.size() - source.size() - 1] == '/') {
      roots.insert(path.substr(0, path.size() - source.size()));
      return;
    }
  }
}

std::string Symbolizer::Impl::Relative(std::string_view raw) const {
  std::string path = Normal(raw);
  // Ours first: a checkout of this repository may itself lie under a root.
  for (const std::string_view own : {"driver/env/", "driver/shadow/", "driver/user/", "driver/seam/"}) {
    const size_t at = path.find(own);
    if (at != std::string::npos && (at == 0 || path[at - 1] == '/')) return path.substr(at);
  }
  // Longest first. Several roots may nest: a build directory inside the tree, the tree inside the compile directory.
  const std::string* best = nullptr;
  for (const std::string& root : roots) {
    if (path.compare(0, root.size(), root) == 0 && (best == nullptr || root.size() > best->size())) best = &root;
  }
  if (best != nullptr) path = path.substr(best->size());
  if (StartsInTree(path)) return path;
  // external/<repository>/<tree>/drivers/...: the first directory that tops a kernel tree begins the path.
  for (size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
    if (StartsInTree(std::string_view(path).substr(at + 1))) return path.substr(at + 1);
  }
  return path;
}

const std::vector<Range>& Symbolizer::Impl::FunctionsOf(Dwarf_Die* unit) {
  const auto [at, fresh] = functions.try_emplace(dwarf_dieoffset(unit));
  Dwarf_Die child;
  if (!fresh || dwarf_child(unit, &child) != 0) return at->second;
  do {
    if (dwarf_tag(&child) == DW_TAG_subprogram) AppendRanges(&child, &at->second);
  } while (dwarf_siblingof(&child, &child) == 0);
  SortRanges(&at->second);
  return at->second;
}

// Appends the inlined calls below `parent` that hold `pc`, outermost first.
void Symbolizer::Impl::Nest(Dwarf_Die* parent, uint64_t pc, std::vector<Dwarf_Die>* scopes) const {
  Dwarf_Die child;
  if (dwarf_child(parent, &child) != 0) return;
  do {
    const int tag = dwarf_tag(&child);
    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) continue;
    if (dwarf_haspc(&child, pc) <= 0) continue;
    if (tag == DW_TAG_inlined_subroutine) scopes->push_back(child);
    Nest(&child, pc, scopes);
    return;
  } while (dwarf_siblingof(&child, &child) == 0);
}

std::vector<SourceFrame> Symbolizer::Impl::Compute(uint64_t pc) {
  if (!opened) Open();
  std::vector<SourceFrame> frames;
  Dwarf_Die unit;
  if (dwarf != nullptr && Find(dwarf, units, pc, &unit)) {
    std::string file;
    int line = 0;
    // Line 0 is the compiler's own code, and the accounting is ours, inlined everywhere: both belong to the line before.
    for (uint64_t at = pc; (line == 0 || file == kAccounting) && pc - at < kLineZeroReach && at != 0; --at) {
      Dwarf_Line* source_line = dwarf_getsrc_die(&unit, at);
      if (source_line == nullptr) break;
      const char* path = dwarf_linesrc(source_line, nullptr, nullptr);
      if (path != nullptr) file = Relative(path);
      dwarf_lineno(source_line, &line);
    }
    Dwarf_Files* files = nullptr;
    size_t file_count = 0;
    dwarf_getsrcfiles(&unit, &files, &file_count);
    std::vector<Dwarf_Die> scopes;
    Dwarf_Die function;
    if (Find(dwarf, FunctionsOf(&unit), pc, &function)) {
      scopes.push_back(function);
      Nest(&function, pc, &scopes);
    }
    for (size_t i = scopes.size(); i-- > 0;) {
      Dwarf_Die* scope = &scopes[i];
      const char* name = String(scope, DW_AT_name);
      const bool inlined = dwarf_tag(scope) == DW_TAG_inlined_subroutine;
      frames.push_back({name == nullptr ? "?" : name, file, static_cast<uint32_t>(line), inlined});
      if (!inlined) break;
      // The next frame stands where this one was called.
      Dwarf_Attribute attribute;
      Dwarf_Word call_file = 0;
      Dwarf_Word call_line = 0;
      dwarf_formudata(dwarf_attr(scope, DW_AT_call_file, &attribute), &call_file);
      dwarf_formudata(dwarf_attr(scope, DW_AT_call_line, &attribute), &call_line);
      const char* path = files == nullptr ? nullptr : dwarf_filesrc(files, call_file, nullptr, nullptr);
      file = path == nullptr ? "" : Relative(path);
      line = static_cast<int>(call_line);
    }
    if (frames.empty() && line != 0) frames.push_back({"?", file, static_cast<uint32_t>(line), false});
  }
  if (frames.empty()) frames.push_back({"?", "", 0, false});
  if (frames.back().function == "?") {  // assembly
    if (const auto nearest = image->NearestFunction(pc)) frames.back().function = std::string(nearest->name);
  }
  return frames;
}

Symbolizer::Symbolizer(std::shared_ptr<const Image> image) : impl_(std::make_unique<Impl>(std::move(image))) {}
Symbolizer::~Symbolizer() = default;

const std::vector<SourceFrame>& Symbolizer::Resolve(uint64_t link_address) {
  const auto found = impl_->known.find(link_address);
  if (found != impl_->known.end()) return found->second;
  return impl_->known.emplace(link_address, impl_->Compute(link_address)).first->second;
}

}  // namespace pvpci::driver
