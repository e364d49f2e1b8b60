// A transaction happens whole or not at all, whenever the power fails: events of several topics,
// conditions, a group's offset and the producer's sequence.
// Method: a store whose disk forgets what was not synced, with the power cut at each sync in turn;
// then what is there is compared, and the producer repeats what it has no answer for.
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "tests/crash/cut_loop.h"
#include "tests/crash/office.h"

namespace tidemark::testing {
namespace {

using Loss = CrashFileSystem::Loss;
using When = CrashFileSystem::When;

constexpr uint64_t kTransactions = 24;
constexpr uint64_t kUnderWay = 3;

LogHarness::Options ManySegments() {
  LogHarness::Options options;
  options.store.epoch_bytes = 1 << 20;
  options.log.index = {.segment_events = 16, .open_bytes_max = 1 << 20};
  return options;
}

// A store at which one producer makes transactions in turn.
class TransactSubject final : public CrashSubject {
 public:
  TransactSubject() : office_(ManySegments()) {}

  CrashFileSystem& disk() override { return office_.disk(); }
  absl::Status Open() override { return office_.Open(); }
  void Close() override { office_.Close(); }
  void Work() override {
    if (SetUp()) MakeFrom(0);
  }
  std::vector<std::string> Check(int) override {
    if (!SetUp()) return {"the topics cannot be made"};
    std::vector<std::string> wrong = WhatIsWrong();
    if (!wrong.empty()) return wrong;
    MakeFrom(known_.empty() ? 0 : *known_.rbegin() + 1);
    wrong = WhatIsWrong();
    if (known_.size() != kTransactions) wrong.push_back("some are not made");
    wrong.insert(wrong.end(), refusals_.begin(), refusals_.end());
    return wrong;
  }

 private:
  // Topics, events to be worked on, and the group. Safe to repeat.
  bool SetUp() {
    for (const char* name : {"in", "hr", "emails"}) {
      if (office_.harness().log().FindTopic(name).ok()) continue;
      if (!office_.harness().CreateTopic(name, {.partitions = 2}).ok()) return false;
    }
    const auto in = office_.harness().log().FindTopic("in");
    if (End("in", 0) == 0 &&
        !office_.harness().Append(*in, 0, std::vector<TestEvent>(kTransactions)).ok()) {
      return false;
    }
    if (office_.groups().FindRecord("hiring").ok()) return true;
    return log::AwaitDone([this](auto done) {
             office_.groups().CommitOffsets("hiring", {Entry(0, std::nullopt)}, false,
                                            std::move(done));
           })
        .ok();
  }

  // Makes transactions from `first` on, some under way at a time, until all are made or the power
  // fails.
  void MakeFrom(uint64_t first) {
    std::deque<std::unique_ptr<UnderWay>> under_way;
    uint64_t next = first;
    while (next < kTransactions || !under_way.empty()) {
      if (next < kTransactions && under_way.size() < kUnderWay) {
        under_way.push_back(Start(next++));
        continue;
      }
      under_way.front()->done.WaitForNotification();
      if (!Note(*under_way.front())) {
        for (const auto& other : under_way) other->done.WaitForNotification();
        return;
      }
      under_way.pop_front();
    }
  }

  // What is wrong with what is there.
  std::vector<std::string> WhatIsWrong() {
    std::vector<std::string> wrong;
    const uint64_t offset = Committed();
    for (uint64_t i = 0; i < kTransactions; ++i) {
      const std::string id = absl::StrCat("t", i);
      const int places = (Ids("hr", i % 2).count(id) > 0) + (Ids("emails", 0).count(id) > 0) +
                         (offset > i) + (Newest() >= static_cast<int64_t>(i));
      if (places != 0 && places != 4) {
        wrong.push_back(absl::StrCat("transaction ", i, " is in ", places, " of 4 places"));
      }
      if (places == 0 && known_.count(i) > 0) {
        wrong.push_back(absl::StrCat("transaction ", i, " was acknowledged and is gone"));
      }
    }
    const uint64_t events = End("hr", 0) + End("hr", 1);
    if (events != offset || End("emails", 0) != offset) {
      wrong.push_back(absl::StrCat(offset, " transactions, and ", events, " and ", End("emails", 0),
                                   " events"));
    }
    return wrong;
  }

  struct UnderWay {
    uint64_t number = 0;
    absl::Notification done;
    absl::StatusOr<log::AppendResult> answer;
  };

