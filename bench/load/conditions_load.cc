#include "bench/load/conditions_load.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/load/connection.h"
#include "bench/measure/clock.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::bench {
namespace {

struct Caller {
  grpc::GenericStub* stub = nullptr;
  v1::AppendRequest request;
  uint64_t calls = 0;
  std::optional<grpc::ClientContext> context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> call;
  grpc::ByteBuffer response;
  grpc::Status status;
  int64_t sent_ns = 0;
};

class ConditionsRun {
 public:
  explicit ConditionsRun(const ConditionsLoad& load)
      : load_(load),
        send_until_ns_(NowNs() + SecondsToNs(load.warmup_seconds + load.seconds)),
        callers_(load.callers),
        recorder_(NowNs() + SecondsToNs(load.warmup_seconds)) {
    for (uint32_t i = 0; i < load.connections; ++i) {
      stubs_.push_back(std::make_unique<grpc::GenericStub>(NewConnection(load.address)));
    }
    for (uint32_t i = 0; i < load.callers; ++i) {
      Caller& caller = callers_[i];
      caller.stub = stubs_[i % load.connections].get();
      caller.request.set_topic(load.topic);
      caller.request.add_events()->set_type("counter.raised");
      caller.request.mutable_events(0)->set_data(std::string(load.data_bytes, 'x'));
      if (load.kind != ConditionKind::kNone) caller.request.add_conditions();
    }
  }

  absl::StatusOr<Recorder> Run() {
    for (size_t i = 0; i < callers_.size(); ++i) Call(i);
    size_t active = callers_.size();
    void* tag = nullptr;
    bool ok = false;
    while (active > 0 && queue_.Next(&tag, &ok)) {
      const size_t i = reinterpret_cast<size_t>(tag);
      OnCompletion(callers_[i]);
      if (failure_.ok() && NowNs() < send_until_ns_) {
        Call(i);
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

 private:
  void Call(size_t i) {
    Caller& caller = callers_[i];
    const std::string key = load_.kind == ConditionKind::kNewKey
                                ? absl::StrCat("name-", i, "-", caller.calls)
                                : absl::StrCat("entity-", i);
    caller.request.mutable_events(0)->set_key(key);
    if (load_.kind != ConditionKind::kNone) {
      v1::Condition& condition = *caller.request.mutable_conditions(0);
      condition.set_key(key);
      if (load_.kind == ConditionKind::kNewKey || caller.calls == 0) {
        condition.mutable_absent();
      } else {
        condition.mutable_revision()->set_revision(caller.calls - 1);
      }
    }
    ++caller.calls;
    const grpc::ByteBuffer request = ToByteBuffer(caller.request.SerializeAsString());
    caller.sent_ns = NowNs();
    caller.context.emplace();
    caller.call = caller.stub->PrepareUnaryCall(&*caller.context, kAppendMethod, request, &queue_);
    caller.call->StartCall();
    caller.call->Finish(&caller.response, &caller.status, reinterpret_cast<void*>(i));
  }

  void OnCompletion(const Caller& caller) {
    const int64_t now = NowNs();
    if (!caller.status.ok()) {
      if (failure_.ok()) failure_ = FromGrpc(caller.status, "Append");
      return;
    }
    recorder_.Complete(now, now - caller.sent_ns, 1, caller.request.events(0).ByteSizeLong());
  }

  const ConditionsLoad& load_;
  const int64_t send_until_ns_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<Caller> callers_;
  absl::Status failure_;
  Recorder recorder_;
};

}  // namespace

absl::StatusOr<Recorder> RunConditionsLoad(const ConditionsLoad& load) {
  if (load.callers == 0 || load.connections == 0) {
    return absl::InvalidArgumentError("callers and connections must be at least 1");
  }
  return ConditionsRun(load).Run();
}

}  // namespace tidemark::bench
