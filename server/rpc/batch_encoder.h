// Putting the small header of the wire in front of stored bytes.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "server/log/batch_cut.h"

namespace tidemark::rpc {

// A ReadResponse with the batch. The events are referred to, not copied.
grpc::ByteBuffer EncodeReadBatch(const log::EventSlice& slice, const std::string& topic,
                                 PartitionIndex partition);
// A ConsumeResponse with a Delivery of the batch.
grpc::ByteBuffer EncodeDelivery(const log::EventSlice& slice, const std::string& topic,
                                PartitionIndex partition);

}  // namespace tidemark::rpc
