#include "bench/load/group_load.h"

#include <grpcpp/client_context.h>

#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "bench/load/connection.h"
#include "bench/load/group_progress.h"
#include "bench/load/topic_admin.h"
#include "bench/measure/clock.h"
#include "tidemark/v1/consumer_groups.grpc.pb.h"

namespace tidemark::bench {
namespace {

// An ack that is not yet confirmed.
struct SentAck {
  int64_t sent_ns = 0;
  std::vector<int64_t> intended_ns;  // Of its events, where they are live.
};

// What a member has measured, `history` or the others.
struct MemberFigures {
  explicit MemberFigures(int64_t start_ns)
      : history(start_ns),
        live{Recorder(start_ns, /*shown=*/false), Recorder(start_ns, /*shown=*/false)} {}
  void Merge(const MemberFigures& other) {
    history.Merge(other.history);
    live.received.Merge(other.live.received);
    live.acked.Merge(other.live.acked);
  }
  Recorder history;
  LiveGroupFigures live;
};

class Member {
 public:
  // `live`: the events hold their intended times.
  Member(const GroupLoad& load, bool live, int64_t start_ns, GroupProgress& progress)
      : load_(load),
        live_(live),
        progress_(progress),
        stub_(v1::ConsumerGroups::NewStub(NewConnection(load.address))),
        figures_(start_ns) {}

  void Run();
  // From another thread; Run then returns.
  void End() { context_.TryCancel(); }
  // Valid after Run.
  const MemberFigures& figures() const { return figures_; }

 private:
  using Stream = grpc::ClientReaderWriter<v1::ConsumeRequest, v1::ConsumeResponse>;
  bool Join(Stream& stream);
  absl::Status Handle(const v1::ConsumeResponse& response, Stream& stream);
  void AddTo(const v1::EventBatch& batch, v1::ConsumeRequest& request) const;
  void Receive(const v1::EventBatch& batch, SentAck& ack);
  void Ack(const v1::ConsumeResponse& response, Stream& stream);
  absl::Status OnConfirmed(const v1::AckConfirmed& confirmed);
  bool ordered() const { return load_.mode == v1::GROUP_MODE_PARTITION_ORDERED; }

