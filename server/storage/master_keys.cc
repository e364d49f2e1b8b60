#include "server/storage/master_keys.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/aes_gcm.h"
#include "server/base/check.h"

namespace tidemark::storage {
namespace {

constexpr size_t kNameBytesMax = 32;
constexpr size_t kHexDigits = 2 * base::kAesKeyBytes;
constexpr size_t kCheckBytes = 16;
constexpr size_t kSealedBytes = base::kAesNonceBytes + base::kAesKeyBytes + base::kAesTagBytes;

bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' ||
                  c == '-';
         });
}

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); });
}

absl::Status Wrong(absl::string_view origin, size_t line, absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat(origin, ":", line, ": ", what,
                   ". A line is a name (1 to 32 of A-Z a-z 0-9 . _ -), a blank and 64 hexadecimal "
                   "digits, as of: "
                   "echo \"2026-11 $(openssl rand -hex 32)\""));
}

}  // namespace

MasterKeys::~MasterKeys() {
  for (Key& key : keys_) base::Wipe(key.secret);
}

absl::StatusOr<MasterKeys> MasterKeys::Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (file) text << file.rdbuf();
  if (!file) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot read the master keys in ", path,
                     " (setting master_key_file): ", std::strerror(errno)));
  }
  std::string bytes = text.str();
  absl::StatusOr<MasterKeys> keys = Parse(bytes, path);
  base::Wipe(bytes);
  return keys;
}

absl::StatusOr<MasterKeys> MasterKeys::Parse(absl::string_view text, absl::string_view origin) {
  MasterKeys keys;
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view trimmed = absl::StripAsciiWhitespace(line);
    if (trimmed.empty() || trimmed[0] == '#') continue;
    const std::vector<absl::string_view> words =
        absl::StrSplit(trimmed, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() != 2) return Wrong(origin, number, "not a name and a key");
    if (!IsName(words[0])) return Wrong(origin, number, "not the name of a key");
    if (words[1].size() != kHexDigits || !IsHex(words[1])) {
      return Wrong(origin, number,
                   absl::StrCat("the key \"", words[0], "\" has not 64 hexadecimal digits but ",
                                words[1].size(), " characters"));
    }
    if (keys.Has(words[0])) {
      return Wrong(origin, number, absl::StrCat("there is a key \"", words[0], "\" above"));
    }
    keys.keys_.push_back({std::string(words[0]), absl::HexStringToBytes(words[1])});
  }
  if (keys.keys_.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(origin, " holds no master key"));
  }
  return keys;
}

std::vector<std::string> MasterKeys::names() const {
  std::vector<std::string> names;
  for (const Key& key : keys_) names.push_back(key.name);
  return names;
}

const MasterKeys::Key* MasterKeys::Find(absl::string_view name) const {
  const auto key =
      std::find_if(keys_.begin(), keys_.end(), [name](const Key& k) { return k.name == name; });
  return key == keys_.end() ? nullptr : &*key;
}

std::string MasterKeys::CheckOf(absl::string_view name) const {
  const Key* key = Find(name);
  TM_CHECK(key != nullptr);
  return base::HmacSha256(key->secret, absl::StrCat("tidemark master key ", name))
      .substr(0, kCheckBytes);
}

std::string MasterKeys::Wrap(absl::string_view secret, absl::string_view bound) const {
  TM_CHECK_EQ(secret.size(), base::kAesKeyBytes);
  const Key& key = keys_.front();
  std::string wrapped(1, static_cast<char>(key.name.size()));
  wrapped.append(key.name);
  const std::string nonce = base::RandomBytes(base::kAesNonceBytes);
  wrapped.append(nonce);
  const size_t at = wrapped.size();
  wrapped.resize(at + base::kAesKeyBytes + base::kAesTagBytes);
  base::AesGcm cipher;
  cipher.BeginSeal(key.secret, nonce, bound);
  cipher.Update(secret, &wrapped[at]);
  cipher.FinishSeal(&wrapped[at + base::kAesKeyBytes]);
  return wrapped;
}

absl::string_view MasterKeys::NameIn(absl::string_view wrapped) {
  if (wrapped.empty()) return {};
  const size_t size = static_cast<unsigned char>(wrapped[0]);
  if (wrapped.size() != 1 + size + kSealedBytes) return {};
  return wrapped.substr(1, size);
}

absl::StatusOr<std::string> MasterKeys::Unwrap(absl::string_view wrapped,
                                               absl::string_view bound) const {
  const absl::string_view name = NameIn(wrapped);
  if (name.empty()) return absl::DataLossError("a wrapped key is damaged");
  const Key* key = Find(name);
  if (key == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the file of master keys has no key \"", name, "\", which is needed"));
  }
  wrapped.remove_prefix(1 + name.size());
  const absl::string_view nonce = wrapped.substr(0, base::kAesNonceBytes);
  const absl::string_view sealed = wrapped.substr(base::kAesNonceBytes, base::kAesKeyBytes);
  std::string secret(base::kAesKeyBytes, '\0');
  base::AesGcm cipher;
  cipher.BeginOpen(key->secret, nonce, bound);
  cipher.Update(sealed, secret.data());
  if (cipher.FinishOpen(wrapped.substr(base::kAesNonceBytes + base::kAesKeyBytes))) return secret;
  base::Wipe(secret);
  return absl::DataLossError(
      absl::StrCat("a key that master key \"", name, "\" wrapped cannot be unwrapped"));
}

}  // namespace tidemark::storage
