#include "client/cpp/src/read_plan.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/connection.h"
#include "client/cpp/src/convert.h"
#include "tidemark/v1/event_store.grpc.pb.h"

namespace tidemark::internal {
namespace {

// What ReadRequest and SubscribeRequest have in common.
template <typename Request>
void FillIn(const std::string& topic, const StreamOptions& options, const Start& start,
            Request* request) {
  request->set_topic(topic);
  for (uint32_t partition : options.partitions) request->add_partitions(partition);
  if (!std::holds_alternative<Start::Earliest>(start.at)) {
    ToProto(start, request->mutable_start());
  }
  if (!options.filter.empty()) ToProto(options.filter, request->mutable_filter());
  if (options.order != Order::kAny) request->set_order(static_cast<v1::Order>(options.order));
  if (options.batch_bytes_max) request->set_max_batch_bytes(*options.batch_bytes_max);
  request->set_without_data(options.without_data);
}

std::map<uint32_t, uint64_t> OfEach(const std::vector<Watermarks>& ends,
                                    uint64_t (*offset)(const Watermarks&)) {
  std::map<uint32_t, uint64_t> offsets;
  for (const Watermarks& end : ends) offsets[end.partition] = offset(end);
  return offsets;
}
uint64_t StartOf(const Watermarks& partition) { return partition.start_offset; }
uint64_t EndOf(const Watermarks& partition) { return partition.end_offset; }
uint64_t TimeOf(const Watermarks& partition) {
  return partition.time_offset.value_or(partition.end_offset);
}

// Reads without payloads; visit(partition, offset) for the first event of each batch.
template <typename Visit>
absl::Status ForFirsts(const Client& client, v1::ReadRequest& request, Visit visit) {
  request.set_without_data(true);
  const auto context = client.connection()->NewContext();
  const auto stream =
      v1::EventStore::NewStub(client.connection()->channel())->Read(context.get(), request);
  v1::ReadResponse response;
  while (stream->Read(&response)) {
    if (!response.has_batch()) continue;
    const v1::EventBatch& batch = response.batch();
    visit(batch.partition(),
          batch.base_offset() + (batch.offset_deltas().empty() ? 0 : batch.offset_deltas(0)));
  }
  return client.connection()->Annotate(stream->Finish());
}

}  // namespace

bool ReadPlan::NeedsWatermarks() const {
  const bool start_moves = std::holds_alternative<Start::Latest>(options_.start.at) ||
                           std::holds_alternative<Start::AtTime>(options_.start.at) ||
                           std::holds_alternative<Start::LastN>(options_.start.at) ||
                           std::holds_alternative<Start::Revision>(options_.start.at);
  return start_moves || !endless_;
}

absl::Status ReadPlan::Resolve(const Client& client) {
  const absl::StatusOr<TopicInfo> topic = client.GetTopic(topic_);
  if (!topic.ok()) return topic.status();
  if (resolved_) {
    if (topic->id == topic_id_) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("topic '", topic_,
                     "' was deleted and created again while it was read, so the "
                     "offsets read so far mean nothing now; begin again from its start"));
  }
  topic_id_ = topic->id;
  base_ = options_.start;
  stop_ = options_.stop;
  if (NeedsWatermarks()) {
    std::optional<absl::Time> time;
    if (const auto* at = std::get_if<Start::AtTime>(&base_.at)) time = at->time;
    const auto ends = client.GetWatermarks(topic_, options_.partitions, time);
    if (!ends.ok()) return ends.status();
    if (backward()) {
      if (absl::Status status = ResolveBackward(client, *ends); !status.ok()) return status;
    } else {
      if (absl::Status status = ResolveStart(client, *ends); !status.ok()) return status;
      if (absl::Status status = ResolveStop(*ends); !status.ok()) return status;
    }
  }
  resolved_ = true;
  return absl::OkStatus();
}

