#include "examples/hr/payroll.h"

#include <cstdio>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/interrupt.h"
#include "examples/hr/ledger.h"
#include "tidemark/consumer.h"

namespace hr_example {
namespace {

// Stands for the bank. It takes its time, so payroll is slower than HR in busy months.
void TransferFirstSalary(const tidemark::ReceivedEvent& /*hired*/) {
  absl::SleepFor(absl::Milliseconds(2));
}

}  // namespace

absl::Status RunPayroll(const tidemark::Client& client, const std::string& ledger_path) {
  auto paid = Ledger::Open(ledger_path, "paid");
  if (!paid.ok()) return paid.status();
  std::printf("at work; %zu paid before\n", paid->size());

  const auto pay = [&](const tidemark::ReceivedEvent& hired) -> absl::Status {
    if (paid->Contains(hired)) return paid->AddRedelivery(hired);
    TransferFirstSalary(hired);
    return paid->Add(hired);
  };
  tidemark::Consumer payroll(
      client, {.group = "payroll", .topics = {"hr"}, .filter = {.types = {"employee.created"}}},
      pay);

  tidemark::cli::InterruptWatcher on_signal([&] { payroll.Stop(); });
  return payroll.Run();
}

}  // namespace hr_example
