// Dead letters in the ConsumerGroups service.
#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/error.h"
#include "server/log/delivery_time.h"
#include "server/rpc/convert.h"
#include "server/rpc/groups_service.h"
#include "server/rpc/names.h"
#include "server/rpc/paging.h"

namespace tidemark::rpc {
namespace {

using groups::DeadLetterPlace;
using Choice = groups::GroupCoordinator::DeadLetterChoice;

constexpr int kIdsMax = 1000;
// Events of one page, so that stock clients can receive it.
constexpr size_t kPageBytesMax = 3 << 20;

absl::StatusOr<std::optional<DeadLetterPlace>> PlaceFromToken(absl::string_view token) {
  absl::StatusOr<std::string> text = NameFromPageToken(token);
  if (!text.ok()) return text.status();
  if (text->empty()) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(*text, '/');
  uint32_t partition = 0;
  uint64_t offset = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &partition) ||
      !absl::SimpleAtoi(parts[2], &offset)) {
    return InvalidField("page_token", "is not a token of this server. Begin again without one");
  }
  return DeadLetterPlace{parts[0], PartitionIndex(partition), Offset(offset)};
}

absl::StatusOr<Choice> PlacesFromProto(const v1::DeadLetterIds& ids, const RpcLimits& limits) {
  if (ids.ids().empty()) return InvalidField("ids.ids", "is required: at least one");
  if (ids.ids_size() > kIdsMax) {
    return OverLimit("ids.ids", "dead_letter_ids_max", kIdsMax, ids.ids_size(), "ids");
  }
  std::vector<DeadLetterPlace> places;
  for (int i = 0; i < ids.ids_size(); ++i) {
    const v1::EventId& id = ids.ids(i);
    absl::Status name =
        CheckName(id.topic(), limits.name_bytes_max, absl::StrCat("ids.ids[", i, "].topic"));
    if (!name.ok()) return name;
    const DeadLetterPlace place{id.topic(), PartitionIndex(id.partition()), Offset(id.offset())};
    // Named twice is meant once.
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
  }
  return places;
}

template <typename Request>
absl::StatusOr<Choice> ChoiceFromProto(const Request& request, const RpcLimits& limits) {
  if (request.has_ids()) return PlacesFromProto(request.ids(), limits);
  if (request.has_all()) return storage::FilterSpec{};
  if (!request.has_filter()) return InvalidField("which", "is required: ids, filter or all");
  absl::StatusOr<storage::FilterSpec> filter = FromProto(request.filter(), limits, "filter");
  if (!filter.ok()) return filter.status();
  if (filter->empty()) return InvalidField("filter", "is empty: use all for every dead letter");
  return *std::move(filter);
}

void FillLetter(const groups::DeadLetterView& view, v1::DeadLetter& out) {
  out.mutable_id()->set_topic(view.place.topic);
  out.mutable_id()->set_partition(view.place.partition.value());
  out.mutable_id()->set_offset(view.place.offset.value());
  out.set_reason(view.letter.reason);
  out.set_attempts(view.letter.attempts);
  out.set_last_client(view.letter.last_client);
  FillTime(absl::FromUnixMicros(static_cast<int64_t>(view.letter.first_us)),
           *out.mutable_first_time());
  FillTime(absl::FromUnixMicros(static_cast<int64_t>(view.letter.dead_us)),
           *out.mutable_dead_time());
  if (view.event.has_value()) (void)out.mutable_event()->ParseFromString(*view.event);
}

std::string TokenOf(const DeadLetterPlace& place) {
  return PageToken(absl::StrCat(place.topic, "/", place.partition, "/", place.offset));
}

}  // namespace

absl::Status GroupsService::ListDeadLetters(const v1::ListDeadLettersRequest& request,
                                            v1::ListDeadLettersResponse& response) {
  if (absl::Status status = CheckGroupName(request.group()); !status.ok()) return status;
  absl::StatusOr<size_t> size = PageSize(request.page_size(), context_.limits);
  if (!size.ok()) return size.status();
  const auto from = PlaceFromToken(request.page_token());
  if (!from.ok()) return from.status();
  absl::StatusOr<storage::FilterSpec> filter =
      FromProto(request.filter(), context_.limits, "filter");
  if (!filter.ok()) return filter.status();
  const absl::StatusOr<groups::DeadLetterPage> page =
      groups_.ListDeadLetters(request.group(), *from, *filter, *size);
  if (!page.ok()) return page.status();
  size_t bytes = 0;
  for (const groups::DeadLetterView& view : page->letters) {
    bytes += view.event.value_or("").size();
    if (bytes > kPageBytesMax && response.dead_letters_size() > 0) {
      response.set_next_page_token(TokenOf(view.place));
      return absl::OkStatus();
    }
    FillLetter(view, *response.add_dead_letters());
  }
  if (page->next.has_value()) response.set_next_page_token(TokenOf(*page->next));
  return absl::OkStatus();
}

absl::Status GroupsService::RedriveDeadLetters(const v1::RedriveDeadLettersRequest& request,
                                               v1::RedriveDeadLettersResponse& response) {
  if (absl::Status status = CheckGroupName(request.group()); !status.ok()) return status;
  const absl::StatusOr<Choice> choice = ChoiceFromProto(request, context_.limits);
  if (!choice.ok()) return choice.status();
  absl::Duration interval = absl::ZeroDuration();
  if (request.has_events_per_second()) {
    if (!(request.events_per_second() > 0)) {
      return InvalidField("events_per_second", "is not more than 0");
    }
    interval = std::min(absl::Seconds(1) / request.events_per_second(), log::kDelayMax);
  }
  const auto redriven = groups_.RedriveDeadLetters(request.group(), *choice, interval);
  if (!redriven.ok()) return redriven.status();
  response.set_events(redriven->events);
  response.set_left(redriven->left);
  return absl::OkStatus();
}

absl::Status GroupsService::DiscardDeadLetters(const v1::DiscardDeadLettersRequest& request,
                                               v1::DiscardDeadLettersResponse& response) {
  if (absl::Status status = CheckGroupName(request.group()); !status.ok()) return status;
  const absl::StatusOr<Choice> choice = ChoiceFromProto(request, context_.limits);
  if (!choice.ok()) return choice.status();
  const absl::StatusOr<uint64_t> events = groups_.DiscardDeadLetters(request.group(), *choice);
  if (!events.ok()) return events.status();
  response.set_events(*events);
  return absl::OkStatus();
}

}  // namespace tidemark::rpc
