// Requests with conditions, producers, several topics and offsets do what a plain sequential
// reference does, one after the other, however they share groups and fsyncs.
// Method: requests of one ordered flow are queued in bursts, so their order is known; each answer
// is compared with the reference's, and now and then the whole state.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "tests/support/log_harness.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::log {
namespace {

using testing::Part;
using Expect = KeyCondition::Expect;

constexpr int kTopics = 2;
constexpr uint32_t kPartitions = 2;
constexpr int kKeys = 6;
const storage::GroupId kGroup(77);

// The place of a log: topic and partition.
using Place = std::pair<int, uint32_t>;
using KeyPlace = std::pair<int, std::string>;

struct Condition {
  int topic = 0;
  int key = 0;
  Expect expect = Expect::kAbsent;
  uint64_t revision = 0;
};
struct OffsetChange {
  Place place;
  std::optional<uint64_t> expected;
  uint64_t offset = 0;
};
// A request, plainly.
struct Plan {
  std::map<Place, std::vector<int>> keys;  // Of the events.
  size_t data_bytes = 4;
  std::vector<Condition> conditions;
  std::optional<OffsetChange> change;
  std::optional<std::pair<std::string, uint64_t>> producer;
};
// What is to be answered.
struct Outcome {
  std::string refusal;  // The reason; empty: it is stored.
  size_t failed_conditions = 0;
  bool duplicate = false;
  std::map<Place, uint64_t> first_offsets;
  std::vector<std::optional<uint64_t>> revisions;
};

std::string KeyName(int key) { return absl::StrCat("key-", key); }
uint32_t PartitionOf(int key) { return static_cast<uint32_t>(key) % kPartitions; }

// One request after the other, in maps.
class Reference {
 public:
  Outcome Apply(const Plan& plan) {
    Outcome outcome;
    if (plan.producer.has_value()) {
      auto& stored = producers_[plan.producer->first];
      if (const auto it = stored.find(plan.producer->second); it != stored.end()) {
        Outcome first = it->second;
        first.duplicate = true;
        return first;
      }
      if (!stored.empty() && plan.producer->second != stored.rbegin()->first + 1) {
        outcome.refusal = "PRODUCER_SEQUENCE_GAP";
        return outcome;
      }
    }
    for (const Condition& condition : plan.conditions) {
      const uint64_t events = Events(condition.topic, condition.key);
      KeyCondition check{
          .topic = nullptr, .expect = condition.expect, .revision = condition.revision};
      if (!check.Holds(events)) ++outcome.failed_conditions;
    }
    if (outcome.failed_conditions > 0) {
      outcome.refusal = "CONDITION_FAILED";
      return outcome;
    }
    if (plan.change.has_value() && plan.change->expected.has_value() &&
        offsets_[plan.change->place] != *plan.change->expected) {
      outcome.refusal = "OFFSET_MISMATCH";
      return outcome;
    }
    if (plan.change.has_value()) offsets_[plan.change->place] = plan.change->offset;
    for (const auto& [place, keys] : plan.keys) {
      outcome.first_offsets[place] = ends_[place];
      ends_[place] += keys.size();
      for (const int key : keys) ++counts_[{place.first, key}];
    }
    for (const Condition& condition : plan.conditions) {
      const uint64_t events = Events(condition.topic, condition.key);
      outcome.revisions.push_back(events == 0 ? std::nullopt : std::make_optional(events - 1));
    }
    if (plan.producer.has_value())
      producers_[plan.producer->first][plan.producer->second] = outcome;
    return outcome;
  }

  uint64_t Events(int topic, int key) { return counts_[{topic, key}]; }
  uint64_t End(Place place) { return ends_[place]; }
  uint64_t CommittedOffset(Place place) { return offsets_[place]; }
  const std::map<Place, uint64_t>& offsets() const { return offsets_; }
  // The newest sequence; empty: none.
  std::optional<uint64_t> Newest(const std::string& id) {
    if (producers_[id].empty()) return std::nullopt;
    return producers_[id].rbegin()->first;
  }

