// CRC-32C (Castagnoli), the checksum of stored batches.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace tidemark::base {

// The CRC-32C of `data`, continuing from `crc` (0 at the beginning): Extend(Crc32c(a), b) is the
// checksum of a followed by b. Uses the processor's instruction where there is one.
uint32_t ExtendCrc32c(uint32_t crc, absl::string_view data);
inline uint32_t Crc32c(absl::string_view data) { return ExtendCrc32c(0, data); }

// The portable form, for machines without the instruction; public so that tests compare both.
uint32_t ExtendCrc32cPortable(uint32_t crc, absl::string_view data);

}  // namespace tidemark::base
