// The payroll service: pays everybody who was hired, once.
#ifndef TIDEMARK_EXAMPLES_HR_PAYROLL_H_
#define TIDEMARK_EXAMPLES_HR_PAYROLL_H_

#include <string>

#include "absl/status/status.h"
#include "tidemark/client.h"

namespace hr_example {

// Runs until SIGTERM or Ctrl-C. Goes on where it was, also after a crash.
absl::Status RunPayroll(const tidemark::Client& client, const std::string& ledger_path);

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_PAYROLL_H_