 private:
  std::map<std::pair<int, int>, uint64_t> counts_;
  std::map<Place, uint64_t> ends_;
  std::map<Place, uint64_t> offsets_;
  std::map<std::string, std::map<uint64_t, Outcome>> producers_;
};

// Compare-and-set of an offset, as a group would; its map lives where preparing is in order.
class OffsetParticipant final : public CommitParticipant {
 public:
  OffsetParticipant(std::map<LogId, uint64_t>& offsets, LogId log, std::optional<uint64_t> expected,
                    uint64_t offset)
      : offsets_(offsets), log_(log), expected_(expected), offset_(offset) {}
  bool IsReady() override { return ready_; }
  absl::Status MakeReady() override {
    ready_ = true;
    return absl::OkStatus();
  }
  absl::Status Prepare(std::vector<OffsetWrite>& writes) override {
    if (expected_.has_value() && offsets_[log_] != *expected_) {
      return MakeError(absl::StatusCode::kAborted, "another offset", {.reason = "OFFSET_MISMATCH"});
    }
    offsets_[log_] = offset_;
    writes.push_back({kGroup, log_, Offset(offset_)});
    return absl::OkStatus();
  }
  void Finish(const absl::Status& commit) override { EXPECT_TRUE(commit.ok()) << commit; }

 private:
  std::map<LogId, uint64_t>& offsets_;
  const LogId log_;
  const std::optional<uint64_t> expected_;
  const uint64_t offset_;
  bool ready_ = false;
};

class CommitModelTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  CommitModelTest() : random_(GetParam()), harness_({.store = {.path = dir_.path()}, .log = {}}) {}

  void SetUp() override {
    Open();
    for (int t = 0; t < kTopics; ++t) {
      ASSERT_TRUE(
          harness_.CreateTopic(absl::StrCat("topic-", t), {.partitions = kPartitions}).ok());
    }
    FindTopics();
  }
  void Open() {
    LogOptions& options = harness_.options().log;
    options.pipeline.commit_bytes_max = random_.OneIn(2) ? 600 : 4 << 20;
    options.pipeline.batch_bytes_max = random_.OneIn(2) ? 100 : 1 << 20;
    options.pipeline.tail_bytes_max = random_.OneIn(2) ? 300 : 1 << 20;
    options.index.segment_events = random_.OneIn(2) ? 8 : 1000;
    options.partitions_cached_max = random_.Below(4);
    options.key_counts_bytes_max = random_.OneIn(3) ? 0 : 1 << 20;
    ASSERT_TRUE(harness_.Open().ok());
  }
  void FindTopics() {
    topics_.clear();
    for (int t = 0; t < kTopics; ++t) {
      topics_.push_back(*harness_.log().FindTopic(absl::StrCat("topic-", t)));
    }
  }

  Plan RandomPlan();
  Condition RandomCondition();
  AppendRequest Encode(const Plan& plan);
  void Burst();
  void Compare(const Plan& plan, const Outcome& wanted, const absl::StatusOr<AppendResult>& answer);
  void CompareState();

  testing::Random random_;
  testing::TempDir dir_;
  testing::LogHarness harness_;
  std::vector<TopicPtr> topics_;
  Reference reference_;
  std::map<LogId, uint64_t> offsets_;  // The participants'.
  std::vector<Plan> stored_;           // With a producer.
};

Condition CommitModelTest::RandomCondition() {
  Condition condition{.topic = static_cast<int>(random_.Below(kTopics)),
                      .key = static_cast<int>(random_.Below(kKeys))};
  const uint64_t events = reference_.Events(condition.topic, condition.key);
  const bool true_one = !random_.OneIn(5);
  switch (random_.Below(3)) {
    case 0:
      condition.expect = (events == 0) == true_one ? Expect::kAbsent : Expect::kExists;
      break;
    case 1:
      condition.expect = (events > 0) == true_one ? Expect::kExists : Expect::kAbsent;
      break;
    default:
      condition.expect = events == 0 && true_one ? Expect::kAbsent : Expect::kRevision;
      condition.revision = events + (true_one ? 0 : 1) - (events > 0 ? 1 : 0);
  }
  return condition;
}

