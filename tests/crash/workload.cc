#include "tests/crash/workload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

namespace tidemark::testing {
namespace {

// Offsets of groups that nobody made: the log does not mind.
constexpr uint64_t kFirstGroup = 1000;
constexpr uint64_t kGroups = 2;

// An answer that leaves open whether it happened.
bool FateIsUnknown(const absl::Status& status) { return absl::IsUnavailable(status); }

}  // namespace

// Reads a partition as soon as it is told that there is more, before the appender is answered.
class Workload::Watcher : public log::Waiter, public std::enable_shared_from_this<Watcher> {
 public:
  Watcher(Ledger& ledger, const log::PartitionReader& reader, log::PartitionPtr partition)
      : ledger_(ledger), reader_(reader), partition_(std::move(partition)) {}

  void OnReady(uint32_t) override { Read(); }
  void Read() {
    do {
      while (true) {
        const auto read =
            reader_.Read(*partition_, next_, Offset(UINT64_MAX), 1 << 20, log::MayWait::kYes);
        if (read.ok() && read->state == log::PartitionRead::State::kTooOld) {
          next_ = partition_->ends().start;
          continue;
        }
        if (!read.ok() || read->state != log::PartitionRead::State::kBatches) break;
        for (const storage::BatchPtr& batch : read->batches) {
          const auto events = EventsOf(*batch);
          if (events.ok()) ledger_.Saw(partition_->log(), *events);
          next_ = batch->header.end_offset();
        }
      }
      if (partition_->deleted()) return;
    } while (!partition_->Wait(next_, weak_from_this(), 0));
  }

 private:
  Ledger& ledger_;
  const log::PartitionReader& reader_;
  const log::PartitionPtr partition_;
  Offset next_;
};

Workload::~Workload() = default;

void Workload::Watch(LogHarness& harness, const log::Topic& topic) {
  for (uint32_t p = 0; p < topic.partitions(); ++p) {
    auto partition = harness.log().OpenPartition(topic, PartitionIndex(p));
    if (!partition.ok()) continue;
    watchers_.push_back(
        std::make_shared<Watcher>(ledger_, harness.log().reader(), *std::move(partition)));
    watchers_.back()->Read();
  }
}

void Workload::Begin(LogHarness& harness) {
  watchers_.clear();
  for (const log::TopicPtr& topic : harness.log().catalog().List("", "", 1000)) {
    Watch(harness, *topic);
  }
}

void Workload::Run(LogHarness& harness) {
  Begin(harness);
  for (int i = 0; i < steps_ && harness.log().health().ok(); ++i) Step(harness);
}

void Workload::Step(LogHarness& harness) {
  const uint64_t choice = random_.Below(20);
  harness.clock().Advance(absl::Milliseconds(7));
  if (Topics(/*with_fixed=*/false).empty() || choice == 0) return CreateTopic(harness);
  if (retention_ && choice >= 16) return StepRetention(harness);
  if (choice == 1) return UpdateTopic(harness);
  if (choice == 2 && Topics(/*with_fixed=*/false).size() > 1) return DeleteTopic(harness);
  if (choice <= 5) return CommitOffsets(harness);
  Append(harness);
}

std::vector<TopicId> Workload::Topics(bool with_fixed) const {
  std::vector<TopicId> topics;
  for (const auto& [id, topic] : const_cast<Ledger&>(ledger_).topics()) {
    if (!topic.deletion_tried && (with_fixed || !topic.fixed)) topics.push_back(id);
  }
  return topics;
}

bool Workload::MakeFixed(LogHarness& harness, const std::string& name,
                         storage::TopicConfig config) {
  config.description = name;
  absl::StatusOr<log::TopicPtr> topic = harness.log().FindTopic(name);
  if (!topic.ok()) topic = harness.CreateTopic(name, config);
  if (!topic.ok()) return false;
  const storage::TopicRecord& record = (*topic)->record;
  const bool is_new = ledger_.topics()
                          .try_emplace(record.id, Ledger::Topic{.name = name,
                                                                .id = record.id,
                                                                .partitions = config.partitions,
                                                                .first_log = record.first_log,
                                                                .description = name,
                                                                .compact = config.compact,
                                                                .fixed = true})
                          .second;
  if (is_new) Watch(harness, **topic);
  return true;
}

void Workload::CreateTopic(LogHarness& harness) {
  const std::string name = absl::StrCat("t", names_++);
  const bool memory = random_.OneIn(4);
  const auto partitions = static_cast<uint32_t>(random_.In(1, 4));
  const Ledger::Rule rule = retention_ ? MakeRule() : Ledger::Rule{};
  const auto created = harness.CreateTopic(
      name, {.partitions = partitions,
             .durability = memory ? storage::Durability::kMemory : storage::Durability::kSynced,
             .retention_max_age_us = rule.max_age_us,
             .retention_max_bytes = rule.max_bytes,
             .description = name});
  if (!created.ok()) return;
  const storage::TopicRecord& record = (*created)->record;
  ledger_.topics()[record.id] = {.name = name,
                                 .id = record.id,
                                 .partitions = record.config.partitions,
                                 .first_log = record.first_log,
                                 .description = name,
                                 .memory = memory};
  ledger_.topics()[record.id].AddRule(rule, /*known=*/true);
  Watch(harness, **created);
}

void Workload::UpdateTopic(LogHarness& harness) {
  std::vector<TopicId> topics = Topics(/*with_fixed=*/false);
  Ledger::Topic& topic = ledger_.topics().at(random_.Of(topics));
  const std::string description = absl::StrCat("d", names_++);
  const Ledger::Rule rule = retention_ ? MakeRule() : Ledger::Rule{};
  const auto updated = log::Await<log::TopicPtr>([&](auto done) {
    harness.log().UpdateTopic(
        topic.name,
        [&](storage::TopicConfig& config) {
          config.description = description;
          config.retention_max_age_us = rule.max_age_us;
          config.retention_max_bytes = rule.max_bytes;
          return absl::OkStatus();
        },
        std::move(done));
  });
  (updated.ok() ? topic.description : topic.described.emplace()) = description;
  topic.AddRule(rule, updated.ok());
}

Ledger::Rule Workload::MakeRule() {
  Ledger::Rule rule;
  if (random_.OneIn(2)) rule.max_age_us = 10'000 + random_.Below(200'000);
  if (random_.OneIn(3)) rule.max_bytes = random_.Below(8000) + 1;
  return rule;
}

