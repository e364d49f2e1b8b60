// Receipts of erasures: events of a topic of the server's own, so that who audits reads them as any
// other events. Without personal data: a key is named by its digest.
//
// Threads. Plain functions.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "server/log/append_request.h"
#include "server/storage/erasure_record.h"

namespace tidemark::log {

inline constexpr char kReceiptsTopic[] = "tidemark.erasures";
inline constexpr char kErasureRequested[] = "tidemark.erasure.requested";
inline constexpr char kErasureCompleted[] = "tidemark.erasure.completed";

// One event for partition 0 of `topic`: key the erased topic's name, data the record as JSON.
AppendRequest MakeReceipt(TopicPtr topic, absl::string_view type,
                          const storage::ErasureRecord& record, uint64_t time_us);

}  // namespace tidemark::log
