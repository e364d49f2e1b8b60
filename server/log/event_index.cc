#include "server/log/event_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/log/batch_walk.h"

namespace tidemark::log {
namespace {

// Prefixes that stand for more types are not worth looking up one by one.
constexpr size_t kTypesMax = 256;
// What a question reads into memory at most; more is the sealer's work.
constexpr uint64_t kFillSegmentsMax = 16;
constexpr uint64_t kFillEventsMax = 2 << 20;
constexpr char kNotReady[] = "INDEX_NOT_READY";

absl::Status IndexNotReady() {
  return MakeError(absl::StatusCode::kUnavailable,
                   "the index of older events is still being written. Repeat after a pause",
                   {.reason = kNotReady, .retry_delay = absl::Seconds(1)});
}

bool ReasonIsNotReady(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return false;
  const auto detail = DetailOf(status);
  return detail.has_value() && detail->reason == kNotReady;
}

IndexWindow Everything(Offset from, Offset until, Direction direction) {
  IndexWindow window{.candidates = {}, .reached = direction == Direction::kForward ? until : from};
  if (from < until) window.candidates.push_back({.from = from, .until = until});
  return window;
}

// Batches that follow one another become one candidate.
void AddSpan(const OffsetSpan& span, Direction direction, IndexWindow& window) {
  if (!window.candidates.empty()) {
    IndexWindow::Candidate& last = window.candidates.back();
    if (direction == Direction::kForward && last.until == span.from) {
      last.until = span.until;
      return;
    }
    if (direction == Direction::kBackward && last.from == span.until) {
      last.from = span.from;
      return;
    }
  }
  window.candidates.push_back({.from = span.from, .until = span.until});
}

}  // namespace

bool EventIndex::KeysAreIndexed(const Partition& partition) const {
  const TopicPtr topic = catalog_.FindByLog(partition.log());
  return topic != nullptr && topic->record.config.index_keys;
}

absl::Status EventIndex::Annotate(const Partition& partition, absl::Status status) const {
  if (!absl::IsDataLoss(status)) return status;
  const TopicPtr topic = catalog_.FindByLog(partition.log());
  if (topic == nullptr) return status;
  return absl::Status(status.code(), absl::StrCat("topic \"", topic->name(), "\", partition ",
                                                  partition.log() - topic->record.first_log, ": ",
                                                  status.message()));
}

std::optional<TermQuery> EventIndex::QueryOf(const Partition& partition,
                                             const Filter& filter) const {
  TermQuery query;
  if (!filter.keys().empty() && KeysAreIndexed(partition)) {
    query.keys.assign(filter.keys().begin(), filter.keys().end());
    for (const std::string& key : query.keys) query.key_hashes.push_back(HashOfKey(key));
    return query;
  }
  query.types.assign(filter.types().begin(), filter.types().end());
  query.prefixes = filter.prefixes();
  const bool any_type = std::any_of(query.prefixes.begin(), query.prefixes.end(),
                                    [](const std::string& prefix) { return prefix.empty(); });
  if (any_type || query.types.size() + query.prefixes.size() == 0) return std::nullopt;
  if (query.types.size() > kTypesMax) return std::nullopt;
  return query;
}

absl::StatusOr<EventIndex::View> EventIndex::Open(const Partition& partition) const {
  while (true) {
    View view{.sealed = store_.Terms(partition.log())};
    absl::StatusOr<Offset> mark = view.sealed->SealedUntil();
    if (!mark.ok()) return mark.status();
    view.mark = *mark;
    const Partition::Ends ends = partition.ends();
    const Partition::IndexState state = partition.index_state();
    if (partition.deleted()) return absl::NotFoundError("the partition is deleted");
    if (*mark > ends.end) {
      return absl::DataLossError(absl::StrCat("the index ends at offset ", mark->value(),
                                              ", behind the end, ", ends.end.value()));
    }
    const Offset needed = std::max(*mark, ends.start);
    if (state.open_begin <= needed) return view;
    if (state.sealed_until > *mark) continue;  // Sealed since the cursor was made.
    const uint64_t events_max = std::min(kFillSegmentsMax * budget_->segment_events(),
                                         std::max(kFillEventsMax, budget_->segment_events()));
    if (state.open_begin - needed > events_max) {
      budget_->RequestPass();
      return IndexNotReady();
    }
    if (absl::Status status = Fill(partition, needed, state.open_begin); !status.ok()) {
      return status;
    }
  }
}

absl::Status EventIndex::Fill(const Partition& partition, Offset from, Offset until) const {
  const bool index_keys = KeysAreIndexed(partition);
  std::vector<Partition::ReadTerms> batches;
  absl::StatusOr<Offset> end =
      WalkBatches(reader_, store_, partition, from, until,
                  [&](const storage::BatchHeader& header, const storage::StoredBatch* batch) {
                    Partition::ReadTerms& read = batches.emplace_back();
                    read.header = header;
                    read.terms.unread = batch == nullptr ||
                                        !CollectTerms(batch->events, index_keys, read.terms).ok();
                    return true;
                  });
  if (!end.ok()) return end.status();
  partition.AddOpenInFront(std::move(batches));
  return absl::OkStatus();
}

absl::StatusOr<IndexWindow> EventIndex::Find(const Partition& partition, const Filter& filter,
                                             Offset from, Offset until, Direction direction,
                                             size_t candidates_max) const {
  TM_CHECK_GE(candidates_max, 1u);
  const std::optional<TermQuery> query = QueryOf(partition, filter);
  if (!query.has_value() || from >= until) return Everything(from, until, direction);
  const SearchRange range{
      .low = from, .until = until, .direction = direction, .matches_max = candidates_max};
  while (true) {
    absl::StatusOr<std::optional<IndexWindow>> window = TryFind(partition, *query, range);
    // Whoever reads the candidate is told that the topic is gone; and without the index reading is
    // only slower.
    if (absl::IsNotFound(window.status()) || ReasonIsNotReady(window.status())) {
      return Everything(from, until, direction);
    }
    if (!window.ok()) return Annotate(partition, window.status());
    if (window->has_value()) return **std::move(window);
  }
}

absl::StatusOr<std::optional<IndexWindow>> EventIndex::TryFind(const Partition& partition,
                                                               const TermQuery& query,
                                                               const SearchRange& range) const {
  const bool forward = range.direction == Direction::kForward;
  View view{.mark = range.low};
  if (partition.index_state().open_begin > range.low) {
    absl::StatusOr<View> opened = Open(partition);
    if (!opened.ok()) return opened.status();
    view = *std::move(opened);
  }
  const Offset open_low = std::clamp(view.mark, range.low, range.until);
  std::vector<OffsetSpan> found;
  // The open part of the range is [open_low, until); the sealed one is before it.
  const auto search_open = [&]() -> std::optional<Offset> {
    std::optional<Offset> reached = forward ? open_low : range.until;
    while (found.size() < range.matches_max &&
           (forward ? *reached < range.until : *reached > open_low)) {
      reached =
          forward ? partition.SearchForward(query, *reached, range.until, range.matches_max, found)
                  : partition.SearchBackward(query, open_low, *reached, range.matches_max, found);
      if (!reached.has_value()) return std::nullopt;
    }
    return reached;
  };
  Offset reached = forward ? range.low : range.until;
  if (!forward) {
    const std::optional<Offset> open = search_open();
    if (!open.has_value()) return std::optional<IndexWindow>();
    reached = *open;
  }
  if (range.low < open_low && found.size() < range.matches_max) {
    SearchRange rest = range;
    rest.until = open_low;
    rest.matches_max -= found.size();
    auto sealed = FindSealed(view, query, rest, reached);
    if (!sealed.ok()) return sealed.status();
    if (!sealed->has_value()) return Everything(range.low, range.until, range.direction);
    found.insert(found.end(), (*sealed)->begin(), (*sealed)->end());
  }
  if (forward && reached >= open_low) {
    const std::optional<Offset> open = search_open();
    if (!open.has_value()) return std::optional<IndexWindow>();
    reached = *open;
  }
  IndexWindow window{.candidates = {}, .reached = reached};
  for (const OffsetSpan& span : found) AddSpan(span, range.direction, window);
  return window;
}

absl::StatusOr<std::optional<std::vector<OffsetSpan>>> EventIndex::FindSealed(
    const View& view, const TermQuery& query, const SearchRange& range, Offset& reached) const {
  absl::StatusOr<std::optional<TermMatches>> matches =
      SearchTerms(*view.sealed, query, range, kTypesMax);
  if (!matches.ok()) return matches.status();
  if (!matches->has_value()) return std::optional<std::vector<OffsetSpan>>();
  reached = (*matches)->reached;
  return std::move((*matches)->spans);
}

}  // namespace tidemark::log
