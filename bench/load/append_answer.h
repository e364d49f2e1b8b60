// What an answer on AppendStream says, found without decoding all of it.
#ifndef TIDEMARK_BENCH_LOAD_APPEND_ANSWER_H_
#define TIDEMARK_BENCH_LOAD_APPEND_ANSWER_H_

#include <grpcpp/support/byte_buffer.h>

#include "absl/status/status.h"

namespace tidemark::bench {

// True if the answer is `appended` and says that it was synced. Decodes all of it.
bool IsSynced(const grpc::ByteBuffer& answer);

// OK if the answer is `appended`; else its error, or INTERNAL if it is neither.
absl::Status OutcomeOf(const grpc::ByteBuffer& answer);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_APPEND_ANSWER_H_
