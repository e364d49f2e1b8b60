// A transaction as a JSON document, for `tidemark transact`.
//
//   {"appends":        [{"topic": "hr", "partition": 0, "events": [CLOUDEVENT, ...]}],
//    "conditions":     [{"topic": "hr", "key": "employee-1", "expect": "absent" | "exists" | 4}],
//    "offset_commits": [{"group": "g", "topic": "hr", "partition": 0, "offset": 7,
//                        "expected_offset": 5}],
//    "producer":       {"id": "import", "sequence": 1}}
//
// Every member may be left out, and so may `partition` and `expected_offset`. A member that is not
// named here is an error.
#ifndef TIDEMARK_CLIENT_CLI_TRANSACTION_PARSE_H_
#define TIDEMARK_CLIENT_CLI_TRANSACTION_PARSE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tidemark/client.h"

namespace tidemark::cli {

// INVALID_ARGUMENT  not JSON, or not a transaction; the message says where.
absl::StatusOr<Transaction> ParseTransaction(absl::string_view text);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_TRANSACTION_PARSE_H_
