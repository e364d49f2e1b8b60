// Verifying finds nothing in a store that is well, and what is wrong in one that is not.
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "server/groups/verify_groups.h"
#include "server/log/verify_erased.h"
#include "server/log/verify_partition.h"
#include "server/log/verify_producers.h"
#include "server/storage/work_rows.h"
#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TestEvent;

class VerifyTest : public LogFixture {
 protected:
  void SetUp() override {
    harness_.options().log.index = {.segment_events = 20, .open_bytes_max = 1 << 20};
    harness_.options().store.epoch_bytes = 8 << 10;
    harness_.options().log.pipeline.batch_bytes_max = 1500;
    LogFixture::SetUp();
  }
  // `count` events a request, of a few types and keys, some without a key.
  void Fill(const TopicPtr& topic, uint32_t partition, int requests, int count = 3) {
    for (int r = 0; r < requests; ++r) {
      std::vector<TestEvent> events;
      for (int i = 0; i < count; ++i) {
        const int n = filled_++;
        events.push_back({.id = absl::StrCat(n),
                          .type = absl::StrCat("type.", n % 7),
                          .key = n % 5 == 0 ? "" : absl::StrCat("key-", n % 11),
                          .data = std::string(200, 'x')});
      }
      const auto request =
          testing::MakeRequest(topic, {{.partition = partition, .events = events}},
                               ProducerSequence{.id = "outbox", .sequence = ++sequence_});
      const absl::Status appended = harness_.Append(request).status();
      ASSERT_TRUE(appended.ok()) << appended;
    }
  }
  void Seal(const TopicPtr& topic, uint32_t partition) {
    const PartitionPtr opened = Open(topic, partition);
    const absl::Status sealed = log().sealer().SealBefore(opened, opened->ends().end);
    ASSERT_TRUE(sealed.ok()) << sealed;
  }
  // All findings as text.
  std::vector<std::string> Verify(const std::vector<TopicPtr>& topics) {
    std::vector<std::string> texts;
    VerifyProgress progress(std::nullopt,
                            [&](const VerifyCounts& counts, std::vector<Finding> findings) {
                              counts_ = counts;
                              for (const Finding& finding : findings)
                                texts.push_back(TextOf(finding));
                              return absl::OkStatus();
                            });
    for (const TopicPtr& topic : topics) {
      for (uint32_t p = 0; p < topic->partitions(); ++p) {
        const absl::Status status = VerifyPartition(log(), topic, PartitionIndex(p), progress);
        EXPECT_TRUE(status.ok()) << status;
      }
    }
    EXPECT_TRUE(VerifyErasures(log(), nullptr, progress).ok());
    EXPECT_TRUE(groups::VerifyGroups(log(), nullptr, progress).ok());
    EXPECT_TRUE(VerifyProducers(log(), progress).ok());
    EXPECT_TRUE(progress.Flush().ok());
    return texts;
  }
  void Commit(absl::AnyInvocable<void(storage::WriteSet&)> change) {
    const absl::Status status = AwaitDone([&](DoneCallback done) {
      log().Mutate({.prepare =
                        [&](storage::WriteSet& set) {
                          change(set);
                          return absl::OkStatus();
                        },
                    .publish = [] {},
                    .done = std::move(done)});
    });
    ASSERT_TRUE(status.ok()) << status;
  }
  void Erase(const ErasureRequest& request) {
    const auto answer = log().eraser().Erase(request);
    ASSERT_TRUE(answer.ok()) << answer.status();
  }
  std::string ErasedTotalRow(const TopicPtr& topic, absl::string_view key) {
    return storage::ErasedTotalKey(topic->log(PartitionIndex(0)), harness_.store().DigestOf(key));
  }
  storage::KeyTotal ErasedTotalOf(const TopicPtr& topic, absl::string_view key) {
    const auto total = harness_.store()
                           .Terms(topic->log(PartitionIndex(0)))
                           ->ErasedTotalOf(harness_.store().DigestOf(key));
    EXPECT_TRUE(total.ok() && total->has_value()) << key;
    return total.ok() ? total->value_or(storage::KeyTotal()) : storage::KeyTotal();
  }
  // What is found while a row of the terms is another one.
  std::string FoundWith(const TopicPtr& topic, const std::string& row,
                        const std::optional<std::string>& wrong,
                        const std::optional<std::string>& right) {
    Commit([&](storage::WriteSet& set) { set.ChangeTerm(row, wrong); });
    const std::vector<std::string> found = Verify({topic});
    Commit([&](storage::WriteSet& set) { set.ChangeTerm(row, right); });
    return absl::StrJoin(found, "; ");
  }
  // Adds a row to the index of a log.
  void Ingest(LogId log, absl::string_view type, Offset at, Offset until) {
    std::unique_ptr<storage::TermWriter> writer = harness_.store().NewTermWriter();
    std::string row;
    storage::AppendTypeSummary(row, {.count = 1, .first_time_us = 1, .last_time_us = 1});
    storage::PostingWriter(row, until).Add(at, at, 1);
    writer->PutTerm(log, storage::TermKind::kType, type, until, row);
    ASSERT_TRUE(harness_.store().IngestTerms(std::move(writer)).ok());
  }

