// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/guest_domain.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "models/xen/sched.h"
#include "sim/check.h"

namespace pvpci::scenarios {
namespace {

constexpr uint64_t kImagePfn = 256;        // 1 MiB, where PC kernels start
constexpr uint64_t kStackPages = 8;
constexpr uint64_t kStackBytes = kStackPages * sim::kPageSize;
constexpr unsigned kWorkSlots = GuestDomain::kWorkAreaBytes / sim::kPageSize;
constexpr size_t kConsoleLimit = 4u << 20; // a flood ends here; the report says so
constexpr const char* kUpMessage = "pvpci: initcalls done";  // driver/env/start.c
// ioremap, vmalloc and grant mappings. Page tables for it are built at once, so no more than needed: dom0 maps 256 MiB
// of ECAM.
constexpr uint64_t kDom0Vmalloc = 512ull << 20;
constexpr uint64_t kDomUVmalloc = 64ull << 20;

static_assert(sizeof(seam_work) == sim::kPageSize);

driver::DomainSpaceConfig SpaceOf(const DomainSpec& spec, const DomainPlace& place) {
  driver::DomainSpaceConfig config;
  config.index = place.index;
  config.offset = place.offset;
  config.pages = spec.memory_bytes >> sim::kPageShift;
  config.vmalloc_bytes = spec.role == Role::kDom0 ? kDom0Vmalloc : kDomUVmalloc;
  return config;
}

uint64_t SecretPages(const DomainSpec& spec) {
  uint64_t pages = 0;
  for (const SecretSpec& secret : spec.secrets) pages += secret.bytes >> sim::kPageShift;
  return pages;
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += word;
    text += '\0';
  }
  return text;
}

std::string StateText(driver::CrashKind kind) {
  switch (kind) {
    case driver::CrashKind::kBug: return "BUG";
    case driver::CrashKind::kPanic: return "panic";
    case driver::CrashKind::kStackOverflow: return "stack overflow";
    case driver::CrashKind::kHung:
    case driver::CrashKind::kDeadlock: return "hung";
    case driver::CrashKind::kDummy: return "missing symbol";
    default: return "oops";
  }
}

}  // namespace

GuestDomain::GuestDomain(const DomainSpec& spec, sim::DomId id, const DomainPlace& place,
                         std::shared_ptr<const driver::Image> image, const Surroundings& around)
    : spec_(spec), id_(id), around_(around), image_(std::move(image)), space_(SpaceOf(spec, place)) {
  slots_used_.assign(kWorkSlots, false);
}

GuestDomain::~GuestDomain() = default;

void GuestDomain::Build(const std::string& command_line, uint64_t seed, std::function<void()> on_store) {
  uint64_t next_pfn = kImagePfn;
  if (image_) {
    loaded_ = driver::LoadedImage::Load(image_, space_, kImagePfn);
    if (around_.mutant != 0) *reinterpret_cast<int*>(loaded_->Symbol("pvpci_mutant")) = around_.mutant;
    next_pfn = loaded_->first_free_pfn();
    stack_pfn_ = next_pfn;
    work_pfn_ = stack_pfn_ + kStackPages;
    next_pfn = work_pfn_ + kWorkSlots;
    around_.backtraces->SetImage(id_, image_);
    hooks_ = std::make_unique<driver::FunctionHooks>(*loaded_);
    InstallHooks();
  }
  const uint64_t secrets_pfn = next_pfn;
  next_pfn += SecretPages(spec_);
  for (unsigned i = 0; i < spec_.vcpus; ++i) vcpus_.push_back(std::make_unique<GuestVcpu>(*this, i));

  xen::BuildRequest request;
  request.spec.name = spec_.name;
  request.spec.id = id_;
  request.spec.role = spec_.role == Role::kDom0 ? xen::DomainRole::kDom0 : xen::DomainRole::kDomU;
  request.spec.pages = space_.pages();
  request.spec.vcpus = spec_.vcpus;
  request.spec.seed = seed;
  request.spec.p2m = spec_.p2m == P2mLayout::kExtents2M ? xen::P2mLayout::kExtents : xen::P2mLayout::kScatter;
  if (spec_.bare_metal) request.spec.p2m = xen::P2mLayout::kIdentity;
  request.spec.first_mfn = spec_.memory_at >> sim::kPageShift;
  request.spec.e820_host = spec_.e820_host;
  request.spec.fifo_events = spec_.events == EventAbi::kFifo;
  request.spec.command_line = command_line;
  request.memory = {space_.page(0), space_.pages(), space_.memfd()};
  request.vmalloc = {space_.vmalloc_base(), space_.vmalloc_bytes()};
  request.space = this;
  for (const auto& vcpu : vcpus_) request.vcpus.push_back(vcpu.get());
  request.image_first_pfn = kImagePfn;
  request.image_pages = next_pfn - kImagePfn;
  built_ = xen::BuildDomain(*around_.hypervisor, request, std::move(on_store));
  state_ = State::kBuilt;

  uint64_t pfn = secrets_pfn;
  for (const SecretSpec& secret : spec_.secrets) {
    std::vector<sim::Mfn> frames;
    for (uint64_t i = 0; i < secret.bytes >> sim::kPageShift; ++i) frames.push_back(built_.domain->p2m[pfn++]);
    around_.secrets->Plant(id_, secret.name, std::move(frames));
  }
}

