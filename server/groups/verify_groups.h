// Checking what is stored of consumer groups: every row can be read, and lies within its log.
//
// Threads. Waits for the disk; beside everything else.
#pragma once

#include "absl/status/status.h"
#include "server/log/event_log.h"
#include "server/log/verify_progress.h"

namespace tidemark::groups {

// `only`: what groups have of this topic; null: everything.
absl::Status VerifyGroups(log::EventLog& log, const log::TopicPtr& only,
                          log::VerifyProgress& progress);

}  // namespace tidemark::groups
