#include "server/log/event_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/log/erasure_receipt.h"
#include "spdlog/spdlog.h"

namespace tidemark::log {
namespace {

absl::Status NoSuchTopic(absl::string_view name) {
  return NoSuch("topic", name, ". Create it, or check the name");
}

absl::Status TopicExists(absl::string_view name) {
  return MakeError(absl::StatusCode::kAlreadyExists,
                   absl::StrCat("topic \"", name, "\" exists already"),
                   {.reason = "TOPIC_EXISTS", .metadata = {{"topic", std::string(name)}}});
}

absl::Status TooManyPartitions(uint64_t limit, uint64_t value) {
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("the store would have ", value, " partitions, and partitions_max is ", limit,
                   ". Use fewer, delete topics, or raise the limit"),
      {.reason = "PARTITIONS_EXHAUSTED",
       .metadata = {{"limit_name", "partitions_max"},
                    {"limit", std::to_string(limit)},
                    {"value", std::to_string(value)}}});
}

// Below, only logs are known. Where the damage is in it nobody can tell.
absl::Status Unopenable(const Topic& topic, PartitionIndex partition, const absl::Status& why) {
  const std::string index = std::to_string(partition.value());
  return MakeError(
      absl::StatusCode::kDataLoss,
      absl::StrCat("topic \"", topic.name(), "\" partition ", index,
                   " cannot be opened: ", why.message()),
      {.reason = "CORRUPT_PARTITION", .metadata = {{"topic", topic.name()}, {"partition", index}}});
}

DoneCallback AnswerWith(std::shared_ptr<EventLog::TopicChange> change,
                        EventLog::TopicCallback done) {
  return [change = std::move(change), done = std::move(done)](absl::Status status) mutable {
    if (!status.ok()) return std::move(done)(std::move(status));
    std::move(done)(std::move(change->topic));
  };
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLog>> EventLog::Open(const LogOptions& options,
                                                         storage::Store& store,
                                                         const base::Clock& clock,
                                                         metrics::Metrics& metrics,
                                                         storage::KeyVault* vault) {
  absl::StatusOr<storage::StoreRecord> record = store.ReadStoreRecord();
  if (!record.ok()) return record.status();
  absl::StatusOr<storage::CommitMark> mark = store.ReadCommitMark();
  if (!mark.ok()) return mark.status();
  absl::StatusOr<std::vector<storage::TopicRecord>> topics = store.ReadTopics();
  if (!topics.ok()) return topics.status();
  absl::StatusOr<std::vector<storage::TopicRecord>> deleted = store.ReadDeletedTopics();
  if (!deleted.ok()) return deleted.status();
  absl::StatusOr<std::vector<storage::ErasureRecord>> erasures = store.ReadErasures();
  if (!erasures.ok()) return erasures.status();
  std::unique_ptr<EventLog> log(
      new EventLog(options, store, clock, metrics, vault, *std::move(record), *mark, *erasures));
  if (absl::Status loaded = log->eraser_.Load(); !loaded.ok()) return loaded;
  if (absl::Status loaded = log->compactor_.Load(); !loaded.ok()) return loaded;
  for (storage::TopicRecord& record : *topics) {
    const TopicPtr topic = log->catalog_.Put(std::move(record));
    log->retention_.Watch(topic);
    log->compactor_.Watch(topic);
  }
  for (storage::TopicRecord& topic : *deleted) {
    log->reclaimer_.Reclaim(std::move(topic), storage::Store::Deleted::kBeforeOpening);
  }
  log->reclaimer_.Wake();
  return log;
}

EventLog::EventLog(const LogOptions& options, storage::Store& store, const base::Clock& clock,
                   metrics::Metrics& metrics, storage::KeyVault* vault, storage::StoreRecord record,
                   storage::CommitMark mark, const std::vector<storage::ErasureRecord>& erasures)
    : options_(options),
      store_(store),
      clock_(clock),
      store_record_(std::move(record)),
      index_budget_(std::make_shared<OpenBudget>(
          static_cast<int64_t>(options.index.open_bytes_max / 2),
          static_cast<int64_t>(options.index.open_bytes_max), options.index.segment_events)),
      partitions_(store, options.partitions_cached_max, index_budget_),
      cipher_(vault),
      reader_(store, metrics, &erased_, &cipher_),
      index_(store, catalog_, reader_, index_budget_),
      keys_(index_, reader_, partitions_, options.key_counts_bytes_max),
      pipeline_(options.pipeline, store, catalog_, partitions_, clock, metrics, keys_, cipher_,
                mark),
      gate_(pipeline_, keys_),
      sealer_(store, catalog_, partitions_, reader_, metrics, index_budget_),
      retention_(store, partitions_, pipeline_, sealer_, clock),
      reclaimer_(store, pipeline_, sealer_, metrics),
      replacer_(store, catalog_, partitions_, pipeline_),
      eraser_({.store = store,
               .catalog = catalog_,
               .partitions = partitions_,
               .reader = reader_,
               .index = index_,
               .pipeline = pipeline_,
               .sealer = sealer_,
               .replacer = replacer_,
               .erased = erased_,
               .vault = vault,
               .clock = clock,
               .metrics = metrics,
               .open = [this](const Topic& topic,
                              PartitionIndex partition) { return OpenPartition(topic, partition); },
               .receipts = [this] { return ReceiptsTopic(); }},
              erasures),
      compactor_({.store = store,
                  .catalog = catalog_,
                  .partitions = partitions_,
                  .sealer = sealer_,
                  .replacer = replacer_,
                  .erased = erased_,
                  .clock = clock,
                  .metrics = metrics}) {}

EventLog::~EventLog() { Stop(); }

void EventLog::Stop() {
  sealer_.Stop();  // First: commits may be waiting for it.
  eraser_.Stop();
  compactor_.Stop();
  reclaimer_.Stop();
  gate_.Stop();
  pipeline_.Stop();
}

absl::StatusOr<TopicPtr> EventLog::ReceiptsTopic() {
  while (true) {
    if (TopicPtr topic = catalog_.Find(kReceiptsTopic)) return topic;
    absl::StatusOr<TopicPtr> created = Await<TopicPtr>([this](auto done) {
      CreateTopic(kReceiptsTopic, {.description = "Receipts of erasures"}, std::move(done));
    });
    if (!absl::IsAlreadyExists(created.status())) return created;
  }
}

void EventLog::Publish(TopicChange& change) {
  change.topic = catalog_.Put(change.record);
  retention_.Watch(change.topic);
  compactor_.Watch(change.topic);
}

absl::Status EventLog::PrepareCreate(storage::TopicRecord& topic, storage::WriteSet& set) {
  if (catalog_.Find(topic.name) != nullptr) return TopicExists(topic.name);
  const uint64_t partitions = catalog_.partitions() + topic.config.partitions;
  if (partitions > options_.partitions_max) {
    return TooManyPartitions(options_.partitions_max, partitions);
  }
  // Log numbers are never used again.
  const uint64_t logs_left = UINT32_MAX - store_record_.next_log_id;
  if (topic.config.partitions >= logs_left) {
    return TooManyPartitions(UINT32_MAX, store_record_.next_log_id + uint64_t{partitions});
  }
  topic.id = TopicId(store_record_.next_topic_id++);
  topic.first_log = LogId(store_record_.next_log_id);
  store_record_.next_log_id += topic.config.partitions;
  set.PutStoreRecord(store_record_);
  set.PutTopic(topic);
  return absl::OkStatus();
}

void EventLog::CreateTopic(std::string name, storage::TopicConfig config, TopicCallback done) {
  const auto now = static_cast<uint64_t>(absl::ToUnixMicros(clock_.Now()));
  auto change = std::make_shared<TopicChange>();
  change->record = {.name = std::move(name),
                    .create_time_us = now,
                    .update_time_us = now,
                    .config = std::move(config)};
  pipeline_.Mutate(
      {.prepare = [this,
                   change](storage::WriteSet& set) { return PrepareCreate(change->record, set); },
       .publish = [this, change] { Publish(*change); },
       .done = AnswerWith(change, std::move(done))});
}

void EventLog::UpdateTopic(std::string name,
                           absl::AnyInvocable<absl::Status(storage::TopicConfig&)> edit,
                           TopicCallback done) {
  auto change = std::make_shared<TopicChange>();
  pipeline_.Mutate({.prepare =
                        [this, change, name = std::move(name),
                         edit = std::move(edit)](storage::WriteSet& set) mutable {
                          const TopicPtr current = catalog_.Find(name);
                          if (current == nullptr) return NoSuchTopic(name);
                          change->record = current->record;
                          change->record.update_time_us =
                              static_cast<uint64_t>(absl::ToUnixMicros(clock_.Now()));
                          absl::Status status = edit(change->record.config);
                          if (status.ok()) set.PutTopic(change->record);
                          return status;
                        },
                    .publish = [this, change] { Publish(*change); },
                    .done = AnswerWith(change, std::move(done))});
}

void EventLog::DeleteTopic(std::string name, DoneCallback done) {
  auto topic = std::make_shared<storage::TopicRecord>();
  pipeline_.Mutate({.prepare =
                        [this, topic, name = std::move(name)](storage::WriteSet& set) {
                          const TopicPtr current = catalog_.Find(name);
                          if (current == nullptr) return NoSuchTopic(name);
                          *topic = current->record;
                          set.DeleteTopic(*topic);
                          return absl::OkStatus();
                        },
                    .publish =
                        [this, topic] {
                          catalog_.Remove(topic->id);
                          partitions_.Remove(topic->first_log, topic->config.partitions);
                          retention_.Forget(topic->id);
                          compactor_.Forget(topic->id);
                          reclaimer_.Reclaim(*topic, storage::Store::Deleted::kNow);
                        },
                    .done = std::move(done)});
}

absl::StatusOr<TopicPtr> EventLog::FindTopic(absl::string_view name) const {
  TopicPtr topic = catalog_.Find(name);
  if (topic == nullptr) return NoSuchTopic(name);
  return topic;
}

absl::StatusOr<PartitionPtr> EventLog::OpenPartition(const Topic& topic, PartitionIndex partition) {
  const LogId log = topic.log(partition);
  absl::StatusOr<PartitionPtr> opened = partitions_.Get(log);
  if (absl::IsDataLoss(opened.status())) return Unopenable(topic, partition, opened.status());
  if (!opened.ok()) return opened.status();
  // Deleted meanwhile: what was just loaded would wait for ever.
  const TopicPtr current = catalog_.FindById(topic.id());
  if (current == nullptr) {
    partitions_.Remove(log, 1);
    return NoSuchTopic(topic.name());
  }
  absl::Status enforced = retention_.Enforce(current, *opened);
  if (absl::IsDataLoss(enforced)) return Unopenable(topic, partition, enforced);
  // A store that refuses writes can still be read.
  if (!enforced.ok() && !absl::IsUnavailable(enforced)) return enforced;
  return opened;
}

void EventLog::StepRetention() {
  const absl::StatusOr<bool> moved = retention_.Step();
  // A pipeline that refuses writes says so itself.
  if (!moved.ok() && !absl::IsUnavailable(moved.status()) &&
      !absl::IsResourceExhausted(moved.status())) {
    spdlog::error("retention: {}", moved.status().ToString());
  }
  reclaimer_.Wake();
}

absl::StatusOr<TypeTable> EventLog::ListTypes(const Topic& topic, absl::string_view after,
                                              size_t types_max) {
  TypeTable types;
  for (uint32_t p = 0; p < topic.partitions(); ++p) {
    absl::StatusOr<PartitionPtr> partition = OpenPartition(topic, PartitionIndex(p));
    if (!partition.ok()) return partition.status();
    absl::Status status = index_.AddTypes(**partition, after, types_max, types);
    if (absl::IsNotFound(status)) return NoSuchTopic(topic.name());
    if (!status.ok()) return status;
  }
  return types;
}

storage::GroupId EventLog::AllocateGroupId(storage::WriteSet& set) {
  const storage::GroupId id(store_record_.next_group_id++);
  set.PutStoreRecord(store_record_);
  return id;
}

}  // namespace tidemark::log
