#include "tests/crash/mixed_subject.h"

#include "absl/strings/str_cat.h"

namespace tidemark::testing {
namespace {

constexpr char kPayroll[] = "payroll";
constexpr uint64_t kFast = 1ull << 40;
constexpr auto kNeverStopped = [] { return false; };
// Of a Work() that is cut in its midst; about.
constexpr uint64_t kSyncsOfWork = 80;

LogHarness::Options SmallStore() {
  LogHarness::Options options;
  options.store.epoch_bytes = 16 << 10;
  options.log.pipeline.batch_bytes_max = 1500;
  options.log.pipeline.commit_bytes_max = 8000;
  options.log.pipeline.tail_bytes_max = 20'000;
  options.log.partitions_cached_max = 1;
  options.log.index = {.segment_events = 20, .open_bytes_max = 1 << 20};
  options.has_vault = true;
  return options;
}

}  // namespace

MixedSubject::MixedSubject(uint64_t seed, int steps, CrashFileSystem::Lie lie)
    : steps_(steps), office_(SmallStore()), workload_(seed, steps, /*retention=*/true) {
  office_.disk().LieAbout(lie);
  worker_.SetGivesUp([this] { return office_.has_failed(); });
  workload_.SetMakeCommit([this](const Ledger::OffsetCommit& commit) {
    const auto participant =
        office_.groups().CommitWithAppend({{commit.group,
                                            {{.topic = commit.topic,
                                              .partition = PartitionIndex(commit.partition),
                                              .offset = commit.offset}}}});
    return participant.ok() ? *participant : nullptr;
  });
}

void MixedSubject::Close() {
  if (!office_.is_open()) return office_.Close();
  worker_.Leave();
  office_.Close();
}

void MixedSubject::Wrong(absl::string_view when, const std::vector<std::string>& wrong) {
  for (const std::string& what : wrong) Wrong(absl::StrCat(when, ": ", what));
}

bool MixedSubject::SetUp() {
  if (!workload_.MakeFixed(harness(), "hr", {.partitions = 2, .encrypt_by_key = true}) ||
      !workload_.MakeFixed(harness(), "prices", {.partitions = 1, .compact = true}) ||
      !workload_.MakeFixed(harness(), "audit", {.partitions = 2})) {
    return false;
  }
  if (!office_.groups().FindRecord(kPayroll).ok()) {
    std::vector<groups::OffsetEntry> entries;
    for (const char* topic : {"audit", "hr"}) {
      entries.push_back({.topic = topic, .partition = PartitionIndex(0), .offset = Offset(0)});
    }
    const absl::Status made = log::AwaitDone([&](auto done) {
      office_.groups().CommitOffsets(kPayroll, entries, false, std::move(done));
    });
    if (!made.ok()) return false;
  }
  return worker_.Join(office_.groups());
}

void MixedSubject::Work() {
  workload_.Begin(harness());
  if (!SetUp()) return;
  for (int i = 0; i < steps_ && harness().log().health().ok(); ++i) {
    if (!Step()) break;
  }
  worker_.Leave();
}

bool MixedSubject::Step() {
  switch (random().Below(16)) {
    case 0:
    case 1:
      Transact();
      return true;
    case 2:
      Commit();
      return true;
    case 3:
    case 4:
      return worker_.Handle(random(), 6);
    case 5:
      Erase();
      return true;
    case 6:
      Compact();
      return true;
    case 7:
      if (random().OneIn(2)) MakeOrDeleteBackup();
      return true;
    default:
      workload_.Step(harness());
      return true;
  }
}

std::optional<Ledger::OffsetCommit> MixedSubject::NextCommit(const char* topic) {
  const auto group = office_.groups().FindRecord(kPayroll);
  const auto found = harness().log().FindTopic(topic);
  if (!group.ok() || !found.ok()) return std::nullopt;
  const auto partition = harness().log().OpenPartition(**found, PartitionIndex(0));
  if (!partition.ok()) return std::nullopt;
  const LogId log = (*partition)->log();
  // The group was made with 0.
  const Ledger::Committed& committed =
      ledger()
          .offsets()
          .try_emplace({group->id.value(), log}, Ledger::Committed{.known = Offset(0)})
          .first->second;
  const Offset from = *committed.known;
  const Offset end = (*partition)->ends().end;
  if (end <= from) return std::nullopt;
  return Ledger::OffsetCommit{.group = kPayroll,
                              .group_id = group->id.value(),
                              .topic = topic,
                              .partition = 0,
                              .log = log,
                              .offset = from + 1 + random().Below(end - from)};
}

void MixedSubject::NoteCommit(const Ledger::OffsetCommit& commit, const absl::Status& status) {
  Ledger::Committed& committed = ledger().offsets()[{commit.group_id, commit.log}];
  if (status.ok()) {
    committed = {.known = commit.offset};
  } else if (absl::IsUnavailable(status)) {
    committed.unknown.push_back(commit.offset);
  } else {
    Wrong(absl::StrCat("a commit is refused: ", status.ToString()));
  }
}

void MixedSubject::Transact() {
  Ledger::Append append{.name = workload_.NewName("x")};
  for (const char* name : {"audit", "hr", "prices"}) {
    const auto topic = harness().log().FindTopic(name);
    if (!topic.ok()) return;
    workload_.AddParts((*topic)->id(), append);
  }
  append.parts.front().part.events.front().key = append.name;
  append.producer = log::ProducerSequence{"transactions", transactions_++};
  append.commit = NextCommit("hr");
  ledger().appends().push_back(append);
  const auto result = harness().Append(*workload_.RequestOf(harness(), append));
  if (!result.ok() && !absl::IsUnavailable(result.status())) {
    Wrong(absl::StrCat("a transaction is refused: ", result.status().ToString()));
  }
  Workload::Note(result, ledger().appends().back());
  if (append.commit.has_value()) NoteCommit(*append.commit, result.status());
}

void MixedSubject::Commit() {
  const auto commit = NextCommit(random().OneIn(2) ? "hr" : "audit");
  if (!commit.has_value()) return;
  const absl::Status status = log::AwaitDone([&](auto done) {
    office_.groups().CommitOffsets(
        kPayroll,
        {{.topic = commit->topic, .partition = PartitionIndex(0), .offset = commit->offset}}, false,
        std::move(done));
  });
  NoteCommit(*commit, status);
}

void MixedSubject::Erase() {
  std::vector<TopicId> topics = workload_.Topics();
  const Ledger::Topic& topic = ledger().topics().at(random().Of(topics));
  const log::TopicPtr found = harness().log().catalog().FindById(topic.id);
  if (topic.memory || found == nullptr) return;
  const std::string key = absl::StrCat("k", random().Below(5));
  Ledger::Erasure erasure{.name = workload_.NewName("erasure ")};
  for (uint32_t p = 0; p < topic.partitions; ++p) {
    const auto events = harness().ReadAll(*found, p);
    if (!events.ok()) return;
    for (const ReadEvent& event : *events) {
      if (event.event.type.empty() || event.event.key != key) continue;
      erasure.events[{topic.first_log + p, event.offset}] = event.event.id;
    }
  }
  const auto answer = harness().log().eraser().Erase(
      {.topic = found, .key = key, .reason = erasure.name, .actor = "test"});
  if (!answer.ok() && !absl::IsUnavailable(answer.status())) {
    Wrong(absl::StrCat("an erasure is refused: ", answer.status().ToString()));
  }
  erasure.known = answer.ok();
  if (answer.ok() && !topic.HasRule() && answer->events != erasure.events.size()) {
    Wrong(
        absl::StrCat(erasure.name, " took ", answer->events, " events of ", erasure.events.size()));
  }
  ledger().erasures().push_back(std::move(erasure));
  if (random().OneIn(2)) harness().log().eraser().WaitUntilIdle();
}

void MixedSubject::Compact() {
  const auto topic = harness().log().FindTopic("prices");
  if (topic.ok()) harness().log().compactor().Compact(**topic).IgnoreError();
}

MixedSubject::Snapshot MixedSubject::TakeSnapshot() {
  Snapshot snapshot;
  for (const log::TopicPtr& topic : harness().log().catalog().List("", "", 1000)) {
    for (uint32_t p = 0; p < topic->partitions(); ++p) {
      const auto events = harness().ReadAll(*topic, p);
      if (events.ok()) snapshot[{topic->name(), p}] = *events;
    }
  }
  return snapshot;
}

void MixedSubject::MakeOrDeleteBackup() {
  std::vector<uint32_t> ids;
  for (const auto& [id, backup] : backups_) {
    if (!backup.deletion_tried) ids.push_back(id);
  }
  if (ids.size() >= 2) {
    Backup& backup = backups_.at(ids.front());
    backup.deletion_tried = true;
    backup.deleted = office_.backups().Delete(ids.front()).ok();
    return;
  }
  // So that the eraser has no receipt to write meanwhile, nor the keys of the backups.
  harness().log().eraser().WaitUntilIdle();
  // Reading applies retention: before, so that the backup has the same.
  Snapshot snapshot = TakeSnapshot();
  const auto made = office_.backups().Create(harness().store(), kFast, kNeverStopped);
  if (made.ok()) backups_[made->id].snapshot = std::move(snapshot);
}

void MixedSubject::CheckWorker() {
  std::set<Worker::Place> readable;
  std::set<Worker::Place> erased;
  const auto topic = harness().log().FindTopic("hr");
  if (!topic.ok() || !office_.groups().FindRecord("work").ok()) return;
  for (uint32_t p = 0; p < (*topic)->partitions(); ++p) {
    const LogId log = (*topic)->log(PartitionIndex(p));
    const auto there = ledger().contents().find(log);
    if (there == ledger().contents().end()) continue;
    for (const ReadEvent& event : there->second.events) {
      const bool blank = there->second.blanks.contains(event.offset);
      (blank ? erased : readable).emplace(log, event.offset);
    }
  }
  Wrong("work", worker_.Check(office_.groups(), readable, erased));
}

void MixedSubject::CheckEverything() {
  harness().log().eraser().WaitUntilIdle();
  Wrong("ledger", ledger().Settle(harness()));
  CheckWorker();
  CheckErasures();
  CheckBackups();
  Wrong("store", office_.Verify());
}

std::vector<std::string> MixedSubject::Check(int start) {
  CheckEverything();
  if (!wrong_.empty()) return wrong_;
  acknowledged_ = 0;
  for (const Ledger::Append& append : ledger().appends()) acknowledged_ += append.known.has_value();
  Wrong("retries", workload_.Retry(harness()));
  if (start == 0) {
    disk().CutPowerAtSync(static_cast<int>(random().In(1, kSyncsOfWork)),
                          CrashFileSystem::When::kAfter);
  }
  Work();
  if (start > 0 && wrong_.empty()) CheckEverything();
  return wrong_;
}

}  // namespace tidemark::testing
