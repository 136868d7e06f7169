// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/warm_image.h"

namespace pvpci::scenarios {

std::shared_ptr<const driver::Image> OpenWarm(const ImageFiles& files) {
  auto image = driver::Image::Open(files.Path("elf"), files.accounted ? files.Path("blocks.tsv") : "");
  // The first question fills a table.
  image->FindSymbol("start_kernel");
  image->NearestFunction(image->link_base());
  image->EntryBlocks("start_kernel");
  return image;
}

}  // namespace pvpci::scenarios
