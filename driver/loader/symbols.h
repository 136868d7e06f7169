// SPDX-License-Identifier: Apache-2.0
// pc -> function, file, line, with the functions inlined there, from the image's DWARF 4 (elfutils libdw).
// Nothing is read before the first question; every answer is kept.
#ifndef PVPCI_DRIVER_LOADER_SYMBOLS_H_
#define PVPCI_DRIVER_LOADER_SYMBOLS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pvpci::driver {

class Image;

struct SourceFrame {
  std::string function;  // "?" if the image has no symbol there
  std::string file;      // relative to the kernel tree or to this repository; "" if unknown
  uint32_t line = 0;     // 0 if unknown
  bool inlined = false;  // inlined into the next frame of the list
};

class Symbolizer {
 public:
  explicit Symbolizer(std::shared_ptr<const Image> image);
  ~Symbolizer();
  Symbolizer(const Symbolizer&) = delete;
  Symbolizer& operator=(const Symbolizer&) = delete;

  // Frames at a linked address (LoadedImage::ToLink), innermost first; never empty. For a return address pass
  // address - 1, so that the answer is the line of the call.
  const std::vector<SourceFrame>& Resolve(uint64_t link_address);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_LOADER_SYMBOLS_H_
