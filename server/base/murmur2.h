// Key routing: the same partition for a key as Kafka's default partitioner computes, so that any
// client in any language can predict it.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace tidemark::base {

// 32-bit MurmurHash2 with Kafka's seed.
uint32_t Murmur2(absl::string_view data);

// The partition of `key` among `partitions` (at least 1).
inline uint32_t PartitionOfKey(absl::string_view key, uint32_t partitions) {
  return (Murmur2(key) & 0x7fffffffu) % partitions;
}

}  // namespace tidemark::base
