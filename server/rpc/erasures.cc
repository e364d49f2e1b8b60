// The calls of Topics about erasures.
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/utf8.h"
#include "server/rpc/convert.h"
#include "server/rpc/names.h"
#include "server/rpc/paging.h"
#include "server/rpc/topics_service.h"

namespace tidemark::rpc {
namespace {

constexpr uint64_t kReasonBytesMax = 1024;
constexpr uint64_t kActorBytesMax = 200;

absl::Status CheckText(absl::string_view text, absl::string_view field,
                       absl::string_view limit_name, uint64_t bytes_max) {
  if (text.empty()) return InvalidField(field, "is required");
  if (text.size() > bytes_max) {
    return OverLimit(field, limit_name, bytes_max, text.size(), "bytes");
  }
  if (!base::IsPlainText(text)) {
    return InvalidField(field, "is not valid UTF-8 without control characters");
  }
  return absl::OkStatus();
}

absl::Status FillTarget(const v1::EraseEventsRequest& request, const RpcLimits& limits,
                        log::ErasureRequest& erasure) {
  if (request.has_offsets()) {
    const v1::OffsetSpan& span = request.offsets();
    if (span.from_offset() >= span.until_offset()) {
      return InvalidField("offsets",
                          absl::StrCat("is empty: from_offset ", span.from_offset(),
                                       " is not below until_offset ", span.until_offset()));
    }
    erasure.span = {
        .partition = PartitionIndex(span.partition()),
        .offsets = {.from = Offset(span.from_offset()), .until = Offset(span.until_offset())}};
    return absl::OkStatus();
  }
  if (!request.has_key()) {
    return InvalidField("target", "is required: the events of a key, or offsets of a partition");
  }
  absl::Status status =
      CheckText(request.key().key(), "key.key", "key_bytes_max", limits.event.key_bytes_max);
  if (!status.ok()) return status;
  if (static_cast<uint64_t>(request.key().types_size()) > limits.filter_entries_max) {
    return OverLimit("key.types", "filter_entries_max", limits.filter_entries_max,
                     static_cast<uint64_t>(request.key().types_size()), "entries");
  }
  erasure.key = request.key().key();
  for (int i = 0; i < request.key().types_size(); ++i) {
    const std::string& type = request.key().types(i);
    status = log::CheckType(type, limits.event.type_bytes_max, absl::StrCat("key.types[", i, "]"));
    if (!status.ok()) return status;
    erasure.types.push_back(type);
  }
  return absl::OkStatus();
}

v1::ErasureState StateToProto(storage::ErasureState state) {
  switch (state) {
    case storage::ErasureState::kRewriting:
      return v1::ERASURE_STATE_REWRITING;
    case storage::ErasureState::kScrubbing:
      return v1::ERASURE_STATE_SCRUBBING;
    case storage::ErasureState::kComplete:
      return v1::ERASURE_STATE_COMPLETE;
  }
  return v1::ERASURE_STATE_UNSPECIFIED;
}

void FillErasure(const log::ErasureView& view, v1::Erasure& out) {
  const storage::ErasureRecord& record = view.record;
  out.set_entity_keys(static_cast<uint32_t>(record.entity_keys.size()));
  out.set_id(std::to_string(record.id));
  out.set_topic(record.topic_name);
  out.set_topic_id(record.topic.value());
  out.set_key_digest(record.key_digest);
  for (const std::string& type : record.types) out.add_types(type);
  if (record.span.has_value()) {
    out.mutable_offsets()->set_partition(record.span->partition.value());
    out.mutable_offsets()->set_from_offset(record.span->offsets.from.value());
    out.mutable_offsets()->set_until_offset(record.span->offsets.until.value());
  }
  out.set_events(record.events);
  out.set_reason(record.reason);
  out.set_actor(record.actor);
  FillTime(absl::FromUnixMicros(static_cast<int64_t>(record.request_time_us)),
           *out.mutable_request_time());
  out.set_state(StateToProto(record.state));
  if (record.complete_time_us > 0) {
    FillTime(absl::FromUnixMicros(static_cast<int64_t>(record.complete_time_us)),
             *out.mutable_complete_time());
  }
  out.set_problem(view.problem);
}

}  // namespace

absl::Status TopicsService::EraseEvents(const v1::EraseEventsRequest& request,
                                        v1::EraseEventsResponse& response) {
  absl::Status status = CheckName(request.topic(), context_.limits.name_bytes_max, "topic");
  if (!status.ok()) return status;
  log::ErasureRequest erasure{
      .reason = request.reason(), .actor = request.actor(), .dry_run = request.dry_run()};
  status = FillTarget(request, context_.limits, erasure);
  if (status.ok()) {
    status = CheckText(request.reason(), "reason", "erasure_reason_bytes_max", kReasonBytesMax);
  }
  if (status.ok()) {
    status = CheckText(request.actor(), "actor", "erasure_actor_bytes_max", kActorBytesMax);
  }
  if (!status.ok()) return status;
  absl::StatusOr<log::TopicPtr> topic = context_.log.FindTopic(request.topic());
  if (!topic.ok()) return topic.status();
  erasure.topic = *std::move(topic);
  const absl::StatusOr<log::ErasureAnswer> answer = context_.log.eraser().Erase(erasure);
  if (!answer.ok()) return answer.status();
  response.set_events(answer->events);
  if (answer->id.has_value()) response.set_erasure_id(std::to_string(*answer->id));
  return absl::OkStatus();
}

absl::Status TopicsService::GetErasure(const v1::GetErasureRequest& request,
                                       v1::GetErasureResponse& response) {
  if (request.erasure_id().empty()) return InvalidField("erasure_id", "is required");
  uint64_t id = 0;
  if (absl::SimpleAtoi(request.erasure_id(), &id) && id > 0) {
    absl::StatusOr<std::vector<log::ErasureView>> found = context_.log.eraser().List(id - 1, 1);
    if (!found.ok()) return found.status();
    if (!found->empty() && found->front().record.id == id) {
      FillErasure(found->front(), *response.mutable_erasure());
      return absl::OkStatus();
    }
  }
  if (!base::IsUtf8(request.erasure_id()) || request.erasure_id().size() > kActorBytesMax) {
    return InvalidField("erasure_id", "is not an erasure_id of EraseEventsResponse");
  }
  return NoSuch("erasure", request.erasure_id(), ". ListErasures names all there are");
}

absl::Status TopicsService::ListErasures(const v1::ListErasuresRequest& request,
                                         v1::ListErasuresResponse& response) {
  absl::StatusOr<size_t> size = PageSize(request.page_size(), context_.limits);
  if (!size.ok()) return size.status();
  absl::StatusOr<std::string> after = NameFromPageToken(request.page_token());
  if (!after.ok()) return after.status();
  uint64_t id = 0;
  if (!after->empty() && !absl::SimpleAtoi(*after, &id)) {
    return InvalidField("page_token", "is not a token of this server. Begin again without one");
  }
  absl::StatusOr<std::vector<log::ErasureView>> found = context_.log.eraser().List(id, *size + 1);
  if (!found.ok()) return found.status();
  const bool more = found->size() > *size;
  if (more) found->pop_back();
  for (const log::ErasureView& view : *found) FillErasure(view, *response.add_erasures());
  if (more) response.set_next_page_token(PageToken(std::to_string(found->back().record.id)));
  return absl::OkStatus();
}

}  // namespace tidemark::rpc
