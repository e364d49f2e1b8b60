// SegmentBuilder: groups the events of a stretch of one log by type and by key, and writes the rows
// of the terms.
//
// Threads. One at a time. Nothing here waits for the disk but WriteTo, as its writer does.
// Bounds.  About 96 bytes a distinct key and 28 for each batch of each term, until it is gone: the
//          caller bounds the stretch by bytes().
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/log/event_scan.h"
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

  uint64_t batches() const { return batches_.size() + unread_.size(); }
  // What it occupies, until the end.
  uint64_t bytes() const { return types_.bytes() + keys_.bytes() + sizeof(Batch) * batches(); }

  // Writes the rows of the segment of `log` that ends at `until`; requires at least one batch. The
  // last call.
  void WriteTo(storage::TermWriter& writer, LogId log, Offset until);

 private:
  // Offsets count from the segment's start.
  struct Batch {
    uint32_t begin = 0;
    uint64_t append_time_us = 0;
  };
  // A term in one batch.
  struct Occurrence {
    uint32_t first = 0;
    uint32_t last = 0;
    uint32_t count = 0;
  };
  struct Term {
    absl::string_view text;
    uint64_t count = 0;  // Events that have it.
    absl::Span<const Occurrence> occurrences;
  };
  // Distinct terms, with what holds them. Adding only appends: occurrences are brought together
  // term by term at the end, so that nobody follows them through memory.
  class TermTable {
   public:
    // `batch_begin`: of the batch that holds `offset`.
    void Add(absl::string_view text, uint32_t offset, uint32_t batch_begin);
    // By the bytes of the terms. Once, after everything was added; the views live as long as this.
    const std::vector<Term>& Group();
    uint64_t bytes() const {
      return terms_.size() * kTermBytes + uses_.size() * (sizeof(Use) + sizeof(Occurrence));
    }

   private:
    static constexpr uint64_t kTermBytes = 96;  // A short text, and its places in tables.

    struct Found {
      absl::string_view text;
      uint64_t count = 0;
      uint32_t occurrences = 0;
      uint32_t newest = 0;  // In found_, if there are occurrences.
    };
    struct Use {
      uint32_t term;
      Occurrence occurrence;
    };
    uint32_t IdOf(absl::string_view text);
    absl::string_view Keep(absl::string_view text);

    absl::flat_hash_map<absl::string_view, uint32_t> ids_;
    std::vector<Found> terms_;
    uint32_t last_ = 0;  // The term added last: neighbours tend to be alike.
    std::vector<Use> uses_;
    std::vector<Occurrence> grouped_;
    std::vector<Term> result_;
    std::deque<std::string> texts_;  // Blocks that never move; the views point into them.
  };

  // Of the batch that holds the offset.
  uint64_t AppendTimeAt(uint32_t offset) const;
  void WriteKeys(storage::TermWriter& writer, LogId log, Offset until);
  void WriteTypes(storage::TermWriter& writer, LogId log, Offset until);

  const bool index_keys_;
  std::optional<Offset> start_;  // Of the segment.
  std::vector<Batch> batches_;   // Those that were read.
  std::vector<storage::BatchHeader> unread_;
  std::vector<EventView> views_;  // Of the batch being added.
  TermTable types_;
  TermTable keys_;
};

}  // namespace tidemark::log