Plan CommitModelTest::RandomPlan() {
  if (!stored_.empty() && random_.OneIn(8)) return random_.Of(stored_);  // A retry.
  Plan plan;
  const uint64_t events = random_.Below(5);
  for (uint64_t i = 0; i < events; ++i) {
    const int key = static_cast<int>(random_.Below(kKeys));
    plan.keys[{static_cast<int>(random_.Below(kTopics)), PartitionOf(key)}].push_back(key);
  }
  // Now and then long enough to be prepared while another group is in fsync.
  plan.data_bytes = random_.OneIn(10) ? 140'000 : random_.Below(60);
  std::map<std::pair<int, int>, bool> named;
  for (uint64_t i = random_.Below(4); i > 0; --i) {
    const Condition condition = RandomCondition();
    if (!std::exchange(named[{condition.topic, condition.key}], true)) {
      plan.conditions.push_back(condition);
    }
  }
  if (plan.keys.empty() || random_.OneIn(4)) {
    const Place place(static_cast<int>(random_.Below(kTopics)), random_.Below(kPartitions));
    OffsetChange change{.place = place, .offset = reference_.CommittedOffset(place) + 1};
    if (random_.OneIn(2)) {
      change.expected = reference_.CommittedOffset(place) + (random_.OneIn(4) ? 1 : 0);
    }
    plan.change = change;
  }
  if (random_.OneIn(3)) {
    const std::string id = absl::StrCat("producer-", random_.Below(2));
    const std::optional<uint64_t> newest = reference_.Newest(id);
    plan.producer = {id, newest.value_or(6) + 1 + (random_.OneIn(6) ? 1 : 0)};
  }
  return plan;
}

AppendRequest CommitModelTest::Encode(const Plan& plan) {
  std::vector<AppendRequest> requests;
  for (const auto& [place, keys] : plan.keys) {
    std::vector<testing::TestEvent> events;
    for (const int key : keys) {
      events.push_back({.key = KeyName(key), .data = std::string(plan.data_bytes, 'x')});
    }
    requests.push_back(testing::MakeRequest(topics_[place.first], {{place.second, events}}));
  }
  std::optional<ProducerSequence> producer;
  if (plan.producer.has_value()) producer = {plan.producer->first, plan.producer->second};
  AppendRequest request = testing::MakeTransaction(std::move(requests), std::move(producer));
  for (const Condition& condition : plan.conditions) {
    request.conditions.push_back({.topic = topics_[condition.topic],
                                  .partition = PartitionIndex(PartitionOf(condition.key)),
                                  .key = KeyName(condition.key),
                                  .expect = condition.expect,
                                  .revision = condition.revision});
  }
  if (plan.change.has_value()) {
    const auto& [place, expected, offset] = *plan.change;
    request.participant = std::make_shared<OffsetParticipant>(
        offsets_, topics_[place.first]->log(PartitionIndex(place.second)), expected, offset);
  }
  request.flow = FlowId{5};
  request.in_order = true;
  return request;
}

