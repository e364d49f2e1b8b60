#include "server/log/event_cipher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/crc32c.h"
#include "server/log/wire.h"
#include "tests/support/files_with.h"
#include "tests/support/random.h"
#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using ::testing::IsEmpty;

// A log of which every topic is encrypted; nothing is read from memory.
class EventCipherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    harness_.emplace(testing::LogHarness::Options{.store = {.path = dir_.path()},
                                                  .log = {.pipeline = {.tail_bytes_max = 1}},
                                                  .encrypt = true});
    ASSERT_TRUE(harness_->Open().ok());
  }
  void Reopen() {
    harness_->Close();
    const absl::Status opened = harness_->Open();
    ASSERT_TRUE(opened.ok()) << opened;
  }
  static testing::TestEvent Event(const std::string& key, const std::string& data) {
    return {.id = absl::StrCat("id-", key), .key = key, .data = data};
  }
  std::vector<std::string> DataOf(const TopicPtr& topic) {
    return log::DataOf(*harness_, topic, 0);
  }
  std::vector<std::string> FilesWith(const std::string& needle) {
    return testing::FilesWith(dir_.path(), needle);
  }
  storage::BatchPtr Stored(const TopicPtr& topic, uint64_t offset) {
    const auto batches = harness_->store().ReadBatches(topic->log(PartitionIndex(0)),
                                                       Offset(offset), Offset(offset + 1), 1);
    EXPECT_TRUE(batches.ok()) << batches.status();
    return batches->front();
  }

  testing::TempDir dir_;
  std::optional<testing::LogHarness> harness_;
};

TEST_F(EventCipherTest, FilesNeverHoldTheData) {
  const auto topic = harness_->CreateTopic("hr");
  ASSERT_TRUE(topic.ok()) << topic.status();
  const std::string secret = "salary of ann is a secret";
  ASSERT_TRUE(
      harness_->Append(*topic, 0, {Event("ann", secret), Event("bob", "b"), Event("", "")}).ok());
  EXPECT_THAT(FilesWith(secret), IsEmpty());
  EXPECT_THAT(DataOf(*topic), ::testing::ElementsAre(secret, "b", ""));
  Reopen();
  EXPECT_THAT(FilesWith(secret), IsEmpty());
  EXPECT_THAT(DataOf(harness_->log().catalog().Find("hr")),
              ::testing::ElementsAre(secret, "b", ""));
}

TEST_F(EventCipherTest, WhatIsOpenedIsWhatWasSealedBitByBit) {
  const auto topic = harness_->CreateTopic("hr");
  ASSERT_TRUE(topic.ok()) << topic.status();
  testing::Random random(testing::SeedOr(1));
  const EventCipher& cipher = harness_->log().cipher();
  for (int round = 0; round < 50; ++round) {
    std::vector<EventCipher::Job> jobs;
    std::vector<std::string> batches;
    for (uint64_t b = 0; b < 3; ++b) {
      std::string events;
      for (uint64_t e = random.Below(20) + 1; e > 0; --e) {
        // Fields that a client may send in any order, unknown ones and empty data among them.
        std::string event;
        AppendBytesHeader(event, 2, 1);
        event += "t";
        if (random.Below(2) == 0) {
          AppendBytesHeader(event, 14, 44);
          event += std::string(44, 'x');
        }
        for (uint64_t d = random.Below(3); d > 0; --d) {
          const size_t size = random.Below(300);
          AppendBytesHeader(event, 7, size);
          event += std::string(size, static_cast<char>('a' + random.Below(26)));
        }
        const std::string key = absl::StrCat("k", random.Below(5));
        AppendBytesHeader(event, 4, key.size());
        event += key;
        AppendBytesHeader(events, 2, event.size());
        events += event;
      }
      batches.push_back(std::move(events));
    }
    for (uint64_t b = 0; b < batches.size(); ++b) {
      jobs.push_back({.topic = (*topic)->id(),
                      .log = LogId(9),
                      .base = Offset(1000 * b),
                      .events = batches[b],
                      .sealed = {}});
    }
    ASSERT_TRUE(cipher.Seal(jobs).ok());
    for (size_t b = 0; b < jobs.size(); ++b) {
      auto batch = std::make_shared<storage::StoredBatch>();
      uint32_t count = 0;
      WireReader reader(batches[b]);
      WireField entry;
      while (reader.Next(entry)) ++count;
      batch->header = {.log = LogId(9), .base_offset = jobs[b].base, .count = count};
      batch->header.encrypted = true;
      batch->events = jobs[b].sealed;
      const auto opened = cipher.Open(batch);
      ASSERT_TRUE(opened.ok()) << opened.status();
      EXPECT_EQ((*opened)->events, batches[b]);
      EXPECT_FALSE((*opened)->header.encrypted);
      EXPECT_EQ((*opened)->header.events_crc32c, base::Crc32c(batches[b]));
      // Elsewhere it cannot be opened, unless there is nothing to open in it.
      batch->header.base_offset = batch->header.base_offset + 1;
      const auto moved = cipher.Open(batch);
      if (moved.ok()) {
        EXPECT_EQ((*moved)->events, batches[b]);
      } else {
        EXPECT_TRUE(absl::IsDataLoss(moved.status())) << moved.status();
      }
    }
  }
}

