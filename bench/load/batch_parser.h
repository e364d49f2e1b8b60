// BatchParser: decodes read answers as a C++ client would, and checks what it sees.
//
// Invariant. Within a partition every event's offset is the previous one's plus one; the first
//            seen may be any.
#ifndef TIDEMARK_BENCH_LOAD_BATCH_PARSER_H_
#define TIDEMARK_BENCH_LOAD_BATCH_PARSER_H_

#include <google/protobuf/arena.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::bench {

class BatchParser {
 public:
  // `check_offsets` false: for a sender that repeats one message.
  explicit BatchParser(bool check_offsets);

  // Decodes one message, calls `on_event` for each event in it and returns how many there were.
  // `message` is left empty. After a failure (status()) further messages are ignored.
  uint64_t Parse(grpc::ByteBuffer& message, absl::FunctionRef<void(const v1::Event&)> on_event);

  // INTERNAL: a message that is not a ReadResponse, or offsets that are not dense.
  const absl::Status& status() const { return status_; }
  bool caught_up() const { return caught_up_; }

 private:
  void CheckOffsets(const v1::EventBatch& batch);

  const bool check_offsets_;
  absl::Status status_;
  bool caught_up_ = false;
  absl::flat_hash_map<uint32_t, uint64_t> next_offset_;
  std::vector<char> first_block_;
  google::protobuf::Arena arena_;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_BATCH_PARSER_H_
