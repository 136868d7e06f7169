// SPDX-License-Identifier: Apache-2.0
#include "sim/sha256.h"

#include <openssl/evp.h>

#include "sim/check.h"

namespace pvpci::sim {

struct Sha256::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(evp); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  SIM_CHECK(context_->evp != nullptr && EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) == 1,
            "libcrypto has no SHA-256");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(const void* data, size_t size) {
  SIM_CHECK(EVP_DigestUpdate(context_->evp, data, size) == 1, "SHA-256 failed");
}

std::string Sha256::Hex() const {
  const Context copy;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  SIM_CHECK(EVP_MD_CTX_copy_ex(copy.evp, context_->evp) == 1 && EVP_DigestFinal_ex(copy.evp, digest, &size) == 1,
            "SHA-256 failed");
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

std::string Sha256::Hex(std::string_view data) {
  Sha256 sha;
  sha.Update(data.data(), data.size());
  return sha.Hex();
}

}  // namespace pvpci::sim
