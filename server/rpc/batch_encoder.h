// Putting the small header of the wire in front of stored bytes.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <string>
#include <vector>

#include "server/log/batch_cut.h"

namespace tidemark::rpc {

// A ReadResponse with the batch. The events are referred to, not copied, unless they are small and
// scattered.
grpc::ByteBuffer EncodeReadBatch(const log::EventSlice& slice, const std::string& topic,
                                 PartitionIndex partition);

// A ConsumeResponse with deliveries of batches: `delivery`, then `more_deliveries`.
//
// Threads. One at a time.
class DeliveryMessage {
 public:
  // `attempts`: of each event; empty: 1 each.
  void Add(const log::EventSlice& slice, const std::string& topic, PartitionIndex partition,
           const std::vector<uint32_t>& attempts = {});
  uint32_t deliveries() const { return deliveries_; }
  // Of all events, as credits count them.
  uint64_t events() const { return events_; }
  uint64_t bytes() const { return bytes_; }
  grpc::ByteBuffer Take();

 private:
  std::vector<grpc::Slice> slices_;
  uint32_t deliveries_ = 0;
  uint64_t events_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace tidemark::rpc
