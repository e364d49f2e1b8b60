#include "bench/load/tail_load.h"

#include <grpcpp/client_context.h>

#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "bench/load/batch_parser.h"
#include "bench/load/connection.h"
#include "bench/load/server_stream.h"
#include "bench/load/topic_admin.h"
#include "bench/measure/clock.h"
#include "tidemark/v1/consumer_groups.grpc.pb.h"

namespace tidemark::bench {
namespace {

constexpr absl::Duration kCaughtUpPatience = absl::Seconds(10);
constexpr absl::Duration kLastEventPatience = absl::Seconds(10);

// Who gets every event of the topic from when it is live on, on a thread of its own.
class LiveReader {
 public:
  LiveReader(const PacedLoad& load, int64_t count_from_ns)
      : load_(load),
        expected_(load.requests * load.batch_events),
        recorder_(count_from_ns, /*shown=*/false) {}
  virtual ~LiveReader() = default;

  // Ends it. After that the figures below may be read.
  void Finish() {
    Cancel();
    if (thread_.joinable()) thread_.join();
  }

  void Start() {
    thread_ = std::thread([this] { Run(); });
  }
  bool WaitUntilLive() { return live_.WaitForNotificationWithTimeout(kCaughtUpPatience); }
  // Returns when all events are here, or after a while.
  void WaitForAll() { all_.WaitForNotificationWithTimeout(kLastEventPatience); }
  uint64_t received() const { return received_; }
  virtual absl::Status status() const { return absl::OkStatus(); }
  const Recorder& recorder() const { return recorder_; }

 protected:
  // Returns after Cancel, or after an error that shows as events missing.
  virtual void Run() = 0;
  virtual void Cancel() = 0;
  void OnLive() {
    if (!live_.HasBeenNotified()) live_.Notify();
  }
  void OnEvent(const v1::Event& event) {
    const int64_t now = NowNs();
    recorder_.Complete(now, now - IntendedNsIn(event.data()), 1, event.data().size());
    if (++received_ >= expected_ && !all_.HasBeenNotified()) all_.Notify();
  }

  const PacedLoad& load_;

 private:
  const uint64_t expected_;
  uint64_t received_ = 0;
  Recorder recorder_;
  absl::Notification live_;
  absl::Notification all_;
  std::thread thread_;
};

class Subscriber final : public LiveReader {
 public:
  Subscriber(const PacedLoad& load, int64_t count_from_ns)
      : LiveReader(load, count_from_ns), stream_(load.address, kSubscribeMethod) {}
  ~Subscriber() override { Finish(); }

  absl::Status status() const override { return parser_.status(); }

 private:
  void Run() override {
    v1::SubscribeRequest request;
    request.set_topic(load_.topic);
    request.mutable_start()->mutable_latest();
    const auto on_message = [this](grpc::ByteBuffer& message) {
      parser_.Parse(message, [this](const v1::Event& event) { OnEvent(event); });
      if (parser_.caught_up()) OnLive();
    };
    stream_.Run(ToByteBuffer(request.SerializeAsString()), on_message).IgnoreError();
  }
  void Cancel() override { stream_.Cancel(); }

  ServerStream stream_;
  BatchParser parser_{/*check_offsets=*/true};
};

// The only member of a group of its own, that acks what it gets.
class GroupMember final : public LiveReader {
 public:
  GroupMember(const PacedLoad& load, int64_t count_from_ns)
      : LiveReader(load, count_from_ns),
        stub_(v1::ConsumerGroups::NewStub(NewConnection(load.address))) {}
  ~GroupMember() override { Finish(); }

 private:
  void Run() override {
    const auto stream = stub_->Consume(&context_);
    v1::ConsumeRequest request;
    v1::Join& join = *request.mutable_join();
    join.set_group(FreshTopicName("tail-group"));
    join.add_topics(load_.topic);
    join.mutable_start()->mutable_latest();
    join.set_mode(v1::GROUP_MODE_PARTITION_ORDERED);
    join.mutable_credits()->set_events(UINT64_MAX);
    join.mutable_credits()->set_bytes(UINT64_MAX);
    stream->Write(request);
    v1::ConsumeResponse response;
    while (stream->Read(&response)) {
      if (response.has_caught_up()) OnLive();
      if (!response.has_delivery()) continue;
      const v1::EventBatch& batch = response.delivery().batch();
      for (const v1::Event& event : batch.events()) OnEvent(event);
      request.Clear();
      v1::TopicPartitionOffset& offset = *request.mutable_ack()->mutable_up_to()->add_offsets();
      offset.set_topic(batch.topic());
      offset.set_partition(batch.partition());
      offset.set_offset(batch.base_offset() + batch.events_size());
      stream->Write(request);
    }
    stream->Finish();
  }
  void Cancel() override { context_.TryCancel(); }

  const std::unique_ptr<v1::ConsumerGroups::Stub> stub_;
  grpc::ClientContext context_;
};

std::unique_ptr<LiveReader> MakeReader(const PacedLoad& load, TailReaders kind,
                                       int64_t count_from_ns) {
  if (kind == TailReaders::kGroups) return std::make_unique<GroupMember>(load, count_from_ns);
  return std::make_unique<Subscriber>(load, count_from_ns);
}

}  // namespace

absl::StatusOr<TailFigures> RunTailLoad(const PacedLoad& load, uint32_t producers,
                                        uint32_t subscribers, TailReaders kind) {
  const int64_t count_from_ns = NowNs() + SecondsToNs(load.warmup_seconds);
  std::vector<std::unique_ptr<LiveReader>> readers;
  for (uint32_t i = 0; i < subscribers; ++i) {
    readers.push_back(MakeReader(load, kind, count_from_ns));
    readers.back()->Start();
  }
  for (const auto& reader : readers) {
    if (reader->WaitUntilLive()) continue;
    return absl::DeadlineExceededError("a reader did not catch up");
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
          absl::StrCat("of ", expected, " events a reader got ", reader->received()));
    }
    end_to_end.Merge(reader->recorder());
  }
  return TailFigures{.ack = *acks, .end_to_end = end_to_end};
}

}  // namespace tidemark::bench
