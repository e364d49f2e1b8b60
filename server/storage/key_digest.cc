#include "server/storage/key_digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "server/base/check.h"

namespace tidemark::storage {

std::string NewDigestSecret() {
  std::string secret(kDigestSecretBytes, '\0');
  TM_CHECK_EQ(
      RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()), static_cast<int>(secret.size())),
      1);
  return secret;
}

std::string DigestOfKey(absl::string_view secret, absl::string_view key) {
  std::string digest(kKeyDigestBytes, '\0');
  unsigned int size = 0;
  TM_CHECK(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                reinterpret_cast<unsigned char*>(digest.data()), &size) != nullptr);
  TM_CHECK_EQ(size, kKeyDigestBytes);
  return digest;
}

}  // namespace tidemark::storage