// Else retention by bytes would count otherwise after a start.
TEST_F(EventCipherTest, CountsWhatIsStored) {
  const auto topic = harness_->CreateTopic("hr");
  ASSERT_TRUE(topic.ok()) << topic.status();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(harness_->Append(*topic, 0, {Event("ann", "0123456789"), Event("", "")}).ok());
  }
  const auto bytes = [&] {
    const TopicPtr now = harness_->log().catalog().Find("hr");
    return (*harness_->log().OpenPartition(*now, PartitionIndex(0)))->kept().end_bytes;
  };
  const uint64_t before = bytes();
  EXPECT_EQ(before, 3 * Stored(*topic, 0)->events.size());
  Reopen();
  EXPECT_EQ(bytes(), before);
}

TEST_F(EventCipherTest, EveryChangedBitIsSeen) {
  const auto topic = harness_->CreateTopic("hr");
  ASSERT_TRUE(topic.ok()) << topic.status();
  const EventCipher& cipher = harness_->log().cipher();
  std::string event;
  AppendBytesHeader(event, 2, 1);
  event += "t";
  AppendBytesHeader(event, 7, 20);
  event += std::string(20, 'd');
  const auto sealed = cipher.SealEvent((*topic)->id(), LogId(1), Offset(5), event);
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_EQ(*cipher.OpenEvent(LogId(1), Offset(5), *sealed), event);
  for (size_t i = 0; i < sealed->size(); ++i) {
    for (const char bit : {1, 64}) {
      std::string changed = *sealed;
      changed[i] = static_cast<char>(changed[i] ^ bit);
      const auto opened = cipher.OpenEvent(LogId(1), Offset(5), changed);
      // Types are not encrypted; a batch's checksum is what guards them.
      const bool of_type = i >= 46 && i < 49;
      EXPECT_TRUE(!opened.ok() || (of_type && *opened != event)) << i;
    }
  }
  EXPECT_FALSE(cipher.OpenEvent(LogId(1), Offset(6), *sealed).ok());
  EXPECT_FALSE(cipher.OpenEvent(LogId(2), Offset(5), *sealed).ok());
}

TEST_F(EventCipherTest, ATopicMayBeEncryptedFromSomeTimeOn) {
  harness_->options().encrypt = false;  // Of what CreateTopic makes.
  const auto plain = harness_->CreateTopic("hr");
  ASSERT_TRUE(plain.ok()) << plain.status();
  ASSERT_TRUE(harness_->Append(*plain, 0, {Event("ann", "plain data")}).ok());
  const auto set = [&](bool encrypt) {
    return Await<TopicPtr>([&](auto done) {
      harness_->log().UpdateTopic(
          "hr",
          [encrypt](storage::TopicConfig& config) {
            config.encrypt_by_key = encrypt;
            return absl::OkStatus();
          },
          std::move(done));
    });
  };
  ASSERT_TRUE(set(true).ok());
  ASSERT_TRUE(harness_->Append(*plain, 0, {Event("ann", "secret data")}).ok());
  ASSERT_TRUE(set(false).ok());
  ASSERT_TRUE(harness_->Append(*plain, 0, {Event("ann", "plain again")}).ok());
  EXPECT_THAT(DataOf(*plain), ::testing::ElementsAre("plain data", "secret data", "plain again"));
  EXPECT_FALSE(Stored(*plain, 0)->header.encrypted);
  EXPECT_TRUE(Stored(*plain, 1)->header.encrypted);
  EXPECT_THAT(FilesWith("secret data"), IsEmpty());
}

