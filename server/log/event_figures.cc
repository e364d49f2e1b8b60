// What there is of a type or a key: the figures of EventIndex.
#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/log/event_index.h"
#include "server/log/wire.h"

namespace tidemark::log {
namespace {

using storage::TermKind;

constexpr size_t kCandidates = 16;

absl::Status Unknown(Offset base) {
  return absl::DataLossError(absl::StrCat("the batch at offset ", base.value(),
                                          " is damaged, so nobody knows what it holds"));
}

absl::Status DamagedRow(absl::string_view term) {
  return absl::DataLossError(absl::StrCat("the index row of \"", term, "\" is damaged"));
}

// Keeps the types_max smallest types. One that is let go never comes back: there are types_max
// smaller ones.
void Merge(absl::string_view type, const TypeFigures& more, size_t types_max, TypeTable& types) {
  if (more.count == 0) return;
  if (types.size() >= types_max && type > types.rbegin()->first) return;
  const auto [it, is_new] = types.try_emplace(std::string(type), more);
  if (is_new) {
    if (types.size() > types_max) types.erase(std::prev(types.end()));
    return;
  }
  TypeFigures& figures = it->second;
  figures.count += more.count;
  figures.first_time_us = std::min(figures.first_time_us, more.first_time_us);
  figures.last_time_us = std::max(figures.last_time_us, more.last_time_us);
}

// Not OK if a batch that could not be read when it was indexed can still be asked for.
absl::Status CheckAllKnown(storage::TermCursor& sealed, Offset start) {
  for (sealed.Seek(TermKind::kUnread, "", start + 1); sealed.Valid(); sealed.Next()) {
    storage::PostingReader postings(sealed.row(), sealed.until());
    storage::Posting posting;
    while (postings.Next(posting)) {
      if (posting.last >= start) return Unknown(posting.first);
    }
    if (!postings.ok()) return DamagedRow("");
  }
  return sealed.status();
}

// visit(offset) for each event of the batch that has `key`.
template <typename Visit>
absl::Status ForKey(const storage::StoredBatch& batch, absl::string_view key, Visit visit) {
  Offset offset = batch.header.base_offset;
  WireReader reader(batch.events);
  WireField entry;
  for (; reader.Next(entry); ++offset) {
    EventView event;
    if (absl::Status status = ViewEvent(entry.bytes, event); !status.ok()) return status;
    if (event.key == key) visit(offset);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EventIndex::AddTypes(const Partition& partition, absl::string_view after,
                                  size_t types_max, TypeTable& types) const {
  while (true) {
    absl::StatusOr<std::optional<TypeTable>> found = TryTypes(partition, after, types_max);
    if (!found.ok()) return Annotate(partition, found.status());
    if (!found->has_value()) continue;
    for (const auto& [type, figures] : **found) Merge(type, figures, types_max, types);
    return absl::OkStatus();
  }
}

absl::StatusOr<std::optional<TypeTable>> EventIndex::TryTypes(const Partition& partition,
                                                              absl::string_view after,
                                                              size_t types_max) const {
  absl::StatusOr<View> view = Open(partition);
  if (!view.ok()) return view.status();
  const Partition::Ends ends = partition.ends();
  if (absl::Status known = CheckAllKnown(*view->sealed, ends.start); !known.ok()) return known;
  TypeTable types;
  absl::Status status =
      AddSealedTypes(*view->sealed, partition, ends.start, after, types_max, types);
  if (!status.ok()) return status;
  for (Offset next = std::max(view->mark, ends.start); next < ends.end;) {
    const std::optional<Offset> reached = partition.WalkTypes(
        next, ends.end,
        [&](absl::string_view type, uint32_t count, Offset base, uint64_t append_time_us) {
          if (type.empty() && status.ok()) status = Unknown(base);
          if (type <= after) return;
          Merge(type, {count, append_time_us, append_time_us}, types_max, types);
        });
    if (!reached.has_value()) return std::optional<TypeTable>();
    if (!status.ok()) return status;
    next = *reached;
  }
  return types;
}

absl::Status EventIndex::AddSealedTypes(storage::TermCursor& sealed, const Partition& partition,
                                        Offset start, absl::string_view after, size_t types_max,
                                        TypeTable& types) const {
  // Behind the rows of `after`: types hold no control characters.
  const std::string first = after.empty() ? "" : absl::StrCat(after, "\x01");
  sealed.Seek(TermKind::kType, first, Offset(0));
  while (sealed.Valid()) {
    if (types.size() >= types_max && sealed.term() > types.rbegin()->first) break;
    if (sealed.until() <= start) {
      const std::string type(sealed.term());
      sealed.Seek(TermKind::kType, type, start + 1);
      continue;
    }
    absl::StatusOr<TypeFigures> figures = ReadableOf(sealed, partition, start);
    if (!figures.ok()) return figures.status();
    Merge(sealed.term(), *figures, types_max, types);
    sealed.Next();
  }
  return sealed.status();
}

absl::StatusOr<TypeFigures> EventIndex::ReadableOf(const storage::TermCursor& row,
                                                   const Partition& partition, Offset start) const {
  absl::string_view value = row.row();
  storage::TypeSummary summary;
  if (!storage::TakeTypeSummary(value, summary)) return DamagedRow(row.term());
  storage::PostingReader postings(value, row.until(), &summary);
  storage::Posting posting;
  TypeFigures figures{.last_time_us = summary.last_time_us};
  bool all = true;
  while (postings.Next(posting)) {
    if (posting.first < start) {
      all = false;
      continue;
    }
    if (all) return TypeFigures{summary.count, summary.first_time_us, summary.last_time_us};
    if (figures.count == 0) {
      absl::StatusOr<std::optional<storage::BatchInfo>> first =
          store_.BatchAt(partition.log(), posting.first);
      if (!first.ok()) return first.status();
      // Retention may have taken it since.
      figures.first_time_us =
          first->has_value() ? (*first)->row.append_time_us : summary.last_time_us;
    }
    figures.count += posting.count;
  }
  if (!postings.ok()) return DamagedRow(row.term());
  return figures;
}

absl::StatusOr<std::optional<KeyFigures>> EventIndex::FindKey(const Partition& partition,
                                                              absl::string_view key) const {
  const std::string text(key);
  while (true) {
    absl::StatusOr<std::optional<KeyFigures>> figures =
        TryKey(partition, text, /*find_first=*/true);
    if (!figures.ok()) return Annotate(partition, figures.status());
    if (!figures->has_value()) continue;
    if ((*figures)->events == 0) return std::optional<KeyFigures>();
    return figures;
  }
}

absl::StatusOr<KeyCount> EventIndex::CountKey(const Partition& partition,
                                              absl::string_view key) const {
  const std::string text(key);
  while (true) {
    absl::StatusOr<std::optional<KeyFigures>> figures =
        TryKey(partition, text, /*find_first=*/false);
    if (!figures.ok()) return Annotate(partition, figures.status());
    if (!figures->has_value()) continue;
    return KeyCount{.events = (*figures)->events, .until = (*figures)->until};
  }
}

absl::StatusOr<std::optional<KeyFigures>> EventIndex::TryKey(const Partition& partition,
                                                             const std::string& key,
                                                             bool find_first) const {
  absl::StatusOr<View> view = Open(partition);
  if (!view.ok()) return view.status();
  const Partition::Ends ends = partition.ends();
  if (absl::Status known = CheckAllKnown(*view->sealed, ends.start); !known.ok()) return known;
  absl::StatusOr<std::optional<storage::KeyTotal>> total = view->sealed->TotalOf(key);
  if (!total.ok()) return total.status();

  KeyFigures figures{.until = ends.end};
  if (total->has_value()) {
    figures.events = (*total)->count;
    figures.last = (*total)->last;
    // Where batches were stored again, that may be gone.
    if ((*total)->first >= ends.start && !store_.IsReordered(partition.log())) {
      figures.first = (*total)->first;
    } else if (find_first && (*total)->last >= ends.start) {
      absl::StatusOr<std::optional<Offset>> first =
          FirstOfKey(partition, key, ends.start, view->mark);
      if (!first.ok()) return first.status();
      figures.first = *first;
    }
  }
  // Erased ones count: revisions do not fall.
  absl::StatusOr<storage::KeyTotal> gone = GoneOf(*view, key);
  if (!gone.ok()) return gone.status();
  figures.events += gone->count;
  figures.last = std::max(figures.last, gone->last);
  absl::StatusOr<std::optional<std::vector<Offset>>> open =
      OpenOffsets(partition, key, *view, ends);
  if (!open.ok()) return open.status();
  if (!open->has_value()) return std::optional<KeyFigures>();
  if ((*open)->empty()) return figures;
  figures.events += (*open)->size();
  figures.last = (*open)->back();
  if (!figures.first.has_value()) figures.first = (*open)->front();
  return figures;
}

absl::StatusOr<std::vector<Offset>> EventIndex::OffsetsOf(const Partition& partition,
                                                          const std::string& key,
                                                          const OffsetSpan& span,
                                                          bool sealed) const {
  absl::StatusOr<PartitionRead> read =
      reader_.Read(partition, span.from, span.until, 1, MayWait::kYes, Encrypted::kAsStored);
  if (!read.ok()) return read.status();
  switch (read->state) {
    case PartitionRead::State::kBatches:
      break;
    case PartitionRead::State::kDeleted:
      return absl::NotFoundError("the topic is deleted");
    default:
      return absl::OutOfRangeError("retention has passed the batch");
  }
  const storage::StoredBatch& batch = *read->batches.front();
  if (!sealed && batch.header.has_erased) {
    // Whoever erases has the index sealed first, and there they are counted.
    absl::StatusOr<Offset> mark = store_.Terms(partition.log())->SealedUntil();
    if (!mark.ok()) return mark.status();
    if (*mark > batch.header.base_offset) return absl::OutOfRangeError("it was sealed meanwhile");
    return Unknown(batch.header.base_offset);
  }
  std::vector<Offset> offsets;
  absl::Status status = ForKey(batch, key, [&](Offset offset) {
    if (offset >= span.from && offset < span.until) offsets.push_back(offset);
  });
  if (!status.ok()) return status;
  return offsets;
}

absl::StatusOr<std::optional<Offset>> EventIndex::FirstOfKey(const Partition& partition,
                                                             const std::string& key, Offset from,
                                                             Offset until) const {
  const Filter filter({.types = {}, .keys = {key}});
  std::optional<Offset> first;
  for (Offset next = from; next < until && !first.has_value();) {
    absl::StatusOr<IndexWindow> window =
        Find(partition, filter, next, until, Direction::kForward, kCandidates);
    if (!window.ok()) return window.status();
    for (const IndexWindow::Candidate& candidate : window->candidates) {
      for (Offset at = candidate.from; at < candidate.until && !first.has_value();) {
        absl::StatusOr<PartitionRead> read =
            reader_.Read(partition, at, candidate.until, 1, MayWait::kYes, Encrypted::kAsStored);
        if (!read.ok()) return read.status();
        if (read->state != PartitionRead::State::kBatches) return first;
        const storage::BatchPtr& batch = read->batches.front();
        absl::Status status = ForKey(*batch, key, [&](Offset offset) {
          if (offset >= from && !first.has_value()) first = offset;
        });
        if (!status.ok()) return status;
        at = batch->header.end_offset();
      }
    }
    next = window->reached;
  }
  return first;
}

}  // namespace tidemark::log
