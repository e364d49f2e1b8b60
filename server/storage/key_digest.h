// Digests of keys: what stays of a key that was erased. Who knows the key and asks the server can
// recognise it; who only has the files or a receipt has to know the store's secret, too.
//
// Digest. HMAC-SHA-256 under a secret of 32 random bytes that the store makes and keeps for itself.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace tidemark::storage {

inline constexpr size_t kDigestSecretBytes = 32;
inline constexpr size_t kKeyDigestBytes = 32;

std::string NewDigestSecret();
// kKeyDigestBytes bytes.
std::string DigestOfKey(absl::string_view secret, absl::string_view key);

}  // namespace tidemark::storage
