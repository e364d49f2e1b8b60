#include "tests/unit/client/fake_event_store.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cpp/src/crc32c.h"
#include "client/cpp/src/status_codec.h"

namespace tidemark::testing {
namespace {

using Offsets = std::map<uint32_t, uint64_t>;

std::string CursorOf(const Offsets& offsets) {
  std::string cursor;
  for (const auto& [p, offset] : offsets) absl::StrAppend(&cursor, p, ":", offset, " ");
  return cursor;
}

Offsets OffsetsOf(const std::string& cursor) {
  Offsets offsets;
  for (const absl::string_view part : absl::StrSplit(cursor, ' ', absl::SkipEmpty())) {
    const std::vector<std::string> pair = absl::StrSplit(part, ':');
    offsets[static_cast<uint32_t>(std::stoul(pair[0]))] = std::stoull(pair[1]);
  }
  return offsets;
}

bool Matches(const v1::Filter& filter, const v1::Event& event) {
  return filter.types().empty() ||
         std::count(filter.types().begin(), filter.types().end(), event.type()) > 0;
}

// The checksum of the events field as the message's own encoding has it.
void SetChecksum(v1::EventBatch* batch) {
  v1::EventBatch only_events;
  *only_events.mutable_events() = batch->events();
  batch->set_events_crc32c(internal::ExtendCrc32c(0, only_events.SerializeAsString()));
}

grpc::Status Unavailable() { return grpc::Status(grpc::StatusCode::UNAVAILABLE, "fake break"); }

}  // namespace

grpc::Status FakeServer::EventStoreService::Append(grpc::ServerContext*,
                                                   const v1::AppendRequest* request,
                                                   v1::AppendResponse* response) {
  const AppendFault fault = FaultOf(*request);
  if (fault.kind == AppendFault::kBreakBefore) return Unavailable();
  if (fault.kind == AppendFault::kAnswer) return ToGrpc(fault.status);
  auto answer = server_.log_.Append(*request);
  if (fault.kind == AppendFault::kStoreThenBreak) return Unavailable();
  if (answer.ok()) *response = *std::move(answer);
  return ToGrpc(answer.status());
}

grpc::Status FakeServer::EventStoreService::AppendStream(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::AppendStreamResponse, v1::AppendRequest>* stream) {
  ++server_.append_streams_;
  v1::AppendRequest request;
  while (stream->Read(&request)) {
    const AppendFault fault = FaultOf(request);
    if (fault.kind == AppendFault::kBreakBefore) return Unavailable();
    auto answer = fault.kind == AppendFault::kAnswer ? fault.status : server_.log_.Append(request);
    if (fault.kind == AppendFault::kStoreThenBreak) return Unavailable();
    if (fault.kind == AppendFault::kNoAnswer) {
      while (stream->Read(&request)) {
      }
      return grpc::Status::OK;
    }
    v1::AppendStreamResponse response;
    if (answer.ok()) {
      *response.mutable_appended() = *std::move(answer);
    } else {
      const auto details = answer.status().GetPayload(internal::kDetailsUrl);
      if (details) response.mutable_error()->ParseFromString(std::string(*details));
      response.mutable_error()->set_code(static_cast<int>(answer.status().code()));
      response.mutable_error()->set_message(std::string(answer.status().message()));
    }
    stream->Write(response);
  }
  return grpc::Status::OK;
}

grpc::Status FakeServer::EventStoreService::GetProducer(grpc::ServerContext*,
                                                        const v1::GetProducerRequest* request,
                                                        v1::GetProducerResponse* response) {
  const auto last = server_.log_.LastSequence(request->id());
  if (!last) return ToGrpc(MakeError(absl::StatusCode::kNotFound, "PRODUCER_NOT_FOUND"));
  response->set_last_sequence(*last);
  return grpc::Status::OK;
}

grpc::Status FakeServer::EventStoreService::Read(grpc::ServerContext* context,
                                                 const v1::ReadRequest* request,
                                                 grpc::ServerWriter<v1::ReadResponse>* writer) {
  return Stream(context, *request, /*endless=*/false, writer);
}

grpc::Status FakeServer::EventStoreService::Subscribe(
    grpc::ServerContext* context, const v1::SubscribeRequest* request,
    grpc::ServerWriter<v1::ReadResponse>* writer) {
  v1::ReadRequest read;
  read.set_topic(request->topic());
  *read.mutable_partitions() = request->partitions();
  if (request->has_start()) *read.mutable_start() = request->start();
  *read.mutable_filter() = request->filter();
  return Stream(context, read, /*endless=*/true, writer);
}

AppendFault FakeServer::EventStoreService::FaultOf(const v1::AppendRequest& request) {
  const int nth = server_.appends_++;
  return server_.on_append ? server_.on_append(request, nth) : AppendFault();
}

FakeServer::EventStoreService::Offsets FakeServer::EventStoreService::StartOf(
    const v1::ReadRequest& request) {
  Offsets next = server_.log_.EndOffsets();
  if (request.direction() != v1::DIRECTION_BACKWARD) {
    for (auto& [p, offset] : next) offset = 0;
  }
  const v1::Start& start = request.start();
  for (const auto& [p, offset] : start.offsets().offsets()) next[p] = offset;
  for (const auto& [p, offset] : OffsetsOf(start.after_cursor())) next[p] = offset;
  if (start.has_latest()) next = server_.log_.EndOffsets();
  if (start.last_n() > 0) {
    for (auto& [p, offset] : next) {
      const uint64_t end = server_.log_.EndOffset(p);
      offset = end - std::min(end, start.last_n());
    }
  }
  return next;
}

// Sends what is stored from `next` on; false: a fault ends the stream with `status`.
bool FakeServer::EventStoreService::SendStored(const v1::ReadRequest& request, const Offsets& until,
                                               Offsets* next, uint64_t* sent,
                                               grpc::ServerContext* context,
                                               grpc::ServerWriter<v1::ReadResponse>* writer,
                                               grpc::Status* status) {
  for (auto& [p, offset] : *next) {
    const std::vector<v1::Event> events = server_.log_.Events(p);
    const uint64_t end = std::min<uint64_t>(events.size(), until.at(p));
    const auto satisfied = [&] {
      return request.has_max_events() && *sent == request.max_events();
    };
    while (offset < end && !satisfied()) {
      v1::ReadResponse response;
      v1::EventBatch& batch = *response.mutable_batch();
      const uint64_t from = offset;
      for (; offset < end && batch.events_size() < server_.batch_events && !satisfied(); ++offset) {
        if (!Matches(request.filter(), events[offset])) continue;
        *batch.add_events() = events[offset];
        batch.add_offset_deltas(offset - from);
        ++*sent;
      }
      if (batch.events().empty()) continue;
      FillIn(p, from, &batch);
      if (!SendBatch(&response, from, *next, context, writer, status)) return false;
    }
  }
  return true;
}

// The same, newest first, from before `next` down to `until`.
bool FakeServer::EventStoreService::SendBackward(const v1::ReadRequest& request,
                                                 const Offsets& until, Offsets* next,
                                                 uint64_t* sent, grpc::ServerContext* context,
                                                 grpc::ServerWriter<v1::ReadResponse>* writer,
                                                 grpc::Status* status) {
  for (auto& [p, offset] : *next) {
    const std::vector<v1::Event> events = server_.log_.Events(p);
    const auto satisfied = [&] {
      return request.has_max_events() && *sent == request.max_events();
    };
    while (offset > until.at(p) && !satisfied()) {
      v1::ReadResponse response;
      v1::EventBatch& batch = *response.mutable_batch();
      const uint64_t base = offset - 1;
      while (offset > until.at(p) && batch.events_size() < server_.batch_events && !satisfied()) {
        --offset;
        if (!Matches(request.filter(), events[offset])) continue;
        *batch.add_events() = events[offset];
        batch.add_offset_deltas(base - offset);
        ++*sent;
      }
      if (batch.events().empty()) continue;
      FillIn(p, base, &batch);
      batch.set_descending(true);
      if (!SendBatch(&response, offset, *next, context, writer, status)) return false;
    }
  }
  return true;
}

void FakeServer::EventStoreService::FillIn(uint32_t partition, uint64_t from,
                                           v1::EventBatch* batch) {
  batch->set_topic(kTopic);
  batch->set_partition(partition);
  batch->set_base_offset(from);
  batch->set_position(from + 1);
  batch->mutable_append_time()->set_seconds(1'700'000'000);
  if (batch->offset_deltas(batch->events_size() - 1) + 1 ==
      static_cast<uint64_t>(batch->events_size())) {
    batch->clear_offset_deltas();
    SetChecksum(batch);
  }
}

bool FakeServer::EventStoreService::SendBatch(v1::ReadResponse* response, uint64_t from,
                                              const Offsets& next, grpc::ServerContext* context,
                                              grpc::ServerWriter<v1::ReadResponse>* writer,
                                              grpc::Status* status) {
  const ReadFault fault = server_.on_read ? server_.on_read(server_.batches_++) : ReadFault();
  switch (fault.kind) {
    case ReadFault::kNone:
      return writer->Write(*response);
    case ReadFault::kBreak:
      *status = Unavailable();
      return false;
    case ReadFault::kDamage:
      response->mutable_batch()->set_events_crc32c(response->batch().events_crc32c() ^ 1);
      return writer->Write(*response);
    case ReadFault::kDrain: {
      v1::ReadResponse draining;
      writer->Write(*response);
      draining.mutable_draining()->set_cursor(server_.send_cursors ? CursorOf(next) : "");
      writer->Write(draining);
      *status = Unavailable();
      return false;
    }
    case ReadFault::kSilence:
      while (!context->IsCancelled() && !server_.stopping_) absl::SleepFor(absl::Milliseconds(5));
      return false;
    case ReadFault::kGap: {
      v1::ReadResponse gap;
      gap.mutable_gap()->set_topic(kTopic);
      gap.mutable_gap()->set_partition(response->batch().partition());
      gap.mutable_gap()->set_from_offset(from);
      gap.mutable_gap()->set_until_offset(from +
                                          static_cast<uint64_t>(response->batch().events_size()));
      gap.mutable_gap()->set_reason(v1::GAP_REASON_ERASED);
      return writer->Write(gap);
    }
  }
  return true;
}

grpc::Status FakeServer::EventStoreService::Stream(grpc::ServerContext* context,
                                                   const v1::ReadRequest& request, bool endless,
                                                   grpc::ServerWriter<v1::ReadResponse>* writer) {
  ++server_.read_streams_;
  if (server_.on_read_request) server_.on_read_request(request);
  if (request.topic() != kTopic) {
    return ToGrpc(MakeError(absl::StatusCode::kNotFound, "TOPIC_NOT_FOUND"));
  }
  Offsets next = StartOf(request);
  Offsets until;
  const bool backward = request.direction() == v1::DIRECTION_BACKWARD;
  for (const auto& [p, end] : server_.log_.EndOffsets()) {
    until[p] = backward ? 0 : endless ? UINT64_MAX : end;
  }
  for (const auto& [p, offset] : request.stop().offsets().offsets()) until[p] = offset;
  uint64_t sent = 0;
  grpc::Status status;
  const auto send = backward ? &EventStoreService::SendBackward : &EventStoreService::SendStored;
  while ((this->*send)(request, until, &next, &sent, context, writer, &status)) {
    v1::ReadResponse note;
    std::string* const cursor = endless ? note.mutable_caught_up()->mutable_cursor()
                                        : note.mutable_checkpoint()->mutable_cursor();
    if (server_.send_cursors) *cursor = CursorOf(next);
    writer->Write(note);
    if (!endless) return grpc::Status::OK;
    server_.log_.AwaitMoreThan(next,
                               [&] { return context->IsCancelled() || server_.stopping_.load(); });
    if (context->IsCancelled() || server_.stopping_) return grpc::Status::CANCELLED;
  }
  return status;
}

}  // namespace tidemark::testing
