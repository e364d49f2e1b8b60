// Reads titles as they change, and asks for a raise for each, exactly once: kill it at any moment
// and start it again, as often as you like, on as many machines as there are partitions.
//
//   tidemark-raises SERVER [--until-caught-up]
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tidemark/client.h"
#include "tidemark/errors.h"
#include "tidemark/processor.h"

namespace {

absl::Status AskForRaise(const tidemark::ReceivedEvent& received, tidemark::Transaction& out) {
  const std::string employee(received.event.key);
  out.Append("raises", {.id = absl::StrCat(received.partition, "-", received.offset),
                        .type = "raise.due",
                        .key = employee,
                        .data = absl::StrCat(R"({"employee":")", employee, R"("})")});
  return absl::OkStatus();
}

absl::Status Run(const std::string& server, bool until_caught_up) {
  const absl::StatusOr<tidemark::Client> client = tidemark::Client::Connect(server);
  if (!client.ok()) return client.status();
  tidemark::Processor raises(
      *client, {.group = "raises", .topics = {"hr"}, .filter = {.types = {"title.changed"}}},
      AskForRaise);
  return until_caught_up ? raises.RunUntilCaughtUp() : raises.Run();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: tidemark-raises SERVER [--until-caught-up]\n";
    return 1;
  }
  const absl::Status status = Run(argv[1], argc > 2 && std::string(argv[2]) == "--until-caught-up");
  if (status.ok()) return 0;
  std::cerr << tidemark::Explain(status) << "\n";
  return 2;
}
