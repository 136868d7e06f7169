// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4) through libcrypto, incremental.
#ifndef PVPCI_SIM_SHA256_H_
#define PVPCI_SIM_SHA256_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace pvpci::sim {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(const void* data, size_t size);
  // 64 lower-case hex digits over everything so far; more may follow.
  std::string Hex() const;
  static std::string Hex(std::string_view data);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_SHA256_H_
