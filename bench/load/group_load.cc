#include "bench/load/group_load.h"

#include <grpcpp/client_context.h>

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "bench/load/connection.h"
#include "bench/measure/clock.h"
#include "tidemark/v1/consumer_groups.grpc.pb.h"

namespace tidemark::bench {
namespace {

// What the members have done together.
struct Progress {
  std::atomic<uint64_t> acked{0};
  std::atomic<bool> failed{false};
};

class Member {
 public:
  Member(const GroupLoad& load, Progress& progress, int64_t start_ns)
      : load_(load),
        progress_(progress),
        stub_(v1::ConsumerGroups::NewStub(NewConnection(load.address))),
        recorder_(start_ns) {}

  absl::Status Run();
  // From another thread, once everything is acked or somebody failed.
  void End() { context_.TryCancel(); }
  const Recorder& recorder() const { return recorder_; }

 private:
  using Stream = grpc::ClientReaderWriter<v1::ConsumeRequest, v1::ConsumeResponse>;
  bool Join(Stream& stream);
  absl::Status Handle(const v1::ConsumeResponse& response, Stream& stream);
  void AddTo(const v1::EventBatch& batch, v1::ConsumeRequest& request) const;
  void Ack(const v1::ConsumeResponse& response, Stream& stream);
  absl::Status OnConfirmed(const v1::AckConfirmed& confirmed);
  bool ordered() const { return load_.mode == v1::GROUP_MODE_PARTITION_ORDERED; }

  const GroupLoad& load_;
  Progress& progress_;
  const std::unique_ptr<v1::ConsumerGroups::Stub> stub_;
  grpc::ClientContext context_;
  Recorder recorder_;
  std::deque<int64_t> acks_sent_ns_;
  absl::flat_hash_map<uint32_t, uint64_t> committed_;  // Of each partition.
  uint64_t bytes_ = 0;                                 // Not yet recorded.
};

bool Member::Join(Stream& stream) {
  v1::ConsumeRequest request;
  v1::Join& join = *request.mutable_join();
  join.set_group(load_.group);
  join.add_topics(load_.topic);
  join.set_mode(load_.mode);
  join.mutable_credits()->set_events(load_.credit_events);
  join.mutable_credits()->set_bytes(64 << 20);
  if (!ordered()) join.set_deliveries_max(100);
  return stream.Write(request);
}

// Adds the events of a delivery to an ack.
void Member::AddTo(const v1::EventBatch& batch, v1::ConsumeRequest& request) const {
  const int count = batch.events_size();
  if (ordered()) {
    v1::TopicPartitionOffset& offset = *request.mutable_ack()->mutable_up_to()->add_offsets();
    offset.set_topic(batch.topic());
    offset.set_partition(batch.partition());
    offset.set_offset(batch.base_offset() + count);
  } else {
    v1::EventSet& set = *request.mutable_ack()->mutable_ids()->add_sets();
    set.set_topic(batch.topic());
    set.set_partition(batch.partition());
    const bool dense = batch.offset_deltas().empty();
    for (int i = 0; i < count; ++i) {
      set.add_offsets(batch.base_offset() + (dense ? i : batch.offset_deltas(i)));
    }
  }
}

void Member::Ack(const v1::ConsumeResponse& response, Stream& stream) {
  v1::ConsumeRequest request;
  uint64_t events = 0;
  uint64_t bytes = 0;
  const auto add = [&](const v1::EventBatch& batch) {
    AddTo(batch, request);
    events += static_cast<uint64_t>(batch.events_size());
    bytes += batch.ByteSizeLong();
  };
  add(response.delivery().batch());
  for (const v1::Delivery& more : response.more_deliveries()) add(more.batch());
  acks_sent_ns_.push_back(NowNs());
  stream.Write(request);
  v1::ConsumeRequest credits;
  credits.mutable_credits()->set_events(events);
  credits.mutable_credits()->set_bytes(bytes);
  stream.Write(credits);
}

absl::Status Member::OnConfirmed(const v1::AckConfirmed& confirmed) {
  if (confirmed.rejected_size() + confirmed.rejected_events_size() > 0) {
    return absl::DataLossError(absl::StrCat("an ack was rejected: ", confirmed.DebugString()));
  }
  uint64_t events = confirmed.acked_events();
  for (const v1::TopicPartitionOffset& offset : confirmed.committed()) {
    uint64_t& committed = committed_[offset.partition()];
    if (offset.offset() > committed) events += offset.offset() - committed;
    committed = std::max(committed, offset.offset());
  }
  const int64_t now = NowNs();
  recorder_.Complete(now, now - acks_sent_ns_.front(), events, std::exchange(bytes_, 0));
  acks_sent_ns_.pop_front();
  progress_.acked.fetch_add(events);
  return absl::OkStatus();
}

absl::Status Member::Handle(const v1::ConsumeResponse& response, Stream& stream) {
  if (response.has_ack_confirmed()) return OnConfirmed(response.ack_confirmed());
  if (!response.has_delivery()) return absl::OkStatus();
  bytes_ += response.ByteSizeLong();
  Ack(response, stream);
  return absl::OkStatus();
}

absl::Status Member::Run() {
  const std::unique_ptr<Stream> stream = stub_->Consume(&context_);
  v1::ConsumeResponse response;
  absl::Status status;
  if (Join(*stream)) {
    while (status.ok() && stream->Read(&response)) status = Handle(response, *stream);
  }
  if (!status.ok()) {
    progress_.failed = true;
    context_.TryCancel();
  }
  const grpc::Status ended = stream->Finish();
  if (!status.ok()) return status;
  if (progress_.acked.load() >= load_.events) return absl::OkStatus();
  progress_.failed = true;
  return FromGrpc(ended, "Consume");
}

}  // namespace

absl::StatusOr<Recorder> RunGroupLoad(const GroupLoad& load) {
  Progress progress;
  const int64_t start_ns = NowNs();
  std::vector<std::unique_ptr<Member>> members;
  for (uint32_t i = 0; i < load.members; ++i) {
    members.push_back(std::make_unique<Member>(load, progress, start_ns));
  }
  std::vector<absl::Status> statuses(load.members);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < load.members; ++i) {
    threads.emplace_back([&, i] { statuses[i] = members[i]->Run(); });
  }
  while (progress.acked.load() < load.events && !progress.failed.load()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (const std::unique_ptr<Member>& member : members) member->End();
  for (std::thread& thread : threads) thread.join();
  Recorder total(start_ns);
  for (uint32_t i = 0; i < load.members; ++i) {
    if (!statuses[i].ok()) return statuses[i];
    total.Merge(members[i]->recorder());
  }
  if (progress.acked.load() != load.events) {
    return absl::DataLossError(absl::StrCat("of ", load.events, " events ", progress.acked.load(),
                                            " acks were confirmed"));
  }
  return total;
}

}  // namespace tidemark::bench
