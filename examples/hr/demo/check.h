// The check of the demo: what was done, against what HR was told is durable.
//
// Method.  HR's events are known beforehand, each with an id of its own. From HR's acknowledgements
//          comes the place of each. Whatever is read back from the server, and whatever a service
//          says it did, must be these events at these places: each once, none besides, in order.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_CHECK_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "examples/hr/demo/records.h"
#include "tidemark/event.h"
#include "tidemark/stream.h"

namespace hr_example {

// One line of the table.
struct Finding {
  std::string what;
  size_t expected = 0;
  size_t found = 0;  // Different events that are as expected.
  size_t missing = 0;
  size_t duplicates = 0;  // Done a second time.
  size_t unknown = 0;     // Not among the expected events, or at another place, or altered.
  // Behind a later event of its partition or key; of a service's work once more for its deliveries.
  size_t order_violations = 0;

  bool IsRight() const {
    return found == expected && missing == 0 && duplicates == 0 && unknown == 0 &&
           order_violations == 0;
  }
};

class Check {
 public:
  // `events` are HR's, in order, and outlive the check.
  Check(const std::vector<tidemark::Event>& events, const std::vector<Acknowledged>& acks);

  // Every event of HR was acknowledged, once.
  Finding OfHr() const;

  // An event as read back from the topic.
  struct Stored {
    PlacedEvent place;
    tidemark::Event event;
  };
  // The topic holds exactly HR's events, unaltered.
  Finding OfTopic(const std::vector<Stored>& stored) const;

  // A service did its work for every event of `type`.
  Finding OfService(absl::string_view what, absl::string_view type,
                    const ServiceRecord& record) const;

 private:
  struct Expected {
    size_t index = 0;
    // Where HR was told it is.
    std::optional<PlacedEvent> place;
  };
  // The expected event of this id at this place; null if there is none.
  const Expected* Find(const PlacedEvent& event) const;
  // How many of `events` are behind a later one.
  size_t CountOrderViolations(const std::vector<PlacedEvent>& events) const;

  const std::vector<tidemark::Event>& events_;
  const std::vector<Acknowledged>& acks_;
  absl::flat_hash_map<std::string, Expected> expected_;
};

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_CHECK_H_
