// A log with a topic, and a session's items as plain values.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/delivery/read_session.h"
#include "tests/support/events.h"
#include "tests/support/log_harness.h"
#include "tests/support/temp_dir.h"

namespace tidemark::delivery {

using ::tidemark::testing::TestEvent;

class SessionTest : public ::testing::Test {
 protected:
  using Kind = ReadSession::Item::Kind;

  void SetUp() override {
    options_.store.path = dir_.path();
    harness_ = std::make_unique<::tidemark::testing::LogHarness>(options_);
    ASSERT_TRUE(harness_->Open().ok());
  }

  log::TopicPtr MakeTopic(uint32_t partitions) {
    absl::StatusOr<log::TopicPtr> topic = harness_->CreateTopic("hr", {.partitions = partitions});
    EXPECT_TRUE(topic.ok()) << topic.status();
    return *topic;
  }

  // One event, in a batch of its own.
  void Append(const log::TopicPtr& topic, uint32_t partition, std::string id,
              std::string type = "employee.created", std::string key = "") {
    TestEvent event;
    event.id = std::move(id);
    event.type = std::move(type);
    event.key = std::move(key);
    event.data = "some data";
    ASSERT_TRUE(harness_->Append(topic, partition, {event}).ok());
  }

  std::unique_ptr<ReadSession> Open(ReadSpec spec) {
    absl::StatusOr<std::unique_ptr<ReadSession>> session =
        ReadSession::Open(harness_->log(), std::move(spec), [this] { ++wakes_; });
    EXPECT_TRUE(session.ok()) << session.status();
    return session.ok() ? *std::move(session) : nullptr;
  }
  absl::Status OpenStatus(ReadSpec spec) {
    return ReadSession::Open(harness_->log(), std::move(spec), [] {}).status();
  }

  ReadSession::Item Next(ReadSession& session) {
    absl::StatusOr<ReadSession::Item> item = session.Next(log::MayWait::kYes);
    EXPECT_TRUE(item.ok()) << item.status();
    return item.ok() ? *std::move(item) : ReadSession::Item{.kind = Kind::kEnd};
  }

  static std::vector<TestEvent> EventsIn(const log::EventSlice& slice) {
    std::string bytes;
    for (const absl::string_view piece : slice.pieces) bytes.append(piece.data(), piece.size());
    auto events = ::tidemark::testing::DecodeEvents(bytes);
    EXPECT_TRUE(events.has_value());
    return events.value_or(std::vector<TestEvent>());
  }

  // "partition/offset/id" of everything up to the first item of kind `until`.
  std::vector<std::string> Drain(ReadSession& session, Kind until) {
    std::vector<std::string> seen;
    while (true) {
      const ReadSession::Item item = Next(session);
      if (item.kind == until || item.kind == Kind::kEnd) return seen;
      if (item.kind != Kind::kBatch) continue;
      const std::vector<TestEvent> events = EventsIn(item.slice);
      for (size_t i = 0; i < events.size(); ++i) {
        seen.push_back(absl::StrCat(item.partition.value(), "/",
                                    item.slice.OffsetAt(static_cast<uint32_t>(i)).value(), "/",
                                    events[i].id));
      }
    }
  }
  std::vector<std::string> ReadAll(ReadSpec spec) {
    const std::unique_ptr<ReadSession> session = Open(std::move(spec));
    return session == nullptr ? std::vector<std::string>() : Drain(*session, Kind::kEnd);
  }

  ::tidemark::testing::TempDir dir_;
  ::tidemark::testing::LogHarness::Options options_;
  std::unique_ptr<::tidemark::testing::LogHarness> harness_;
  int wakes_ = 0;
};

}  // namespace tidemark::delivery
