// The command line of tidemark-demo.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_OPTIONS_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_OPTIONS_H_

#include <optional>
#include <string>

#include "examples/hr/demo/story.h"

namespace hr_example {

// What this process is.
enum class Role { kStory, kHr, kPayroll, kGiftCards };

struct Options {
  Role role = Role::kStory;
  StoryOptions story;
  // Leave the server running at the end, and the directory.
  bool keep = false;

  // For a service.
  std::string server = "127.0.0.1:7400";
  std::string ledger;
  double rate = 1000;  // HR: events a second.
};

// Nothing: the process is to end with `*exit_code`; help or what is wrong is printed.
std::optional<Options> ParseOptions(int argc, char** argv, int* exit_code);

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_OPTIONS_H_
