// SPDX-License-Identifier: Apache-2.0
// The xenstore wire: message header, types, errors by name, and the ring page. xen/include/public/io/xs_wire.h;
// abi.md 3.3 "XS wire".
#ifndef PVPCI_MODELS_XEN_STORE_WIRE_H_
#define PVPCI_MODELS_XEN_STORE_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pvpci::xen {

enum class XsType : uint32_t {
  kControl = 0, kDirectory = 1, kRead = 2, kGetPerms = 3, kWatch = 4, kUnwatch = 5, kTransactionStart = 6,
  kTransactionEnd = 7, kIntroduce = 8, kRelease = 9, kGetDomainPath = 10, kWrite = 11, kMkdir = 12, kRm = 13,
  kSetPerms = 14, kWatchEvent = 15, kError = 16, kIsDomainIntroduced = 17, kResume = 18, kSetTarget = 19,
  kResetWatches = 21, kDirectoryPart = 22,
};
const char* Name(XsType type);  // "WRITE"; "?" for a number nobody defined

// Errors travel by name. kOk is not an error and has no name on the wire.
enum class XsError : uint8_t {
  kOk, kEinval, kEacces, kEexist, kEisdir, kEnoent, kEnomem, kEnospc, kEio, kEnotempty, kEnosys, kErofs, kEbusy,
  kEagain, kEisconn, kE2big, kEperm,
};
const char* Name(XsError error);  // "EINVAL"

template <typename T>
struct XsResult {
  XsError error = XsError::kOk;
  T value{};
  XsResult() = default;
  XsResult(XsError e) : error(e) {}                  // NOLINT: an error is a result
  XsResult(T v) : value(std::move(v)) {}             // NOLINT
  bool ok() const { return error == XsError::kOk; }
};

inline constexpr uint32_t kXsPayloadMax = 4096;

struct XsHeader {
  uint32_t type = 0;
  uint32_t request = 0;      // req_id, echoed in the answer
  uint32_t transaction = 0;  // tx_id, 0: none
  uint32_t length_bytes = 0;
};
static_assert(sizeof(XsHeader) == 16);

struct XsMessage {
  XsHeader header;
  std::string payload;
};
std::string Serialize(const XsMessage& message);

// The NUL-terminated strings of a payload. The last one may lack its NUL only if `open_end` (the value of WRITE).
// nullopt: malformed.
std::optional<std::vector<std::string_view>> SplitStrings(std::string_view payload, bool open_end);
// Decimal without sign, blanks or overflow.
std::optional<uint32_t> ParseDecimal(std::string_view text);

// Assembles messages from a byte stream that may stop anywhere.
class XsAssembler {
 public:
  // Bytes still needed for the present header or payload; never 0.
  uint32_t wanted() const;
  // Takes at most wanted() bytes. True: a message is complete, see Take.
  bool Feed(const char* data, uint32_t length_bytes);
  XsMessage Take();
  // The header announced more than kXsPayloadMax: the stream cannot be followed any more.
  bool broken() const { return broken_; }
  void Reset();

 private:
  XsMessage message_;
  uint32_t have_ = 0;
  bool in_payload_ = false;
  bool broken_ = false;
};

// The shared page. Indices run freely; index mod 1024 is the place in the ring.
inline constexpr uint32_t kXsRingBytes = 1024;
struct XsRingPage {
  char request[kXsRingBytes];
  char response[kXsRingBytes];
  uint32_t request_consumer;
  uint32_t request_producer;
  uint32_t response_consumer;
  uint32_t response_producer;
  uint32_t server_features;
  uint32_t connection;
  uint32_t error;
};
static_assert(offsetof(XsRingPage, request_consumer) == 2048 && offsetof(XsRingPage, error) == 2072);

inline constexpr uint32_t kXsFeatureReconnection = 1;
inline constexpr uint32_t kXsFeatureError = 2;
inline constexpr uint32_t kXsConnected = 0;
inline constexpr uint32_t kXsReconnect = 1;  // the guest asks for a fresh connection
inline constexpr uint32_t kXsErrorNone = 0;
inline constexpr uint32_t kXsErrorRingIndex = 2;
inline constexpr uint32_t kXsErrorProtocol = 3;

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_STORE_WIRE_H_