void CommitModelTest::Compare(const Plan& plan, const Outcome& wanted,
                              const absl::StatusOr<AppendResult>& answer) {
  if (!wanted.refusal.empty()) {
    const auto detail = DetailOf(answer.status());
    ASSERT_TRUE(detail.has_value()) << answer.status() << ", wanted " << wanted.refusal;
    ASSERT_EQ(detail->reason, wanted.refusal) << answer.status();
    if (wanted.failed_conditions > 0) {
      ASSERT_EQ(detail->preconditions.size(), wanted.failed_conditions);
    }
    return;
  }
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->duplicate, wanted.duplicate);
  ASSERT_EQ(answer->ranges.size(), wanted.first_offsets.size());
  size_t i = 0;
  for (const auto& [place, first] : wanted.first_offsets) {
    ASSERT_EQ(answer->ranges[i].topic, topics_[place.first]->id());
    ASSERT_EQ(answer->ranges[i].partition.value(), place.second);
    ASSERT_EQ(answer->ranges[i++].first, Offset(first));
  }
  ASSERT_EQ(answer->position == Position(0), plan.keys.empty());
  ASSERT_EQ(answer->revisions.size(), wanted.revisions.size());
  for (i = 0; i < wanted.revisions.size(); ++i) {
    ASSERT_EQ(answer->revisions[i].revision, wanted.revisions[i]);
    ASSERT_EQ(answer->revisions[i].key, KeyName(plan.conditions[i].key));
  }
}

void CommitModelTest::Burst() {
  struct Asked {
    Plan plan;
    Outcome wanted;
    absl::Notification done;
    absl::StatusOr<AppendResult> answer;
  };
  std::vector<std::unique_ptr<Asked>> asked;
  {
    std::optional<testing::PipelinePause> pause;
    if (random_.OneIn(2)) pause.emplace(harness_.log());
    for (uint64_t n = 1 + random_.Below(20); n > 0; --n) {
      auto& one = *asked.emplace_back(std::make_unique<Asked>());
      one.plan = RandomPlan();
      one.wanted = reference_.Apply(one.plan);
      if (one.plan.producer.has_value() && one.wanted.refusal.empty()) stored_.push_back(one.plan);
      harness_.log().Append(Encode(one.plan), [&one](absl::StatusOr<AppendResult> answer) {
        one.answer = std::move(answer);
        one.done.Notify();
      });
    }
  }
  for (const auto& one : asked) one->done.WaitForNotification();
  for (size_t i = 0; i < asked.size(); ++i) {
    SCOPED_TRACE(absl::StrCat("request ", i, " of ", asked.size()));
    Compare(asked[i]->plan, asked[i]->wanted, asked[i]->answer);
    if (HasFatalFailure()) return;
  }
}

void CommitModelTest::CompareState() {
  for (int t = 0; t < kTopics; ++t) {
    for (uint32_t p = 0; p < kPartitions; ++p) {
      const auto partition = harness_.log().OpenPartition(*topics_[t], PartitionIndex(p));
      ASSERT_TRUE(partition.ok());
      ASSERT_EQ((*partition)->ends().end, Offset(reference_.End({t, p})));
    }
    for (int key = 0; key < kKeys; ++key) {
      const auto partition =
          harness_.log().OpenPartition(*topics_[t], PartitionIndex(PartitionOf(key)));
      const auto count = harness_.log().index().CountKey(**partition, KeyName(key));
      ASSERT_TRUE(count.ok()) << count.status();
      ASSERT_EQ(count->events, reference_.Events(t, key));
    }
  }
  const auto offsets = harness_.store().ReadOffsets(kGroup);
  ASSERT_TRUE(offsets.ok()) << offsets.status();
  std::map<LogId, uint64_t> stored;
  for (const auto& [log, offset] : *offsets) stored[log] = offset.value();
  for (const auto& [place, offset] : reference_.offsets()) {
    if (offset == 0) continue;
    ASSERT_EQ(stored[topics_[place.first]->log(PartitionIndex(place.second))], offset);
  }
}

TEST_P(CommitModelTest, AnswersAsOneRequestAfterTheOther) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam()));
  for (int step = 0; step < 25; ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    Burst();
    if (HasFatalFailure()) return;
    if (step % 5 == 4) CompareState();
    if (HasFatalFailure()) return;
    if (!random_.OneIn(6)) continue;
    harness_.Close();
    Open();
    FindTopics();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CommitModelTest,
                         ::testing::Range<uint64_t>(testing::SeedOr(1), testing::SeedOr(1) + 10));

}  // namespace
}  // namespace tidemark::log
