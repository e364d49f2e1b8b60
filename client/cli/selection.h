// Which events `read`, `tail` and `consume` are asked for, and where they begin.
#ifndef TIDEMARK_CLIENT_CLI_SELECTION_H_
#define TIDEMARK_CLIENT_CLI_SELECTION_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/position.h"
#include "tidemark/client.h"
#include "tidemark/reader.h"
#include "tidemark/stream.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace tidemark::cli {

struct Selection {
  std::string topic;
  std::vector<uint32_t> partitions;
  std::vector<std::string> types;
  std::vector<std::string> keys;

  Filter filter() const { return {.types = types, .keys = keys}; }
};

// TOPIC and --type.
void AddTopicAndTypes(CLI::App* command, Selection* selection);
// --partition and --key.
void AddPartitionsAndKeys(CLI::App* command, Selection* selection);

// `name`: an option whose value is a count of at least 1.
CLI::Option* AddCount(CLI::App* command, const std::string& name, uint64_t* count,
                      const std::string& description);

// Where to begin. An offset needs one partition: the only one selected, or the topic's only one.
// INVALID_ARGUMENT  an offset, and several partitions; kEarliest backward, which leaves nothing.
absl::StatusOr<Start> ResolveStart(const Client& client, const Selection& selection,
                                   const Position& from, Direction direction = Direction::kForward);

// Where to end.
// INVALID_ARGUMENT  kEarliest, backward kLatest, which leave nothing; an offset as above.
absl::StatusOr<Stop> ResolveStop(const Client& client, const Selection& selection,
                                 const Position& until, Direction direction = Direction::kForward);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_SELECTION_H_
