// NoopServer: the calls of the event store with nothing behind them: what gRPC alone costs.
//
// Terms.     Append            answers at once, looks at nothing.
//            AppendStream      decodes each request (Protobuf, arena) and answers it.
//            Read              sends ReadRequest.max_events messages, each a valid batch of about
//                              max_batch_bytes, the same bytes each time.
//            The answers are as large as the real ones. Arguments of server and sockets are those
//            of the real server: raw methods, one asynchronous completion queue a thread.
#ifndef TIDEMARK_BENCH_BASELINE_NOOP_SERVER_H_
#define TIDEMARK_BENCH_BASELINE_NOOP_SERVER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace tidemark::bench {

// Serves on a free port of 127.0.0.1, writes {"grpc":PORT} to `ports_file` when it is ready, and
// returns after SIGTERM or SIGINT.
absl::Status RunNoopServer(const std::string& ports_file, uint32_t threads);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_BASELINE_NOOP_SERVER_H_
