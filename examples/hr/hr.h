// The HR service: appends what happens to employees. It knows nobody who reads it.
#ifndef TIDEMARK_EXAMPLES_HR_HR_H_
#define TIDEMARK_EXAMPLES_HR_HR_H_

#include <vector>

#include "absl/status/status.h"
#include "examples/hr/line_file.h"
#include "tidemark/client.h"
#include "tidemark/event.h"

namespace hr_example {

// Appends `events` to the topic "hr", so many a second, and returns when all are durable. For each
// acknowledged event `record` gets a line: "acked", its index in `events`, partition, offset, when
// it was sent (MonotonicUs), how many microseconds later it was acknowledged, id.
absl::Status RunHr(const tidemark::Client& client, const std::vector<tidemark::Event>& events,
                   double events_per_s, LineFile& record);

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_HR_H_
