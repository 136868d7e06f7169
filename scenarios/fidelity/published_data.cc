// SPDX-License-Identifier: Apache-2.0
#include "scenarios/fidelity/published_data.h"

#include <fmt/format.h>

#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

namespace pvpci::scenarios {
namespace {

std::vector<std::string> Split(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line);
  for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
  return cells;
}

}  // namespace

std::vector<PublishedRow> LoadPublished(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line)) throw std::runtime_error(file + ": cannot be read");
  const std::vector<std::string> names = Split(line);
  std::vector<PublishedRow> rows;
  for (unsigned number = 2; std::getline(in, line); ++number) {
    const std::vector<std::string> cells = Split(line);
    if (cells.size() != names.size()) {
      throw std::runtime_error(fmt::format("{}:{}: {} cells under {} names", file, number, cells.size(), names.size()));
    }
    std::map<std::string, std::string> row;
    for (size_t i = 0; i < cells.size(); ++i) row[names[i]] = cells[i];
    try {
      const auto optional = [&row](const char* name) {
        const auto cell = row.find(name);
        return cell == row.end() ? std::nullopt : std::optional<double>(std::stod(cell->second));
      };
      PublishedRow out;
      out.host = row.at("host");
      out.iommu = row.at("iommu") != "off";
      out.test = row.at("test");
      out.sequential = row.at("pattern") == "Seq";
      out.warm = row.at("cache") == "HWarm";
      out.window_bytes = std::stoull(row.at("window_bytes"));
      out.size_bytes = static_cast<uint32_t>(std::stoul(row.at("size_bytes")));
      out.average_ns = optional("avg_ns");
      out.median_ns = optional("median_ns");
      out.p999_ns = optional("p999_ns");
      out.per_second = optional("transactions_per_s");
      rows.push_back(std::move(out));
    } catch (const std::logic_error&) {  // no such column, or no number
      throw std::runtime_error(fmt::format("{}:{}: not a row of pcie-bench", file, number));
    }
  }
  return rows;
}

}  // namespace pvpci::scenarios
