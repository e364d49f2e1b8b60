#include "bench/load/append_load.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <deque>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/load/append_answer.h"
#include "bench/load/connection.h"
#include "bench/measure/clock.h"

namespace tidemark::bench {
namespace {

struct Window {
  int64_t count_from_ns;
  int64_t send_until_ns;
};

// One stream, driven by one thread and one completion queue.
class Producer {
 public:
  Producer(const AppendLoad& load, const EventPool& pool, uint32_t index, uint64_t requests_max,
           Window window)
      : load_(load),
        pool_(pool),
        framer_(load.topics[index % load.topics.size()]),
        producer_id_(load.idempotent ? absl::StrCat(load.topics.front(), "-", index) : ""),
        requests_max_(requests_max),
        window_(window),
        next_entry_(index * pool.size() / load.producers),
        stub_(NewConnection(load.address)),
        recorder_(window.count_from_ns) {}

  absl::Status Run();
  const Recorder& recorder() const { return recorder_; }

 private:
  enum Tag : intptr_t { kStarted = 1, kAnswered, kWritten, kHalfClosed, kFinished };
  struct InFlight {
    int64_t sent_ns;
    uint64_t bytes;
  };
  static void* AsPointer(Tag tag) { return reinterpret_cast<void*>(tag); }

  bool Handle(Tag tag, bool ok);
  void SendIfAllowed();
  void OnAnswer();
  void Fail(absl::Status status);
  absl::Status Outcome() const;

  const AppendLoad& load_;
  const EventPool& pool_;
  const AppendFramer framer_;
  const std::string producer_id_;
  const uint64_t requests_max_;
  const Window window_;
  uint64_t next_entry_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer answer_;
  grpc::Status stream_status_;
  absl::Status failure_;
  std::deque<InFlight> in_flight_;
  uint64_t sent_ = 0;
  bool writing_ = false;
  bool half_closed_ = false;
  bool durability_checked_ = false;
  Recorder recorder_;
};

absl::Status Producer::Run() {
  stream_ = stub_.PrepareCall(&context_, kAppendStreamMethod, &queue_);
  stream_->StartCall(AsPointer(kStarted));
  void* tag = nullptr;
  bool ok = false;
  bool finished = false;
  while (!finished && queue_.Next(&tag, &ok)) {
    finished = Handle(static_cast<Tag>(reinterpret_cast<intptr_t>(tag)), ok);
  }
  queue_.Shutdown();
  while (queue_.Next(&tag, &ok)) {
  }
  return Outcome();
}

// True: the stream is finished.
bool Producer::Handle(Tag tag, bool ok) {
  switch (tag) {
    case kStarted:
      if (!ok) {
        stream_->Finish(&stream_status_, AsPointer(kFinished));
        return false;
      }
      stream_->Read(&answer_, AsPointer(kAnswered));
      SendIfAllowed();
      return false;
    case kWritten:
      writing_ = false;
      half_closed_ |= !ok;
      SendIfAllowed();
      return false;
    case kAnswered:
      if (!ok) {
        half_closed_ = true;
        stream_->Finish(&stream_status_, AsPointer(kFinished));
        return false;
      }
      OnAnswer();
      stream_->Read(&answer_, AsPointer(kAnswered));
      SendIfAllowed();
      return false;
    case kHalfClosed:
      return false;
    case kFinished:
      return true;
  }
  return true;
}

void Producer::SendIfAllowed() {
  if (writing_ || half_closed_) return;
  const int64_t now = NowNs();
  if (sent_ >= requests_max_ || now >= window_.send_until_ns) {
    half_closed_ = true;
    stream_->WritesDone(AsPointer(kHalfClosed));
    return;
  }
  if (in_flight_.size() >= load_.inflight) return;
  const grpc::Slice& events = pool_.Entry(next_entry_++);
  std::optional<uint32_t> partition;
  if (load_.spread_over_partitions > 0) {
    partition = static_cast<uint32_t>(next_entry_ % load_.spread_over_partitions);
  }
  in_flight_.push_back({.sent_ns = now, .bytes = events.size()});
  ++sent_;
  writing_ = true;
  if (load_.producer_ids > 0) {
    const std::string id = absl::StrCat(producer_id_, "-", sent_ % load_.producer_ids);
    const uint64_t sequence = sent_ / load_.producer_ids + 1;
    stream_->Write(framer_.Frame(events, partition, id, sequence), AsPointer(kWritten));
    return;
  }
  stream_->Write(framer_.Frame(events, partition, producer_id_, sent_), AsPointer(kWritten));
}

void Producer::OnAnswer() {
  const int64_t now = NowNs();
  if (absl::Status outcome = OutcomeOf(answer_); !outcome.ok()) return Fail(std::move(outcome));
  if (in_flight_.empty()) return Fail(absl::InternalError("more answers than requests"));
  if (!durability_checked_ && !IsSynced(answer_)) {
    return Fail(absl::FailedPreconditionError("the topic's appends are not synced"));
  }
  durability_checked_ = true;
  const InFlight request = in_flight_.front();
  in_flight_.pop_front();
  recorder_.Complete(now, now - request.sent_ns, pool_.batch_events(), request.bytes);
}

void Producer::Fail(absl::Status status) {
  if (failure_.ok()) failure_ = std::move(status);
  half_closed_ = true;
  context_.TryCancel();
}

absl::Status Producer::Outcome() const {
  if (!failure_.ok()) return failure_;
  if (!stream_status_.ok()) return FromGrpc(stream_status_, "AppendStream");
  if (!in_flight_.empty()) {
    return absl::InternalError(absl::StrCat(in_flight_.size(), " requests were never answered"));
  }
  return absl::OkStatus();
}

uint64_t RequestsOf(const AppendLoad& load, uint32_t batch_events, uint32_t producer) {
  if (load.events == 0) return std::numeric_limits<uint64_t>::max();
  const uint64_t requests = (load.events + batch_events - 1) / batch_events;
  return requests / load.producers + (producer < requests % load.producers ? 1 : 0);
}

}  // namespace

absl::StatusOr<Recorder> RunAppendLoad(const AppendLoad& load, const EventPool& pool) {
  const int64_t now = NowNs();
  const Window window = {
      .count_from_ns = now + SecondsToNs(load.warmup_seconds),
      .send_until_ns = load.seconds > 0 ? now + SecondsToNs(load.warmup_seconds + load.seconds)
                                        : std::numeric_limits<int64_t>::max()};
  std::vector<std::unique_ptr<Producer>> producers;
  for (uint32_t i = 0; i < load.producers; ++i) {
    producers.push_back(std::make_unique<Producer>(
        load, pool, i, RequestsOf(load, pool.batch_events(), i), window));
  }
  std::vector<absl::Status> statuses(load.producers);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < load.producers; ++i) {
    threads.emplace_back([&, i] { statuses[i] = producers[i]->Run(); });
  }
  for (std::thread& thread : threads) thread.join();
  Recorder total(window.count_from_ns);
  for (uint32_t i = 0; i < load.producers; ++i) {
    if (!statuses[i].ok()) return statuses[i];
    total.Merge(producers[i]->recorder());
  }
  return total;
}

}  // namespace tidemark::bench
