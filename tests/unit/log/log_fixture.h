// What the tests of log/ with a store share.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "server/base/error.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/log_harness.h"
#include "tests/support/temp_dir.h"

namespace tidemark::log {

// The outcome of a call that answers later.
template <typename T>
class Pending {
 public:
  absl::AnyInvocable<void(T) &&> callback() {
    return [state = state_](T value) {
      state->value = std::move(value);
      state->done.Notify();
    };
  }
  // Waits.
  const T& value() const {
    state_->done.WaitForNotification();
    return *state_->value;
  }

 private:
  struct State {
    absl::Notification done;
    std::optional<T> value;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};
using PendingAppend = Pending<absl::StatusOr<AppendResult>>;
using PendingDone = Pending<absl::Status>;

// `count` events of `bytes` bytes of data, ids "<name>0", "<name>1", ...
inline std::vector<testing::TestEvent> MakeEvents(absl::string_view name, int count,
                                                  size_t bytes = 10) {
  std::vector<testing::TestEvent> events;
  for (int i = 0; i < count; ++i) {
    events.push_back({.id = absl::StrCat(name, i), .data = std::string(bytes, 'x')});
  }
  return events;
}

inline std::vector<std::string> IdsOf(const absl::StatusOr<std::vector<testing::ReadEvent>>& read) {
  EXPECT_TRUE(read.ok()) << read.status();
  std::vector<std::string> ids;
  if (!read.ok()) return ids;
  for (const testing::ReadEvent& event : *read) ids.push_back(event.event.id);
  return ids;
}

// Data of each event of a partition; "-" where it is gone.
inline std::vector<std::string> DataOf(testing::LogHarness& harness, const TopicPtr& topic,
                                       uint32_t partition) {
  const auto read = harness.ReadAll(*topic, partition);
  EXPECT_TRUE(read.ok()) << read.status();
  std::vector<std::string> data;
  if (!read.ok()) return data;
  for (const testing::ReadEvent& event : *read) {
    data.push_back(event.event.type.empty() ? "-" : event.event.data);
  }
  return data;
}

inline std::string ReasonOf(const absl::Status& status) {
  const auto detail = DetailOf(status);
  return detail.has_value() ? detail->reason : absl::StrCat("no detail: ", status.ToString());
}

// A log in a directory of its own, on a disk that can fail.
class LogFixture : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    const absl::Status opened = harness_.Open();
    ASSERT_TRUE(opened.ok()) << opened;
  }
  void Reopen() {
    harness_.Close();
    Open();
  }
  TopicPtr MakeTopic(const std::string& name, storage::TopicConfig config = {}) {
    absl::StatusOr<TopicPtr> topic = harness_.CreateTopic(name, std::move(config));
    EXPECT_TRUE(topic.ok()) << topic.status();
    return topic.ok() ? *topic : nullptr;
  }
  PendingAppend Start(AppendRequest request) {
    PendingAppend pending;
    harness_.log().Append(std::move(request), pending.callback());
    return pending;
  }
  PartitionPtr Open(const TopicPtr& topic, uint32_t partition) {
    absl::StatusOr<PartitionPtr> opened =
        harness_.log().OpenPartition(*topic, PartitionIndex(partition));
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *opened : nullptr;
  }
  Offset EndOf(const TopicPtr& topic, uint32_t partition) {
    return Open(topic, partition)->ends().end;
  }
  std::vector<std::string> DataOf(const TopicPtr& topic, uint32_t partition = 0) {
    return log::DataOf(harness_, topic, partition);
  }
  PipelineOptions& pipeline_options() { return harness_.options().log.pipeline; }
  EventLog& log() { return harness_.log(); }

  testing::TempDir dir_;
  testing::CrashFileSystem disk_{dir_.path()};
  testing::LogHarness harness_{{.store = {.path = dir_.path(), .env = disk_.env()}}};
};

}  // namespace tidemark::log
