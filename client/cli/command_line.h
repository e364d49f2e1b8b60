// The whole command line: global options, help, parsing, and the run of the chosen command.
#ifndef TIDEMARK_CLIENT_CLI_COMMAND_LINE_H_
#define TIDEMARK_CLIENT_CLI_COMMAND_LINE_H_

#include <memory>

#include "client/cli/exit_code.h"

namespace CLI {
class App;
}

namespace tidemark::cli {

class Context;

// Every command and option. `context` outlives it.
std::unique_ptr<CLI::App> MakeCommandLine(Context* context);

// Parses, runs, and gives the exit code of the process.
ExitCode RunCommandLine(int argc, char** argv);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_COMMAND_LINE_H_