absl::Status ReadPlan::ResolveStart(const Client& client, const std::vector<Watermarks>& ends) {
  if (std::holds_alternative<Start::Latest>(base_.at)) {
    base_ = Start::FromOffsets(OfEach(ends, EndOf));
  } else if (std::holds_alternative<Start::AtTime>(base_.at)) {
    base_ = Start::FromOffsets(OfEach(ends, TimeOf));
  } else if (const auto* last = std::get_if<Start::LastN>(&base_.at)) {
    absl::StatusOr<Offsets> offsets = FindLastN(client, last->events, ends);
    if (!offsets.ok()) return offsets.status();
    base_ = Start::FromOffsets(*std::move(offsets));
  } else if (const auto* from = std::get_if<Start::Revision>(&base_.at)) {
    absl::StatusOr<Offsets> offsets = FindRevision(client, from->revision, ends);
    if (!offsets.ok()) return offsets.status();
    base_ = Start::FromOffsets(*std::move(offsets));
  }
  return absl::OkStatus();
}

// Where the key's other partitions end: nothing of it is there.
absl::StatusOr<ReadPlan::Offsets> ReadPlan::FindRevision(
    const Client& client, uint64_t revision, const std::vector<Watermarks>& ends) const {
  v1::ReadRequest request;
  FillIn(topic_, options_, Start::FromRevision(revision), &request);
  request.set_max_events(1);
  if (backward()) request.set_direction(v1::DIRECTION_BACKWARD);
  Offsets offsets = OfEach(ends, EndOf);
  absl::Status status = ForFirsts(client, request, [&](uint32_t partition, uint64_t first) {
    offsets[partition] = backward() ? first + 1 : first;
  });
  if (!status.ok()) return status;
  return offsets;
}

absl::StatusOr<ReadPlan::Offsets> ReadPlan::FindLastN(const Client& client, uint64_t events,
                                                      const std::vector<Watermarks>& ends) const {
  if (events == 0) return absl::InvalidArgumentError("Start::LastN::events is 0; give 1 or more");
  Offsets offsets = OfEach(ends, EndOf);
  if (options_.filter.empty()) {
    for (const Watermarks& end : ends) {
      offsets[end.partition] -= std::min(end.end_offset - end.start_offset, events);
    }
    return offsets;
  }
  // Only a read can tell; it leaves out the payloads.
  v1::ReadRequest request;
  FillIn(topic_, options_, Start::FromLastN(events), &request);
  absl::Status status = ForFirsts(client, request, [&](uint32_t partition, uint64_t first) {
    offsets[partition] = std::min(offsets[partition], first);
  });
  if (!status.ok()) return status;
  return offsets;
}

// Backward the end is where reading begins and the start where it ends, so both are pinned: what
// retention takes meanwhile is then a gap, on whatever connection.
absl::Status ReadPlan::ResolveBackward(const Client& client, const std::vector<Watermarks>& ends) {
  if (std::holds_alternative<Start::AfterCursor>(base_.at) &&
      std::holds_alternative<Stop::EndAtOpen>(stop_.at)) {
    return absl::OkStatus();  // The cursor knows where.
  }
  Offsets stop = OfEach(ends, StartOf);
  if (const auto* offsets = std::get_if<Stop::Offsets>(&stop_.at)) {
    for (const auto& [partition, offset] : offsets->by_partition) stop[partition] = offset;
  } else if (const auto* time = std::get_if<Stop::AtTime>(&stop_.at)) {
    const auto at_time = client.GetWatermarks(topic_, options_.partitions, time->time);
    if (!at_time.ok()) return at_time.status();
    stop = OfEach(*at_time, TimeOf);
  }
  if (const auto* last = std::get_if<Start::LastN>(&base_.at)) {
    const absl::StatusOr<Offsets> newest = FindLastN(client, last->events, ends);
    if (!newest.ok()) return newest.status();
    for (const auto& [partition, offset] : *newest) {
      stop[partition] = std::max(stop[partition], offset);
    }
  }
  stop_ = Stop::BeforeOffsets(std::move(stop));
  if (std::holds_alternative<Start::AfterCursor>(base_.at)) return absl::OkStatus();
  if (const auto* revision = std::get_if<Start::Revision>(&base_.at)) {
    absl::StatusOr<Offsets> offsets = FindRevision(client, revision->revision, ends);
    if (!offsets.ok()) return offsets.status();
    base_ = Start::FromOffsets(*std::move(offsets));
    return absl::OkStatus();
  }
  Offsets from = OfEach(ends, std::holds_alternative<Start::AtTime>(base_.at) ? TimeOf : EndOf);
  if (const auto* offsets = std::get_if<Start::Offsets>(&base_.at)) {
    for (const auto& [partition, offset] : offsets->by_partition) from[partition] = offset;
  }
  base_ = Start::FromOffsets(std::move(from));
  return absl::OkStatus();
}

