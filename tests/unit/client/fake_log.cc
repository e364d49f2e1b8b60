#include "tests/unit/client/fake_log.h"

#include "absl/strings/str_cat.h"
#include "client/cpp/src/status_codec.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tidemark/partitioner.h"

namespace tidemark::testing {

absl::Status MakeError(absl::StatusCode code, const std::string& reason,
                       const std::vector<std::string>& fields,
                       std::optional<absl::Duration> retry_delay) {
  google::rpc::Status status;
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("tidemark.dev");
  (*info.mutable_metadata())["topic"] = kTopic;
  status.add_details()->PackFrom(info);
  google::rpc::BadRequest bad_request;
  for (const std::string& field : fields) {
    auto* violation = bad_request.add_field_violations();
    violation->set_field(field);
    violation->set_description("is refused");
  }
  if (!fields.empty()) status.add_details()->PackFrom(bad_request);
  if (retry_delay) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(*retry_delay)));
    status.add_details()->PackFrom(retry);
  }
  return internal::MakeStatus(static_cast<int>(code), absl::StrCat("fake: ", reason),
                              status.SerializeAsString());
}

absl::StatusOr<v1::AppendResponse> FakeLog::Append(const v1::AppendRequest& request) {
  absl::MutexLock lock(&mu_);
  if (request.topic() != kTopic) return MakeError(absl::StatusCode::kNotFound, "TOPIC_NOT_FOUND");
  std::vector<std::string> refused;
  for (int i = 0; i < request.events_size(); ++i) {
    if (request.events(i).type() == kRefusedType)
      refused.push_back(absl::StrCat("events[", i, "].type"));
  }
  if (!refused.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID", refused);
  }
  Answers& answers = producers_[request.producer().id()];
  const uint64_t sequence = request.producer().sequence();
  if (request.has_producer() && !answers.empty()) {
    if (const auto it = answers.find(sequence); it != answers.end()) {
      v1::AppendResponse first = it->second;
      first.set_duplicate(true);
      return first;
    }
    if (sequence != answers.rbegin()->first + 1) {
      return MakeError(absl::StatusCode::kAborted, "PRODUCER_SEQUENCE_GAP");
    }
  }
  std::map<uint32_t, v1::OffsetRange> ranges;
  const auto spread = static_cast<uint32_t>(position_ % partitions_.size());
  for (const v1::Event& event : request.events()) {
    const uint32_t p = request.has_partition() ? request.partition()
                       : event.key().empty()
                           ? spread
                           : PartitionOf(event.key(), static_cast<uint32_t>(partitions_.size()));
    v1::OffsetRange& range = ranges[p];
    if (range.count() == 0) range.set_first_offset(partitions_[p].size());
    range.set_count(range.count() + 1);
    partitions_[p].push_back(event);
  }
  v1::AppendResponse response;
  for (auto& [p, range] : ranges) {
    range.set_topic(kTopic);
    range.set_partition(p);
    *response.add_ranges() = range;
  }
  response.set_position(++position_);
  response.mutable_append_time()->set_seconds(1'700'000'000);
  response.set_durability(v1::DURABILITY_SYNCED);
  if (request.has_producer()) answers[sequence] = response;
  return response;
}

uint64_t FakeLog::topic_id() const {
  absl::MutexLock lock(&mu_);
  return topic_id_;
}

void FakeLog::RecreateTopic() {
  absl::MutexLock lock(&mu_);
  ++topic_id_;
}

std::vector<v1::Event> FakeLog::Events(uint32_t partition) const {
  absl::MutexLock lock(&mu_);
  return partitions_[partition];
}

std::vector<std::string> FakeLog::AllData() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::string> data;
  for (const auto& events : partitions_) {
    for (const v1::Event& event : events) data.push_back(event.data());
  }
  return data;
}

uint64_t FakeLog::EndOffset(uint32_t partition) const {
  absl::MutexLock lock(&mu_);
  return partitions_[partition].size();
}

std::map<uint32_t, uint64_t> FakeLog::EndOffsets() const {
  std::map<uint32_t, uint64_t> ends;
  for (uint32_t p = 0; p < partitions(); ++p) ends[p] = EndOffset(p);
  return ends;
}

std::optional<uint64_t> FakeLog::LastSequence(const std::string& producer_id) const {
  absl::MutexLock lock(&mu_);
  const auto it = producers_.find(producer_id);
  if (it == producers_.end() || it->second.empty()) return std::nullopt;
  return it->second.rbegin()->first;
}

void FakeLog::SetLastSequence(const std::string& producer_id, uint64_t sequence) {
  absl::MutexLock lock(&mu_);
  producers_[producer_id][sequence];
}

std::vector<std::string> FakeLog::ProducerIds() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::string> ids;
  for (const auto& [id, answers] : producers_) {
    if (!answers.empty()) ids.push_back(id);
  }
  return ids;
}

void FakeLog::AwaitMoreThan(const std::map<uint32_t, uint64_t>& ends,
                            const std::function<bool()>& give_up) const {
  const auto has_more = [&] {
    mu_.AssertHeld();
    for (uint32_t p = 0; p < partitions_.size(); ++p) {
      const auto it = ends.find(p);
      if (partitions_[p].size() > (it == ends.end() ? 0 : it->second)) return true;
    }
    return false;
  };
  absl::MutexLock lock(&mu_);
  while (!give_up() && !mu_.AwaitWithTimeout(absl::Condition(&has_more), absl::Milliseconds(20))) {
  }
}

}  // namespace tidemark::testing