  int filled_ = 0;
  uint64_t sequence_ = 0;
  VerifyCounts counts_;
};

TEST_F(VerifyTest, FindsNothingInAStoreThatIsWell) {
  const TopicPtr hr = MakeTopic("hr", {.partitions = 2});
  const TopicPtr packed =
      MakeTopic("packed", {.compression = storage::Compression::kZstd, .index_keys = false});
  Fill(hr, 0, 40);
  Fill(hr, 1, 3);
  Fill(packed, 0, 40);
  Seal(hr, 0);
  Seal(packed, 0);
  Fill(hr, 0, 5);
  Commit([&](storage::WriteSet& set) {
    set.PutGroup({.id = storage::GroupId(1), .name = "payroll"});
    set.PutOffset(storage::GroupId(1), hr->log(PartitionIndex(0)), Offset(135));
  });
  EXPECT_THAT(Verify({hr, packed}), IsEmpty());
  EXPECT_EQ(counts_.events, 135 + 9 + 120);
  EXPECT_EQ(counts_.partitions, 3);
  EXPECT_EQ(counts_.groups, 1);
  EXPECT_EQ(counts_.producer_records, 88);
  Reopen();
  EXPECT_THAT(Verify({*log().FindTopic("hr"), *log().FindTopic("packed")}), IsEmpty());
}

TEST_F(VerifyTest, FindsNothingWhereRetentionCutASegment) {
  const TopicPtr hr = MakeTopic("hr", {.retention_max_bytes = 9000});
  Fill(hr, 0, 60);
  Seal(hr, 0);
  Fill(hr, 0, 10);
  EXPECT_GT(Open(hr, 0)->ends().start, Offset(0));
  EXPECT_THAT(Verify({hr}), IsEmpty());
}

// Every tenth byte of each data file in turn: what is found are offsets that cannot be read.
TEST_F(VerifyTest, FindsDamagedEventsAndWhereTheyAre) {
  const TopicPtr hr = MakeTopic("hr");
  Fill(hr, 0, 60);
  Seal(hr, 0);
  Reopen();  // Everything is in files.
  harness_.Close();
  fs::path data_file;
  for (const auto& entry : fs::directory_iterator(dir_.path())) {
    if (entry.path().extension() != ".sst") continue;
    if (data_file.empty() || fs::file_size(entry) > fs::file_size(data_file)) data_file = entry;
  }
  std::string content;
  {
    std::ifstream in(data_file, std::ios::binary);
    content.assign(std::istreambuf_iterator<char>(in), {});
  }
  const size_t at = content.find("xxxxxxxx", content.size() / 2);
  ASSERT_NE(at, std::string::npos);
  content[at] = 'y';
  std::ofstream(data_file, std::ios::binary) << content;
  Open();
  const std::vector<std::string> found = Verify({*log().FindTopic("hr")});
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0], HasSubstr("topic hr partition 0 offsets "));
  EXPECT_THAT(found[0], HasSubstr("checksum"));
  EXPECT_EQ(counts_.events, 180);  // The rest is looked at.
}

TEST_F(VerifyTest, FindsAnIndexThatSaysMoreThanTheEvents) {
  const TopicPtr hr = MakeTopic("hr");
  Fill(hr, 0, 40);
  Seal(hr, 0);
  const LogId log_id = hr->log(PartitionIndex(0));
  const std::unique_ptr<storage::TermCursor> cursor = harness_.store().Terms(log_id);
  cursor->Seek(storage::TermKind::kType, "type.3", Offset(0));
  ASSERT_TRUE(cursor->Valid());
  const Offset until = cursor->until();
  Ingest(log_id, "ghost", Offset(1), until);
  EXPECT_THAT(Verify({hr}), ::testing::ElementsAre(absl::StrCat(
                                "topic hr partition 0 offsets 0 to ", until.value() - 1,
                                ": the index of types says something else than "
                                "the events")));
}

