// Where each event of an answered request is. An answer names ranges by partition; within one the
// events keep the request's order; keys tell the partition, and events without a key are all in
// one.
//
// Threads. Pure function.
#ifndef TIDEMARK_CLIENT_SRC_ACK_LOCATION_H_
#define TIDEMARK_CLIENT_SRC_ACK_LOCATION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tidemark/client.h"

namespace tidemark::internal {

struct EventLocation {
  uint32_t partition;
  uint64_t offset;
};

// `events`: encoded, with tags. `fixed_partition`: as the request had it.
// INTERNAL  the ranges are not what these events make with this many partitions.
absl::StatusOr<std::vector<EventLocation>> LocateEvents(absl::string_view events,
                                                        std::optional<uint32_t> fixed_partition,
                                                        uint32_t partitions,
                                                        const std::vector<OffsetRange>& ranges);

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_ACK_LOCATION_H_
