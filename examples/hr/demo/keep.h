// --keep: after the story the server stays, for a look around.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_KEEP_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_KEEP_H_

#include "absl/status/status.h"
#include "examples/hr/demo/narrator.h"
#include "examples/hr/demo/stage.h"

namespace hr_example {

// Prints what to try, waits for Ctrl-C, and stops the server; the directory stays.
absl::Status KeepServing(Stage* stage, Narrator* narrator);

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_KEEP_H_
