#include "server/log/term_search.h"

#include <algorithm>
#include <limits>
#include <utility>

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

// What lies between two places costs less to walk over than to leave out.
constexpr uint64_t kNearEvents = 64;

absl::Status DamagedRow(absl::string_view term) {
  return absl::DataLossError(absl::StrCat("the index row of \"", term, "\" is damaged"));
}

// Postings within a range, collected from several terms; each term gives its first matches_max.
struct Postings {
  std::vector<OffsetSpan> spans;
  // Up to here (forward), or from here on (backward), no term has more than what was collected.
  Offset known;
};

// The postings of one term.
class OneTerm {
 public:
  OneTerm(TermCursor& cursor, TermKind kind, absl::string_view term, const SearchRange& range,
          Postings& postings)
      : cursor_(cursor), kind_(kind), term_(term), range_(range), postings_(postings) {}

  absl::Status Search() {
    const bool forward = range_.direction == Direction::kForward;
    forward ? SeekLow() : SeekHigh();
    for (; OnTerm() && !full_ && !past_end_; forward ? cursor_.Next() : cursor_.Prev()) {
      // Rows are sorted by the ends of their segments.
      if (!forward && cursor_.until() <= range_.low) break;
      if (absl::Status status = ReadRow(); !status.ok()) return status;
    }
    if (full_) {
      const OffsetSpan& last = postings_.spans.back();
      postings_.known =
          forward ? std::min(postings_.known, last.until) : std::max(postings_.known, last.from);
    }
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
    PostingReader reader(row, cursor_.until(), counted ? &summary : nullptr);
    std::vector<OffsetSpan> spans;
    const bool forward = range_.direction == Direction::kForward;
    Posting posting;
    while (!full_ && reader.Next(posting)) {
      if (posting.last < range_.low) continue;
      past_end_ = forward && posting.first >= range_.until;
      if (posting.first >= range_.until) break;
      spans.push_back(
          {std::max(posting.first, range_.low), std::min(posting.last + 1, range_.until)});
      full_ = forward && found_ + spans.size() >= range_.matches_max;
    }
    if (!reader.ok()) return DamagedRow(term_);
    if (!forward) {
      std::reverse(spans.begin(), spans.end());
      full_ = found_ + spans.size() >= range_.matches_max;
      if (full_) spans.resize(range_.matches_max - found_);
    }
    found_ += spans.size();
    postings_.spans.insert(postings_.spans.end(), spans.begin(), spans.end());
    return absl::OkStatus();
  }

  TermCursor& cursor_;
  const TermKind kind_;
  const absl::string_view term_;
  const SearchRange& range_;
  Postings& postings_;
  size_t found_ = 0;
  bool full_ = false;
  bool past_end_ = false;
};

// Puts the postings of all terms into one order, as far as they are known, and joins what is near.
TermMatches Join(Postings postings, const SearchRange& range) {
  const bool forward = range.direction == Direction::kForward;
  std::vector<OffsetSpan>& spans = postings.spans;
  std::sort(spans.begin(), spans.end(), [forward](const OffsetSpan& a, const OffsetSpan& b) {
    return forward ? a.from < b.from : a.until > b.until;
  });
  TermMatches matches{.reached = postings.known};
  for (OffsetSpan span : spans) {
    span = forward ? OffsetSpan{span.from, std::min(span.until, postings.known)}
                   : OffsetSpan{std::max(span.from, postings.known), span.until};
    if (span.from >= span.until) break;  // It and what follows lies beyond what is known.
    if (!matches.spans.empty()) {
      OffsetSpan& last = matches.spans.back();
      if (forward && span.from <= last.until + kNearEvents) {
        last.until = std::max(last.until, span.until);
        continue;
      }
      if (!forward && last.from <= span.until + kNearEvents) {
        last.from = std::min(last.from, span.from);
        continue;
      }
    }
    if (matches.spans.size() == range.matches_max) {
      matches.reached = forward ? span.from : span.until;
      break;
    }
    matches.spans.push_back(span);
  }
  return matches;
}

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
  Postings postings{.known = range.direction == Direction::kForward ? range.until : range.low};
  const auto add = [&](TermKind kind, absl::string_view term) {
    return OneTerm(cursor, kind, term, range, postings).Search();
  };
  for (const TermKind kind : {TermKind::kUnread, TermKind::kErased}) {
    if (absl::Status status = add(kind, ""); !status.ok()) return status;
  }
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
  return Join(std::move(postings), range);
}

}  // namespace tidemark::log
