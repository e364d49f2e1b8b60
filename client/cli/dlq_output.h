// Dead letters as tables and as JSON.
#ifndef TIDEMARK_CLIENT_CLI_DLQ_OUTPUT_H_
#define TIDEMARK_CLIENT_CLI_DLQ_OUTPUT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tidemark/client.h"

namespace tidemark::cli {

// One row for each: place, type, key, attempts, when, reason.
std::string FormatDeadLetters(const std::vector<DeadLetter>& letters, bool color);
// Everything about one, the event's data included.
std::string FormatDeadLetter(const DeadLetter& letter, bool color);
// An array; times RFC 3339, the event null where it can no longer be read.
nlohmann::ordered_json DeadLettersToJson(const std::vector<DeadLetter>& letters);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_DLQ_OUTPUT_H_
