#include "server/storage/key_digest.h"

#include "server/base/aes_gcm.h"
#include "server/base/check.h"

namespace tidemark::storage {

std::string NewDigestSecret() { return base::RandomBytes(kDigestSecretBytes); }

std::string DigestOfKey(absl::string_view secret, absl::string_view key) {
  std::string digest = base::HmacSha256(secret, key);
  TM_CHECK_EQ(digest.size(), kKeyDigestBytes);
  return digest;
}

}  // namespace tidemark::storage
