// AES-256-GCM from OpenSSL, piece by piece.
//
// Usage.    BeginSeal, Update for each piece, FinishSeal; or BeginOpen, Update, FinishOpen: what
// came
//           out before FinishOpen said true must not be used.
// Nonces.   Never twice with one key: random ones (RandomBytes), at most 2^32 for a key.
// Threads.  One thread at a time. Keep an object for many messages: to begin with another key costs
//           about 0.1 us, to make an object several times as much.
// Failure.  Only a broken OpenSSL fails, and that ends the process.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace tidemark::base {

inline constexpr size_t kAesKeyBytes = 32;
inline constexpr size_t kAesNonceBytes = 12;
inline constexpr size_t kAesTagBytes = 16;

class AesGcm {
 public:
  AesGcm();
  ~AesGcm();

  // `key` and `nonce` have kAesKeyBytes and kAesNonceBytes. `bound` is authenticated only.
  void BeginSeal(absl::string_view key, absl::string_view nonce, absl::string_view bound);
  void BeginOpen(absl::string_view key, absl::string_view nonce, absl::string_view bound);
  // As many bytes come out as go in; `out` may be where `in` is.
  void Update(absl::string_view in, char* out);
  // Writes kAesTagBytes.
  void FinishSeal(char* tag);
  // False: key, nonce, bound text, bytes or tag are not those of the sealing.
  bool FinishOpen(absl::string_view tag);

 private:
  struct Rep;
  void Begin(absl::string_view key, absl::string_view nonce, absl::string_view bound, bool seals);

  const std::unique_ptr<Rep> rep_;
};

// From the system's source of random numbers.
void FillRandom(char* out, size_t size);
std::string RandomBytes(size_t size);

// HMAC-SHA-256: 32 bytes.
std::string HmacSha256(absl::string_view key, absl::string_view text);

// Overwrites a secret, whatever the optimizer thinks of it.
void Wipe(char* secret, size_t size);
void Wipe(std::string& secret);

}  // namespace tidemark::base
