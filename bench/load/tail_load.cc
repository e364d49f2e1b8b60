#include "bench/load/tail_load.h"

#include <memory>
#include <thread>
#include <vector>

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

absl::StatusOr<TailFigures> RunTailLoad(const PacedLoad& load, uint32_t producers,
                                        uint32_t subscribers) {
  const int64_t count_from_ns = NowNs() + SecondsToNs(load.warmup_seconds);
  std::vector<std::unique_ptr<Subscriber>> readers;
  for (uint32_t i = 0; i < subscribers; ++i) {
    readers.push_back(std::make_unique<Subscriber>(load, count_from_ns));
  }
  for (const auto& reader : readers) {
    if (reader->WaitUntilLive()) continue;
    return absl::DeadlineExceededError("the subscription did not catch up");
  }
  const absl::StatusOr<Recorder> acks =
      RunPacedAppenders(load, producers, {});  // Its clock starts.
  if (!acks.ok()) return acks.status();
  const uint64_t expected = load.requests * load.batch_events;
  Recorder end_to_end(count_from_ns);
  for (const auto& reader : readers) {
    reader->WaitForAll();
    reader->Finish();
    if (!reader->status().ok()) return reader->status();
    if (reader->received() != expected) {
      return absl::InternalError(
          absl::StrCat("of ", expected, " events a subscriber got ", reader->received()));
    }
    end_to_end.Merge(reader->recorder());
  }
  return TailFigures{.ack = *acks, .end_to_end = end_to_end};
}

}  // namespace tidemark::bench
