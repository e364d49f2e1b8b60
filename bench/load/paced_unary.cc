#include "bench/load/paced_unary.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/load/connection.h"
#include "bench/measure/clock.h"
#include "bench/measure/pacer.h"

namespace tidemark::bench {
namespace {

struct Call {
  grpc::ClientContext context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  grpc::ByteBuffer response;
  grpc::Status status;
  int64_t intended_ns = 0;
  uint64_t bytes = 0;
};

class PacedUnaryRun {
 public:
  PacedUnaryRun(const UnaryLoad& load, double calls_per_second, const EventPool& pool)
      : load_(load),
        calls_per_second_(calls_per_second),
        pool_(pool),
        framers_(TopicFramers(load.topic, load.topics)),
        recorder_(0) {
    for (uint32_t i = 0; i < load.connections; ++i) {
      stubs_.push_back(std::make_unique<grpc::GenericStub>(NewConnection(load.address)));
    }
  }

  absl::StatusOr<Recorder> Run();

 private:
  void SendByTheClock();
  void Send(uint64_t number, int64_t intended_ns);
  void TakeAnswers();

  const UnaryLoad& load_;
  const double calls_per_second_;
  const EventPool& pool_;
  const std::vector<AppendFramer> framers_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  grpc::CompletionQueue queue_;
  int64_t start_ns_ = 0;
  std::atomic<uint64_t> in_flight_{0};
  std::atomic<bool> failed_{false};
  absl::Status sending_;  // Of the clock's thread, until it is joined.
  absl::Status answers_;  // Of the other, as is what follows.
  Recorder recorder_;
};

void PacedUnaryRun::Send(uint64_t number, int64_t intended_ns) {
  const grpc::Slice& events = pool_.Entry(number);
  auto* const call = new Call;  // Its answer deletes it.
  call->intended_ns = intended_ns;
  call->bytes = events.size();
  in_flight_.fetch_add(1);
  grpc::GenericStub& stub = *stubs_[number % stubs_.size()];
  const grpc::ByteBuffer request =
      framers_[number % framers_.size()].Frame(events, std::nullopt, "", 0);
  call->reader = stub.PrepareUnaryCall(&call->context, kAppendMethod, request, &queue_);
  call->reader->StartCall();
  call->reader->Finish(&call->response, &call->status, call);
}

void PacedUnaryRun::SendByTheClock() {
  const auto calls =
      static_cast<uint64_t>(calls_per_second_ * (load_.warmup_seconds + load_.seconds));
  const Pacer pacer(start_ns_, calls_per_second_);
  for (uint64_t i = 0; i < calls && !failed_; ++i) {
    const int64_t intended_ns = pacer.Await(i);
    if (in_flight_ >= kUnaryInFlightMax) {
      sending_ = absl::ResourceExhaustedError(
          absl::StrCat(kUnaryInFlightMax, " calls are not answered: the server does not keep ",
                       calls_per_second_, " calls a second; give a lower --rate"));
      return;
    }
    Send(i, intended_ns);
  }
}

void PacedUnaryRun::TakeAnswers() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
    const std::unique_ptr<Call> call(static_cast<Call*>(tag));
    const int64_t now = NowNs();
    in_flight_.fetch_sub(1);
    if (call->status.ok()) {
      recorder_.Complete(now, now - call->intended_ns, 1, call->bytes);
    } else {
      if (answers_.ok()) answers_ = FromGrpc(call->status, "Append");
      failed_ = true;
    }
  }
}

absl::StatusOr<Recorder> PacedUnaryRun::Run() {
  start_ns_ = NowNs() + SecondsToNs(0.02);
  recorder_ = Recorder(start_ns_ + SecondsToNs(load_.warmup_seconds));
  std::thread answers([this] { TakeAnswers(); });
  SendByTheClock();
  queue_.Shutdown();  // Next still gives every call under way.
  answers.join();
  if (!sending_.ok()) return sending_;
  if (!answers_.ok()) return answers_;
  return recorder_;
}

}  // namespace

absl::StatusOr<Recorder> RunPacedUnary(const UnaryLoad& load, double calls_per_second,
                                       const EventPool& pool) {
  if (calls_per_second <= 0 || load.connections == 0) {
    return absl::InvalidArgumentError("the rate and connections must be above 0");
  }
  if (pool.batch_events() != 1) return absl::InvalidArgumentError("a unary call has one event");
  return PacedUnaryRun(load, calls_per_second, pool).Run();
}

}  // namespace tidemark::bench