TEST_F(VerifyTest, FindsAnIndexThatLacksWhatAnEventHas) {
  const TopicPtr hr = MakeTopic("hr");
  Fill(hr, 0, 40);
  Seal(hr, 0);
  const LogId log_id = hr->log(PartitionIndex(0));
  const std::unique_ptr<storage::TermCursor> cursor = harness_.store().Terms(log_id);
  cursor->Seek(storage::TermKind::kType, "type.3", Offset(0));
  ASSERT_TRUE(cursor->Valid());
  // The row is there, with one event of several.
  Ingest(log_id, "type.3", Offset(3), cursor->until());
  EXPECT_THAT(Verify({hr}), SizeIs(1));
}

// The index is said to be complete, and no row speaks of the events.
TEST_F(VerifyTest, FindsAnIndexThatIsNotThere) {
  const TopicPtr hr = MakeTopic("hr");
  Fill(hr, 0, 2);
  std::unique_ptr<storage::TermWriter> writer = harness_.store().NewTermWriter();
  writer->PutSealed(hr->log(PartitionIndex(0)), Offset(6));
  ASSERT_TRUE(harness_.store().IngestTerms(std::move(writer)).ok());
  const std::vector<std::string> found = Verify({hr});
  ASSERT_THAT(found, SizeIs(2));  // Of types and of keys.
  EXPECT_THAT(found[0], HasSubstr("offsets 0 to 5: the index of types"));
}

TEST_F(VerifyTest, FindsNothingWhereEventsWereErasedOrCompacted) {
  const TopicPtr hr = MakeTopic("hr");
  const TopicPtr prices = MakeTopic("prices", {.compact = true});
  for (const TopicPtr& topic : {hr, prices}) {
    Fill(topic, 0, 40);
    Seal(topic, 0);
  }
  ASSERT_TRUE(log().compactor().Compact(*prices).ok());
  Fill(hr, 0, 5);
  for (const TopicPtr& topic : {hr, prices}) {
    for (const ErasureRequest& request :
         {ErasureRequest{.topic = topic, .key = "key-3"},
          ErasureRequest{.topic = topic, .key = "key-4", .types = {"type.4"}},
          ErasureRequest{.topic = topic,
          .span = storage::ErasureRecord::Span{PartitionIndex(0), {Offset(50), Offset(64)}}}}) {
      ASSERT_TRUE(log().eraser().Erase(request).ok());
      EXPECT_THAT(Verify({hr, prices}), IsEmpty());
    }
  }
  log().eraser().WaitUntilIdle();
  EXPECT_THAT(Verify({hr, prices}), IsEmpty());
}

TEST_F(VerifyTest, FindsNothingWhileEventsAreErasedAndCompacted) {
  const TopicPtr hr = MakeTopic("hr");
  const TopicPtr prices = MakeTopic("prices", {.compact = true});
  for (const TopicPtr& topic : {hr, prices}) Fill(topic, 0, 40);
  std::atomic<bool> done = false;
  std::thread work([&] {
    for (int key = 0; key < 11; ++key) {
      for (const TopicPtr& topic : {hr, prices}) {
        Erase({.topic = topic, .key = absl::StrCat("key-", key)});
      }
      EXPECT_TRUE(log().compactor().Compact(*prices).ok());
    }
    done = true;
  });
  do {
    EXPECT_THAT(Verify({hr, prices}), IsEmpty());
  } while (!done);
  work.join();
}

