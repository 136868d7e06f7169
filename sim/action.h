// SPDX-License-Identifier: Apache-2.0
// What an event does: a callable without arguments, called at most once. As std::function<void()>, but it moves only,
// and captures of up to four words live inside it, so that scheduling an event allocates nothing.
#ifndef PVPCI_SIM_ACTION_H_
#define PVPCI_SIM_ACTION_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace pvpci::sim {

class Action {
 public:
  static constexpr size_t kInlineBytes = 32;

  Action() = default;
  Action(std::nullptr_t) {}  // NOLINT: as std::function
  template <typename F, typename = std::enable_if_t<!std::is_same_v<std::decay_t<F>, Action> &&
                                                    std::is_invocable_v<std::decay_t<F>&>>>
  Action(F&& callable) {  // NOLINT: as std::function
    Fill(std::forward<F>(callable));
  }
  Action(Action&& other) noexcept { Take(&other); }
  Action& operator=(Action&& other) noexcept {
    if (this != &other) {
      Clear();
      Take(&other);
    }
    return *this;
  }
  Action(const Action&) = delete;
  Action& operator=(const Action&) = delete;
  ~Action() { Clear(); }

  // As an assignment, to one that holds nothing: the callable is made in its place.
  template <typename F>
  void Emplace(F&& callable) {
    if constexpr (std::is_same_v<std::decay_t<F>, Action>) {
      Take(&callable);
    } else {
      Fill(std::forward<F>(callable));
    }
  }

  void Reset() { Clear(); }

  explicit operator bool() const { return operations_ != nullptr; }
  // Must hold something.
  void operator()() { operations_->invoke(storage_); }

 private:
  using Word = uint64_t;
  struct Operations {
    void (*invoke)(void* storage);
    void (*relocate)(void* to, void* from);  // null: the bytes may be copied
    void (*destroy)(void* storage);          // null: nothing to do
    size_t words;                            // that relocate, if null, would copy
  };
  template <typename Callable>
  static constexpr bool kFits = sizeof(Callable) <= kInlineBytes && alignof(Callable) <= alignof(void*) &&
                                std::is_nothrow_move_constructible_v<Callable>;

  template <typename Callable>
  static void InvokeInline(void* storage) {
    (*std::launder(static_cast<Callable*>(storage)))();
  }
  template <typename Callable>
  static void RelocateInline(void* to, void* from) {
    Callable* const source = std::launder(static_cast<Callable*>(from));
    new (to) Callable(std::move(*source));
    source->~Callable();
  }
  template <typename Callable>
  static void DestroyInline(void* storage) {
    std::launder(static_cast<Callable*>(storage))->~Callable();
  }
  template <typename Callable>
  static Callable* Allocated(void* storage) {
    Callable* allocated;
    std::memcpy(&allocated, storage, sizeof allocated);
    return allocated;
  }
  template <typename Callable>
  static void InvokeAllocated(void* storage) {
    (*Allocated<Callable>(storage))();
  }
  template <typename Callable>
  static void DestroyAllocated(void* storage) {
    delete Allocated<Callable>(storage);
  }

  template <typename Callable>
  static constexpr Operations kInline = {
      &InvokeInline<Callable>,
      std::is_trivially_copyable_v<Callable> ? nullptr : &RelocateInline<Callable>,
      std::is_trivially_destructible_v<Callable> ? nullptr : &DestroyInline<Callable>,
      (sizeof(Callable) + sizeof(Word) - 1) / sizeof(Word)};
  template <typename Callable>
  static constexpr Operations kAllocated = {&InvokeAllocated<Callable>, nullptr, &DestroyAllocated<Callable>, 1};

  template <typename F>
  void Fill(F&& callable) {
    using Callable = std::decay_t<F>;
    if constexpr (kFits<Callable>) {
      new (storage_) Callable(std::forward<F>(callable));
      operations_ = &kInline<Callable>;
    } else {
      Callable* const allocated = new Callable(std::forward<F>(callable));
      std::memcpy(storage_, &allocated, sizeof allocated);
      operations_ = &kAllocated<Callable>;
    }
  }
  void Take(Action* other) {
    operations_ = std::exchange(other->operations_, nullptr);
    if (operations_ == nullptr) return;
    if (operations_->relocate == nullptr) {
      // Word by word, as it was written a moment ago: a wider load would have to wait until the stores are done.
      CopyWord(*other, 0);
      if (operations_->words == 1) return;
      for (size_t i = 1; i < operations_->words; ++i) CopyWord(*other, i);
    } else {
      operations_->relocate(storage_, other->storage_);
    }
  }
  void CopyWord(const Action& other, size_t number) {
    Word word;
    std::memcpy(&word, other.storage_ + number * sizeof word, sizeof word);
    std::memcpy(storage_ + number * sizeof word, &word, sizeof word);
  }
  void Clear() {
    if (operations_ == nullptr) return;
    if (operations_->destroy != nullptr) operations_->destroy(storage_);
    operations_ = nullptr;
  }

  const Operations* operations_ = nullptr;
  alignas(void*) std::byte storage_[kInlineBytes];
};

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_ACTION_H_
