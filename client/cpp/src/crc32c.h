// CRC-32C (Castagnoli), by the processor's instruction where there is one.
#ifndef TIDEMARK_CLIENT_SRC_CRC32C_H_
#define TIDEMARK_CLIENT_SRC_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace tidemark::internal {

// The checksum of what `crc` covers followed by `bytes`; begin with 0.
uint32_t ExtendCrc32c(uint32_t crc, absl::string_view bytes);

// The same by table, for any processor; the one above must agree with it.
uint32_t ExtendCrc32cPortable(uint32_t crc, absl::string_view bytes);

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_CRC32C_H_
