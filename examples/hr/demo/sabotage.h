// Spoils a ledger, to show that the check notices.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_SABOTAGE_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_SABOTAGE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace hr_example {

enum class Sabotage {
  kNone,
  kDrop,    // One handled event is gone.
  kRepeat,  // One is there twice.
  kSwap,    // Two of a partition have changed places.
  kForge,   // One is another event, which nobody sent.
};

// Does it to a line with the word `done` in the middle of the file.
absl::Status Spoil(Sabotage how, const std::string& ledger_path, absl::string_view done);

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_SABOTAGE_H_
