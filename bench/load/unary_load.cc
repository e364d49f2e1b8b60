#include "bench/load/unary_load.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <optional>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/load/connection.h"
#include "bench/measure/clock.h"

namespace tidemark::bench {
namespace {

struct Caller {
  grpc::GenericStub* stub = nullptr;
  // Neither can be used twice, so each call makes them anew.
  std::optional<grpc::ClientContext> context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> call;
  grpc::ByteBuffer response;
  grpc::Status status;
  int64_t sent_ns = 0;
  uint64_t bytes = 0;
};

class UnaryRun {
 public:
  UnaryRun(const UnaryLoad& load, const EventPool& pool)
      : load_(load),
        pool_(pool),
        framers_(TopicFramers(load.topic, load.topics)),
        send_until_ns_(NowNs() + SecondsToNs(load.warmup_seconds + load.seconds)),
        callers_(load.callers),
        recorder_(NowNs() + SecondsToNs(load.warmup_seconds)) {
    for (uint32_t i = 0; i < load.connections; ++i) {
      stubs_.push_back(std::make_unique<grpc::GenericStub>(NewConnection(load.address)));
    }
    for (uint32_t i = 0; i < load.callers; ++i) {
      callers_[i].stub = stubs_[i % load.connections].get();
    }
  }

  absl::StatusOr<Recorder> Run();

 private:
  void Call(Caller& caller);
  void OnCompletion(const Caller& caller);

  const UnaryLoad& load_;
  const EventPool& pool_;
  const std::vector<AppendFramer> framers_;
  const int64_t send_until_ns_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<Caller> callers_;
  uint64_t next_entry_ = 0;
  absl::Status failure_;
  Recorder recorder_;
};

void UnaryRun::Call(Caller& caller) {
  if (load_.idle_seconds > 0) absl::SleepFor(absl::Seconds(load_.idle_seconds));
  const AppendFramer& framer = framers_[next_entry_ % framers_.size()];
  const grpc::Slice& events = pool_.Entry(next_entry_++);
  const grpc::ByteBuffer request = framer.Frame(events, std::nullopt, "", 0);
  caller.bytes = events.size();
  caller.sent_ns = NowNs();
  caller.context.emplace();
  caller.call = caller.stub->PrepareUnaryCall(&*caller.context, kAppendMethod, request, &queue_);
  caller.call->StartCall();
  caller.call->Finish(&caller.response, &caller.status, &caller);
}

void UnaryRun::OnCompletion(const Caller& caller) {
  const int64_t now = NowNs();
  if (!caller.status.ok()) {
    if (failure_.ok()) failure_ = FromGrpc(caller.status, "Append");
    return;
  }
  recorder_.Complete(now, now - caller.sent_ns, 1, caller.bytes);
}

absl::StatusOr<Recorder> UnaryRun::Run() {
  for (Caller& caller : callers_) Call(caller);
  size_t active = callers_.size();
  void* tag = nullptr;
  bool ok = false;
  while (active > 0 && queue_.Next(&tag, &ok)) {
    Caller& caller = *static_cast<Caller*>(tag);
    OnCompletion(caller);
    if (failure_.ok() && NowNs() < send_until_ns_) {
      Call(caller);
    } else {
      --active;
    }
  }
  queue_.Shutdown();
  while (queue_.Next(&tag, &ok)) {
  }
  if (!failure_.ok()) return failure_;
  return recorder_;
}

}  // namespace

absl::StatusOr<Recorder> RunUnaryLoad(const UnaryLoad& load, const EventPool& pool) {
  if (load.callers == 0 || load.connections == 0) {
    return absl::InvalidArgumentError("callers and connections must be at least 1");
  }
  if (load.idle_seconds > 0 && load.callers != 1) {
    return absl::InvalidArgumentError("idle calls need exactly one caller");
  }
  if (pool.batch_events() != 1) return absl::InvalidArgumentError("a unary call has one event");
  return UnaryRun(load, pool).Run();
}

}  // namespace tidemark::bench
