// SPDX-License-Identifier: Apache-2.0
// Hypercalls as rows: number and command, name, argument structure, typed handler. The table copies arguments in and
// out through the caller's GuestSpace (-EFAULT on a bad pointer), counts calls and failures per domain and name, and
// emits one trace record per call, printed as the golden traces have it.
#ifndef PVPCI_MODELS_XEN_HYPERCALL_TABLE_H_
#define PVPCI_MODELS_XEN_HYPERCALL_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/xen/domain.h"
#include "sim/time.h"
#include "sim/trace.h"

namespace pvpci::xen {

// One call in progress.
struct Call {
  Vcpu& vcpu;
  Domain& domain;
  const uint64_t* args;
  sim::Ps cost = 0;     // beyond the entry and exit
  bool block = false;   // the caller sleeps after this call

  bool CopyIn(void* to, uint64_t va, uint64_t length) const;
  bool CopyOut(uint64_t va, const void* from, uint64_t length) const;
};

// A traced member of an argument structure.
struct Field {
  const char* name;
  size_t offset;
  size_t size;
  bool is_signed = false;
};

enum class Outputs : uint8_t {
  kNone,     // nothing is copied out
  kSuccess,  // copied out if the result is >= 0
  kAlways,   // copied out whatever the result
};

// Calls without an argument structure.
struct NoArguments {};

class HypercallTable {
 public:
  using Handler = std::function<long(Call&, void*)>;

  explicit HypercallTable(sim::Trace& trace);

  // A multiplexed hypercall. `pointer_arg`: which argument points to the structure (argument 0 is the command).
  // `prefix`: of names in counts, "EVTCHNOP_". `count_arg`: if not 0, that argument counts an array of structures; the
  // handler runs once per element, and the first negative result ends the call.
  void Group(unsigned nr, const char* name, const char* prefix, unsigned pointer_arg = 1, unsigned count_arg = 0);
  // One command of a group.
  template <typename T, typename Args>
  void On(unsigned nr, unsigned command, const char* name, long (T::*handler)(Call&, Args&), T* object,
          Outputs outputs = Outputs::kNone, std::vector<Field> fields = {}) {
    constexpr bool kNone = std::is_same_v<Args, NoArguments>;
    AddRow({nr, command, name, "", kNone ? 0 : sizeof(Args), outputs, std::move(fields),
            [handler, object](Call& call, void* args) {
              if constexpr (kNone) {
                NoArguments none;
                return (object->*handler)(call, none);
              } else {
                return (object->*handler)(call, *static_cast<Args*>(args));
              }
            }});
  }
  // A hypercall without command, or one whose handler reads its own arguments. Fields are taken from the registers.
  template <typename T>
  void OnRaw(unsigned nr, const char* name, long (T::*handler)(Call&), T* object, std::vector<Field> fields = {}) {
    AddRow({nr, kNoCommand, name, name, 0, Outputs::kNone, std::move(fields),
            [handler, object](Call& call, void*) { return (object->*handler)(call); }});
  }
  // A command the hypervisor has and this model has not: ends the run as unable.
  void Absent(unsigned nr, unsigned command, const char* name);

  // Runs the call. Unknown numbers and commands answer -ENOSYS.
  long Run(unsigned nr, Call& call);

  // The call that is being carried out, the innermost of them: "PHYSDEVOP_map_pirq". Empty between calls.
  struct Running {
    std::string name;
    const Vcpu* vcpu;
  };
  std::optional<Running> running() const;

  // Fault injection: the calls of `domain` to `name` ("EVTCHNOP_bind_pirq") answer `result` and do nothing, `count` of
  // them (0: all) after the next `skip`. A result of 0 lies: nothing was done and nothing is copied out. A call that is
  // not modelled may be answered so, too.
  // Returns a number for forced(); nothing if no such call exists. The first rule that fits a call decides it.
  std::optional<size_t> Force(sim::DomId domain, const std::string& name, long result, uint64_t skip, uint64_t count);
  uint64_t forced(size_t rule) const { return forces_[rule].done; }
  std::vector<std::string> names() const;
  // "EVTCHNOP_close" -> 3: the commands of all groups, those that are absent too.
  std::map<std::string, unsigned> commands() const;

  std::map<std::string, HypercallCount> Counts(const Domain& domain) const;

 private:
  static constexpr unsigned kNoCommand = ~0u;
  struct Row {
    unsigned nr;
    unsigned command;
    std::string name;
    std::string count_name;
    size_t size;
    Outputs outputs;
    std::vector<Field> fields;
    Handler handler;
    bool absent = false;
  };
  struct GroupInfo {
    std::string name;
    std::string prefix;
    unsigned pointer_arg;
    unsigned count_arg;
    size_t unknown_row;
  };
  struct ForcedResult {
    sim::DomId domain;
    size_t row;
    long result;
    uint64_t skip;
    uint64_t count;
    uint64_t done = 0;
  };
  void AddRow(Row row);
  long RunOne(Call& call, size_t row, uint64_t va);
  long Handle(const Row& row, Call& call, void* args);
  const long* Forced(const Domain& domain, size_t row);
  long Count(Domain& domain, size_t row, long value);
  void Emit(const Call& call, size_t row, long value, const void* in, const void* out);
  std::string Format(const sim::RecordView& record) const;

  sim::Trace& trace_;
  std::vector<Row> rows_;
  std::map<std::pair<unsigned, unsigned>, size_t> index_;
  std::map<unsigned, GroupInfo> groups_;
  std::vector<ForcedResult> forces_;
  const Row* running_row_ = nullptr;
  const Vcpu* running_vcpu_ = nullptr;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_HYPERCALL_TABLE_H_