void Workload::StepRetention(LogHarness& harness) {
  harness.clock().Advance(absl::Milliseconds(random_.Below(60)));
  harness.log().StepRetention();
  harness.log().reclaimer().WaitUntilIdle();
  for (const auto& [id, topic] : ledger_.topics()) {
    const log::TopicPtr found = harness.log().catalog().FindById(id);
    if (found == nullptr) continue;
    for (uint32_t p = 0; p < topic.partitions; ++p) {
      const auto partition = harness.log().OpenPartition(*found, PartitionIndex(p));
      // What is visible is durable.
      if (partition.ok()) ledger_.SawStart((*partition)->log(), (*partition)->ends().start);
    }
  }
}

void Workload::DeleteTopic(LogHarness& harness) {
  std::vector<TopicId> topics = Topics(/*with_fixed=*/false);
  Ledger::Topic& topic = ledger_.topics().at(random_.Of(topics));
  topic.deletion_tried = true;
  topic.deleted = harness.DeleteTopic(topic.name).ok();
}

void Workload::CommitOffsets(LogHarness& harness) {
  std::vector<TopicId> topics = Topics();
  const Ledger::Topic& topic = ledger_.topics().at(random_.Of(topics));
  const uint64_t group = kFirstGroup + random_.Below(kGroups);
  std::vector<log::OffsetWrite> writes;
  for (uint32_t p = 0; p < topic.partitions; ++p) {
    writes.push_back(
        {storage::GroupId(group), topic.first_log + p, Offset(random_.Below(1'000'000))});
  }
  const absl::Status done =
      log::AwaitDone([&](auto answer) { harness.log().CommitOffsets(writes, std::move(answer)); });
  for (const log::OffsetWrite& write : writes) {
    Ledger::Committed& committed = ledger_.offsets()[{group, write.log}];
    if (done.ok()) {
      committed = {.known = write.committed};
    } else {
      committed.unknown.push_back(write.committed);
    }
  }
}

void Workload::AddParts(TopicId topic, Ledger::Append& append) {
  const uint32_t partitions = ledger_.topics().at(topic).partitions;
  const size_t before = append.parts.size();
  int index = 0;
  for (const Ledger::TopicPart& part : append.parts) index += part.part.events.size();
  for (uint32_t p = 0; p < partitions; ++p) {
    if (random_.OneIn(2) && !(append.parts.size() == before && p + 1 == partitions)) continue;
    Part part{.partition = p};
    for (uint64_t n = random_.In(1, 5); n > 0; --n) {
      part.events.push_back({.id = absl::StrCat(append.name, "/", index++, ";"),
                             .key = absl::StrCat("k", random_.Below(5)),
                             .data = random_.Bytes(random_.Below(400))});
    }
    append.parts.push_back({.topic = topic, .part = std::move(part)});
  }
}

