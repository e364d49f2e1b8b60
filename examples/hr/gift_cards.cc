#include "examples/hr/gift_cards.h"

#include <cstdio>

#include "client/cli/interrupt.h"
#include "examples/hr/ledger.h"
#include "tidemark/consumer.h"

namespace hr_example {

using tidemark::ConsumerOptions;

absl::Status RunGiftCards(const tidemark::Client& client, const std::string& ledger_path) {
  auto sent = Ledger::Open(ledger_path, "sent");
  if (!sent.ok()) return sent.status();

  // What it takes to join. Nothing is configured anywhere else, and nobody is told.
  ConsumerOptions join{.group = "gift-cards", .topics = {"hr"}, .filter = {{"employee.created"}}};

  bool live = false;
  join.on_caught_up = [&] {
    if (live) return;
    live = true;
    std::printf("live: %zu cards for the hires of the past\n", sent->size());
    sent->Note("live").IgnoreError();
  };
  tidemark::Consumer gift_cards(client, join, [&](const tidemark::ReceivedEvent& hired) {
    return sent->Contains(hired) ? sent->AddRedelivery(hired) : sent->Add(hired);
  });

  tidemark::cli::InterruptWatcher on_signal([&] { gift_cards.Stop(); });
  return gift_cards.Run();
}

}  // namespace hr_example
