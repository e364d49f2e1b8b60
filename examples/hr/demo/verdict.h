// Verdict: what came of the story, as the tables that end the demo.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_VERDICT_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_VERDICT_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "examples/hr/demo/check.h"
#include "examples/hr/demo/latency.h"
#include "tidemark/client.h"
#include "tidemark/event.h"

namespace hr_example {

// Where what is to be judged is written, and how long the acts were.
struct Evidence {
  std::string hr_record;
  std::string payroll_ledger;
  std::string gift_cards_ledger;
  std::vector<Act> acts;
};

struct Verdict {
  std::vector<Finding> findings;
  // Deliveries of what was done before.
  size_t payroll_again = 0;
  size_t gift_cards_again = 0;
  // What the groups have not acknowledged, by what the server says.
  uint64_t payroll_lag = 0;
  uint64_t gift_cards_lag = 0;
  // HR's, in each act.
  std::vector<std::pair<std::string, Latency>> latencies;

  bool IsRight() const;
};

// Compares what HR was told, what the topic holds and what the services did. `events` are HR's.
absl::StatusOr<Verdict> Judge(const tidemark::Client& client,
                              const std::vector<tidemark::Event>& events, const Evidence& evidence);

// The tables, titles bold where `color`.
std::string LatencyTable(const Verdict& verdict, bool color);
std::string FindingTable(const Verdict& verdict, bool color);

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_VERDICT_H_
