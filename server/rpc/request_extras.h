// What Append and Transact carry beside events: conditions, offset commits, a producer.
#pragma once

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/rpc/append_decoder.h"
#include "server/rpc/conditions.h"

namespace tidemark::rpc {

// Encoded entries of a repeated field: not more of them than are permitted, and how many there are.
struct EncodedEntries {
  absl::InlinedVector<absl::string_view, 2> entries;
  uint64_t count = 0;

  void Add(absl::string_view entry, uint64_t max) {
    if (++count <= max) entries.push_back(entry);
  }
};

// As they are found in the request.
struct RequestExtras {
  EncodedEntries conditions;
  EncodedEntries offset_commits;
  // One; or a client gives the field again, and then they are one message in pieces, as Protobuf
  // has it.
  EncodedEntries producer;
};

inline constexpr uint64_t kProducerPiecesMax = 8;

// INVALID_ARGUMENT  more than are permitted.
absl::Status CheckExtras(const RequestExtras& extras, const RpcLimits& limits);

absl::Status TakeProducer(const RequestExtras& extras, const RpcLimits& limits,
                          log::AppendRequest& append);

// Decodes conditions and offset commits into `decoded`, and into its fingerprint.
absl::Status TakeExtras(const RequestExtras& extras, const ConditionDefaults& defaults,
                        const RpcLimits& limits, const log::Catalog& catalog,
                        DecodedAppend& decoded);

}  // namespace tidemark::rpc
