// What HR and the services wrote down, read back from their files for the check.
//
// Failure. A line that is not of its format is INTERNAL: the check must not overlook anything.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_RECORDS_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hr_example {

// An event at its place in the topic.
struct PlacedEvent {
  uint32_t partition = 0;
  uint64_t offset = 0;
  std::string id;
};

// An event that HR was told is durable.
struct Acknowledged {
  PlacedEvent event;
  size_t index = 0;  // Among HR's events.
  int64_t sent_us = 0;
  int64_t latency_us = 0;
};

// What a service did with the events that it was given, in its order.
struct ServiceRecord {
  std::vector<PlacedEvent> done;
  // Came again, and nothing was done.
  std::vector<PlacedEvent> again;
  // All of them, for each run of the service.
  std::vector<std::vector<PlacedEvent>> deliveries;
};

// In the order in which HR sent them.
absl::StatusOr<std::vector<Acknowledged>> ReadHrRecord(const std::string& path);

// `done` is the service's word for its work.
absl::StatusOr<ServiceRecord> ReadServiceRecord(const std::string& path, absl::string_view done);

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_RECORDS_H_
