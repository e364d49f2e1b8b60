#include "bench/load/tail_load.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "bench/load/batch_parser.h"
#include "bench/load/connection.h"
#include "bench/load/server_stream.h"
#include "bench/measure/clock.h"

namespace tidemark::bench {
namespace {

constexpr absl::Duration kCaughtUpPatience = absl::Seconds(10);
constexpr absl::Duration kLastEventPatience = absl::Seconds(10);

class Subscriber {
 public:
  Subscriber(const PacedLoad& load, int64_t count_from_ns)
      : load_(load),
        expected_(load.requests * load.batch_events),
        stream_(load.address, kSubscribeMethod),
        recorder_(count_from_ns),
        thread_([this] { Run(); }) {}
  ~Subscriber() { Finish(); }

  // Ends the subscription. After it the figures below may be read.
  void Finish() {
    stream_.Cancel();
    if (thread_.joinable()) thread_.join();
  }

  bool WaitUntilLive() { return live_.WaitForNotificationWithTimeout(kCaughtUpPatience); }
  // Returns when all events are here, or after a while.
  void WaitForAll() { all_.WaitForNotificationWithTimeout(kLastEventPatience); }
  uint64_t received() const { return received_; }
  const absl::Status& status() const { return parser_.status(); }
  const Recorder& recorder() const { return recorder_; }

 private:
  void Run();
  void OnMessage(grpc::ByteBuffer& message);

  const PacedLoad& load_;
  const uint64_t expected_;
  ServerStream stream_;
  BatchParser parser_{/*check_offsets=*/true};
  uint64_t received_ = 0;
  Recorder recorder_;
  absl::Notification live_;
  absl::Notification all_;
  std::thread thread_;  // Last: it uses everything above.
};

void Subscriber::Run() {
  v1::SubscribeRequest request;
  request.set_topic(load_.topic);
  request.mutable_start()->mutable_latest();
  // Its end is our own Cancel, or an error that shows as events missing.
  stream_
      .Run(ToByteBuffer(request.SerializeAsString()), [this](grpc::ByteBuffer& m) { OnMessage(m); })
      .IgnoreError();
}

void Subscriber::OnMessage(grpc::ByteBuffer& message) {
  const uint64_t events = parser_.Parse(message, [this](const v1::Event& event) {
    const int64_t now = NowNs();
    recorder_.Complete(now, now - IntendedNsIn(event.data()), 1, event.data().size());
  });
  received_ += events;
  if (parser_.caught_up() && !live_.HasBeenNotified()) live_.Notify();
  if (received_ >= expected_ && !all_.HasBeenNotified()) all_.Notify();
}

}  // namespace

absl::StatusOr<TailFigures> RunTailLoad(const PacedLoad& load) {
  Subscriber subscriber(load, NowNs() + SecondsToNs(load.warmup_seconds));
  if (!subscriber.WaitUntilLive()) {
    return absl::DeadlineExceededError("the subscription did not catch up");
  }
  PacedAppender appender(load);  // Its clock starts here.
  if (absl::Status status = appender.Run(); !status.ok()) return status;
  const uint64_t expected = load.requests * load.batch_events;
  subscriber.WaitForAll();
  subscriber.Finish();
  if (!subscriber.status().ok()) return subscriber.status();
  if (subscriber.received() != expected) {
    return absl::InternalError(
        absl::StrCat("of ", expected, " events the subscriber got ", subscriber.received()));
  }
  return TailFigures{.ack = appender.recorder(), .end_to_end = subscriber.recorder()};
}

}  // namespace tidemark::bench
