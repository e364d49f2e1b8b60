// Master keys: what the keys of entities are wrapped with before they are stored.
//
// File.     A line for each key: its name (1 to 32 of A-Z a-z 0-9 . _ -), a blank, 64 hexadecimal
//           digits. The first is the current one: it wraps what is new; the others are there for
//           what they wrapped before. Empty lines and lines that begin with # are passed over.
//             (echo "2026-11 $(openssl rand -hex 32)"; cat master.keys) > new && mv new master.keys
// Wrapped.  length of the name u8 | name | nonce 12 | encrypted secret 32 | tag 16 (AES-256-GCM).
// Secrets.  Keys are never part of an error or a log line, and are overwritten when they go.
// Threads.  Immutable.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tidemark::storage {

class MasterKeys {
 public:
  // FAILED_PRECONDITION  the file cannot be read or is no such file; names file and line.
  static absl::StatusOr<MasterKeys> Read(const std::string& path);
  // `origin` names the text in errors.
  static absl::StatusOr<MasterKeys> Parse(absl::string_view text, absl::string_view origin);
  MasterKeys(MasterKeys&&) = default;
  MasterKeys& operator=(MasterKeys&&) = default;
  ~MasterKeys();

  const std::string& current() const { return keys_.front().name; }
  std::vector<std::string> names() const;
  bool Has(absl::string_view name) const { return Find(name) != nullptr; }
  // 16 bytes that tell whether a key of this name is still the same. Requires Has(name).
  std::string CheckOf(absl::string_view name) const;

  // `secret` has 32 bytes. It can be unwrapped only together with the same `bound` text.
  std::string Wrap(absl::string_view secret, absl::string_view bound) const;
  // FAILED_PRECONDITION  the file has no key of this name.
  // DATA_LOSS            the bytes are not what was wrapped, or the key is another one.
  absl::StatusOr<std::string> Unwrap(absl::string_view wrapped, absl::string_view bound) const;
  // The name of the key that wrapped it; empty if that are no such bytes.
  static absl::string_view NameIn(absl::string_view wrapped);

 private:
  struct Key {
    std::string name;
    std::string secret;
  };
  MasterKeys() = default;
  const Key* Find(absl::string_view name) const;

  std::vector<Key> keys_;
};

}  // namespace tidemark::storage
