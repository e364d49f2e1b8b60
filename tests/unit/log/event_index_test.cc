// The event index as a whole: what it finds and counts while its parts move from memory to disk,
// after restarts, beside damage, and when the disk refuses.
#include "server/log/event_index.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "server/log/batch_walk.h"
#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TestEvent;

std::vector<TestEvent> Keyed(const std::vector<std::string>& keys, const std::string& type = "t") {
  std::vector<TestEvent> events;
  for (const std::string& key : keys) events.push_back({.type = type, .key = key});
  return events;
}

class EventIndexTest : public LogFixture {
 protected:
  void SetUp() override {
    harness_.options().log.index = {.segment_events = 1 << 20, .open_bytes_max = 64 << 20};
    LogFixture::SetUp();
    topic_ = MakeTopic("hr");
  }
  void Append(std::vector<TestEvent> events) {
    const auto result = harness_.Append(topic_, 0, std::move(events));
    ASSERT_TRUE(result.ok()) << result.status();
  }
  void Seal() {
    const absl::Status sealed = log().sealer().SealBefore(Open(topic_, 0), Offset(UINT64_MAX));
    ASSERT_TRUE(sealed.ok()) << sealed;
  }
  // The candidates of all windows.
  absl::StatusOr<std::vector<IndexWindow::Candidate>> FindAll(const storage::FilterSpec& spec,
                                                              Direction direction, size_t max) {
    const PartitionPtr partition = Open(topic_, 0);
    const Partition::Ends ends = partition->ends();
    std::vector<IndexWindow::Candidate> all;
    for (Offset low = ends.start, high = ends.end; low < high;) {
      const absl::StatusOr<IndexWindow> window =
          log().index().Find(*partition, Filter(spec), low, high, direction, max);
      if (!window.ok()) return window.status();
      EXPECT_LE(window->candidates.size(), max);
      all.insert(all.end(), window->candidates.begin(), window->candidates.end());
      (direction == Direction::kForward ? low : high) = window->reached;
    }
    return all;
  }
  // "0-2 5-9", neighbours of two windows as one.
  std::string Find(const storage::FilterSpec& spec, Direction direction = Direction::kForward,
                   size_t max = 100) {
    const auto all = FindAll(spec, direction, max);
    if (!all.ok()) return all.status().ToString();
    std::vector<IndexWindow::Candidate> joined;
    for (const IndexWindow::Candidate& candidate : *all) {
      if (!joined.empty() && joined.back().until == candidate.from) {
        joined.back().until = candidate.until;
      } else if (!joined.empty() && joined.back().from == candidate.until) {
        joined.back().from = candidate.from;
      } else {
        joined.push_back(candidate);
      }
    }
    std::string text;
    for (const IndexWindow::Candidate& candidate : joined) {
      absl::StrAppend(&text, text.empty() ? "" : " ", candidate.from.value(), "-",
                      candidate.until.value());
    }
    return text;
  }
  std::set<uint64_t> Covered(const storage::FilterSpec& spec, Direction direction, size_t max) {
    const auto all = FindAll(spec, direction, max);
    EXPECT_TRUE(all.ok()) << all.status();
    std::set<uint64_t> covered;
    if (!all.ok()) return covered;
    for (const IndexWindow::Candidate& candidate : *all) {
      for (Offset o = candidate.from; o < candidate.until; ++o) covered.insert(o.value());
    }
    return covered;
  }
  std::string Key(const std::string& key) {
    const auto figures = log().index().FindKey(*Open(topic_, 0), key);
    if (!figures.ok()) return figures.status().ToString();
    if (!figures->has_value()) return "none";
    return absl::StrCat(
        (*figures)->events, " from ",
        (*figures)->first.has_value() ? absl::StrCat((*figures)->first->value()) : "nowhere",
        " to ", (*figures)->last.value());
  }
  std::string Types(const std::string& after = "", size_t max = 100) {
    const absl::StatusOr<TypeTable> types = log().ListTypes(*topic_, after, max);
    if (!types.ok()) return types.status().ToString();
    std::string text;
    for (const auto& [type, figures] : *types) {
      absl::StrAppend(&text, text.empty() ? "" : " ", type, ":", figures.count);
    }
    return text;
  }

  TopicPtr topic_;
};

