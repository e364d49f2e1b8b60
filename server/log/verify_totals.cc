#include "server/log/verify_totals.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/log/batch_walk.h"
#include "server/log/verify_erased.h"

namespace tidemark::log {
namespace {

using storage::KeyTotal;
using storage::TermKind;

constexpr int kLooksAtTotals = 3;
constexpr int kTotalsOfReport = 10'000;  // Between two looks at the progress.

}  // namespace

KeyTotalsCheck::KeyTotalsCheck(EventLog& log, TopicPtr topic, PartitionIndex index,
                               VerifyProgress& progress)
    : log_(log),
      topic_(std::move(topic)),
      index_(index),
      id_(topic_->log(index)),
      progress_(progress) {}

void KeyTotalsCheck::Found(std::string what) {
  progress_.Found({.kind = Finding::Kind::kIndex,
                   .topic = topic_->name(),
                   .partition = index_,
                   .description = std::move(what)});
}

void KeyTotalsCheck::Report(absl::string_view key, uint64_t counted, uint64_t events) {
  Found(absl::StrCat("the index counts ", counted, " events of key \"", key, "\", and there are ",
                     events));
}

void KeyTotalsCheck::Add(const storage::TermCursor& cursor, Offset start, Rows& rows) {
  storage::PostingReader reader(cursor.row(), cursor.until());
  storage::Posting posting;
  while (reader.Next(posting)) {
    if (posting.first < start) continue;
    if (rows.events_min == 0) rows.first = posting.first;
    rows.last = posting.last;
    rows.events_min += posting.last > posting.first ? 2 : 1;
  }
}

std::string KeyTotalsCheck::Difference(const std::optional<KeyTotal>& total, const Rows& rows,
                                       Offset start) {
  if (!total.has_value()) {
    return rows.events_min == 0
               ? ""
               : absl::StrCat("no events, and there are at least ", rows.events_min);
  }
  if (rows.events_min == 0) {
    // A batch that the start cuts through may hold it; then it is not told where.
    return "";
  }
  if (total->count < rows.events_min) {
    return absl::StrCat(total->count, " events, and there are at least ", rows.events_min);
  }
  if (total->last != rows.last) {
    return absl::StrCat("the last event at offset ", total->last.value(), ", and it is at ",
                        rows.last.value());
  }
  if (total->first > rows.first) {
    return absl::StrCat("the first event at offset ", total->first.value(), ", and one is at ",
                        rows.first.value());
  }
  return "";
}

absl::StatusOr<bool> KeyTotalsCheck::ReadTotals(storage::TermCursor& cursor,
                                                const Partition& partition) {
  const std::unique_ptr<storage::TermCursor> rows = log_.store().Terms(id_);
  rows->Seek(TermKind::kKey, "", Offset(0));
  std::vector<std::string> suspects;
  absl::Status status;
  int visited = 0;
  const auto compare = [&](absl::string_view key, const std::optional<KeyTotal>& total) {
    const Offset start = partition.ends().start;
    Rows of_key;
    for (; rows->Valid() && rows->term() == key; rows->Next()) Add(*rows, start, of_key);
    if (Difference(total, of_key, start).empty()) return;
    suspects.emplace_back(key);
  };
  // Both are sorted by key.
  const auto pass_until = [&](std::optional<absl::string_view> key) {
    while (rows->Valid() && (!key.has_value() || rows->term() < *key)) {
      compare(std::string(rows->term()), std::nullopt);
    }
  };
  const absl::Status read = cursor.ForTotals([&](absl::string_view key, const KeyTotal& total) {
    totals_.Add(key, total.count);
    pass_until(key);
    compare(key, total);
    for (const std::string& suspect : std::exchange(suspects, {})) {
      if (status.ok()) status = LookAt(partition, suspect);
    }
    if (status.ok() && ++visited % kTotalsOfReport == 0) status = progress_.Checked(0);
    return status.ok();
  });
  if (!status.ok()) return status;
  if (absl::IsDataLoss(read)) {
    Found(std::string(read.message()));
    return false;
  }
  if (!read.ok()) return read;
  pass_until(std::nullopt);
  for (const std::string& suspect : suspects) {
    if (status = LookAt(partition, suspect); !status.ok()) return status;
  }
  return true;
}

absl::Status KeyTotalsCheck::LookAt(const Partition& partition, const std::string& key) {
  const std::unique_ptr<storage::TermCursor> cursor = log_.store().Terms(id_);
  const absl::StatusOr<std::optional<KeyTotal>> total = cursor->TotalOf(key);
  if (absl::IsDataLoss(total.status())) return absl::OkStatus();  // Is reported by who reads all.
  if (!total.ok()) return total.status();
  const Offset start = partition.ends().start;
  Rows rows;
  cursor->Seek(TermKind::kKey, key, Offset(0));
  for (; cursor->Valid() && cursor->term() == key; cursor->Next()) Add(*cursor, start, rows);
  if (!cursor->status().ok()) return absl::OkStatus();
  const std::string difference = Difference(*total, rows, start);
  // Retention may have passed meanwhile what the rows speak of.
  if (difference.empty() || partition.ends().start != start || partition.deleted()) {
    return absl::OkStatus();
  }
  Found(absl::StrCat("of key \"", key, "\" the index tells ", difference));
  return absl::OkStatus();
}

absl::Status KeyTotalsCheck::Compare(const Partition& partition) {
  if (IsCut(partition) || events_.blanks().compacted > 0 || totals_ == events_)
    return absl::OkStatus();
  for (int look = 0; look < kLooksAtTotals; ++look) {
    std::vector<size_t> different;
    const absl::StatusOr<bool> same = SameNow(partition, different);
    if (!same.ok()) return same.status();
    if (*same) return absl::OkStatus();
    if (different.empty()) continue;
    const size_t parts = different.size();
    different.resize(std::min(parts, kPartsOfWalk));
    const absl::StatusOr<bool> named = NameKeys(partition, different);
    if (!named.ok()) return named.status();
    if (!*named) continue;
    if (parts > different.size()) {
      Found(absl::StrCat("the totals of keys differ in ", parts, " of ", KeySums::kParts,
                         " parts of the keys; those of ", different.size(), " are named"));
    }
    return progress_.Checked(0);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> KeyTotalsCheck::WalkKeys(
    const Partition& partition, Offset until,
    absl::FunctionRef<bool(const storage::StoredBatch&)> visit) {
  absl::Status status;
  bool whole = true;
  const absl::StatusOr<Offset> end =
      WalkBatches(log_.reader(), log_.store(), partition, Offset(0), until,
                  [&](const storage::BatchHeader&, const storage::StoredBatch* batch) {
                    whole = batch != nullptr && visit(*batch);
                    if (whole) status = progress_.Checked(batch->events.size());
                    return whole && status.ok();
                  });
  if (!status.ok()) return status;
  if (absl::IsUnavailable(end.status())) return end.status();
  return whole && end.ok() && *end == until && !IsCut(partition);
}

absl::StatusOr<KeyTotalsCheck::Moment> KeyTotalsCheck::ReadTotals(
    absl::FunctionRef<void(absl::string_view, const KeyTotal&)> visit) {
  const std::unique_ptr<storage::TermCursor> cursor = log_.store().Terms(id_);
  const absl::StatusOr<Offset> until = cursor->SealedUntil();
  if (!until.ok()) return until.status();
  const absl::StatusOr<uint64_t> erased = CountErased(*cursor);
  if (!erased.ok()) return erased.status();
  const absl::Status read = cursor->ForTotals([&](absl::string_view key, const KeyTotal& total) {
    visit(key, total);
    return true;
  });
  if (!read.ok()) return read;
  AwaitErasures(log_);
  return Moment{.until = *until, .erased = *erased};
}

absl::StatusOr<bool> KeyTotalsCheck::IsStill(const Moment& moment) {
  const absl::StatusOr<uint64_t> erased = CountErased(*log_.store().Terms(id_));
  if (!erased.ok()) return erased.status();
  return *erased == moment.erased;
}

absl::StatusOr<bool> KeyTotalsCheck::SameNow(const Partition& partition,
                                             std::vector<size_t>& different) {
  KeySums totals;
  KeySums events;
  const absl::StatusOr<Moment> moment = ReadTotals(
      [&](absl::string_view key, const KeyTotal& total) { totals.Add(key, total.count); });
  if (!moment.ok()) return moment.status();
  const absl::StatusOr<bool> whole =
      WalkKeys(partition, moment->until, [&](const storage::StoredBatch& batch) {
        return TermDigest().AddBatch(batch, /*index_keys=*/true, &events);
      });
  if (!whole.ok()) return whole.status();
  different = totals.DifferentParts(events);
  if (different.empty() || !*whole || events.blanks().compacted > 0) return true;
  const absl::StatusOr<bool> still = IsStill(*moment);
  if (!still.ok()) return still.status();
  if (!*still) different.clear();
  return false;
}

absl::StatusOr<bool> KeyTotalsCheck::NameKeys(const Partition& partition,
                                              const std::vector<size_t>& parts) {
  struct Figures {
    uint64_t counted = 0;
    uint64_t events = 0;
  };
  absl::flat_hash_map<std::string, Figures> keys;
  const auto concerns = [&](absl::string_view key) {
    return std::binary_search(parts.begin(), parts.end(), KeySums::PartOf(key));
  };
  KeySums blanks;
  const absl::StatusOr<Moment> moment =
      ReadTotals([&](absl::string_view key, const KeyTotal& total) {
        if (concerns(key)) keys[key].counted = total.count;
      });
  if (!moment.ok()) return moment.status();
  const absl::StatusOr<bool> whole =
      WalkKeys(partition, moment->until, [&](const storage::StoredBatch& batch) {
        return TermDigest().AddBatch(batch, /*index_keys=*/false, &blanks) &&
               ForKeys(batch, [&](absl::string_view key) {
                 if (concerns(key)) ++keys[key].events;
               });
      });
  if (!whole.ok()) return whole.status();
  const absl::StatusOr<bool> still = IsStill(*moment);
  if (!still.ok()) return still.status();
  if (!*whole || blanks.blanks().compacted > 0) return true;
  if (!*still) return false;
  std::vector<std::string> wrong;
  for (const auto& [key, figures] : keys) {
    if (figures.counted != figures.events) wrong.push_back(key);
  }
  std::sort(wrong.begin(), wrong.end());
  for (const std::string& key : wrong) Report(key, keys[key].counted, keys[key].events);
  return true;
}

}  // namespace tidemark::log