void GuestDomain::InstallHooks() {
  if (!around_.watched) return;
  Spans* spans = around_.spans;
  const sim::DomId id = id_;
  // Probes t5 and t7 of abi.md 5.3; t6 follows when handlers are registered.
  hooks_->Add("xen_evtchn_do_upcall",
              [spans, id](driver::VcpuRunner&, sim::Ps entry) { spans->OnUpcallEntered(id, entry); });
  for (const char* function : {"evtchn_2l_clear_pending", "evtchn_fifo_clear_pending"}) {
    hooks_->Add(function, [spans, id](driver::VcpuRunner&, sim::Ps entry) { spans->OnPendingCleared(id, entry); });
  }
}

void GuestDomain::WatchHandler(uint64_t address) {
  if (!around_.watched || !loaded_->is_text(address)) return;
  const auto nearest = image_->NearestFunction(loaded_->ToLink(address));
  if (!nearest || nearest->offset != 0) return;
  // The linker gives a static function that it moved between modules a suffix.
  const std::string name(nearest->name.substr(0, nearest->name.find(".llvm.")));
  if (!handlers_.insert(name).second) return;
  Spans* spans = around_.spans;
  const sim::DomId id = id_;
  hooks_->Add(name, [spans, id, name](driver::VcpuRunner& vcpu, sim::Ps entry) {
    spans->OnHandlerEntered(id, entry, name, vcpu.cpu());
  });
}

void GuestDomain::Start(std::function<void()> up) {
  SIM_CHECK(state_ == State::kBuilt && loaded_, spec_.name + " is not built, or has no kernel");
  up_ = std::move(up);
  state_ = State::kRunning;
  const uint64_t top = reinterpret_cast<uint64_t>(space_.page(stack_pfn_)) + kStackBytes;
  started_ = around_.simulation->now();
  vcpus_[0]->runner().Start(built_.start_info_va, top, kStackBytes, started_);
}

std::optional<reports::IrqsOff> GuestDomain::irqs_off() const {
  if (irqs_off_.length == 0) return std::nullopt;
  return reports::IrqsOff{irqs_off_.length, irqs_off_.since, static_cast<int>(irqs_off_.vcpu),
                          around_.backtraces->Resolve(id_, irqs_off_.backtrace)};
}

void GuestDomain::Pause() {
  for (const auto& vcpu : vcpus_) vcpu->Pause(true);
}

void GuestDomain::Unpause() {
  for (const auto& vcpu : vcpus_) vcpu->Pause(false);
}

void GuestDomain::Post(seam_work_kind kind, const std::vector<std::string>& words, WorkDone done) {
  if (stopped()) {
    done(-EIO, report_ ? report_->message : "");
    return;
  }
  const auto slot = std::find(slots_used_.begin(), slots_used_.end(), false);
  if (slot == slots_used_.end()) {
    waiting_.push_back({kind, {Join(words), std::move(done)}});
    return;
  }
  *slot = true;
  const auto number = static_cast<uint64_t>(slot - slots_used_.begin());
  auto* work = reinterpret_cast<seam_work*>(space_.page(work_pfn_ + number));
  std::memset(work, 0, sizeof *work);
  const std::string text = Join(words);
  SIM_CHECK(text.size() < sizeof work->text, "work for a guest does not fit a page");
  work->kind = kind;
  work->length = static_cast<seam_u32>(text.size());
  std::memcpy(work->text, text.data(), text.size());
  works_.push_back({reinterpret_cast<uint64_t>(work), kind, std::move(done)});
  vcpus_[0]->PostWork(works_.back().va);
}

bool GuestDomain::OnEntry(const std::string& function, driver::FunctionHook hook) {
  return hooks_ && hooks_->Add(function, std::move(hook)) > 0;
}

