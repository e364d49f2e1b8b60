#include "tidemark/partitioner.h"

namespace tidemark {
namespace {

// Kafka's parameters; other values would send keys to other partitions.
constexpr uint32_t kSeed = 0x9747b28c;
constexpr uint32_t kMultiplier = 0x5bd1e995;
constexpr int kShift = 24;

}  // namespace

uint32_t Murmur2(absl::string_view bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t left = bytes.size();
  uint32_t hash = kSeed ^ static_cast<uint32_t>(left);
  for (; left >= 4; left -= 4, p += 4) {
    uint32_t word =
        uint32_t{p[0]} | uint32_t{p[1]} << 8 | uint32_t{p[2]} << 16 | uint32_t{p[3]} << 24;
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash = hash * kMultiplier ^ word;
  }
  if (left >= 3) hash ^= uint32_t{p[2]} << 16;
  if (left >= 2) hash ^= uint32_t{p[1]} << 8;
  if (left >= 1) hash = (hash ^ p[0]) * kMultiplier;
  hash ^= hash >> 13;
  hash *= kMultiplier;
  return hash ^ hash >> 15;
}

uint32_t PartitionOf(absl::string_view key, uint32_t partitions) {
  return (Murmur2(key) & 0x7fffffff) % partitions;
}

}  // namespace tidemark
