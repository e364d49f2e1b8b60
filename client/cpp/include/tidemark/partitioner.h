// Which partition a key is in. The same arithmetic as the server's, so any client can predict it.
//
//   uint32_t partition = tidemark::PartitionOf("employee-10001", topic.partitions);
#ifndef TIDEMARK_PARTITIONER_H_
#define TIDEMARK_PARTITIONER_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace tidemark {

// Murmur2 with the seed and byte order of Kafka's default partitioner.
uint32_t Murmur2(absl::string_view bytes);

// (Murmur2(key) & 0x7fffffff) % partitions. Requires partitions > 0 and a key that is not empty.
uint32_t PartitionOf(absl::string_view key, uint32_t partitions);

}  // namespace tidemark

#endif  // TIDEMARK_PARTITIONER_H_
