#include "bench/load/paced_appender.h"

#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/load/append_answer.h"
#include "bench/load/connection.h"
#include "bench/measure/clock.h"
#include "bench/measure/pacer.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::bench {
namespace {

enum Tag : intptr_t { kStarted = 1, kAnswered, kWritten, kHalfClosed, kFinished };
void* AsPointer(Tag tag) { return reinterpret_cast<void*>(tag); }

// The first request leaves after the threads have had time to start.
constexpr int64_t kLeadInNs = 20'000'000;
// Odd, so that no seed but 0 gives the one state that xorshift never leaves.
constexpr uint64_t kSeedFactor = 0x9e3779b97f4a7c15;

// xorshift64: enough to make bytes that do not compress.
uint64_t NextRandom(uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

}  // namespace

int64_t IntendedNsIn(const std::string& data) {
  int64_t intended_ns = -1;
  if (data.size() >= sizeof(intended_ns))
    std::memcpy(&intended_ns, data.data(), sizeof(intended_ns));
  return intended_ns;
}

PacedAppender::PacedAppender(const PacedLoad& load)
    : load_(load),
      start_ns_(load.start_ns > 0 ? load.start_ns : NowNs() + kLeadInNs),
      keys_(load.keys, load.zipf),
      random_state_(load.seed * kSeedFactor),
      stub_(NewConnection(load.address)),
      recorder_(load.count_from_ns > 0 ? load.count_from_ns
                                       : start_ns_ + SecondsToNs(load.warmup_seconds)) {}

absl::Status PacedAppender::Run() {
  stream_ = stub_.PrepareCall(&context_, kAppendStreamMethod, &queue_);
  stream_->StartCall(AsPointer(kStarted));
  std::thread server([this] { ServeQueue(); });
  SendByTheClock();
  server.join();
  absl::MutexLock lock(&mu_);
  if (!failure_.ok()) return failure_;
  if (!stream_status_.ok()) return FromGrpc(stream_status_, "AppendStream");
  const size_t missing = unanswered_.size() + waiting_.size();
  if (missing == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(missing, " requests were never answered"));
}

void PacedAppender::SendByTheClock() {
  const Pacer pacer(start_ns_, load_.requests_per_second);
  for (uint64_t i = 0; i < load_.requests; ++i) {
    std::string encoded = Encode(pacer.IntendedNs(i));
    const int64_t intended_ns = pacer.Await(i);
    absl::MutexLock lock(&mu_);
    if (stopped_) return;
    waiting_.push_back({intended_ns, std::move(encoded)});
    WriteNextLocked();
  }
  absl::MutexLock lock(&mu_);
  all_sent_ = true;
  WriteNextLocked();
}

std::string PacedAppender::Encode(int64_t intended_ns) {
  v1::AppendRequest request;
  request.set_topic(load_.topic);
  for (uint32_t i = 0; i < load_.batch_events; ++i) {
    v1::Event& event = *request.add_events();
    event.set_type("employee.created");
    if (load_.keys > 0) event.set_key(keys_.Key(NextRandom(random_state_)));
    std::string& data = *event.mutable_data();
    data.resize(load_.data_bytes);
    for (size_t at = 0; at + sizeof(uint64_t) <= data.size(); at += sizeof(uint64_t)) {
      const uint64_t word =
          at == 0 ? static_cast<uint64_t>(intended_ns) : NextRandom(random_state_);
      std::memcpy(data.data() + at, &word, sizeof(word));
    }
  }
  return request.SerializeAsString();
}

// Write only hands over to gRPC, so it may be called under the lock, which keeps the order of
// waiting_, unanswered_ and the stream the same.
void PacedAppender::WriteNextLocked() {
  if (writing_ || stopped_) return;
  if (!waiting_.empty()) {
    const grpc::ByteBuffer request = ToByteBuffer(waiting_.front().encoded);
    unanswered_.push_back({waiting_.front().intended_ns, waiting_.front().encoded.size()});
    waiting_.pop_front();
    writing_ = true;
    stream_->Write(request, AsPointer(kWritten));
  } else if (all_sent_) {
    stopped_ = true;
    stream_->WritesDone(AsPointer(kHalfClosed));
  }
}

void PacedAppender::ServeQueue() {
  void* tag = nullptr;
  bool ok = false;
  bool finished = false;
  while (!finished && queue_.Next(&tag, &ok)) {
    finished = Handle(reinterpret_cast<intptr_t>(tag), ok);
  }
  // The sender may still use the stream: stop it before the queue goes.
  Stop(absl::OkStatus());
  queue_.Shutdown();
  while (queue_.Next(&tag, &ok)) {
  }
}

// True: the stream is finished.
bool PacedAppender::Handle(intptr_t tag, bool ok) {
  if (tag == kFinished) return true;
  if (tag == kHalfClosed) return false;
  if (!ok) {
    Stop(absl::OkStatus());  // The status of the stream says why.
    if (tag != kWritten) stream_->Finish(&stream_status_, AsPointer(kFinished));
    return false;
  }
  if (tag == kAnswered) OnAnswer();
  if (tag == kStarted || tag == kAnswered) stream_->Read(&answer_, AsPointer(kAnswered));
  if (tag == kStarted || tag == kWritten) {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    WriteNextLocked();
  }
  return false;
}

void PacedAppender::OnAnswer() {
  const int64_t now = NowNs();
  if (absl::Status outcome = OutcomeOf(answer_); !outcome.ok()) return Stop(std::move(outcome));
  std::optional<Unanswered> request;
  {
    absl::MutexLock lock(&mu_);
    if (!unanswered_.empty()) {
      request = unanswered_.front();
      unanswered_.pop_front();
    }
  }
  if (!request) return Stop(absl::InternalError("more answers than requests"));
  recorder_.Complete(now, now - request->intended_ns, load_.batch_events, request->bytes);
}

void PacedAppender::Stop(absl::Status status) {
  absl::MutexLock lock(&mu_);
  stopped_ = true;
  if (status.ok()) return;
  if (failure_.ok()) failure_ = std::move(status);
  context_.TryCancel();
}

absl::StatusOr<Recorder> RunPacedAppenders(const PacedLoad& load, uint32_t producers,
                                           const std::vector<std::string>& topics) {
  if (load.requests == 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("not one request leaves in this time at %g requests of %d events a second",
                        load.requests_per_second, load.batch_events));
  }
  const int64_t start_ns = NowNs() + kLeadInNs * producers;  // Each connects first.
  const int64_t count_from_ns = start_ns + SecondsToNs(load.warmup_seconds);
  std::vector<std::unique_ptr<PacedAppender>> appenders;
  for (uint32_t i = 0; i < producers; ++i) {
    PacedLoad share = load;
    if (!topics.empty()) share.topic = topics[i % topics.size()];
    share.requests_per_second = load.requests_per_second / producers;
    share.requests = load.requests / producers + (i < load.requests % producers ? 1 : 0);
    share.seed = load.seed + i;
    // In turn, not all at the same moment.
    share.start_ns = start_ns + SecondsToNs(i / load.requests_per_second);
    share.count_from_ns = count_from_ns;
    appenders.push_back(std::make_unique<PacedAppender>(share));
  }
  std::vector<absl::Status> statuses(producers);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < producers; ++i) {
    threads.emplace_back([&, i] { statuses[i] = appenders[i]->Run(); });
  }
  for (std::thread& thread : threads) thread.join();
  Recorder total(count_from_ns);
  for (uint32_t i = 0; i < producers; ++i) {
    if (!statuses[i].ok()) return statuses[i];
    total.Merge(appenders[i]->recorder());
  }
  return total;
}

}  // namespace tidemark::bench
