// Events as a program writes them (Event) and as it reads them (EventView, ReceivedEvent).
//
// Terms.    Event: owns its bytes. EventView: the same fields, pointing into a received batch.
//           ReceivedEvent: an EventView and where the store keeps it.
// Lifetime. A view is valid as long as the Batch it came from; in a range-for over events and in
//           handlers: until the next event. Call ToEvent() to keep one.
// Threads.  Plain values.
//
//   tidemark::Event hired{.type = "employee.created", .key = "employee-10001"};
//   hired.data = R"({"name": "Ada"})";
//   hired.attributes["traceparent"] = trace;
#ifndef TIDEMARK_EVENT_H_
#define TIDEMARK_EVENT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tidemark {

// A CloudEvent 1.0. Only `type` is required. Text is UTF-8 without control characters.
struct Event {
  // CloudEvents `id`, unique together with `source`. Empty: none.
  std::string id{};
  // CloudEvents `type`: what happened, "employee.created". 1 to 200 bytes, without '*'.
  std::string type{};
  // CloudEvents `source`: who says so, "/hr/employees". Empty: none.
  std::string source{};
  // CloudEvents `subject`: the entity. Events of a key are in one partition, in order. Empty: the
  // server chooses the partition.
  std::string key{};
  // CloudEvents `time`: when it happened. Unset: not said.
  std::optional<absl::Time> time{};
  // CloudEvents `datacontenttype`, "application/json". Empty: opaque bytes.
  std::string content_type{};
  // The payload, opaque to the store.
  std::string data{};
  // CloudEvents extension attributes: `traceparent`, `correlationid`, ...
  std::map<std::string, std::string> attributes{};
};

bool operator==(const Event& a, const Event& b);

// A received event, not copied. See Lifetime above.
struct EventView {
  absl::string_view id;
  absl::string_view type;
  absl::string_view source;
  absl::string_view key;
  absl::string_view content_type;
  absl::string_view data;
  std::optional<absl::Time> time;
  // The event as it travelled, an encoded tidemark.v1.Event.
  absl::string_view encoded;

  // The value of one extension attribute; nullopt if it has none of this name.
  std::optional<absl::string_view> Attribute(absl::string_view name) const;

  // All extension attributes, in no particular order.
  std::vector<std::pair<absl::string_view, absl::string_view>> Attributes() const;

  // A copy that outlives the batch.
  Event ToEvent() const;
};

// An event and its place in the store.
struct ReceivedEvent {
  EventView event;
  // The topic's name.
  absl::string_view topic;
  // The partition, and the event's 0-based place in it.
  uint32_t partition = 0;
  uint64_t offset = 0;
  // When the server stored it, by the server's clock.
  absl::Time append_time;
  // The place of its batch in the order of all commits of the store.
  uint64_t position = 0;
  // How often it was delivered, this time included. 1 where nobody counts: readers, and groups of
  // mode PARTITION_ORDERED.
  uint32_t attempt = 1;
};

}  // namespace tidemark

#endif  // TIDEMARK_EVENT_H_
