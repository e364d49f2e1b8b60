// Putting the small header of the wire in front of stored bytes.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <vector>

#include "server/log/batch_cut.h"

namespace tidemark::rpc {

// A ReadResponse with the batch. The events are referred to, not copied.
grpc::ByteBuffer EncodeReadBatch(const log::EventSlice& slice, const std::string& topic,
                                 PartitionIndex partition);
// A ConsumeResponse with a Delivery of the batch. `attempts`: of each event; empty: 1 each.
grpc::ByteBuffer EncodeDelivery(const log::EventSlice& slice, const std::string& topic,
                                PartitionIndex partition,
                                const std::vector<uint32_t>& attempts = {});

}  // namespace tidemark::rpc
