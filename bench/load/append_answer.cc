#include "bench/load/append_answer.h"

#include <grpcpp/support/slice.h>

#include "tidemark/v1/event_store.pb.h"

namespace tidemark::bench {
namespace {

// Tag of AppendStreamResponse.appended: field 1, length-delimited.
constexpr uint8_t kAppendedTag = (1 << 3) | 2;

}  // namespace

bool IsSynced(const grpc::ByteBuffer& answer) {
  grpc::Slice bytes;
  v1::AppendStreamResponse response;
  return answer.DumpToSingleSlice(&bytes).ok() &&
         response.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size())) &&
         response.appended().durability() == v1::DURABILITY_SYNCED;
}

absl::Status OutcomeOf(const grpc::ByteBuffer& answer) {
  grpc::Slice bytes;
  if (!answer.DumpToSingleSlice(&bytes).ok()) return absl::InternalError("unreadable answer");
  if (bytes.size() > 0 && *bytes.begin() == kAppendedTag) return absl::OkStatus();
  v1::AppendStreamResponse response;
  if (!response.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size())) ||
      !response.has_error() || response.error().code() == 0) {
    return absl::InternalError("an answer is neither appended nor an error");
  }
  return absl::Status(static_cast<absl::StatusCode>(response.error().code()),
                      response.error().message());
}

}  // namespace tidemark::bench
