#include "server/base/murmur2.h"

#include <cstring>

namespace tidemark::base {

uint32_t Murmur2(absl::string_view data) {
  constexpr uint32_t kSeed = 0x9747b28c;
  constexpr uint32_t kMix = 0x5bd1e995;
  constexpr int kShift = 24;
  const char* p = data.data();
  size_t left = data.size();
  uint32_t hash = kSeed ^ static_cast<uint32_t>(left);
  for (; left >= 4; p += 4, left -= 4) {
    uint32_t word;
    std::memcpy(&word, p, sizeof(word));
    word *= kMix;
    word ^= word >> kShift;
    word *= kMix;
    hash = (hash * kMix) ^ word;
  }
  const auto byte = [p](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(p[i])); };
  if (left == 3) hash ^= byte(2) << 16;
  if (left >= 2) hash ^= byte(1) << 8;
  if (left >= 1) {
    hash ^= byte(0);
    hash *= kMix;
  }
  hash ^= hash >> 13;
  hash *= kMix;
  return hash ^ (hash >> 15);
}

}  // namespace tidemark::base
