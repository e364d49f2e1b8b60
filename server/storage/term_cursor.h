// TermCursor: the terms of one log at one moment.
//
// Order.    Rows of a kind are sorted by the bytes of their term, then by their segment's end.
// Threads.  One at a time. Everything here may wait for the disk.
// Lifetime. The store outlives it. It keeps files from being removed: do not keep it long.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/ids.h"
#include "server/storage/key_schema.h"
#include "server/storage/terms.h"

namespace tidemark::storage {

class Store;

class TermCursor {
 public:
  ~TermCursor();
  TermCursor(const TermCursor&) = delete;
  TermCursor& operator=(const TermCursor&) = delete;

  // How far the terms of the log go: offsets from here on are not in it. 0 for a new log.
  // DATA_LOSS  the mark is damaged.
  absl::StatusOr<Offset> SealedUntil();
  absl::StatusOr<std::optional<KeyTotal>> TotalOf(absl::string_view key);
  // Visits the totals of all keys, sorted by the bytes of the key, until `visit` returns false.
  // Moves the cursor. DATA_LOSS  a total is damaged.
  absl::Status ForTotals(absl::FunctionRef<bool(absl::string_view key, const KeyTotal&)> visit);
  // Of the erased events of a key, by its digest.
  absl::StatusOr<std::optional<KeyTotal>> ErasedTotalOf(absl::string_view digest);
  // Visits those of all digests behind `after`, sorted by digest, until `visit` returns false.
  // Moves the cursor. DATA_LOSS  a total is damaged.
  absl::Status ForErasedTotals(
      absl::string_view after,
      absl::FunctionRef<bool(absl::string_view digest, const KeyTotal&)> visit);

  // To the first row of `kind` at or after (term, until).
  void Seek(TermKind kind, absl::string_view term, Offset until);
  // To the last row of `kind` at or before (term, until).
  void SeekForPrev(TermKind kind, absl::string_view term, Offset until);
  void Next();
  void Prev();

  // False past either end of the rows of the kind, and after an error.
  bool Valid() const { return valid_; }
  // Of the current row; valid until the cursor moves.
  absl::string_view term() const { return parts_.term; }
  Offset until() const { return parts_.until; }
  absl::string_view row() const;
  absl::Status status() const;

 private:
  friend class Store;
  struct Rep;
  TermCursor(std::unique_ptr<Rep> rep, LogId log);
  void Load();
  absl::StatusOr<std::optional<KeyTotal>> TotalIn(const std::string& row);

  std::unique_ptr<Rep> rep_;
  const LogId log_;
  TermKind kind_ = TermKind::kKey;
  bool valid_ = false;
  TermKeyParts parts_;
};

}  // namespace tidemark::storage