TEST_F(EventCipherTest, ErasingAKeyDestroysWhatItsDataIsEncryptedWith) {
  const auto topic = harness_->CreateTopic("hr");
  ASSERT_TRUE(topic.ok()) << topic.status();
  ASSERT_TRUE(harness_->Append(*topic, 0, {Event("ann", "a0"), Event("bob", "b0")}).ok());
  const auto before = harness_->vault().IdsOf({(*topic)->id(), "ann"});
  ASSERT_EQ(before->size(), 1);
  const auto erase = [&](std::vector<std::string> types) {
    return harness_->log().eraser().Erase(
        {.topic = *topic, .key = "ann", .types = std::move(types), .reason = "r", .actor = "a"});
  };
  ASSERT_TRUE(erase({"no.such.type"}).ok());  // Others of its events are left.
  EXPECT_EQ(harness_->vault().IdsOf({(*topic)->id(), "ann"})->size(), 1);
  const auto erased = erase({});
  ASSERT_TRUE(erased.ok()) << erased.status();
  // What comes at once has a key of its own.
  ASSERT_TRUE(harness_->Append(*topic, 0, {Event("ann", "a1")}).ok());
  harness_->log().eraser().WaitUntilIdle();
  EXPECT_TRUE(absl::IsNotFound(harness_->vault().Find(before->front()).status()));
  const auto after = harness_->vault().IdsOf({(*topic)->id(), "ann"});
  ASSERT_EQ(after->size(), 1);
  EXPECT_NE(after->front(), before->front());
  EXPECT_THAT(DataOf(*topic), ::testing::ElementsAre("-", "b0", "a1"));
  const auto record = harness_->log().eraser().List(0, 10);
  EXPECT_EQ(record->front().record.entity_keys, *before);
  Reopen();
  EXPECT_THAT(DataOf(harness_->log().catalog().Find("hr")),
              ::testing::ElementsAre("-", "b0", "a1"));
}

TEST_F(EventCipherTest, ErasesAKeyWhoseEventsAreGoneAlready) {
  const auto topic = harness_->CreateTopic("hr");
  ASSERT_TRUE(topic.ok()) << topic.status();
  ASSERT_TRUE(harness_->Append(*topic, 0, {Event("ann", "a0")}).ok());
  const storage::ErasureRecord::Span span{.partition = PartitionIndex(0),
                                          .offsets = {Offset(0), Offset(1)}};
  ASSERT_TRUE(harness_->log()
                  .eraser()
                  .Erase({.topic = *topic, .span = span, .reason = "r", .actor = "a"})
                  .ok());
  harness_->log().eraser().WaitUntilIdle();
  const auto ids = harness_->vault().IdsOf({(*topic)->id(), "ann"});
  ASSERT_EQ(ids->size(), 1);  // A backup may still have the event.
  const auto erased =
      harness_->log().eraser().Erase({.topic = *topic, .key = "ann", .reason = "r", .actor = "a"});
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_TRUE(erased->id.has_value());
  harness_->log().eraser().WaitUntilIdle();
  EXPECT_TRUE(absl::IsNotFound(harness_->vault().Find(ids->front()).status()));
}

TEST_F(EventCipherTest, AStoreWithoutItsKeysDoesNotOpen) {
  const auto topic = harness_->CreateTopic("hr");
  ASSERT_TRUE(topic.ok()) << topic.status();
  harness_->Close();
  auto store = storage::Store::Open({.path = dir_.path()});
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(storage::OpenVault(**store, dir_.path(), "").status()));
  const std::string vault = storage::KeyVault::PathIn(dir_.path());
  std::filesystem::rename(vault, vault + ".away");
  EXPECT_TRUE(absl::IsFailedPrecondition(
      storage::OpenVault(**store, dir_.path(), harness_->master_key_file()).status()));
  EXPECT_FALSE(std::filesystem::exists(vault));
}

}  // namespace
}  // namespace tidemark::log
