// SegmentBuilder: groups the events of a stretch of one log by type and by key, and writes the rows
// of the terms.
//
// Threads. One at a time. Nothing here waits for the disk but WriteTo, as its writer does.
// Bounds.  About 96 bytes a distinct key and 20 for each batch of each term, until it is gone: the
//          caller bounds the stretch.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/storage/batch_codec.h"
#include "server/storage/term_writer.h"

namespace tidemark::log {

class SegmentBuilder {
 public:
  explicit SegmentBuilder(bool index_keys) : index_keys_(index_keys) {}

  // Adds the next batch.
  // DATA_LOSS  its events cannot be walked; nothing was added.
  absl::Status Add(const storage::StoredBatch& batch);
  // Adds a batch whose content nobody knows: every reader has to look.
  void AddUnread(const storage::BatchHeader& batch);

  uint64_t batches() const { return append_times_us_.size() + unread_.size(); }

  // Writes the rows of the segment of `log` that ends at `until`; requires at least one batch.
  void WriteTo(storage::TermWriter& writer, LogId log, Offset until) const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  // A term in one batch; those of a term are chained. Offsets count from the segment's start.
  struct Occurrence {
    uint32_t batch = 0;
    uint32_t first = 0;
    uint32_t last = 0;
    uint32_t count = 0;
    uint32_t next = kNone;
  };
  struct Term {
    absl::string_view text;
    uint64_t count = 0;
    uint32_t head = kNone;
    uint32_t tail = kNone;
  };
  // Distinct terms, with what holds them.
  class TermTable {
   public:
    void Add(absl::string_view text, uint32_t offset, uint32_t batch);
    // By the bytes of the terms.
    std::vector<const Term*> Sorted() const;
    // For each batch that holds the term.
    void ForEach(const Term& term, absl::FunctionRef<void(const Occurrence&)> visit) const;
    const Occurrence& First(const Term& term) const { return occurrences_[term.head]; }
    const Occurrence& Last(const Term& term) const { return occurrences_[term.tail]; }

   private:
    absl::string_view Keep(absl::string_view text);

    absl::flat_hash_map<absl::string_view, uint32_t> ids_;
    std::vector<Term> terms_;
    std::vector<Occurrence> occurrences_;
    std::deque<std::string> texts_;  // Blocks that never move; the views point into them.
  };

  void WriteKeys(storage::TermWriter& writer, LogId log, Offset until) const;
  void WriteTypes(storage::TermWriter& writer, LogId log, Offset until) const;

  const bool index_keys_;
  std::optional<Offset> start_;            // Of the segment.
  std::vector<uint64_t> append_times_us_;  // By batch.
  std::vector<storage::BatchHeader> unread_;
  TermTable types_;
  TermTable keys_;
};

}  // namespace tidemark::log
