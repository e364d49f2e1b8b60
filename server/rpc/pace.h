// The field bytes_per_second of requests that make the server read or copy much.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "server/base/error.h"

namespace tidemark::rpc {

inline constexpr uint64_t kPaceMin = 1ull << 20;
inline constexpr uint64_t kPaceMax = 1ull << 40;

inline absl::Status CheckPace(uint64_t bytes_per_second) {
  if (bytes_per_second < kPaceMin) {
    return OverLimit("bytes_per_second", "bytes_per_second_min", kPaceMin, bytes_per_second,
                     "bytes");
  }
  if (bytes_per_second > kPaceMax) {
    return OverLimit("bytes_per_second", "bytes_per_second_max", kPaceMax, bytes_per_second,
                     "bytes");
  }
  return absl::OkStatus();
}

}  // namespace tidemark::rpc
