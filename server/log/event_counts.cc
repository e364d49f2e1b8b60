// How many events of a stretch match a filter: EventIndex::Count.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "server/log/batch_cut.h"
#include "server/log/event_index.h"

namespace tidemark::log {
namespace {

using storage::TermKind;

constexpr size_t kCandidatesCounted = 64;
constexpr uint64_t kReadBytes = 1 << 20;

// Types to be added up, none of them twice.
struct TypesToCount {
  std::vector<std::string> types;
  std::vector<std::string> prefixes;
};

bool BeginsWithOneOf(absl::string_view text, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [text](const std::string& prefix) { return absl::StartsWith(text, prefix); });
}

TypesToCount WithoutOverlap(const Filter& filter) {
  TypesToCount count;
  std::vector<std::string> sorted = filter.prefixes();
  std::sort(sorted.begin(), sorted.end());  // A prefix of another comes before it.
  for (std::string& prefix : sorted) {
    if (!BeginsWithOneOf(prefix, count.prefixes)) count.prefixes.push_back(std::move(prefix));
  }
  for (const std::string& type : filter.types()) {
    if (!BeginsWithOneOf(type, count.prefixes)) count.types.push_back(type);
  }
  return count;
}

bool Wants(const TypesToCount& types, absl::string_view type) {
  return BeginsWithOneOf(type, types.prefixes) ||
         std::find(types.types.begin(), types.types.end(), type) != types.types.end();
}

void Spend(uint64_t& budget, uint64_t cost) { budget -= std::min(budget, cost); }

}  // namespace

// The sum of a type's postings in [from, until), whose ends are those of batches.
absl::StatusOr<uint64_t> EventIndex::CountRow(const storage::TermCursor& row, Offset from,
                                              Offset until, CountBudget& budget) const {
  absl::string_view value = row.row();
  storage::TypeSummary summary;
  if (!storage::TakeTypeSummary(value, summary)) {
    return absl::DataLossError("an index row of types is damaged");
  }
  storage::PostingReader postings(value, row.until(), &summary);
  storage::Posting posting;
  uint64_t events = 0;
  uint64_t seen = 0;
  while (postings.Next(posting)) {
    ++seen;
    if (posting.first >= from && posting.first < until) events += posting.count;
  }
  Spend(budget.postings, seen);
  if (!postings.ok()) return absl::DataLossError("an index row of types is damaged");
  return events;
}

absl::StatusOr<std::optional<uint64_t>> EventIndex::CountSealed(storage::TermCursor& sealed,
                                                                const Filter& filter, Offset from,
                                                                Offset until,
                                                                CountBudget& budget) const {
  const TypesToCount types = WithoutOverlap(filter);
  uint64_t events = 0;
  const auto add = [&](absl::string_view first, bool exact) -> absl::Status {
    sealed.Seek(TermKind::kType, first, exact ? from + 1 : Offset(0));
    while (sealed.Valid() && budget.postings > 0) {
      if (exact ? sealed.term() != first : !absl::StartsWith(sealed.term(), first)) break;
      if (sealed.until() <= from) {
        const std::string type(sealed.term());
        sealed.Seek(TermKind::kType, type, from + 1);
        continue;
      }
      absl::StatusOr<uint64_t> row = CountRow(sealed, from, until, budget);
      if (!row.ok()) return row.status();
      events += *row;
      sealed.Next();
    }
    return sealed.status();
  };
  for (const std::string& type : types.types) {
    if (absl::Status status = add(type, true); !status.ok()) return status;
  }
  for (const std::string& prefix : types.prefixes) {
    if (absl::Status status = add(prefix, false); !status.ok()) return status;
  }
  if (budget.postings == 0) return std::optional<uint64_t>();
  return events;
}

absl::StatusOr<EventIndex::Counted> EventIndex::CountByIndex(const Partition& partition,
                                                             const Filter& filter, Offset from,
                                                             Offset until,
                                                             CountBudget& budget) const {
  const TypesToCount types = WithoutOverlap(filter);
  while (true) {
    absl::StatusOr<View> view = Open(partition);
    if (absl::IsUnavailable(view.status())) return Counted{.known = false};
    if (!view.ok()) return view.status();
    // A batch whose types nobody knows has to be read.
    view->sealed->Seek(TermKind::kUnread, "", from + 1);
    if (view->sealed->Valid()) return Counted{.known = false};
    const Offset open_low = std::clamp(view->mark, from, until);
    Counted counted;
    if (from < open_low) {
      absl::StatusOr<std::optional<uint64_t>> sealed =
          CountSealed(*view->sealed, filter, from, open_low, budget);
      if (!sealed.ok()) return sealed.status();
      if (!sealed->has_value()) return Counted{};
      counted.events = *sealed;
    }
    uint64_t events = 0;
    std::optional<Offset> reached = open_low;
    while (reached.has_value() && *reached < until) {
      reached = partition.WalkTypes(*reached, until,
                                    [&](absl::string_view type, uint32_t count, Offset, uint64_t) {
                                      counted.known = counted.known && !type.empty();
                                      if (Wants(types, type)) events += count;
                                    });
    }
    if (!reached.has_value()) continue;  // More was sealed meanwhile.
    if (counted.events.has_value() || from >= open_low) {
      counted.events = counted.events.value_or(0) + events;
    }
    return counted;
  }
}

