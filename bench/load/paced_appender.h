// PacedAppender: an open loop of appends on one AppendStream: requests leave by the clock, however
// long the answers take, so a stall is felt by every request that it delays.
//
// Terms.     The intended time of request i is start + i / rate. It is written into the first
//            eight bytes of each event's data, so that whoever receives the event can tell how
//            long ago it should have left.
// Threads.   Run uses two: one waits for the clock, one serves the completion queue.
#ifndef TIDEMARK_BENCH_LOAD_PACED_APPENDER_H_
#define TIDEMARK_BENCH_LOAD_PACED_APPENDER_H_

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "bench/load/key_chooser.h"
#include "bench/measure/recorder.h"

namespace tidemark::bench {

struct PacedLoad {
  std::string address;
  std::string topic;
  double requests_per_second = 1000;
  uint64_t requests = 1000;
  // What completes in this first time is not counted.
  double warmup_seconds = 0;
  uint32_t batch_events = 1;
  // At least 8.
  uint32_t data_bytes = 100;
  uint32_t keys = 10'000;
  double zipf = 0;  // As in EventShape.
  uint64_t seed = 1;
  // When the first request leaves; 0: soon.
  int64_t start_ns = 0;
  // What completes before it is not counted; 0: warmup_seconds after the start.
  int64_t count_from_ns = 0;
};

// The intended time in an event's data, or -1 if the data is too short to hold one.
int64_t IntendedNsIn(const std::string& data);

// `producers` appenders side by side, each with a connection and two threads, that share rate and
// requests; producer i appends to topic i modulo their number. Empty `topics`: all to load.topic.
// INVALID_ARGUMENT  no request at all.
absl::StatusOr<Recorder> RunPacedAppenders(const PacedLoad& load, uint32_t producers,
                                           const std::vector<std::string>& topics);

class PacedAppender {
 public:
  explicit PacedAppender(const PacedLoad& load);

  // Call once. Returns when every request is answered.
  absl::Status Run();

  // Latencies of the answers, from the intended times. Valid after Run.
  const Recorder& recorder() const { return recorder_; }

 private:
  struct Request {
    int64_t intended_ns;
    std::string encoded;
  };

  struct Unanswered {
    int64_t intended_ns;
    uint64_t bytes;
  };

  void SendByTheClock();
  std::string Encode(int64_t intended_ns);
  void ServeQueue();
  void WriteNextLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Handle(intptr_t tag, bool ok);
  void OnAnswer();
  void Stop(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_);

  const PacedLoad load_;
  const int64_t start_ns_;
  const KeyChooser keys_;
  uint64_t random_state_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer answer_;
  grpc::Status stream_status_;
  Recorder recorder_;

  absl::Mutex mu_;  // Leaf.
  std::deque<Request> waiting_ ABSL_GUARDED_BY(mu_);
  std::deque<Unanswered> unanswered_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = true;  // Until the stream has started.
  bool all_sent_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_PACED_APPENDER_H_
