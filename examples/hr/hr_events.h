// What HR has to tell: generated lives, or the events of a file.
#ifndef TIDEMARK_EXAMPLES_HR_HR_EVENTS_H_
#define TIDEMARK_EXAMPLES_HR_HR_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tidemark/event.h"

namespace hr_example {

// The demo keeps all events in memory, to compare them with what came of them.
inline constexpr size_t kEventsMax = 1'000'000;

struct HrEventsOptions {
  // JSON Lines of CloudEvents. Empty: generate.
  std::string file;
  // For generated events.
  uint64_t seed = 7;
  size_t count = 20'000;
};

// INVALID_ARGUMENT  the file cannot be read, a line is not an event with an id of its own (the
//                   message says where), or no event is an employee.created.
absl::StatusOr<std::vector<tidemark::Event>> LoadHrEvents(const HrEventsOptions& options);

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_HR_EVENTS_H_