// Each count, and where the first and the last event are, in a log that lost nothing; and what can
// still be told of one that retention cut.
TEST_F(VerifyTest, FindsTotalsOfKeysThatAreNotThoseOfTheEvents) {
  const TopicPtr hr = MakeTopic("hr");
  Fill(hr, 0, 40);
  Seal(hr, 0);
  const LogId log_id = hr->log(PartitionIndex(0));
  const auto total = harness_.store().Terms(log_id)->TotalOf("key-3");
  ASSERT_TRUE(total.ok() && total->has_value());
  const auto found_with = [&](const std::string& key, std::optional<storage::KeyTotal> wrong) {
    const auto before = *harness_.store().Terms(log_id)->TotalOf(key);
    const auto put = [&](const std::optional<storage::KeyTotal>& value) {
      Commit([&](storage::WriteSet& set) {
        set.ChangeTerm(
            storage::KeyTotalKey(log_id, key),
            value.has_value() ? std::optional(storage::EncodeKeyTotal(*value)) : std::nullopt);
      });
    };
    put(wrong);
    const std::vector<std::string> found = Verify({hr});
    put(before);
    return absl::StrJoin(found, "; ");
  };
  const auto [count, first, last] = **total;
  EXPECT_EQ(found_with("key-3", storage::KeyTotal{count + 1, first, last}),
            absl::StrCat("topic hr partition 0: the index counts ", count + 1,
                         " events of key \"key-3\", and there are ", count));
  EXPECT_THAT(found_with("ghost", storage::KeyTotal{2, first, last}),
              HasSubstr("the index counts 2 events of key \"ghost\", and there are 0"));
  EXPECT_THAT(found_with("key-3", std::nullopt),
              HasSubstr("of key \"key-3\" the index tells no events, and there are at least "));
  EXPECT_THAT(found_with("key-3", storage::KeyTotal{count, first, last + 1}),
              HasSubstr(absl::StrCat("the last event at offset ", last.value() + 1,
                                     ", and it is at ", last.value())));
  EXPECT_THAT(found_with("key-3", storage::KeyTotal{count, first + 1, last}),
              HasSubstr(absl::StrCat("the first event at offset ", first.value() + 1,
                                     ", and one is at ", first.value())));
  EXPECT_EQ(found_with("key-3", **total), "");
}

// Of erased keys, whose names nobody knows any more: how many events are gone, and where.
TEST_F(VerifyTest, FindsTotalsOfErasedKeysThatAreNotOfWhatIsGone) {
  const TopicPtr hr = MakeTopic("hr");
  Fill(hr, 0, 40);
  for (const char* key : {"key-3", "key-6"}) Erase({.topic = hr, .key = key});
  const auto [count, first, last] = ErasedTotalOf(hr, "key-3");
  const uint64_t all = count + ErasedTotalOf(hr, "key-6").count;
  const std::string row = ErasedTotalRow(hr, "key-3");
  const std::string digest = absl::BytesToHexString(harness_.store().DigestOf("key-3"));
  const std::string right = storage::EncodeKeyTotal({count, first, last});
  const auto found_with = [&](uint64_t n, Offset from, Offset until) {
    return FoundWith(hr, row, storage::EncodeKeyTotal({n, from, until}), right);
  };
  const auto counts = [&](uint64_t n, absl::string_view bound) {
    const std::string in_all = absl::StrCat(all + n - count);
    return absl::StrCat("topic hr partition 0: the index counts ", in_all,
                        " events of erased keys, and at ", bound, " ", all,
                        " are gone; topic hr partition 0: the index counts ", n,
                        " erased events of the key with digest ", digest, ", and at ", bound, " ",
                        count, " are gone");
  };
  log().eraser().WaitUntilIdle();
  EXPECT_EQ(found_with(count, first, last), "");
  EXPECT_EQ(found_with(count + 1, first, last), counts(count + 1, "most"));
  EXPECT_EQ(found_with(count - 1, first, last), counts(count - 1, "least"));
  EXPECT_EQ(FoundWith(hr, row, std::nullopt, right), counts(0, "least"));
  const std::string of_key = absl::StrCat(" erased event of the key with digest ", digest);
  EXPECT_EQ(found_with(count, first + 1, last),
            absl::StrCat("topic hr partition 0: the index has the first", of_key, " at offset ",
                         first + 1, ", where no event was erased"));
  EXPECT_THAT(found_with(count, first, last + 1), HasSubstr("where no event was erased"));
  EXPECT_THAT(found_with(count, first, EndOf(hr, 0)), HasSubstr("where no event was erased"));
  EXPECT_THAT(FoundWith(hr, row, "rubbish", right), HasSubstr("total of an erased key"));
  EXPECT_THAT(FoundWith(hr, ErasedTotalRow(hr, "ghost"), storage::EncodeKeyTotal({1, first, first}),
                        std::nullopt),
              HasSubstr("and one of another key there, too"));
}

// Readers do not get them any more, and so they are gone.
TEST_F(VerifyTest, KnowsErasedEventsThatAreStillInTheirBatches) {
  harness_.options().starts_eraser = false;
  Reopen();
  const TopicPtr hr = MakeTopic("hr");
  Fill(hr, 0, 40);
  Erase({.topic = hr, .key = "key-3"});
  EXPECT_THAT(Verify({hr}), IsEmpty());
  const auto [count, first, last] = ErasedTotalOf(hr, "key-3");
  const std::string right = storage::EncodeKeyTotal({count, first, last});
  EXPECT_THAT(FoundWith(hr, ErasedTotalRow(hr, "key-3"),
                        storage::EncodeKeyTotal({count + 1, first, last}), right),
              HasSubstr(absl::StrCat(count + 1, " events of erased keys, and at most ", count)));
}

