// The command line as completion scripts need it: plain values, made from the parser's own tree.
#ifndef TIDEMARK_CLIENT_CLI_COMPLETION_MODEL_H_
#define TIDEMARK_CLIENT_CLI_COMPLETION_MODEL_H_

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tidemark::cli {

// What can stand for a value.
enum class ValueKind {
  kNone,    // No value at all.
  kAny,     // Nothing to offer.
  kChoice,  // One of a few words.
  kFile,
  kTopic,
  kGroup,
};

struct CompletionOption {
  std::vector<std::string> names;  // With their dashes.
  std::string description;         // Its first sentence.
  ValueKind value = ValueKind::kNone;
  std::vector<std::string> choices;  // For kChoice.
};

struct CompletionCommand {
  std::string path;  // "topic create"; "" for tidemark itself.
  std::string name;  // "create"
  std::string description;
  std::vector<std::string> subcommands;  // Names.
  std::vector<CompletionOption> options;
  ValueKind argument = ValueKind::kNone;  // The first positional.
  std::vector<std::string> argument_choices;
};

// Every command, parents before their children; the first is tidemark itself, whose options may
// stand anywhere.
std::vector<CompletionCommand> ModelOf(const CLI::App& root);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_COMPLETION_MODEL_H_