Ledger::Append Workload::MakeAppend(TopicId topic) {
  Ledger::Append append{.name = NewName("r")};
  AddParts(topic, append);
  if (random_.OneIn(2)) {
    const std::string id = absl::StrCat("p", random_.Below(3));
    append.producer = log::ProducerSequence{id, ++sequences_[id]};
  }
  return append;
}

std::optional<log::AppendRequest> Workload::RequestOf(LogHarness& harness,
                                                      const Ledger::Append& append) {
  std::vector<log::AppendRequest> requests;  // By topic.
  for (auto part = append.parts.begin(); part != append.parts.end();) {
    const log::TopicPtr topic = harness.log().catalog().FindById(part->topic);
    if (topic == nullptr) return std::nullopt;
    std::vector<Part> parts;
    for (; part != append.parts.end() && part->topic == topic->id(); ++part) {
      parts.push_back(part->part);
    }
    requests.push_back(MakeRequest(topic, parts, append.producer));
  }
  if (requests.size() == 1) return std::move(requests.front());
  log::AppendRequest request = MakeTransaction(std::move(requests), append.producer);
  if (append.commit.has_value()) request.participant = make_commit_(*append.commit);
  const Part& first = append.parts.front().part;
  request.conditions.push_back(
      {.topic = harness.log().catalog().FindById(append.parts.front().topic),
       .partition = PartitionIndex(first.partition),
       .key = first.events.front().key,
       .expect = log::KeyCondition::Expect::kAbsent});
  return request;
}

void Workload::Note(const absl::StatusOr<log::AppendResult>& result, Ledger::Append& append) {
  if (result.ok()) {
    append.known = *result;
  } else if (!FateIsUnknown(result.status())) {
    append.refused = true;
  }
}

// Up to four requests under way at once; some are sent twice, as an impatient client does.
void Workload::Append(LogHarness& harness) {
  struct Sent {
    size_t append;
    absl::Notification done;
    absl::StatusOr<log::AppendResult> result;
  };
  std::vector<std::unique_ptr<Sent>> sent;
  std::vector<TopicId> topics = Topics();
  for (uint64_t n = random_.In(1, 5); n > 0; --n) {
    ledger_.appends().push_back(MakeAppend(random_.Of(topics)));
    const Ledger::Append& append = ledger_.appends().back();
    const int times = append.producer.has_value() && random_.OneIn(3) ? 2 : 1;
    for (int i = 0; i < times; ++i) {
      sent.push_back(std::make_unique<Sent>());
      Sent* one = sent.back().get();
      one->append = ledger_.appends().size() - 1;
      harness.log().Append(*RequestOf(harness, append),
                           [one](absl::StatusOr<log::AppendResult> result) {
                             one->result = std::move(result);
                             one->done.Notify();
                           });
    }
  }
  for (const auto& one : sent) {
    one->done.WaitForNotification();
    Note(one->result, ledger_.appends()[one->append]);
  }
}

std::vector<std::string> Workload::Retry(LogHarness& harness) {
  std::vector<std::string> wrong;
  std::map<std::string, Ledger::Append*> newest;
  for (Ledger::Append& append : ledger_.appends()) {
    if (!append.producer.has_value()) continue;
    // Several may be without answer; a client repeats them from the first one on.
    Ledger::Append*& first = newest[append.producer->id];
    if (first == nullptr || first->known.has_value()) first = &append;
  }
  for (const auto& [id, first] : newest) {
    for (Ledger::Append& append : ledger_.appends()) {
      if (!append.producer.has_value() || append.producer->id != id) continue;
      if (append.producer->sequence < first->producer->sequence) continue;
      auto request = RequestOf(harness, append);
      if (!request.has_value()) break;  // Gone with its topic, and so is the sequence behind it.
      const auto again = harness.Append(*std::move(request));
      if (!again.ok()) {
        wrong.push_back(absl::StrCat("no duplicates: repeating ", append.name, ": ",
                                     again.status().ToString()));
      } else if (append.known.has_value() &&
                 (!again->duplicate || again->position != append.known->position)) {
        wrong.push_back(absl::StrCat("no duplicates: ", append.name, " got another answer"));
      } else {
        if (append.commit.has_value() && !again->duplicate) {
          const Ledger::OffsetCommit& commit = *append.commit;
          ledger_.offsets()[{commit.group_id, commit.log}] = {.known = commit.offset};
        }
        append.known = *again;
        append.refused = false;
      }
    }
  }
  return wrong;
}

}  // namespace tidemark::testing