  const GroupLoad& load_;
  const bool live_;
  GroupProgress& progress_;
  const std::unique_ptr<v1::ConsumerGroups::Stub> stub_;
  grpc::ClientContext context_;
  MemberFigures figures_;
  std::deque<SentAck> acks_;
  absl::flat_hash_map<std::pair<std::string, uint32_t>, uint64_t> committed_;  // Of partitions.
  uint64_t bytes_ = 0;                                                         // Not yet recorded.
};

bool Member::Join(Stream& stream) {
  v1::ConsumeRequest request;
  v1::Join& join = *request.mutable_join();
  join.set_group(load_.group);
  for (const std::string& topic : TopicNames(load_.topic, load_.topics)) join.add_topics(topic);
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

// Live events are looked at as they come.
void Member::Receive(const v1::EventBatch& batch, SentAck& ack) {
  if (!live_) return;
  const int64_t now = NowNs();
  for (const v1::Event& event : batch.events()) {
    const int64_t intended_ns = IntendedNsIn(event.data());
    figures_.live.received.Complete(now, now - intended_ns, 1, event.data().size());
    ack.intended_ns.push_back(intended_ns);
  }
}

void Member::Ack(const v1::ConsumeResponse& response, Stream& stream) {
  v1::ConsumeRequest request;
  uint64_t events = 0;
  uint64_t bytes = 0;
  SentAck ack;
  const auto add = [&](const v1::EventBatch& batch) {
    Receive(batch, ack);
    AddTo(batch, request);
    events += static_cast<uint64_t>(batch.events_size());
    bytes += batch.ByteSizeLong();
  };
  add(response.delivery().batch());
  for (const v1::Delivery& more : response.more_deliveries()) add(more.batch());
  ack.sent_ns = NowNs();
  acks_.push_back(std::move(ack));
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
    uint64_t& committed = committed_[{offset.topic(), offset.partition()}];
    if (offset.offset() > committed) events += offset.offset() - committed;
    committed = std::max(committed, offset.offset());
  }
  const int64_t now = NowNs();
  const SentAck& ack = acks_.front();
  if (!live_) figures_.history.Complete(now, now - ack.sent_ns, events, std::exchange(bytes_, 0));
  for (int64_t intended_ns : ack.intended_ns) {
    figures_.live.acked.Complete(now, now - intended_ns, 0, 0);
  }
  acks_.pop_front();
  progress_.OnAcked(events);
  return absl::OkStatus();
}

absl::Status Member::Handle(const v1::ConsumeResponse& response, Stream& stream) {
  if (response.has_joined()) progress_.OnJoined();
  if (response.has_ack_confirmed()) return OnConfirmed(response.ack_confirmed());
  if (!response.has_delivery()) return absl::OkStatus();
  bytes_ += response.ByteSizeLong();
  Ack(response, stream);
  return absl::OkStatus();
}

void Member::Run() {
  const std::unique_ptr<Stream> stream = stub_->Consume(&context_);
  v1::ConsumeResponse response;
  absl::Status status;
  if (Join(*stream)) {
    while (status.ok() && stream->Read(&response)) status = Handle(response, *stream);
  }
  if (!status.ok()) context_.TryCancel();
  const absl::Status ended = FromGrpc(stream->Finish(), "Consume");
  progress_.Fail(!status.ok() ? status
                 : !ended.ok()
                     ? ended
                     : absl::UnavailableError("Consume ended before everything was acked"));
}

// The members of a run, each on a thread; ended when they go.
class Members {
 public:
  Members(const GroupLoad& load, bool live, int64_t start_ns)
      : progress_(load.members, load.events), total_(start_ns) {
    for (uint32_t i = 0; i < load.members; ++i) {
      members_.push_back(std::make_unique<Member>(load, live, start_ns, progress_));
    }
    for (const auto& member : members_) {
      threads_.emplace_back([run = member.get()] { run->Run(); });
    }
  }
  ~Members() { End(); }

  absl::Status AwaitJoined() { return progress_.AwaitJoined(); }
  // Waits for every ack; then what all have measured.
  absl::StatusOr<MemberFigures> AwaitAcked() {
    const absl::Status acked = progress_.AwaitAcked();
    End();
    if (!acked.ok()) return acked;
    for (const auto& member : members_) total_.Merge(member->figures());
    return total_;
  }

 private:
  void End() {
    for (const std::unique_ptr<Member>& member : members_) member->End();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  GroupProgress progress_;
  MemberFigures total_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::thread> threads_;
};

}  // namespace

absl::StatusOr<Recorder> RunGroupLoad(const GroupLoad& load) {
  const absl::StatusOr<MemberFigures> figures = Members(load, /*live=*/false, NowNs()).AwaitAcked();
  if (!figures.ok()) return figures.status();
  return figures->history;
}

absl::StatusOr<LiveGroupFigures> RunLiveGroupLoad(GroupLoad load, const PacedLoad& paced,
                                                  uint32_t producers) {
  load.events = paced.requests * paced.batch_events;
  Members members(load, /*live=*/true, NowNs() + SecondsToNs(paced.warmup_seconds));
  if (absl::Status status = members.AwaitJoined(); !status.ok()) return status;
  const absl::StatusOr<Recorder> appended =
      RunPacedAppenders(paced, producers, TopicNames(load.topic, load.topics));
  if (!appended.ok()) return appended.status();
  const absl::StatusOr<MemberFigures> figures = members.AwaitAcked();
  if (!figures.ok()) return figures.status();
  const uint64_t received = figures->live.received.events_with_warmup();
  if (received >= load.events) return figures->live;
  return absl::DataLossError(absl::StrCat("of ", load.events, " events the group got ", received));
}

}  // namespace tidemark::bench
