// The index of types and keys: which batches of a log hold a term, as bytes.
//
// Row of a term in a segment (the value of an 'E', 'K', 'T' or 'X' row of the terms): postings, one
// for each batch that holds it, by rising offset. Numbers are varints.
//   T        events of the type in the segment | append time of the first of its batches (us since
//            1970) | of the last, less the first | then for each batch: place | events of the type
//   E, K, X  for each batch: place
//   place    offset of the first event in the batch with the term: in the row's first posting as
//   its
//            distance below the segment's end, else as its distance above the last event of the
//            posting before; at least 1 | offset of the last one, less that of the first
// Total of a key (an 'R' row): events the key ever had, as far as sealed | offset of the first |
// of the last, less the first. A segment writes what it adds; RocksDB merges. The same of erased
// events of a key is in its 'H' row, under a digest: revisions count them, and the key is no longer
// there.
//
// Integrity. RocksDB checksums every block; decoding checks that offsets rise and stay below the
//            segment's end, and that counts add up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/base/ids.h"

namespace tidemark::storage {

// A term in a batch.
struct Posting {
  Offset first;        // The first event that has it.
  Offset last;         // The last one.
  uint64_t count = 0;  // How many have it; 0 if the row does not say (keys).
  friend bool operator==(const Posting&, const Posting&) = default;
};

struct TypeSummary {
  uint64_t count = 0;
  uint64_t first_time_us = 0;
  uint64_t last_time_us = 0;
  friend bool operator==(const TypeSummary&, const TypeSummary&) = default;
};

struct KeyTotal {
  uint64_t count = 0;
  Offset first;
  Offset last;
  friend bool operator==(const KeyTotal&, const KeyTotal&) = default;
};

// Appends postings to a row of a segment that ends at `until`.
class PostingWriter {
 public:
  PostingWriter(std::string& out, Offset until) : out_(out), until_(until) {}
  // Requires first <= last < until, and first above the `last` before.
  void Add(Offset first, Offset last);
  void Add(Offset first, Offset last, uint64_t count);

 private:
  std::string& out_;
  const Offset until_;
  std::optional<Offset> previous_;  // The last event written.
};

// Takes a row's postings apart. Next is false at the end and where the row is damaged.
class PostingReader {
 public:
  // `row` is what follows the summary. With `summary` postings carry counts, which add up to it.
  PostingReader(absl::string_view row, Offset until, const TypeSummary* summary = nullptr)
      : rest_(row), until_(until), counted_(summary != nullptr) {
    if (counted_) left_ = summary->count;
  }
  bool Next(Posting& posting);
  // False if the row is damaged. Call it at the end.
  bool ok() const { return ok_; }

 private:
  bool Fail() {
    ok_ = false;
    return false;
  }

  absl::string_view rest_;
  const Offset until_;
  const bool counted_;
  uint64_t left_ = 0;               // Of the counts.
  std::optional<Offset> previous_;  // The last event read.
  bool ok_ = true;
};

void AppendTypeSummary(std::string& out, const TypeSummary& summary);
// Takes it off the front of a 'T' row; false if it is damaged.
bool TakeTypeSummary(absl::string_view& row, TypeSummary& summary);

std::string EncodeKeyTotal(const KeyTotal& total);
// False if `value` is no total.
bool DecodeKeyTotal(absl::string_view value, KeyTotal& total);
// What two totals of one key are together.
KeyTotal Sum(const KeyTotal& a, const KeyTotal& b);

}  // namespace tidemark::storage
