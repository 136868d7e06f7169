// SPDX-License-Identifier: Apache-2.0
#include "models/xen/hypercall_table.h"

#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "models/xen/abi.h"
#include "sim/check.h"

namespace pvpci::xen {
namespace {

constexpr size_t kMaxArguments = 8192;

// Followed by `fields` input values and, if has_out, as many output values, 8 bytes each.
struct RecordHeader {
  uint32_t row;
  uint16_t fields;
  uint16_t has_out;
  int64_t result;
};

uint64_t Extract(const Field& field, const void* base) {
  uint64_t value = 0;
  std::memcpy(&value, static_cast<const std::byte*>(base) + field.offset, field.size);
  if (field.is_signed && field.size < 8) {
    const unsigned shift = 64 - 8 * static_cast<unsigned>(field.size);
    value = static_cast<uint64_t>(static_cast<int64_t>(value << shift) >> shift);
  }
  return value;
}

}  // namespace

bool Call::CopyIn(void* to, uint64_t va, uint64_t length) const {
  const void* from = domain.space->Access(va, length, false);
  if (from == nullptr) return false;
  std::memcpy(to, from, length);
  return true;
}

bool Call::CopyOut(uint64_t va, const void* from, uint64_t length) const {
  void* to = domain.space->Access(va, length, true);
  if (to == nullptr) return false;
  std::memcpy(to, from, length);
  return true;
}

HypercallTable::HypercallTable(sim::Trace& trace) : trace_(trace) {
  trace_.SetFormatter(sim::RecordKind::kHypercall, [this](const sim::RecordView& record) { return Format(record); });
}

void HypercallTable::Group(unsigned nr, const char* name, const char* prefix, unsigned pointer_arg,
                           unsigned count_arg) {
  groups_[nr] = {name, prefix, pointer_arg, count_arg, rows_.size()};
  rows_.push_back({nr, kNoCommand, "unknown", std::string(name) + "_unknown", 0, Outputs::kNone,
                   {{"cmd", 0, 4}}, nullptr});
}

void HypercallTable::AddRow(Row row) {
  SIM_CHECK(row.size <= kMaxArguments, "argument structure too large: " + row.name);
  if (row.command != kNoCommand) {
    const auto group = groups_.find(row.nr);
    SIM_CHECK(group != groups_.end(), "row without group: " + row.name);
    row.count_name = group->second.prefix + row.name;
  }
  const bool added = index_.emplace(std::make_pair(row.nr, row.command), rows_.size()).second;
  SIM_CHECK(added, "row twice: " + row.name);
  rows_.push_back(std::move(row));
}

void HypercallTable::Absent(unsigned nr, unsigned command, const char* name) {
  Row row{nr, command, name, name, 0, Outputs::kNone, {}, nullptr};
  row.absent = true;
  AddRow(std::move(row));
}

long HypercallTable::Count(Domain& domain, size_t row, long value) {
  if (domain.counts.size() < rows_.size()) domain.counts.resize(rows_.size());
  ++domain.counts[row].calls;
  if (value < 0) ++domain.counts[row].failures;
  return value;
}

std::optional<size_t> HypercallTable::Force(sim::DomId domain, const std::string& name, long result, uint64_t skip,
                                            uint64_t count) {
  for (size_t row = 0; row < rows_.size(); ++row) {
    if (rows_[row].count_name != name) continue;
    forces_.push_back({domain, row, result, skip, count});
    return forces_.size() - 1;
  }
  return std::nullopt;
}

const long* HypercallTable::Forced(const Domain& domain, size_t row) {
  for (ForcedResult& rule : forces_) {
    if (rule.row != row || rule.domain != domain.id() || (rule.count != 0 && rule.done == rule.count)) continue;
    if (rule.skip > 0) {
      --rule.skip;
      continue;
    }
    ++rule.done;
    return &rule.result;
  }
  return nullptr;
}

std::map<std::string, unsigned> HypercallTable::commands() const {
  std::map<std::string, unsigned> commands;
  for (const Row& row : rows_) {
    if (row.command != kNoCommand) commands[row.count_name] = row.command;
  }
  return commands;
}

std::vector<std::string> HypercallTable::names() const {
  std::vector<std::string> names;
  for (const Row& row : rows_) names.push_back(row.count_name);
  return names;
}

long HypercallTable::Run(unsigned nr, Call& call) {
  const auto group = groups_.find(nr);
  const bool multiplexed = group != groups_.end();
  const unsigned command = multiplexed ? static_cast<unsigned>(call.args[0]) : kNoCommand;
  const auto found = index_.find({nr, command});
  if (found == index_.end()) {
    if (!multiplexed) return -abi::kENOSYS;
    Emit(call, group->second.unknown_row, -abi::kENOSYS, call.args, nullptr);
    return Count(call.domain, group->second.unknown_row, -abi::kENOSYS);
  }
  const size_t index = found->second;
  const Row& row = rows_[index];
  if (row.absent) {
    const long* forced = Forced(call.domain, index);
    if (forced != nullptr) return Count(call.domain, index, *forced);
    sim::NotModelled("hypercall " + row.count_name, "abi.md 3.1");
  }
  if (row.size == 0) {
    uint64_t copy[5];
    std::memcpy(copy, call.args, sizeof copy);
    const long* forced = Forced(call.domain, index);
    const long value = forced != nullptr ? *forced : Handle(row, call, nullptr);
    Emit(call, index, value, copy, nullptr);
    return Count(call.domain, index, value);
  }
  const uint64_t va = call.args[group->second.pointer_arg];
  if (group->second.count_arg == 0) return RunOne(call, index, va);
  const uint64_t count = static_cast<uint32_t>(call.args[group->second.count_arg]);
  long value = 0;
  for (uint64_t i = 0; i < count && value >= 0; ++i) value = RunOne(call, index, va + i * row.size);
  return value;
}

// A multicall runs others.
long HypercallTable::Handle(const Row& row, Call& call, void* args) {
  const Row* const outer_row = std::exchange(running_row_, &row);
  const Vcpu* const outer_vcpu = std::exchange(running_vcpu_, &call.vcpu);
  const long value = row.handler(call, args);
  running_row_ = outer_row;
  running_vcpu_ = outer_vcpu;
  return value;
}

std::optional<HypercallTable::Running> HypercallTable::running() const {
  if (running_row_ == nullptr) return std::nullopt;
  return Running{running_row_->count_name, running_vcpu_};
}

long HypercallTable::RunOne(Call& call, size_t index, uint64_t va) {
  const Row& row = rows_[index];
  alignas(16) std::byte in[kMaxArguments];
  alignas(16) std::byte arguments[kMaxArguments];
  if (!call.CopyIn(arguments, va, row.size)) {
    Emit(call, index, -abi::kEFAULT, nullptr, nullptr);
    return Count(call.domain, index, -abi::kEFAULT);
  }
  std::memcpy(in, arguments, row.size);
  if (const long* forced = Forced(call.domain, index)) {
    Emit(call, index, *forced, in, nullptr);
    return Count(call.domain, index, *forced);
  }
  long value = Handle(row, call, arguments);
  const bool out = row.outputs == Outputs::kAlways || (row.outputs == Outputs::kSuccess && value >= 0);
  if (out && !call.CopyOut(va, arguments, row.size)) value = -abi::kEFAULT;
  Emit(call, index, value, in, out && value != -abi::kEFAULT ? arguments : nullptr);
  return Count(call.domain, index, value);
}

void HypercallTable::Emit(const Call& call, size_t row, long value, const void* in, const void* out) {
  const std::vector<Field>& fields = rows_[row].fields;
  std::byte buffer[sizeof(RecordHeader) + 2 * 16 * sizeof(uint64_t)];
  SIM_CHECK(fields.size() <= 16, "too many traced fields: " + rows_[row].name);
  RecordHeader header{static_cast<uint32_t>(row), static_cast<uint16_t>(in != nullptr ? fields.size() : 0),
                      static_cast<uint16_t>(out != nullptr), value};
  std::memcpy(buffer, &header, sizeof header);
  size_t size = sizeof header;
  for (const void* base : {in, out}) {
    if (base == nullptr) continue;
    for (const Field& field : fields) {
      const uint64_t word = Extract(field, base);
      std::memcpy(buffer + size, &word, sizeof word);
      size += sizeof word;
    }
  }
  trace_.Append(sim::RecordKind::kHypercall, call.domain.id(), buffer, static_cast<uint32_t>(size));
}

std::string HypercallTable::Format(const sim::RecordView& record) const {
  RecordHeader header;
  std::memcpy(&header, record.payload, sizeof header);
  const Row& row = rows_[header.row];
  const auto group = groups_.find(row.nr);
  std::string text = "hypercall ";
  if (group != groups_.end()) text += group->second.name + " ";
  text += row.name;
  const std::byte* word = record.payload + sizeof header;
  const auto values = [&] {
    std::string list = "{";
    for (unsigned i = 0; i < header.fields; ++i) {
      uint64_t value;
      std::memcpy(&value, word, sizeof value);
      word += sizeof value;
      if (i != 0) list += ' ';
      list += row.fields[i].is_signed ? fmt::format("{}={}", row.fields[i].name, static_cast<int64_t>(value))
                                      : fmt::format("{}={}", row.fields[i].name, value);
    }
    return list + "}";
  };
  if (header.fields != 0) text += " " + values();
  if (header.has_out != 0) text += " -> " + values();
  return text + fmt::format(" = {}", header.result);
}

std::map<std::string, HypercallCount> HypercallTable::Counts(const Domain& domain) const {
  std::map<std::string, HypercallCount> counts;
  for (size_t row = 0; row < domain.counts.size(); ++row) {
    if (domain.counts[row].calls != 0) counts[rows_[row].count_name] = domain.counts[row];
  }
  return counts;
}

}  // namespace pvpci::xen
