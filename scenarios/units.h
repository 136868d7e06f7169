// SPDX-License-Identifier: Apache-2.0
// Quantities as people write them: "64 MiB", "4 KiB", "10 us", "60 s", "gen3 x8". Whole numbers with an optional
// decimal fraction, one space or none, a unit. Sizes are binary only: "MB" is refused rather than guessed.
#ifndef PVPCI_SCENARIOS_UNITS_H_
#define PVPCI_SCENARIOS_UNITS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "scenarios/scenario.h"
#include "sim/time.h"

namespace pvpci::scenarios {

// Decimal or 0x hexadecimal; no sign, no overflow.
std::optional<uint64_t> ParseUnsigned(std::string_view text);
// Decimal with optional minus sign.
std::optional<int64_t> ParseSigned(std::string_view text);

// Bytes. Units B, KiB, MiB, GiB; a plain number is bytes. The result is a whole number of bytes or refused.
std::optional<uint64_t> ParseSize(std::string_view text);
// Picoseconds. Units ps, ns, us, ms, s; the unit is required, but for 0.
std::optional<sim::Ps> ParseDuration(std::string_view text);
// "gen1 x1" .. "gen5 x16".
std::optional<Link> ParseLink(std::string_view text);

// "64 MiB", "1500 B"; "10 us", "1.5 ms"; "gen3 x8": the largest unit that keeps the number exact and short.
std::string FormatSize(uint64_t bytes);
std::string FormatDuration(sim::Ps time);
std::string FormatLink(const Link& link);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_UNITS_H_
