// Where an event of a key is, by its revision: EventIndex::FindRevision.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/log/event_index.h"

namespace tidemark::log {
namespace {

using storage::TermKind;

absl::Status DamagedPlaces(absl::string_view key) {
  return absl::DataLossError(absl::StrCat("the index row of \"", key, "\" is damaged"));
}

// The rows of a key from one end to the other, place by place.
class KeyPlaces {
 public:
  // Backward from before `mark`, or forward from the first.
  KeyPlaces(storage::TermCursor& cursor, std::string key, Direction direction, Offset mark)
      : cursor_(cursor), key_(std::move(key)), backward_(direction == Direction::kBackward) {
    if (backward_) {
      cursor_.SeekForPrev(TermKind::kKey, key_, mark);
    } else {
      cursor_.Seek(TermKind::kKey, key_, Offset(0));
    }
  }

  // Empty at the end. The place: from the first to behind the last event of the key in a batch.
  absl::StatusOr<std::optional<OffsetSpan>> Next() {
    while (next_ == places_.size()) {
      if (!cursor_.Valid() || cursor_.term() != key_) {
        if (!cursor_.status().ok()) return cursor_.status();
        return std::optional<OffsetSpan>();
      }
      if (absl::Status status = Load(); !status.ok()) return status;
    }
    const size_t at = backward_ ? places_.size() - 1 - next_ : next_;
    ++next_;
    return std::optional(places_[at]);
  }

 private:
  absl::Status Load() {
    places_.clear();
    next_ = 0;
    storage::PostingReader postings(cursor_.row(), cursor_.until());
    for (storage::Posting posting; postings.Next(posting);) {
      places_.push_back({posting.first, posting.last + 1});
    }
    if (!postings.ok()) return DamagedPlaces(key_);
    backward_ ? cursor_.Prev() : cursor_.Next();
    return absl::OkStatus();
  }