// What retention passed, and what was erased by offsets, may be of any key.
TEST_F(VerifyTest, FindsWhatCanBeToldOfErasedKeysInATopicThatRetentionCut) {
  const TopicPtr hr = MakeTopic("hr", {.retention_max_bytes = 30'000});
  Fill(hr, 0, 30);
  Erase({.topic = hr, .key = "key-3"});
  Erase({.topic = hr, .key = "key-4", .types = {"type.4"}});
  Erase({.topic = hr,
         .span = storage::ErasureRecord::Span{PartitionIndex(0), {Offset(60), Offset(70)}}});
  Fill(hr, 0, 30);
  EXPECT_THAT(Verify({hr}), IsEmpty());
  ASSERT_GT(Open(hr, 0)->ends().start, ErasedTotalOf(hr, "key-3").first);
  Erase({.topic = hr, .key = "key-3"});
  Erase({.topic = hr, .key = "key-6"});  // Most of it is passed.
  EXPECT_THAT(Verify({hr}), IsEmpty());
  const storage::KeyTotal total = ErasedTotalOf(hr, "key-3");
  EXPECT_EQ(
      FoundWith(hr, ErasedTotalRow(hr, "key-3"), std::nullopt, storage::EncodeKeyTotal(total)),
      absl::StrCat("topic hr partition 0: the index counts 0 erased events of the key with "
                   "digest ",
                   absl::BytesToHexString(harness_.store().DigestOf("key-3")), ", and at least ",
                   total.count, " are gone"));
}

TEST_F(VerifyTest, FindsPlacesOfErasedEventsThatAreNotTheirs) {
  const TopicPtr hr = MakeTopic("hr");
  Fill(hr, 0, 40);
  Erase({.topic = hr, .key = "key-3"});
  const LogId log_id = hr->log(PartitionIndex(0));
  const std::unique_ptr<storage::TermCursor> cursor = harness_.store().Terms(log_id);
  cursor->Seek(storage::TermKind::kErased, "", Offset(0));
  ASSERT_TRUE(cursor->Valid());
  const Offset until = cursor->until();
  const std::string row = storage::TermKey(log_id, storage::TermKind::kErased, "", until);
  const std::string right(cursor->row());
  std::string wrong;
  storage::PostingWriter(wrong, until).Add(Offset(0), Offset(1));
  for (const std::optional<std::string>& value : {std::optional(wrong), {}}) {
    EXPECT_EQ(FoundWith(hr, row, value, right),
              absl::StrCat("topic hr partition 0 offsets 0 to ", until.value() - 1,
                           ": the index of erased events says something else than the events"));
  }
  EXPECT_THAT(FoundWith(hr, row, "\xff", right), HasSubstr("the row of erased events"));
}

TEST_F(VerifyTest, FindsGroupsAndProducersBehindTheEnd) {
  const TopicPtr hr = MakeTopic("hr");
  Fill(hr, 0, 2);
  Commit([&](storage::WriteSet& set) {
    const LogId log_id = hr->log(PartitionIndex(0));
    set.PutGroup({.id = storage::GroupId(1), .name = "payroll"});
    set.PutOffset(storage::GroupId(1), log_id, Offset(7));
    set.Change({.key = storage::DeadLetterKey(storage::GroupId(1), log_id, Offset(6)),
                .value = storage::EncodeDeadLetter({.attempts = 1})});
    set.Change({.key = storage::WorkBlockKey(storage::GroupId(1), log_id, 0), .value = "rubbish"});
    set.PutProducer("inbox", 1,
                    {.topic = hr->id(),
                     .ranges = {{.partition = PartitionIndex(0), .first = Offset(5), .count = 2}}});
  });
  const std::vector<std::string> found = Verify({hr});
  ASSERT_THAT(found, SizeIs(4));
  EXPECT_EQ(found[0],
            "group payroll: topic hr partition 0 offsets 7 to 7: committed offset 7 is "
            "behind the partition's end");
  EXPECT_THAT(found[1], HasSubstr("work block"));
  EXPECT_THAT(found[2], HasSubstr("a dead letter is at offset 6, behind"));
  EXPECT_THAT(found[3], HasSubstr("producer inbox: names offset 6"));
}

}  // namespace
}  // namespace tidemark::log