  static groups::OffsetEntry Entry(uint64_t offset, std::optional<uint64_t> expected) {
    groups::OffsetEntry entry{
        .topic = "in", .partition = PartitionIndex(0), .offset = Offset(offset)};
    if (expected.has_value()) entry.expected = Offset(*expected);
    return entry;
  }
  log::TopicPtr Topic(const std::string& name) {
    const auto topic = office_.harness().log().FindTopic(name);
    return topic.ok() ? *topic : nullptr;
  }
  uint64_t End(const std::string& topic, uint32_t partition) {
    const auto opened =
        office_.harness().log().OpenPartition(*Topic(topic), PartitionIndex(partition));
    return opened.ok() ? (*opened)->ends().end.value() : UINT64_MAX;
  }
  std::multiset<std::string> Ids(const std::string& topic, uint32_t partition) {
    std::multiset<std::string> ids;
    const auto events = office_.harness().ReadAll(*Topic(topic), partition);
    if (!events.ok()) return ids;
    for (const ReadEvent& event : *events) ids.insert(event.event.id);
    return ids;
  }
  uint64_t Committed() {
    const auto offsets = office_.groups().GetOffsets("hiring", {});
    return offsets.ok() && !offsets->empty() ? offsets->front().offset.value() : 0;
  }
  int64_t Newest() {
    const auto newest = office_.harness().store().ReadLastSequence("hiring");
    return newest.ok() && newest->has_value() ? static_cast<int64_t>(**newest) : -1;
  }

  // Transaction i: an event of one of three employees, a name that must be new, the next offset.
  std::unique_ptr<UnderWay> Start(uint64_t i) {
    const std::string id = absl::StrCat("t", i);
    const std::string employee = absl::StrCat("employee-", i % 2, "-", i % 6 / 2);
    const std::string email = absl::StrCat("email-", i);
    log::AppendRequest request = MakeTransaction(
        {MakeRequest(Topic("hr"), {{static_cast<uint32_t>(i % 2), {{.id = id, .key = employee}}}}),
         MakeRequest(Topic("emails"), {{0, {{.id = id, .key = email}}}})},
        log::ProducerSequence{"hiring", i});
    using Expect = log::KeyCondition::Expect;
    request.conditions.push_back(
        {.topic = Topic("emails"), .key = email, .expect = Expect::kAbsent});
    request.conditions.push_back({.topic = Topic("hr"),
                                  .partition = PartitionIndex(i % 2),
                                  .key = employee,
                                  .expect = i < 6 ? Expect::kAbsent : Expect::kRevision,
                                  .revision = i < 6 ? 0 : i / 6 - 1});
    request.flow = log::FlowId{9};
    request.in_order = true;
    auto started = std::make_unique<UnderWay>();
    started->number = i;
    auto participant = office_.groups().CommitWithAppend({{"hiring", {Entry(i + 1, i)}}});
    if (!participant.ok()) {
      started->answer = participant.status();
      started->done.Notify();
      return started;
    }
    request.participant = *std::move(participant);
    office_.harness().log().Append(std::move(request),
                                   [raw = started.get()](absl::StatusOr<log::AppendResult> answer) {
                                     raw->answer = std::move(answer);
                                     raw->done.Notify();
                                   });
    return started;
  }

  // False: the power failed.
  bool Note(const UnderWay& finished) {
    if (finished.answer.ok()) {
      known_.insert(finished.number);
      return true;
    }
    if (!absl::IsUnavailable(finished.answer.status())) {
      refusals_.push_back(absl::StrCat(finished.number, ": ", finished.answer.status().ToString()));
    }
    return false;
  }

  Office office_;
  std::set<uint64_t> known_;
  std::vector<std::string> refusals_;
};

TEST(TransactPowerCutTest, HappensWholeOrNotAtAllAtEverySync) {
  ExpectSurvives({.when = When::kBefore, .cuts_min = 10},
                 [] { return std::make_unique<TransactSubject>(); });
}

TEST(TransactPowerCutTest, HappensWholeOrNotAtAllBesideTornWrites) {
  ExpectSurvives({.when = When::kAfter, .loss = Loss::kSomeUnsynced, .cuts_min = 10},
                 [] { return std::make_unique<TransactSubject>(); });
}

}  // namespace
}  // namespace tidemark::testing
