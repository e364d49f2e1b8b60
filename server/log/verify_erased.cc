#include "server/log/verify_erased.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/log/batch_walk.h"
#include "server/log/blanks.h"
#include "server/log/wire.h"

namespace tidemark::log {
namespace {

using storage::ErasureRecord;
using storage::KeyTotal;

uint64_t AddCounts(uint64_t a, uint64_t b) {
  return a > std::numeric_limits<uint64_t>::max() - b ? std::numeric_limits<uint64_t>::max()
                                                      : a + b;
}

std::string KeyOf(absl::string_view digest) {
  return absl::StrCat("the key with digest ", absl::BytesToHexString(digest));
}

bool IsBlankAt(const storage::StoredBatch& batch, Offset offset) {
  WireReader reader(batch.events);
  WireField entry;
  for (Offset at = batch.header.base_offset; reader.Next(entry); ++at) {
    if (at == offset) return IsBlank(entry.bytes);
  }
  return true;  // Cannot be walked, which is found by who reads all.
}

bool Holds(const storage::StoredBatch& batch, Offset offset) {
  return offset >= batch.header.base_offset && offset < batch.header.end_offset();
}

// What the records of a topic's erasures say.
struct ErasedOfTopic {
  absl::btree_map<std::string, uint64_t> by_key;  // Events by digest.
  uint64_t others = 0;                            // By types or offsets.
};
using ErasedOfTopics = absl::btree_map<TopicId, ErasedOfTopic>;

absl::StatusOr<ErasedOfTopics> ReadErased(const storage::Store& store) {
  const absl::StatusOr<std::vector<ErasureRecord>> records = store.ReadErasures();
  if (!records.ok()) return records.status();
  ErasedOfTopics topics;
  for (const ErasureRecord& record : *records) {
    ErasedOfTopic& erased = topics[record.topic];
    uint64_t& events = record.key_digest.empty() ? erased.others : erased.by_key[record.key_digest];
    events = AddCounts(events, record.events);
  }
  return topics;
}

// What the index counts of keys that were erased by their name.
struct CountedOfTopic {
  struct Key {
    uint64_t events = 0;
    PartitionIndex partition;  // The last one that has some.
  };
  absl::btree_map<std::string, Key> by_key;
  uint64_t passed = 0;  // By retention.
};

// Empty: something is damaged, or the topic is gone.
absl::StatusOr<std::optional<CountedOfTopic>> CountOfTopic(EventLog& log, const Topic& topic,
                                                           const ErasedOfTopic& erased) {
  CountedOfTopic counted;
  for (uint32_t p = 0; p < topic.partitions(); ++p) {
    const PartitionIndex index(p);
    const absl::StatusOr<PartitionPtr> partition = log.OpenPartition(topic, index);
    if (absl::IsNotFound(partition.status()) || absl::IsDataLoss(partition.status())) {
      return std::optional<CountedOfTopic>();
    }
    if (!partition.ok()) return partition.status();
    const std::unique_ptr<storage::TermCursor> cursor = log.store().Terms(topic.log(index));
    const absl::Status read =
        cursor->ForErasedTotals("", [&](absl::string_view digest, const KeyTotal& total) {
          if (!erased.by_key.contains(digest)) return true;
          CountedOfTopic::Key& key = counted.by_key[std::string(digest)];
          key = {.events = AddCounts(key.events, total.count), .partition = index};
          return true;
        });
    // Of a batch that could not be read nobody counted the keys.
    cursor->Seek(storage::TermKind::kUnread, "", Offset(0));
    if (absl::IsDataLoss(read) || cursor->Valid()) return std::optional<CountedOfTopic>();
    if (!read.ok()) return read;
    if (!cursor->status().ok()) return cursor->status();
    counted.passed = AddCounts(counted.passed, (*partition)->ends().start.value());
  }
  return std::optional(std::move(counted));
}

absl::StatusOr<bool> WasCompacted(const storage::Store& store, const Topic& topic) {
  const auto compactions = store.ReadCompactions();
  if (!compactions.ok()) return compactions.status();
  return std::any_of(compactions->begin(), compactions->end(),
                     [&](const auto& entry) { return topic.Holds(entry.first); });
}

// How many events of a key can be gone, by what is recorded now.
absl::StatusOr<uint64_t> MostErased(const storage::Store& store, const Topic& topic,
                                    absl::string_view digest, uint64_t passed) {
  const absl::StatusOr<bool> compacted = WasCompacted(store, topic);
  if (!compacted.ok()) return compacted.status();
  if (*compacted) return std::numeric_limits<uint64_t>::max();
  const absl::StatusOr<ErasedOfTopics> now = ReadErased(store);
  if (!now.ok()) return now.status();
  const auto of_topic = now->find(topic.id());
  if (of_topic == now->end()) return passed;
  const auto of_key = of_topic->second.by_key.find(digest);
  const uint64_t erased = of_key == of_topic->second.by_key.end() ? 0 : of_key->second;
  return AddCounts(AddCounts(erased, of_topic->second.others), passed);
}

absl::Status VerifyErasuresOf(EventLog& log, const Topic& topic, const ErasedOfTopic& erased,
                              VerifyProgress& progress) {
  const absl::StatusOr<std::optional<CountedOfTopic>> counted = CountOfTopic(log, topic, erased);
  if (!counted.ok()) return counted.status();
  if (!counted->has_value()) return absl::OkStatus();
  for (const auto& [digest, least] : erased.by_key) {
    const auto found = (*counted)->by_key.find(digest);
    const CountedOfTopic::Key key =
        found == (*counted)->by_key.end() ? CountedOfTopic::Key() : found->second;
    std::string bound;
    if (key.events < least) bound = absl::StrCat("at least ", least);
    if (key.events > least) {
      const absl::StatusOr<uint64_t> most =
          MostErased(log.store(), topic, digest, (*counted)->passed);
      if (!most.ok()) return most.status();
      if (key.events > *most) bound = absl::StrCat("at most ", *most);
    }
    if (bound.empty() || log.catalog().FindById(topic.id()) == nullptr) continue;
    progress.Found(
        {.kind = Finding::Kind::kIndex,
         .topic = topic.name(),
         .partition = key.partition,
         .description = absl::StrCat("the index counts ", key.events, " erased events of ",
                                     KeyOf(digest), ", and ", bound, " are gone")});
  }
  return progress.Checked(0);
}

}  // namespace

absl::StatusOr<uint64_t> CountErased(storage::TermCursor& cursor) {
  uint64_t counted = 0;
  const absl::Status read =
      cursor.ForErasedTotals("", [&](absl::string_view, const KeyTotal& total) {
        counted = AddCounts(counted, total.count);
        return true;
      });
  if (!read.ok()) return read;
  return counted;
}

void AwaitErasures(EventLog& log) { absl::MutexLock committed(&log.replacer().mutex()); }

ErasedTotalsCheck::ErasedTotalsCheck(EventLog& log, TopicPtr topic, PartitionIndex index,
                                     VerifyProgress& progress)
    : log_(log),
      topic_(std::move(topic)),
      index_(index),
      id_(topic_->log(index)),
      progress_(progress) {}

void ErasedTotalsCheck::Found(std::string what, Offset from, Offset until) {
  progress_.Found({.kind = Finding::Kind::kIndex,
                   .topic = topic_->name(),
                   .partition = index_,
                   .from = from,
                   .until = until,
                   .description = std::move(what)});
}

absl::StatusOr<bool> ErasedTotalsCheck::ReadTotals(storage::TermCursor& cursor) {
  const absl::StatusOr<uint64_t> counted = CountErased(cursor);
  if (absl::IsDataLoss(counted.status())) {
    Found(std::string(counted.status().message()));
    return false;
  }
  if (!counted.ok()) return counted.status();
  counted_ = *counted;
  return true;
}

absl::Status ErasedTotalsCheck::Compare(const Partition& partition, const BlankCounts& blanks) {
  if (absl::Status status = CompareMost(partition, blanks); !status.ok()) return status;
  if (absl::Status status = CompareLeast(partition, blanks); !status.ok()) return status;
  return CheckPlaces(partition);
}

absl::Status ErasedTotalsCheck::CompareMost(const Partition& partition, const BlankCounts& blanks) {
  const auto most = [&](const BlankCounts& gone) {
    return gone.erased + gone.compacted + partition.ends().start.value();
  };
  if (counted_ <= most(blanks)) return absl::OkStatus();
  std::unique_ptr<storage::TermCursor> cursor = log_.store().Terms(id_);
  const absl::StatusOr<Offset> sealed = cursor->SealedUntil();
  if (!sealed.ok()) return sealed.status();
  const absl::StatusOr<uint64_t> counted = CountErased(*cursor);
  if (!counted.ok()) return counted.status();
  cursor.reset();  // The walk takes long.
  AwaitErasures(log_);
  bool whole = true;
  const absl::StatusOr<BlankCounts> gone = CountBlanks(partition, *sealed, whole);
  if (!gone.ok()) return gone.status();
  if (!whole || partition.deleted() || *counted <= most(*gone)) return absl::OkStatus();
  Found(absl::StrCat("the index counts ", *counted, " events of erased keys, and at most ",
                     most(*gone), " are gone"));
  return absl::OkStatus();
}

absl::StatusOr<BlankCounts> ErasedTotalsCheck::CountBlanks(const Partition& partition, Offset until,
                                                           bool& whole) {
  KeySums sums;
  absl::Status status;
  const absl::StatusOr<Offset> end = WalkBatches(
      log_.reader(), log_.store(), partition, partition.ends().start, until,
      [&](const storage::BatchHeader&, const storage::StoredBatch* batch) {
        whole = batch != nullptr && TermDigest().AddBatch(*batch, /*index_keys=*/false, &sums);
        if (whole) status = progress_.Checked(batch->events.size());
        return whole && status.ok();
      });
  if (!status.ok()) return status;
  if (absl::IsUnavailable(end.status())) return end.status();
  whole = whole && end.ok() && *end >= until;
  return sums.blanks();
}

absl::StatusOr<uint64_t> ErasedTotalsCheck::ErasedByNoKey() const {
  const absl::StatusOr<std::vector<ErasureRecord>> records = log_.store().ReadErasures();
  if (!records.ok()) return records.status();
  uint64_t events = 0;
  for (const ErasureRecord& record : *records) {
    const bool elsewhere = record.span.has_value() && record.span->partition != index_;
    if (record.topic == topic_->id() && record.key_digest.empty() && !elsewhere) {
      events = AddCounts(events, record.events);
    }
  }
  return events;
}

absl::Status ErasedTotalsCheck::CompareLeast(const Partition& partition,
                                             const BlankCounts& blanks) {
  const absl::StatusOr<uint64_t> counted = CountErased(*log_.store().Terms(id_));
  if (!counted.ok()) return counted.status();
  if (*counted >= blanks.erased || partition.deleted()) return absl::OkStatus();
  const absl::StatusOr<uint64_t> others = ErasedByNoKey();
  if (absl::IsDataLoss(others.status())) return absl::OkStatus();  // Found by VerifyErasures.
  if (!others.ok()) return others.status();
  if (AddCounts(*counted, *others) >= blanks.erased) return absl::OkStatus();
  Found(absl::StrCat("the index counts ", *counted, " events of erased keys, and at least ",
                     blanks.erased - *others, " are gone"));
  return absl::OkStatus();
}

absl::Status ErasedTotalsCheck::CheckPlaces(const Partition& partition) {
  std::string after;
  while (true) {
    Look look;
    const absl::Status read = log_.store().Terms(id_)->ForErasedTotals(
        after, [&](absl::string_view digest, const KeyTotal& total) {
          look.places.push_back({.offset = total.first, .total = look.digests.size()});
          if (total.count > 1) {
            look.places.push_back(
                {.offset = total.last, .total = look.digests.size(), .last = true});
          } else if (total.last != total.first) {
            Found(absl::StrCat("the index counts one erased event of ", KeyOf(digest),
                               ", the first at offset ", total.first, " and the last at ",
                               total.last));
          }
          look.digests.emplace_back(digest);
          return look.digests.size() < kTotalsAtOnce;
        });
    if (!read.ok()) return read;
    if (absl::Status status = CheckPlaces(partition, look); !status.ok()) return status;
    if (look.digests.size() < kTotalsAtOnce) return absl::OkStatus();
    after = look.digests.back();
  }
}

absl::Status ErasedTotalsCheck::CheckPlaces(const Partition& partition, Look& look) {
  // So that each batch is read once.
  std::sort(look.places.begin(), look.places.end(),
            [](const Place& a, const Place& b) { return a.offset < b.offset; });
  storage::BatchPtr batch;
  for (size_t i = 0; i < look.places.size(); ++i) {
    const Place& place = look.places[i];
    const std::string of_key =
        absl::StrCat("the ", place.last ? "last" : "first", " erased event of ",
                     KeyOf(look.digests[place.total]), " at offset ", place.offset);
    if (i > 0 && look.places[i - 1].offset == place.offset) {
      Found(absl::StrCat("the index has ", of_key, ", and one of another key there, too"));
      continue;
    }
    const absl::StatusOr<bool> gone = IsGone(partition, place.offset, batch);
    if (!gone.ok()) return gone.status();
    if (!*gone) Found(absl::StrCat("the index has ", of_key, ", where no event was erased"));
  }
  return progress_.Checked(0);
}

absl::StatusOr<bool> ErasedTotalsCheck::IsGone(const Partition& partition, Offset offset,
                                               storage::BatchPtr& batch) {
  for (const bool again : {false, true}) {
    if (again) AwaitErasures(log_);
    if (offset < partition.ends().start || partition.deleted()) return true;
    if (offset >= partition.ends().end) return false;
    if (batch == nullptr || !Holds(*batch, offset)) {
      const absl::StatusOr<PartitionRead> read =
          log_.reader().Read(partition, offset, offset + 1, 1, MayWait::kYes, Encrypted::kAsStored);
      if (absl::IsDataLoss(read.status())) return true;  // Found by who reads all.
      if (!read.ok()) return read.status();
      if (read->state != PartitionRead::State::kBatches) continue;
      batch = read->batches.front();
      absl::Status status = progress_.Checked(batch->events.size());
      if (!status.ok()) return status;
    }
    if (IsBlankAt(*batch, offset)) return true;
    batch = nullptr;
  }
  return false;
}

absl::Status VerifyErasures(EventLog& log, const TopicPtr& only, VerifyProgress& progress) {
  const absl::StatusOr<ErasedOfTopics> topics = ReadErased(log.store());
  if (absl::IsDataLoss(topics.status())) {
    progress.Found(
        {.kind = Finding::Kind::kIndex,
         .description = absl::StrCat("records of erasures: ", topics.status().message())});
    return progress.Checked(0);
  }
  if (!topics.ok()) return topics.status();
  for (const auto& [id, erased] : *topics) {
    const TopicPtr topic = log.catalog().FindById(id);
    if (topic == nullptr || !topic->record.config.index_keys || erased.by_key.empty()) continue;
    if (only != nullptr && only->id() != id) continue;
    absl::Status status = VerifyErasuresOf(log, *topic, erased, progress);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace tidemark::log