// Everything below holds wherever a batch is indexed, and while some are here and some there.
class EventIndexPlacesTest : public EventIndexTest, public ::testing::WithParamInterface<int> {
 protected:
  // Appends the batches; as many as the parameter says are sealed, a restart comes in between.
  void AppendAll(const std::vector<std::vector<TestEvent>>& batches) {
    for (size_t i = 0; i < batches.size(); ++i) {
      Append(batches[i]);
      if (static_cast<int>(i) + 1 == GetParam()) Seal();
      if (i == 2) {
        Reopen();
        topic_ = log().catalog().Find("hr");
      }
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Sealed, EventIndexPlacesTest, ::testing::Range(0, 6));

// 100 events of one type; the first ones have keys.
std::vector<TestEvent> Hundred(const std::string& type, const std::vector<std::string>& keys) {
  std::vector<TestEvent> events = Keyed(keys, type);
  events.resize(100, TestEvent{.type = type});
  return events;
}
std::vector<std::vector<TestEvent>> FiveHundred() {
  return {Hundred("employee.created", {"a", "b"}), Hundred("time.in", {"b"}),
          Hundred("employee.left", {"c", "a", "a"}), Hundred("time.out", {"d"}),
          Hundred("employees", {"b", "e"})};
}

TEST_P(EventIndexPlacesTest, FindsTypesAndPrefixes) {
  AppendAll(FiveHundred());
  EXPECT_EQ(Find({.types = {"time.in"}}), "100-200");
  EXPECT_EQ(Find({.types = {"time.*"}}), "100-200 300-400");
  EXPECT_EQ(Find({.types = {"time.*"}}, Direction::kBackward), "300-400 100-200");
  EXPECT_EQ(Find({.types = {"employee*", "none"}}, Direction::kForward, 1),
            "0-100 200-300 400-500");
  EXPECT_EQ(Find({.types = {"employee.*"}}), "0-100 200-300");
  EXPECT_EQ(Find({.types = {"employee.*", "time.in"}}, Direction::kBackward, 1), "0-300");
  EXPECT_EQ(Find({.types = {"*"}}), "0-500");
  EXPECT_EQ(Find({.types = {"employee"}}), "");
}

TEST_P(EventIndexPlacesTest, FindsKeysAndNothingBesideTheirBatches) {
  AppendAll(FiveHundred());
  struct Case {
    std::vector<std::string> keys;
    std::vector<uint64_t> offsets;
  };
  for (const Case& c : {Case{{"a"}, {0, 201, 202}}, Case{{"b"}, {1, 100, 400}},
                        Case{{"d", "e"}, {300, 401}}, Case{{"x"}, {}}}) {
    for (const Direction direction : {Direction::kForward, Direction::kBackward}) {
      const std::set<uint64_t> found = Covered({.types = {}, .keys = c.keys}, direction, 1);
      for (const uint64_t offset : c.offsets) EXPECT_TRUE(found.contains(offset)) << offset;
      for (const uint64_t offset : found) {
        EXPECT_TRUE(std::any_of(c.offsets.begin(), c.offsets.end(), [&](uint64_t wanted) {
          return wanted / 100 == offset / 100;
        })) << offset;
      }
    }
  }
}

// On disk the index knows where in a batch a term is.
TEST_F(EventIndexTest, SealedPlacesAreTight) {
  for (int batch = 0; batch < 3; ++batch) {
    std::vector<TestEvent> events(1000, TestEvent{.type = "common"});
    events[500].type = "rare";
    events[503].type = "rare";
    events[900].key = "k";
    Append(std::move(events));
  }
  Seal();
  EXPECT_EQ(Find({.types = {"rare"}}), "500-504 1500-1504 2500-2504");
  EXPECT_EQ(Find({.types = {"rare"}}, Direction::kBackward, 1), "2500-2504 1500-1504 500-504");
  EXPECT_EQ(Find({.types = {}, .keys = {"k"}}), "900-901 1900-1901 2900-2901");
  EXPECT_EQ(Find({.types = {"rare"}, .keys = {"k"}}), "900-901 1900-1901 2900-2901");
  EXPECT_EQ(Find({.types = {"common", "rare"}}), "0-3000");
}

TEST_P(EventIndexPlacesTest, CountsTypesAndKeysExactly) {
  AppendAll({Keyed({"a", "b"}, "z"), Keyed({"b"}, "y"), Keyed({"c", "a", "a"}, "y"),
             Keyed({"d"}, "x"), Keyed({"b", "", "e"}, "y")});
  EXPECT_EQ(Types(), "x:1 y:7 z:2");
  EXPECT_EQ(Types("", 2), "x:1 y:7");
  EXPECT_EQ(Types("x", 1), "y:7");
  EXPECT_EQ(Types("y"), "z:2");
  EXPECT_EQ(Types("z"), "");
  EXPECT_EQ(Key("a"), "3 from 0 to 5");
  EXPECT_EQ(Key("b"), "3 from 1 to 7");
  EXPECT_EQ(Key("e"), "1 from 9 to 9");
  EXPECT_EQ(Key("A"), "none");
}

TEST_F(EventIndexTest, TellsTheFirstAndLastTimeOfAType) {
  const absl::Time first = harness_.clock().Now();
  Append(Keyed({"a"}, "x"));
  harness_.clock().Advance(absl::Seconds(5));
  Append(Keyed({"a"}, "y"));
  Seal();
  harness_.clock().Advance(absl::Seconds(5));
  Append(Keyed({"a"}, "x"));
  const absl::StatusOr<TypeTable> types = log().ListTypes(*topic_, "", 10);
  ASSERT_TRUE(types.ok()) << types.status();
  const TypeFigures& x = types->at("x");
  EXPECT_EQ(absl::FromUnixMicros(x.first_time_us), first);
  EXPECT_EQ(absl::FromUnixMicros(x.last_time_us), first + absl::Seconds(10));
  EXPECT_EQ(absl::FromUnixMicros(types->at("y").last_time_us), first + absl::Seconds(5));
}

TEST_F(EventIndexTest, TypesOfManyPartitionsAreOneList) {
  topic_ = MakeTopic("many", {.partitions = 5});
  for (uint32_t p = 0; p < 5; ++p) {
    for (int i = 0; i < 7; ++i) {
      ASSERT_TRUE(
          harness_.Append(topic_, p, Keyed({"k"}, absl::StrCat("t", (p * 3 + i) % 9))).ok());
    }
    if (p == 2) {
      ASSERT_TRUE(log().sealer().SealBefore(Open(topic_, p), Offset(5)).ok());
    }
  }
  EXPECT_EQ(Types(), "t0:5 t1:3 t2:3 t3:5 t4:4 t5:4 t6:5 t7:3 t8:3");
  EXPECT_EQ(Types("", 2), "t0:5 t1:3");
  EXPECT_EQ(Types("t6", 9), "t7:3 t8:3");
}

// Two keys whose hashes are told apart only by their bytes cannot be made on purpose; that counts
// come from bytes is seen where the hash says "here" and the batch says "no".
TEST_F(EventIndexTest, AKeyIsCountedByItsBytes) {
  Append(Keyed({"a", "ab", "b", "a", ""}));
  EXPECT_EQ(Key("a"), "2 from 0 to 3");
  Seal();
  EXPECT_EQ(Key("a"), "2 from 0 to 3");
}

TEST_F(EventIndexTest, WithoutAKeyIndexKeysAreFoundByReading) {
  topic_ = MakeTopic("plain", {.index_keys = false});
  Append(Keyed({"a"}, "x"));
  Append(Keyed({"b"}, "y"));
  Seal();
  Append(Keyed({"a"}, "y"));
  EXPECT_FALSE(log().index().KeysAreIndexed(*Open(topic_, 0)));
  EXPECT_EQ(Find({.keys = {"a"}}), "0-3");
  EXPECT_EQ(Find({.types = {"y"}, .keys = {"a"}}), "1-3");
  const auto cursor = harness_.store().Terms(topic_->log(PartitionIndex(0)));
  cursor->Seek(storage::TermKind::kKey, "", Offset(0));
  EXPECT_FALSE(cursor->Valid());
}

// The bound is a request's worth: what is over it goes to the disk by itself.
TEST_F(EventIndexTest, SealsByItselfByEventsAndByBytes) {
  for (const IndexOptions& options :
       {IndexOptions{.segment_events = 10, .open_bytes_max = 64 << 20},
        IndexOptions{.segment_events = 1 << 20, .open_bytes_max = 8000}}) {
    harness_.options().log.index = options;
    Reopen();
    topic_ = MakeTopic(absl::StrCat("hr", options.segment_events));
    for (int i = 0; i < 30; ++i) Append(Keyed({"a", "b", "c"}));
    const PartitionPtr partition = Open(topic_, 0);
    const auto enough = [&] {
      return harness_.store().Terms(partition->log())->SealedUntil()->value() >= 40;
    };
    for (int i = 0; i < 1000 && !enough(); ++i) absl::SleepFor(absl::Milliseconds(10));
    EXPECT_TRUE(enough());
    EXPECT_LE(partition->index_state().open_bytes, 8000);
    const std::set<uint64_t> found = Covered({.types = {}, .keys = {"a"}}, Direction::kForward, 9);
    for (uint64_t offset = 0; offset < 90; offset += 3) EXPECT_TRUE(found.contains(offset));
    EXPECT_EQ(Types(), "t:90");
  }
}

// Many logs with little each: the largest go first, and all in few files.
TEST_F(EventIndexTest, ManySmallLogsShareAFile) {
  harness_.options().log.index = {.segment_events = 1 << 20, .open_bytes_max = 100'000};
  Reopen();
  topic_ = MakeTopic("many", {.partitions = 200});
  for (int i = 0; i < 4; ++i) {
    std::vector<testing::Part> parts;
    for (uint32_t p = 0; p < 200; ++p) parts.push_back({p, Keyed({"a", "b"})});
    ASSERT_TRUE(harness_.Append(testing::MakeRequest(topic_, parts)).ok());
  }
  const auto enough = [&] { return log().index_budget().bytes() <= 50'000; };
  for (int i = 0; i < 1000 && !enough(); ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_TRUE(enough());
  EXPECT_EQ(Types(), "t:1600");
  EXPECT_LT(harness_.metrics().index.seal_seconds.Collect().histogram.sample_count, 20u);
}

TEST_F(EventIndexTest, CommitsWaitAtTheHardBoundAndGoOn) {
  harness_.options().log.index = {.segment_events = 1 << 20, .open_bytes_max = 4000};
  Reopen();
  topic_ = MakeTopic("hr2");
  for (int i = 0; i < 500; ++i) Append(Keyed({"a", "b", "c", "d"}));
  EXPECT_LE(log().index_budget().bytes(), 4000 + 1000);  // And the commit under way.
  EXPECT_EQ(Types(), "t:2000");
}

// A disk that fails once: logged, counted, tried again; nothing is lost and nothing counted twice.
TEST_F(EventIndexTest, AFailedPassIsTriedAgain) {
  Append(Keyed({"a"}));
  disk_.FailOnce(testing::CrashFileSystem::Operation::kWrite, "terms.new");
  EXPECT_FALSE(log().sealer().SealBefore(Open(topic_, 0), Offset(1)).ok());
  EXPECT_EQ(Key("a"), "1 from 0 to 0");
  Append(Keyed({"a"}));
  Seal();
  EXPECT_EQ(Key("a"), "2 from 0 to 1");
  EXPECT_EQ(Types(), "t:2");
}

// What was written without fsync is durable before its index is: else a power cut would leave an
// index ahead of its log.
TEST_F(EventIndexTest, IsNeverAheadOfAMemoryTopic) {
  topic_ = MakeTopic("fast", {.durability = storage::Durability::kMemory});
  Append(Keyed({"a", "b"}));
  Seal();
  disk_.CutPower();
  harness_.Close();
  disk_.RestorePower(testing::CrashFileSystem::Loss::kAllUnsynced);
  Open();
  topic_ = log().catalog().Find("fast");
  EXPECT_EQ(EndOf(topic_, 0), Offset(2));
  EXPECT_EQ(Key("b"), "1 from 1 to 1");
}

TEST_F(EventIndexTest, TheTermsOfADeletedTopicGo) {
  Append(Keyed({"a"}));
  Seal();
  const LogId gone = topic_->log(PartitionIndex(0));
  ASSERT_TRUE(harness_.DeleteTopic("hr").ok());
  log().reclaimer().WaitUntilIdle();
  EXPECT_EQ(*harness_.store().Terms(gone)->SealedUntil(), Offset(0));
}

// Readers and the sealer and appenders at once: a reader finds all of what was there before it
// asked, each time.
TEST_F(EventIndexTest, FindsEverythingWhileItIsSealed) {
  harness_.options().log.index = {.segment_events = 40, .open_bytes_max = 64 << 20};
  Reopen();
  topic_ = MakeTopic("busy");
  const PartitionPtr partition = Open(topic_, 0);
  std::atomic<bool> done = false;
  std::thread appender([&] {
    for (int i = 0; i < 400; ++i)
      Append(Keyed({absl::StrCat("k", i % 7), "x"}, absl::StrCat("t", i % 3)));
    done = true;
  });
  while (!done) {
    const Offset end = partition->ends().end;
    for (const Direction direction : {Direction::kForward, Direction::kBackward}) {
      std::set<uint64_t> found;
      for (Offset low(0), high = end; low < high;) {
        const auto window = log().index().Find(*partition, Filter({.types = {}, .keys = {"k3"}}),
                                               low, high, direction, 3);
        ASSERT_TRUE(window.ok()) << window.status();
        for (const auto& candidate : window->candidates) {
          for (Offset o = candidate.from; o < candidate.until; ++o) found.insert(o.value());
        }
        (direction == Direction::kForward ? low : high) = window->reached;
      }
      std::set<uint64_t> expected;
      for (uint64_t o = 0; o < end.value(); ++o) {
        if (o % 2 == 0 && o / 2 % 7 == 3) expected.insert(o);
      }
      ASSERT_TRUE(std::includes(found.begin(), found.end(), expected.begin(), expected.end()))
          << "up to " << end.value();
    }
    const uint64_t before = end.value() / 2;
    const auto figures = log().index().FindKey(*partition, "x");
    ASSERT_TRUE(figures.ok()) << figures.status();
    if (before > 0) {
      ASSERT_GE((*figures)->events, before);
    }
    const absl::StatusOr<TypeTable> types = log().ListTypes(*topic_, "", 10);
    ASSERT_TRUE(types.ok()) << types.status();
    uint64_t sum = 0;
    for (const auto& [type, type_figures] : *types) sum += type_figures.count;
    ASSERT_GE(sum, end.value());
  }
  appender.join();
  EXPECT_EQ(Key("x"), "400 from 1 to 799");
  EXPECT_EQ(Types(), "t0:268 t1:266 t2:266");
}

TEST_F(EventIndexTest, AnIndexAheadOfItsLogIsDamage) {
  auto writer = harness_.store().NewTermWriter();
  writer->PutSealed(topic_->log(PartitionIndex(0)), Offset(1000));
  ASSERT_TRUE(harness_.store().IngestTerms(std::move(writer)).ok());
  Append(Keyed({"a"}));
  EXPECT_THAT(Key("a"), HasSubstr("topic \"hr\", partition 0"));
  EXPECT_THAT(Key("a"), HasSubstr("DATA_LOSS"));
  EXPECT_EQ(harness_.ReadAll(*topic_, 0)->size(), 1u);  // Reads without it go on.
}

TEST_F(EventIndexTest, ADamagedRowIsDataLossForItsReadersOnly) {
  Append(Keyed({"a"}, "x"));
  const LogId log_id = topic_->log(PartitionIndex(0));
  auto writer = harness_.store().NewTermWriter();
  writer->PutTerm(log_id, storage::TermKind::kKey, "a", Offset(1), "\xff");
  writer->AddKeyTotal(log_id, "a", {.count = 1, .first = Offset(0), .last = Offset(0)});
  writer->PutSealed(log_id, Offset(1));
  std::string row;
  storage::AppendTypeSummary(row, {.count = 1, .first_time_us = 1, .last_time_us = 1});
  storage::PostingWriter(row, Offset(1)).Add(Offset(0), Offset(0), 1);
  writer->PutTerm(log_id, storage::TermKind::kType, "x", Offset(1), row);
  ASSERT_TRUE(harness_.store().IngestTerms(std::move(writer)).ok());
  Reopen();
  topic_ = log().catalog().Find("hr");
  EXPECT_THAT(Find({.keys = {"a"}}), HasSubstr("DATA_LOSS: topic \"hr\", partition 0: the index"));
  EXPECT_EQ(Find({.types = {"x"}}), "0-1");
}

}  // namespace
}  // namespace tidemark::log
