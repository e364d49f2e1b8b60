#include "server/log/event_terms.h"

#include "server/log/wire.h"

namespace tidemark::log {

void BatchTerms::Add(const EventTerms& events) {
  types.Add(events.types);
  key_hashes.insert(key_hashes.end(), events.key_hashes.begin(), events.key_hashes.end());
}

void BatchTerms::Add(EventTerms&& events) {
  if (!key_hashes.empty()) return Add(static_cast<const EventTerms&>(events));
  types.Add(events.types);
  key_hashes = std::move(events.key_hashes);
}

void BatchTerms::Add(const EventView& event, bool index_keys) {
  types.Add(event.type, 1);
  if (index_keys && !event.key.empty()) key_hashes.push_back(HashOfKey(event.key));
}

absl::Status CollectTerms(absl::string_view events, bool index_keys, BatchTerms& terms) {
  WireReader reader(events);
  WireField entry;
  while (reader.Next(entry)) {
    EventView view;
    if (absl::Status status = ViewEvent(entry.bytes, view); !status.ok()) return status;
    if (!view.type.empty()) terms.Add(view, index_keys);  // Else it is erased.
  }
  return reader.ok() ? absl::OkStatus() : absl::DataLossError("stored events are malformed");
}

}  // namespace tidemark::log
