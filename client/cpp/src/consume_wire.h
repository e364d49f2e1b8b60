// What goes over a Consume stream: the Join, and what a ConsumeResponse holds: deliveries as they
// travelled, or a note.
//
// Threads. Pure functions.
#ifndef TIDEMARK_CLIENT_SRC_CONSUME_WIRE_H_
#define TIDEMARK_CLIENT_SRC_CONSUME_WIRE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/src/batch.h"
#include "client/cpp/src/convert.h"
#include "grpcpp/support/slice.h"
#include "tidemark/client.h"
#include "tidemark/v1/consumer_groups.pb.h"

namespace tidemark::internal {

inline constexpr char kConsumeMethod[] = "/tidemark.v1.ConsumerGroups/Consume";

struct ConsumeMessage {
  std::vector<std::shared_ptr<BatchData>> deliveries;  // Those before a damaged one.
  std::optional<v1::ConsumeResponse> note;             // Without deliveries.
  absl::Status damage;                                 // DATA_LOSS: a delivery is damaged.
};

// What ConsumerOptions and MemberOptions say alike.
template <typename Options>
void FillJoin(const Client& client, const Options& options, v1::Join& join) {
  join.set_group(options.group);
  for (const std::string& topic : options.topics) join.add_topics(topic);
  if (!options.filter.empty()) ToProto(options.filter, join.mutable_filter());
  ToProto(options.start, join.mutable_start());
  join.set_mode(static_cast<v1::GroupMode>(options.mode));
  join.set_client_name(options.client_name.empty() ? client.options().client_name
                                                   : options.client_name);
}

// DATA_LOSS  the bytes are no ConsumeResponse.
absl::StatusOr<ConsumeMessage> ParseConsumeMessage(const grpc::Slice& message);

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_CONSUME_WIRE_H_
