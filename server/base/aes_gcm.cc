#include "server/base/aes_gcm.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "server/base/check.h"

namespace tidemark::base {
namespace {

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Looked up once: it costs more than a short message.
const EVP_CIPHER* Cipher() {
  static const EVP_CIPHER* const kCipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  TM_CHECK(kCipher != nullptr);
  return kCipher;
}

}  // namespace

struct AesGcm::Rep {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  std::string key;  // That `context` has.
  bool seals = false;
};

AesGcm::AesGcm() : rep_(std::make_unique<Rep>()) { TM_CHECK(rep_->context != nullptr); }

AesGcm::~AesGcm() {
  EVP_CIPHER_CTX_free(rep_->context);
  Wipe(rep_->key);
}

void AesGcm::Begin(absl::string_view key, absl::string_view nonce, absl::string_view bound,
                   bool seals) {
  TM_CHECK_EQ(key.size(), kAesKeyBytes);
  TM_CHECK_EQ(nonce.size(), kAesNonceBytes);
  const bool is_new = rep_->key.empty();
  const bool changes = is_new || rep_->seals != seals || rep_->key != key;
  TM_CHECK_EQ(EVP_CipherInit_ex(rep_->context, is_new ? Cipher() : nullptr, nullptr,
                                changes ? Bytes(key) : nullptr, Bytes(nonce), seals ? 1 : 0),
              1);
  if (changes) rep_->key.assign(key.data(), key.size());
  rep_->seals = seals;
  int size = 0;
  if (bound.empty()) return;
  TM_CHECK_EQ(
      EVP_CipherUpdate(rep_->context, nullptr, &size, Bytes(bound), static_cast<int>(bound.size())),
      1);
}

void AesGcm::BeginSeal(absl::string_view key, absl::string_view nonce, absl::string_view bound) {
  Begin(key, nonce, bound, true);
}

void AesGcm::BeginOpen(absl::string_view key, absl::string_view nonce, absl::string_view bound) {
  Begin(key, nonce, bound, false);
}

void AesGcm::Update(absl::string_view in, char* out) {
  int size = 0;
  TM_CHECK_EQ(EVP_CipherUpdate(rep_->context, reinterpret_cast<unsigned char*>(out), &size,
                               Bytes(in), static_cast<int>(in.size())),
              1);
  TM_CHECK_EQ(static_cast<size_t>(size), in.size());
}

void AesGcm::FinishSeal(char* tag) {
  unsigned char none[1];
  int size = 0;
  TM_CHECK_EQ(EVP_CipherFinal_ex(rep_->context, none, &size), 1);
  TM_CHECK_EQ(EVP_CIPHER_CTX_ctrl(rep_->context, EVP_CTRL_GCM_GET_TAG, kAesTagBytes, tag), 1);
}

bool AesGcm::FinishOpen(absl::string_view tag) {
  TM_CHECK_EQ(tag.size(), kAesTagBytes);
  unsigned char expected[kAesTagBytes];
  std::copy(tag.begin(), tag.end(), expected);
  TM_CHECK_EQ(EVP_CIPHER_CTX_ctrl(rep_->context, EVP_CTRL_GCM_SET_TAG, kAesTagBytes, expected), 1);
  unsigned char none[1];
  int size = 0;
  return EVP_CipherFinal_ex(rep_->context, none, &size) == 1;
}

void FillRandom(char* out, size_t size) {
  TM_CHECK_EQ(RAND_bytes(reinterpret_cast<unsigned char*>(out), static_cast<int>(size)), 1);
}

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  FillRandom(bytes.data(), size);
  return bytes;
}

std::string HmacSha256(absl::string_view key, absl::string_view text) {
  std::string digest(32, '\0');
  unsigned int size = 0;
  TM_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(text), text.size(),
                reinterpret_cast<unsigned char*>(digest.data()), &size) != nullptr);
  TM_CHECK_EQ(size, digest.size());
  return digest;
}

void Wipe(char* secret, size_t size) { OPENSSL_cleanse(secret, size); }

void Wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace tidemark::base
