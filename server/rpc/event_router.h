// EventRouter: the events of a request on their way into parts, one for each partition.
//
// Threads.  One at a time.
// Lifetime. The topics and the events' bytes outlive the parts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/log/append_request.h"
#include "server/rpc/limits.h"
#include "server/rpc/request_bytes.h"

namespace tidemark::rpc {

// An entry of `events`, checked.
struct CheckedEvent {
  absl::string_view entry;  // With tag and length.
  absl::string_view event;
  log::EventView view;
  std::shared_ptr<const std::string> buffer;  // Of a large event that has one.
  const CutEvent* cut = nullptr;  // It lies across pieces: no entry, and the event is without data.
};

// Sorts events of one topic into their partitions.
class EventRouter {
 public:
  // `spread` chooses the partition of events without a key.
  EventRouter(log::TopicPtr topic, uint32_t spread);

  // `fixed`: the partition, whatever the key.
  void Add(CheckedEvent& checked, std::optional<uint32_t> fixed);
  // By partition.
  std::vector<log::PartitionEvents> Take();
  const log::TopicPtr& topic() const { return topic_; }

 private:
  log::PartitionEvents& PartOf(uint32_t partition);

  const log::TopicPtr topic_;
  const uint32_t partitions_;
  const bool index_keys_;
  const uint32_t keyless_;
  std::vector<log::PartitionEvents> parts_;
  absl::InlinedVector<int32_t, 64> index_;  // From partition to place in parts_.
};

// For a producer's request: what a retry must repeat, whatever the order in which a client's
// encoder wrote fields and map entries, and however the request was cut on its way: per event the
// sum of its fields' checksums.
uint32_t ExtendFingerprint(uint32_t fingerprint, const CheckedEvent& checked);

// The `producer` field, encoded.
// INVALID_ARGUMENT  malformed, not a name, or over a limit.
absl::StatusOr<log::ProducerSequence> DecodeProducer(absl::string_view bytes,
                                                     const RpcLimits& limits);

}  // namespace tidemark::rpc