  storage::TermCursor& cursor_;
  const std::string key_;
  const bool backward_;
  std::vector<OffsetSpan> places_;  // Of one row.
  size_t next_ = 0;
};

}  // namespace

absl::StatusOr<RevisionPlace> EventIndex::FindRevision(const Partition& partition,
                                                       absl::string_view key,
                                                       uint64_t revision) const {
  const std::string text(key);
  while (true) {
    absl::StatusOr<std::optional<RevisionPlace>> place = TryRevision(partition, text, revision);
    if (!place.ok()) return Annotate(partition, place.status());
    if (place->has_value()) return **place;
  }
}

absl::StatusOr<std::optional<RevisionPlace>> EventIndex::TryRevision(const Partition& partition,
                                                                     const std::string& key,
                                                                     uint64_t revision) const {
  using State = RevisionPlace::State;
  absl::StatusOr<View> view = Open(partition);
  if (!view.ok()) return view.status();
  const Partition::Ends ends = partition.ends();
  absl::StatusOr<std::optional<storage::KeyTotal>> total = view->sealed->TotalOf(key);
  if (!total.ok()) return total.status();
  absl::StatusOr<storage::KeyTotal> gone = GoneOf(*view, key);
  if (!gone.ok()) return gone.status();
  absl::StatusOr<std::optional<std::vector<Offset>>> open =
      OpenOffsets(partition, key, *view, ends);
  if (!open.ok()) return open.status();
  if (!open->has_value()) return std::optional<RevisionPlace>();

  const uint64_t sealed = total->has_value() ? (*total)->count : 0;
  const uint64_t before_open = sealed + gone->count;
  RevisionPlace place{.events = before_open + (*open)->size()};
  if (revision >= place.events) {
    place.state = State::kAhead;
    place.offset = ends.end;
    return std::optional(place);
  }
  if (revision >= before_open) {
    place.offset = (**open)[revision - before_open];
    return std::optional(place);
  }
  // From the nearer end. From the older one only if nothing is missing there.
  const bool whole = gone->count == 0 && total->has_value() && (*total)->first >= ends.start &&
                     !store_.IsReordered(partition.log());
  const SealedSearch search{.key = key,
                            .revision = revision,
                            .start = ends.start,
                            .mark = view->mark,
                            .gone = *gone,
                            .sealed = sealed,
                            .forward = whole && revision < sealed / 2};
  return FindSealedRevision(partition, *view->sealed, search, place);
}

absl::StatusOr<storage::KeyTotal> EventIndex::GoneOf(const View& view,
                                                     const std::string& key) const {
  if (!store_.has_erasures()) return storage::KeyTotal{};
  absl::StatusOr<std::optional<storage::KeyTotal>> erased =
      view.sealed->ErasedTotalOf(store_.DigestOf(key));
  if (!erased.ok()) return erased.status();
  return erased->value_or(storage::KeyTotal{});
}

absl::StatusOr<std::optional<RevisionPlace>> EventIndex::FindSealedRevision(
    const Partition& partition, storage::TermCursor& sealed, const SealedSearch& search,
    RevisionPlace place) const {
  using State = RevisionPlace::State;
  KeyPlaces places(sealed, search.key, search.forward ? Direction::kForward : Direction::kBackward,
                   search.mark);
  // How many events of the key are still to be passed.
  uint64_t left =
      search.forward ? search.revision : search.sealed + search.gone.count - 1 - search.revision;
  bool passed_gone = search.gone.count == 0;
  while (true) {
    absl::StatusOr<std::optional<OffsetSpan>> next = places.Next();
    if (!next.ok()) return next.status();
    if (!next->has_value() || (*next)->until <= search.start) break;
    const OffsetSpan span{std::max((*next)->from, search.start), (*next)->until};
    if (!passed_gone && (*next)->from <= search.gone.last) {
      // Of events among erased ones nobody knows any more how many are between them.
      place.state = State::kUnknown;
      if ((*next)->until > search.gone.first) return std::optional(place);
      if (left < search.gone.count) {
        place.state = State::kFound;
        place.offset = search.gone.first;
        return std::optional(place);
      }
      place.state = State::kFound;
      left -= search.gone.count;
      passed_gone = true;
    }
    const bool single = span.until.value() - span.from.value() == 1 && span.from == (*next)->from;
    std::vector<Offset> offsets{span.from};
    if (!single) {
      absl::StatusOr<std::vector<Offset>> read =
          OffsetsOf(partition, search.key, span, /*sealed=*/true);
      if (absl::IsOutOfRange(read.status())) return std::optional<RevisionPlace>();
      if (!read.ok()) return read.status();
      offsets = *std::move(read);
    }
    if (left < offsets.size()) {
      place.offset = search.forward ? offsets[left] : offsets[offsets.size() - 1 - left];
      return std::optional(place);
    }
    left -= offsets.size();
  }
  place.state = State::kPassed;
  place.first_revision = search.revision + left + 1;
  return std::optional(place);
}

absl::StatusOr<std::optional<std::vector<Offset>>> EventIndex::OpenOffsets(
    const Partition& partition, const std::string& key, const View& view,
    Partition::Ends ends) const {
  // The hashes of the open part say where the key may be; its bytes decide.
  const TermQuery query{.keys = {key}, .key_hashes = {HashOfKey(key)}};
  std::vector<OffsetSpan> spans;
  for (Offset next = std::max(view.mark, ends.start); next < ends.end;) {
    const std::optional<Offset> reached =
        partition.SearchForward(query, next, ends.end, std::numeric_limits<size_t>::max(), spans);
    if (!reached.has_value()) return std::optional<std::vector<Offset>>();
    next = *reached;
  }
  std::vector<Offset> offsets;
  for (const OffsetSpan& span : spans) {
    absl::StatusOr<std::vector<Offset>> found = OffsetsOf(partition, key, span, /*sealed=*/false);
    // Retention took it before it was counted: begin again with what is left.
    if (absl::IsOutOfRange(found.status())) return std::optional<std::vector<Offset>>();
    if (!found.ok()) return found.status();
    offsets.insert(offsets.end(), found->begin(), found->end());
  }
  return std::optional(std::move(offsets));
}

}  // namespace tidemark::log
