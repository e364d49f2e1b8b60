// The calls of Client about erasures.
#include <utility>

#include "client/cpp/src/convert.h"
#include "client/cpp/src/unary_call.h"
#include "tidemark/client.h"

namespace tidemark {

using internal::Call;
using internal::Topics;

namespace {

constexpr uint32_t kErasuresPageSize = 1000;

v1::EraseEventsRequest RequestOf(absl::string_view topic, const EraseTarget& target,
                                 absl::string_view reason, absl::string_view actor) {
  v1::EraseEventsRequest request;
  request.set_topic(std::string(topic));
  request.set_reason(std::string(reason));
  request.set_actor(std::string(actor));
  if (target.offsets.has_value()) {
    request.mutable_offsets()->set_partition(target.offsets->partition);
    request.mutable_offsets()->set_from_offset(target.offsets->from_offset);
    request.mutable_offsets()->set_until_offset(target.offsets->until_offset);
  } else {
    request.mutable_key()->set_key(target.key);
    for (const std::string& type : target.types) request.mutable_key()->add_types(type);
  }
  return request;
}

Erasure ErasureOf(const v1::Erasure& proto) {
  Erasure erasure{.id = proto.id(),
                  .topic = proto.topic(),
                  .key_digest = proto.key_digest(),
                  .types = {proto.types().begin(), proto.types().end()},
                  .events = proto.events(),
                  .reason = proto.reason(),
                  .actor = proto.actor(),
                  .request_time = internal::FromProto(proto.request_time()),
                  .state = static_cast<ErasureState>(proto.state()),
                  .problem = proto.problem(),
                  .entity_keys = proto.entity_keys()};
  if (proto.has_offsets()) {
    erasure.offsets = {.partition = proto.offsets().partition(),
                       .from_offset = proto.offsets().from_offset(),
                       .until_offset = proto.offsets().until_offset()};
  }
  if (proto.has_complete_time()) {
    erasure.complete_time = internal::FromProto(proto.complete_time());
  }
  return erasure;
}

}  // namespace

absl::StatusOr<EraseResult> Client::EraseEvents(absl::string_view topic, const EraseTarget& target,
                                                absl::string_view reason,
                                                absl::string_view actor) const {
  auto response = Call(*connection_, Topics(*connection_), &v1::Topics::Stub::EraseEvents,
                       RequestOf(topic, target, reason, actor));
  if (!response.ok()) return response.status();
  return EraseResult{.events = response->events(), .erasure_id = response->erasure_id()};
}

absl::StatusOr<uint64_t> Client::CountErasable(absl::string_view topic, const EraseTarget& target,
                                               absl::string_view reason,
                                               absl::string_view actor) const {
  v1::EraseEventsRequest request = RequestOf(topic, target, reason, actor);
  request.set_dry_run(true);
  auto response = Call(*connection_, Topics(*connection_), &v1::Topics::Stub::EraseEvents, request);
  if (!response.ok()) return response.status();
  return response->events();
}

absl::StatusOr<Erasure> Client::GetErasure(absl::string_view erasure_id) const {
  v1::GetErasureRequest request;
  request.set_erasure_id(std::string(erasure_id));
  auto response = Call(*connection_, Topics(*connection_), &v1::Topics::Stub::GetErasure, request);
  if (!response.ok()) return response.status();
  return ErasureOf(response->erasure());
}

absl::StatusOr<std::vector<Erasure>> Client::ListErasures() const {
  std::vector<Erasure> erasures;
  v1::ListErasuresRequest request;
  request.set_page_size(kErasuresPageSize);
  do {
    auto page = Call(*connection_, Topics(*connection_), &v1::Topics::Stub::ListErasures, request);
    if (!page.ok()) return page.status();
    for (const v1::Erasure& proto : page->erasures()) erasures.push_back(ErasureOf(proto));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return erasures;
}

}  // namespace tidemark
