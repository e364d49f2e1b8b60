// The gift-card service, written a year after the others: a card for everybody who was ever hired.
#ifndef TIDEMARK_EXAMPLES_HR_GIFT_CARDS_H_
#define TIDEMARK_EXAMPLES_HR_GIFT_CARDS_H_

#include <string>

#include "absl/status/status.h"
#include "tidemark/client.h"

namespace hr_example {

// Runs until SIGTERM or Ctrl-C. The note "live" in its ledger: every past event is handled.
absl::Status RunGiftCards(const tidemark::Client& client, const std::string& ledger_path);

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_GIFT_CARDS_H_