absl::StatusOr<std::optional<uint64_t>> EventIndex::CountByReading(const Partition& partition,
                                                                   const Filter& filter,
                                                                   Offset from, Offset until,
                                                                   CountBudget& budget) const {
  uint64_t events = 0;
  for (Offset next = from; next < until;) {
    absl::StatusOr<IndexWindow> window =
        Find(partition, filter, next, until, Direction::kForward, kCandidatesCounted);
    if (!window.ok()) return window.status();
    for (const IndexWindow::Candidate& candidate : window->candidates) {
      for (Offset at = std::max(candidate.from, next); at < candidate.until;) {
        if (budget.bytes == 0) return std::optional<uint64_t>();
        absl::StatusOr<PartitionRead> read =
            reader_.Read(partition, at, candidate.until, std::min(kReadBytes, budget.bytes),
                         MayWait::kYes, Encrypted::kAsStored);
        if (!read.ok()) return read.status();
        if (read->state == PartitionRead::State::kDeleted) {
          return absl::NotFoundError("the topic is deleted");
        }
        // Retention has passed it.
        if (read->state != PartitionRead::State::kBatches) {
          at = std::max(at + 1, std::min(partition.ends().start, candidate.until));
          continue;
        }
        for (const storage::BatchPtr& batch : read->batches) {
          const absl::StatusOr<EventSlice> slice =
              CutBatch(*batch, filter, {.from = at, .until = candidate.until, .pass_erased = true});
          if (!slice.ok()) return slice.status();
          events += slice->count;
          Spend(budget.bytes, batch->events.size());
          at = batch->header.end_offset();
        }
      }
    }
    next = window->reached;
  }
  return events;
}

absl::StatusOr<std::optional<uint64_t>> EventIndex::Count(const Partition& partition,
                                                          const Filter& filter, Offset from,
                                                          Offset until, CountBudget& budget) const {
  const Partition::Ends ends = partition.ends();
  from = std::max(from, ends.start);
  until = std::min(until, ends.end);
  if (from >= until) return 0;
  if (filter.matches_all()) return until - from;
  const std::optional<TermQuery> query = QueryOf(partition, filter);
  if (!filter.keys().empty() || !query.has_value()) {
    return CountByReading(partition, filter, from, until, budget);
  }
  // The index counts whole batches; where the stretch cuts one, that one is read.
  uint64_t events = 0;
  const auto read = [&](Offset low, Offset high) -> absl::StatusOr<bool> {
    absl::StatusOr<std::optional<uint64_t>> cut =
        CountByReading(partition, filter, low, high, budget);
    if (!cut.ok()) return cut.status();
    if (cut->has_value()) events += **cut;
    return cut->has_value();
  };
  const auto batch_of = [&](Offset offset) {
    return reader_.Spans(partition, offset, offset + 1, Direction::kForward, 1, MayWait::kYes);
  };
  absl::StatusOr<SpanRead> first = batch_of(from);
  if (!first.ok()) return first.status();
  absl::StatusOr<SpanRead> last = batch_of(Offset(until.value() - 1));
  if (!last.ok()) return last.status();
  if (first->spans.empty() || last->spans.empty()) {  // Deleted, or retention goes on meanwhile.
    return CountByReading(partition, filter, from, until, budget);
  }
  Offset low = from;
  Offset high = until;
  if (first->spans.front().base_offset < from)
    low = std::min(first->spans.front().end_offset(), until);
  if (last->spans.front().end_offset() > until)
    high = std::max(last->spans.front().base_offset, low);
  for (const auto& [begin, end] : {std::pair(from, low), std::pair(high, until)}) {
    if (begin >= end) continue;
    absl::StatusOr<bool> done = read(begin, end);
    if (!done.ok()) return done.status();
    if (!*done) return std::optional<uint64_t>();
  }
  if (low >= high) return events;
  absl::StatusOr<Counted> middle = CountByIndex(partition, filter, low, high, budget);
  if (!middle.ok()) return Annotate(partition, middle.status());
  if (middle->known) {
    if (!middle->events.has_value()) return std::optional<uint64_t>();
    return events + *middle->events;
  }
  absl::StatusOr<bool> done = read(low, high);
  if (!done.ok()) return done.status();
  return *done ? std::make_optional(events) : std::nullopt;
}

}  // namespace tidemark::log