// A stop at the end means the end as it is now; a later connection must not move it.
absl::Status ReadPlan::ResolveStop(const std::vector<Watermarks>& ends) {
  if (endless_ || std::holds_alternative<Stop::AtTime>(stop_.at)) return absl::OkStatus();
  std::map<uint32_t, uint64_t> wanted;
  if (auto* offsets = std::get_if<Stop::Offsets>(&stop_.at)) wanted = offsets->by_partition;
  std::map<uint32_t, uint64_t> offsets;
  for (const Watermarks& end : ends) {
    const auto it = wanted.find(end.partition);
    offsets[end.partition] =
        it == wanted.end() ? end.end_offset : std::min(it->second, end.end_offset);
    if (it != wanted.end()) wanted.erase(it);
  }
  // Partitions that do not exist: the server's error is better than ours.
  offsets.insert(wanted.begin(), wanted.end());
  stop_ = Stop::BeforeOffsets(std::move(offsets));
  return absl::OkStatus();
}

// A cursor is exact for partitions that had no match yet, offsets for those that had; with a cursor
// what came after it comes again and Accept drops it.
Start ReadPlan::RestOfStart() const {
  const bool began = !next_.empty() || !cursor_.empty();
  if (!began) return base_;
  const auto* after = std::get_if<Start::AfterCursor>(&base_.at);
  if (after != nullptr || (!options_.filter.empty() && !cursor_.empty())) {
    return Start::FromCursor(cursor_.empty() ? after->cursor : cursor_);
  }
  std::map<uint32_t, uint64_t> offsets;
  if (const auto* from = std::get_if<Start::Offsets>(&base_.at)) offsets = from->by_partition;
  for (const auto& [partition, offset] : next_) offsets[partition] = offset;
  return Start::FromOffsets(std::move(offsets));
}

v1::ReadRequest ReadPlan::MakeReadRequest() const {
  v1::ReadRequest request;
  const Start start = RestOfStart();
  FillIn(topic_, options_, start, &request);
  ToProto(stop_, request.mutable_stop());
  if (backward()) request.set_direction(v1::DIRECTION_BACKWARD);
  // After a cursor the server would count again what Accept drops.
  const bool counts_anew = accepted_ > 0 && std::holds_alternative<Start::AfterCursor>(start.at);
  if (options_.events_max && !counts_anew) request.set_max_events(*options_.events_max - accepted_);
  return request;
}

v1::SubscribeRequest ReadPlan::MakeSubscribeRequest() const {
  v1::SubscribeRequest request;
  FillIn(topic_, options_, RestOfStart(), &request);
  return request;
}

bool ReadPlan::Accept(BatchData* batch) {
  const auto it = next_.find(batch->partition);
  if (it != next_.end()) TrimRead(it->second, batch);
  if (options_.events_max) TrimToSize(*options_.events_max - accepted_, batch);
  if (batch->events == 0) return false;
  accepted_ += batch->events;
  next_[batch->partition] = batch->Next();
  return true;
}

std::optional<Gap> ReadPlan::Accept(Gap gap) {
  const auto it = next_.find(gap.partition);
  if (it != next_.end()) {
    if (backward()) {
      gap.until_offset = std::min(gap.until_offset, it->second);
    } else {
      gap.from_offset = std::max(gap.from_offset, it->second);
    }
  }
  if (gap.from_offset >= gap.until_offset) return std::nullopt;
  next_[gap.partition] = backward() ? gap.from_offset : gap.until_offset;
  return gap;
}

void ReadPlan::SetCursor(const std::string& cursor) {
  if (!cursor.empty()) cursor_ = cursor;
}

}  // namespace tidemark::internal
