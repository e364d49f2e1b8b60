// `append` with --expect-...: the whole input in one request, stored if a condition on a key holds.
#ifndef TIDEMARK_CLIENT_CLI_CONDITIONED_APPEND_H_
#define TIDEMARK_CLIENT_CLI_CONDITIONED_APPEND_H_

#include <cstdint>
#include <optional>
#include <string>

#include "client/cli/append_job.h"
#include "client/cli/context.h"

namespace tidemark::cli {

// What --expect-... say; at most one of the first three.
struct Expectation {
  bool absent = false;
  bool exists = false;
  std::optional<uint64_t> revision;
  std::string key;  // Empty: the key of the events, which have the same one.

  bool is_set() const { return absent || exists || revision.has_value(); }
};

ExitCode AppendIfExpected(Context* context, const AppendArguments& arguments,
                          const Expectation& expectation);

// The answer of an append or transaction, and where its keys are now.
void PrintStored(Context* context, const AppendResult& result);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_CONDITIONED_APPEND_H_
