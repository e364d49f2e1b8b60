#include "bench/load/key_chooser.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace tidemark::bench {

KeyChooser::KeyChooser(uint32_t keys, double zipf) : keys_(keys) {
  if (zipf <= 0 || keys == 0) return;
  double sum = 0;
  up_to_.reserve(keys);
  for (uint32_t rank = 1; rank <= keys; ++rank) {
    sum += std::pow(rank, -zipf);
    up_to_.push_back(sum);
  }
  for (double& weight : up_to_) weight /= sum;
  up_to_.back() = 1;
}

uint32_t KeyChooser::Rank(uint64_t random) const {
  if (up_to_.empty()) return static_cast<uint32_t>(random % keys_);
  const double share = static_cast<double>(random >> 11) * 0x1p-53;  // 53 bits: [0, 1).
  return static_cast<uint32_t>(std::upper_bound(up_to_.begin(), up_to_.end(), share) -
                               up_to_.begin());
}

std::string KeyChooser::Key(uint64_t random) const {
  return keys_ == 0 ? "" : absl::StrFormat("employee-%07d", Rank(random));
}

}  // namespace tidemark::bench
