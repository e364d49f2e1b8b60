// tidemark: the command line of Tidemark.
#include <csignal>
#include <cstdlib>

#include "client/cli/command_line.h"

int main(int argc, char** argv) {
  // A reader that goes away is noticed where we write.
  std::signal(SIGPIPE, SIG_IGN);
  // gRPC's own log lines would stand between the events; our errors say what it says there.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  return tidemark::cli::RunCommandLine(argc, argv);
}