// Called after every hypercall: a guest that finished a work blocks or yields soon.
void GuestDomain::CollectWork() {
  for (size_t i = 0; i < works_.size();) {
    auto* work = reinterpret_cast<seam_work*>(works_[i].va);
    if (work->done == 0) {
      ++i;
      continue;
    }
    const Work finished = std::move(works_[i]);
    works_.erase(works_.begin() + static_cast<long>(i));
    std::string text;
    if (finished.kind == SEAM_WORK_SYSFS_READ) text.assign(work->text, strnlen(work->text, sizeof work->text));
    const long result = work->result;
    const uint64_t pfn = (finished.va - space_.base()) >> sim::kPageShift;
    slots_used_[pfn - work_pfn_] = false;
    // Outside the vCPU's slice: what comes next may need the simulation at rest.
    around_.simulation->After(0, [done = finished.done, result, text] { done(result, text); });
    if (!waiting_.empty()) {
      auto [kind, rest] = std::move(waiting_.front());
      waiting_.pop_front();
      std::vector<std::string> words;
      for (size_t at = 0; at < rest.first.size(); at += words.back().size() + 1) words.emplace_back(&rest.first[at]);
      Post(kind, words, std::move(rest.second));
    }
  }
}

void GuestDomain::Log(unsigned level, std::string_view text, sim::Ps time) {
  if (console_.size() > kConsoleLimit) return;
  size_t start = 0;
  while (start < text.size()) {
    const size_t end = text.find('\n', start);
    const std::string_view line = text.substr(start, end == std::string_view::npos ? end : end - start);
    if (!console_line_open_) console_ += fmt::format("[{:5}.{:06}] <{}> ", time / sim::kSec, time / sim::kUs % 1000000, level);
    console_ += line;
    console_line_open_ = end == std::string_view::npos;
    if (!console_line_open_) console_ += '\n';
    if (end == std::string_view::npos) break;
    start = end + 1;
  }
  if (console_.size() > kConsoleLimit) console_ += "\n[console flood: nothing more is kept]\n";
  if (state_ == State::kRunning && text.find(kUpMessage) != std::string_view::npos) {
    state_ = State::kUp;
    if (up_) around_.simulation->After(0, std::exchange(up_, nullptr));
  }
}

void GuestDomain::StopAll(const driver::CrashReport& report) {
  if (stopped()) return;
  const bool hung = report.kind == driver::CrashKind::kHung || report.kind == driver::CrashKind::kDeadlock;
  state_ = hung ? State::kHung : State::kCrashed;
  reports::DomainReport text;
  text.kind = StateText(report.kind);
  text.message = report.message;
  text.backtrace = around_.backtraces->Resolve(id_, report.backtrace);
  if (console_line_open_) console_ += '\n';
  console_line_open_ = false;
  Log(0, fmt::format("{} on vCPU {}: {}\n", text.kind, report.vcpu, text.message), report.time);
  for (const reports::Frame& frame : text.backtrace) {
    Log(0, fmt::format("  {} ({}:{})\n", frame.function, frame.file, frame.line), report.time);
  }
  report_ = std::move(text);
  around_.hypervisor->CrashDomain(id_, report.message);
  for (const auto& vcpu : vcpus_) vcpu->runner().Halt();
  Fail(report.message);
  if (around_.stopped) around_.simulation->After(0, [this] { around_.stopped(id_); });
}

void GuestDomain::MarkCrashed(const std::string& reason) {
  if (stopped()) return;
  state_ = State::kCrashed;
  report_ = reports::DomainReport{"crashed by Xen", reason, {}};
  Log(0, fmt::format("crashed by Xen: {}\n", reason), around_.simulation->now());
  for (const auto& vcpu : vcpus_) vcpu->runner().Halt();
  Fail(reason);
  if (around_.stopped) around_.stopped(id_);
}

void GuestDomain::Fail(const std::string& message) {
  for (Work& work : std::exchange(works_, {})) {
    around_.simulation->After(0, [done = std::move(work.done), message] { done(-EIO, message); });
  }
  for (auto& entry : std::exchange(waiting_, {})) {
    around_.simulation->After(0, [done = std::move(entry.second.second), message] { done(-EIO, message); });
  }
}

void GuestDomain::MarkDestroyed() {
  state_ = State::kDestroyed;
  Fail("the domain was destroyed");
}

void* GuestDomain::Access(uint64_t va, uint64_t length, bool write) { return space_.Access(va, length, write); }

bool GuestDomain::MapFrame(uint64_t va, const sim::Frame& frame, bool writable) {
  return frame.backing_fd >= 0 && space_.MapFrame(va, frame.backing_fd, frame.backing_offset, writable);
}

void GuestDomain::UnmapPage(uint64_t va) { space_.UnmapPage(va); }

}  // namespace pvpci::scenarios
