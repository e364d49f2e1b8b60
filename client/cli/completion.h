// Shell completion, generated from the command line itself, so that it cannot fall behind.
//
// Topics and groups are completed by asking the server, with the --server of the line or
// TIDEMARK_SERVER; if it does not answer, nothing is offered.
#ifndef TIDEMARK_CLIENT_CLI_COMPLETION_H_
#define TIDEMARK_CLIENT_CLI_COMPLETION_H_

#include <string>

namespace CLI {
class App;
}

namespace tidemark::cli {

std::string BashCompletion(const CLI::App& root);
std::string ZshCompletion(const CLI::App& root);
std::string FishCompletion(const CLI::App& root);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_COMPLETION_H_
