// What a ConsumeResponse holds: deliveries as they travelled, or a note.
//
// Threads. Pure functions.
#ifndef TIDEMARK_CLIENT_SRC_CONSUME_WIRE_H_
#define TIDEMARK_CLIENT_SRC_CONSUME_WIRE_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/src/batch.h"
#include "grpcpp/support/slice.h"
#include "tidemark/v1/consumer_groups.pb.h"

namespace tidemark::internal {

inline constexpr char kConsumeMethod[] = "/tidemark.v1.ConsumerGroups/Consume";

struct ConsumeMessage {
  std::vector<std::shared_ptr<BatchData>> deliveries;  // Those before a damaged one.
  std::optional<v1::ConsumeResponse> note;             // Without deliveries.
  absl::Status damage;                                 // DATA_LOSS: a delivery is damaged.
};

// DATA_LOSS  the bytes are no ConsumeResponse.
absl::StatusOr<ConsumeMessage> ParseConsumeMessage(const grpc::Slice& message);

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_CONSUME_WIRE_H_
