// The calls of NoopServer: one small state machine each, which deletes itself when it is over.
//
// Threads.   A call lives on the completion queue that it was made for; one thread drives it.
#ifndef TIDEMARK_BENCH_BASELINE_NOOP_CALLS_H_
#define TIDEMARK_BENCH_BASELINE_NOOP_CALLS_H_

#include <grpcpp/completion_queue.h>

#include "tidemark/v1/event_store.grpc.pb.h"

namespace tidemark::bench {

// Raw where the no-op calls are; the others are never asked for.
using NoopService = v1::EventStore::WithRawMethod_Append<
    v1::EventStore::WithRawMethod_AppendStream<v1::EventStore::WithRawMethod_Read<
        v1::EventStore::WithAsyncMethod_Transact<v1::EventStore::WithAsyncMethod_Subscribe<
            v1::EventStore::WithAsyncMethod_GetProducer<v1::EventStore::Service>>>>>>;

// What a completion queue returns as its tag.
class Completion {
 public:
  virtual ~Completion() = default;
  virtual void Complete(bool ok) = 0;
};

// Each accepts one call, which on its arrival accepts the next.
void AcceptAppend(NoopService& service, grpc::ServerCompletionQueue& queue);
void AcceptAppendStream(NoopService& service, grpc::ServerCompletionQueue& queue);
void AcceptRead(NoopService& service, grpc::ServerCompletionQueue& queue);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_BASELINE_NOOP_CALLS_H_
