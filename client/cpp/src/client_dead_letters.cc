// The calls of Client about dead letters.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/unary_call.h"
#include "tidemark/client.h"

namespace tidemark {

using internal::Call;
using internal::Groups;

namespace {

constexpr uint64_t kLettersPerPage = 100;

Event EventOf(const v1::Event& proto) {
  Event event;
  event.id = proto.id();
  event.type = proto.type();
  event.source = proto.source();
  event.key = proto.key();
  if (proto.has_time()) event.time = internal::FromProto(proto.time());
  event.content_type = proto.content_type();
  event.data = proto.data();
  event.attributes.insert(proto.attributes().begin(), proto.attributes().end());
  return event;
}

DeadLetter LetterOf(const v1::DeadLetter& proto) {
  DeadLetter letter;
  letter.id = {proto.id().topic(), proto.id().partition(), proto.id().offset()};
  letter.reason = proto.reason();
  letter.attempts = proto.attempts();
  letter.last_client = proto.last_client();
  letter.first_time = internal::FromProto(proto.first_time());
  letter.dead_time = internal::FromProto(proto.dead_time());
  if (proto.has_event()) letter.event = EventOf(proto.event());
  return letter;
}

template <typename Request>
void Choose(const DeadLetterChoice& choice, Request* request) {
  if (!choice.ids.empty()) {
    for (const EventId& id : choice.ids) {
      v1::EventId* proto = request->mutable_ids()->add_ids();
      proto->set_topic(id.topic);
      proto->set_partition(id.partition);
      proto->set_offset(id.offset);
    }
  } else if (!choice.filter.empty()) {
    internal::ToProto(choice.filter, request->mutable_filter());
  } else {
    request->mutable_all();
  }
}

}  // namespace

absl::StatusOr<std::vector<DeadLetter>> Client::ListDeadLetters(absl::string_view group,
                                                                const Filter& filter,
                                                                uint64_t letters_max) const {
  std::vector<DeadLetter> letters;
  v1::ListDeadLettersRequest request;
  request.set_group(std::string(group));
  if (!filter.empty()) internal::ToProto(filter, request.mutable_filter());
  do {
    request.set_page_size(
        static_cast<uint32_t>(std::min<uint64_t>(kLettersPerPage, letters_max - letters.size())));
    auto page = Call(*connection_, Groups(*connection_), &v1::ConsumerGroups::Stub::ListDeadLetters,
                     request);
    if (!page.ok()) return page.status();
    for (const v1::DeadLetter& proto : page->dead_letters()) letters.push_back(LetterOf(proto));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && letters.size() < letters_max);
  return letters;
}

absl::StatusOr<DeadLettersChanged> Client::RedriveDeadLetters(absl::string_view group,
                                                              const DeadLetterChoice& choice,
                                                              double events_per_second) const {
  v1::RedriveDeadLettersRequest request;
  request.set_group(std::string(group));
  Choose(choice, &request);
  if (events_per_second > 0) request.set_events_per_second(events_per_second);
  auto response = Call(*connection_, Groups(*connection_),
                       &v1::ConsumerGroups::Stub::RedriveDeadLetters, request);
  if (!response.ok()) return response.status();
  return DeadLettersChanged{.events = response->events(), .left = response->left()};
}

absl::StatusOr<DeadLettersChanged> Client::DiscardDeadLetters(
    absl::string_view group, const DeadLetterChoice& choice) const {
  v1::DiscardDeadLettersRequest request;
  request.set_group(std::string(group));
  Choose(choice, &request);
  auto response = Call(*connection_, Groups(*connection_),
                       &v1::ConsumerGroups::Stub::DiscardDeadLetters, request);
  if (!response.ok()) return response.status();
  return DeadLettersChanged{.events = response->events()};
}

}  // namespace tidemark
