// FakeLog: the events of one topic, "hr", in memory, under the rules that a client depends on:
// routing by key, dense offsets, producer sequences, refusals by event.
//
// Threads. Safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::testing {

constexpr char kTopic[] = "hr";
// The server refuses events of this type, and names them.
constexpr char kRefusedType[] = "refused";

class FakeLog {
 public:
  explicit FakeLog(uint32_t partitions) : partition_count_(partitions), partitions_(partitions) {}

  // As EventStore.Append.
  absl::StatusOr<v1::AppendResponse> Append(const v1::AppendRequest& request);

  uint32_t partitions() const { return partition_count_; }
  uint64_t topic_id() const;
  void RecreateTopic();
  std::vector<v1::Event> Events(uint32_t partition) const;
  // The `data` of every event, partition after partition.
  std::vector<std::string> AllData() const;
  uint64_t EndOffset(uint32_t partition) const;
  std::map<uint32_t, uint64_t> EndOffsets() const;
  std::optional<uint64_t> LastSequence(const std::string& producer_id) const;
  void SetLastSequence(const std::string& producer_id, uint64_t sequence);
  std::vector<std::string> ProducerIds() const;
  // Waits until some partition ends beyond `ends`, or `give_up` says true.
  void AwaitMoreThan(const std::map<uint32_t, uint64_t>& ends,
                     const std::function<bool()>& give_up) const;

 private:
  using Answers = std::map<uint64_t, v1::AppendResponse>;  // By sequence.

  const uint32_t partition_count_;
  mutable absl::Mutex mu_;
  std::vector<std::vector<v1::Event>> partitions_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Answers> producers_ ABSL_GUARDED_BY(mu_);
  uint64_t position_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t topic_id_ ABSL_GUARDED_BY(mu_) = 1;
};

// An error as the server makes it: ErrorInfo, and BadRequest with these paths.
absl::Status MakeError(absl::StatusCode code, const std::string& reason,
                       const std::vector<std::string>& fields = {},
                       std::optional<absl::Duration> retry_delay = std::nullopt);

}  // namespace tidemark::testing
