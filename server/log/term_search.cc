#include "server/log/term_search.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "absl/container/btree_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tidemark::log {
namespace {

using storage::Posting;
using storage::PostingReader;
using storage::TermCursor;
using storage::TermKind;

constexpr Offset kMaxOffset(std::numeric_limits<uint64_t>::max());

absl::Status DamagedRow(absl::string_view term) {
  return absl::DataLossError(absl::StrCat("the index row of \"", term, "\" is damaged"));
}

// The batches of one term, appended to `matches`.
class OneTerm {
 public:
  OneTerm(TermCursor& cursor, TermKind kind, absl::string_view term, const SearchRange& range,
          TermMatches& matches)
      : cursor_(cursor), kind_(kind), term_(term), range_(range), matches_(matches) {}

  absl::Status Search() {
    const bool forward = range_.direction == Direction::kForward;
    forward ? SeekLow() : SeekHigh();
    for (; OnTerm() && !full_; forward ? cursor_.Next() : cursor_.Prev()) {
      // Rows are sorted by the ends of their segments.
      if (!forward && cursor_.until() <= range_.low) break;
      if (absl::Status status = ReadRow(); !status.ok()) return status;
      if (past_end_) break;
    }
    matches_.complete = matches_.complete && !full_;
    return cursor_.status();
  }

 private:
  bool OnTerm() const { return cursor_.Valid() && cursor_.term() == term_; }
  // To the segment that holds `low`.
  void SeekLow() { cursor_.Seek(kind_, term_, range_.low + 1); }
  // To the last segment that begins below `until`: the one that ends at or behind it, else the
  // last.
  void SeekHigh() {
    cursor_.Seek(kind_, term_, range_.until);
    if (!OnTerm()) cursor_.SeekForPrev(kind_, term_, kMaxOffset);
  }

  absl::Status ReadRow() {
    absl::string_view row = cursor_.row();
    storage::TypeSummary summary;
    const bool counted = kind_ == TermKind::kType;
    if (counted && !storage::TakeTypeSummary(row, summary)) return DamagedRow(term_);
    PostingReader postings(row, cursor_.until(), counted ? &summary : nullptr);
    std::vector<Offset> bases;
    const bool forward = range_.direction == Direction::kForward;
    Posting posting;
    while (postings.Next(posting)) {
      if (posting.base < range_.low) continue;
      past_end_ = forward && posting.base >= range_.until;
      if (posting.base >= range_.until) break;
      bases.push_back(posting.base);
      full_ = forward && found_ + bases.size() >= range_.matches_max;
      if (full_) break;
    }
    if (!postings.ok()) return DamagedRow(term_);
    if (!forward) {
      std::reverse(bases.begin(), bases.end());
      full_ = found_ + bases.size() >= range_.matches_max;
      if (full_) bases.resize(range_.matches_max - found_);
    }
    found_ += bases.size();
    matches_.bases.insert(matches_.bases.end(), bases.begin(), bases.end());
    return absl::OkStatus();
  }

  TermCursor& cursor_;
  const TermKind kind_;
  const absl::string_view term_;
  const SearchRange& range_;
  TermMatches& matches_;
  size_t found_ = 0;
  bool full_ = false;
  bool past_end_ = false;
};

// The types that the query names and those that its prefixes stand for; empty: too many.
absl::StatusOr<std::optional<absl::btree_set<std::string>>> TypesOf(TermCursor& cursor,
                                                                    const TermQuery& query,
                                                                    size_t types_max) {
  absl::btree_set<std::string> types(query.types.begin(), query.types.end());
  for (const std::string& prefix : query.prefixes) {
    cursor.Seek(TermKind::kType, prefix, Offset(0));
    while (cursor.Valid() && absl::StartsWith(cursor.term(), prefix)) {
      const std::string type(cursor.term());
      types.insert(type);
      if (types.size() > types_max) return std::nullopt;
      // Behind its rows and before those of any longer type: terms hold no control characters.
      cursor.Seek(TermKind::kType, absl::StrCat(type, "\x01"), Offset(0));
    }
    if (!cursor.status().ok()) return cursor.status();
  }
  return types;
}

}  // namespace

absl::StatusOr<std::optional<TermMatches>> SearchTerms(TermCursor& cursor, const TermQuery& query,
                                                       const SearchRange& range, size_t types_max) {
  TermMatches matches;
  const auto add = [&](TermKind kind, absl::string_view term) {
    return OneTerm(cursor, kind, term, range, matches).Search();
  };
  if (absl::Status status = add(TermKind::kUnread, ""); !status.ok()) return status;
  if (query.by_keys()) {
    for (const std::string& key : query.keys) {
      if (absl::Status status = add(TermKind::kKey, key); !status.ok()) return status;
    }
  } else {
    absl::StatusOr<std::optional<absl::btree_set<std::string>>> types =
        TypesOf(cursor, query, types_max);
    if (!types.ok()) return types.status();
    if (!types->has_value()) return std::nullopt;
    for (const std::string& type : **types) {
      if (absl::Status status = add(TermKind::kType, type); !status.ok()) return status;
    }
  }
  std::vector<Offset>& bases = matches.bases;
  if (range.direction == Direction::kForward) {
    std::sort(bases.begin(), bases.end());
  } else {
    std::sort(bases.begin(), bases.end(), std::greater<>());
  }
  bases.erase(std::unique(bases.begin(), bases.end()), bases.end());
  if (bases.size() > range.matches_max) {
    bases.resize(range.matches_max);
    matches.complete = false;
  }
  return matches;
}

}  // namespace tidemark::log
