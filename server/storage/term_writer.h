// TermWriter: the terms of new segments on their way into the store: one file, which becomes part
// of the store as a whole or not at all (Store::IngestTerms).
//
// Order.    Logs rise; within a log: keys by bytes, totals by key, the sealed mark, types by bytes,
//           what was unread. (As the rows sort; checked.)
// Threads.  One at a time. Only one exists at a time.
// Failure.  Sticky: later calls do nothing, IngestTerms returns the first error.
// Lifetime. The store outlives it. Dropping it leaves nothing behind.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/base/ids.h"
#include "server/storage/key_schema.h"
#include "server/storage/terms.h"

namespace tidemark::storage {

class Store;

class TermWriter {
 public:
  ~TermWriter();
  TermWriter(const TermWriter&) = delete;
  TermWriter& operator=(const TermWriter&) = delete;

  // `row` as described in terms.h.
  void PutTerm(LogId log, TermKind kind, absl::string_view term, Offset until,
               absl::string_view row);
  void AddKeyTotal(LogId log, absl::string_view key, const KeyTotal& total);
  // The terms of `log` are in the store up to `until`.
  void PutSealed(LogId log, Offset until);

  uint64_t bytes() const;
  const absl::Status& status() const;

 private:
  friend class Store;
  struct Rep;
  explicit TermWriter(std::unique_ptr<Rep> rep);

  std::unique_ptr<Rep> rep_;
};

}  // namespace tidemark::storage
