#include "server/storage/batch_codec.h"

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"
#include "server/storage/coding.h"

namespace tidemark::storage {
namespace {

// The version less 1 is made of bits.
constexpr char kVersion = 1;
constexpr char kErasedBit = 1;
constexpr char kEncryptedBit = 2;
constexpr char kVersionMax = kVersion + kErasedBit + kEncryptedBit;
constexpr size_t kCheckedFrom = 8;

absl::Status Damaged(LogId log, Offset offset, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("batch at offset ", offset.value(), " of log ", log.value(), ": ", what));
}

uint32_t HeaderChecksum(absl::string_view checked, char version) {
  const uint32_t crc = base::Crc32c(checked);
  return version == kVersion ? crc : base::ExtendCrc32c(crc, absl::string_view(&version, 1));
}

}  // namespace

std::string EncodeBatchHeader(const BatchHeader& header) {
  std::string checked;
  checked.reserve(kBatchHeaderBytes - kCheckedFrom);
  AppendLittle32(checked, header.events_crc32c);
  AppendLittle32(checked, header.count);
  AppendLittle64(checked, header.append_time_us);
  AppendLittle64(checked, header.position.value());
  AppendLittle64(checked, header.base_offset.value());
  AppendLittle32(checked, header.log.value());
  AppendLittle32(checked, header.events_bytes);
  const char bits = (header.has_erased ? kErasedBit : 0) | (header.encrypted ? kEncryptedBit : 0);
  const char version = static_cast<char>(kVersion + bits);
  std::string out(1, version);
  out.append(3, '\0');
  AppendLittle32(out, HeaderChecksum(checked, version));
  out.append(checked);
  TM_CHECK_EQ(out.size(), kBatchHeaderBytes);
  return out;
}

absl::Status DecodeBatchHeader(LogId log, Offset base_offset, absl::string_view value,
                               BatchHeader& header) {
  TM_CHECK_GE(value.size(), kBatchHeaderBytes);
  const char* p = value.data();
  if (p[0] < kVersion || p[0] > kVersionMax) return Damaged(log, base_offset, "unknown version");
  const absl::string_view checked = value.substr(kCheckedFrom, kBatchHeaderBytes - kCheckedFrom);
  if (HeaderChecksum(checked, p[0]) != LoadLittle32(p + 4)) {
    return Damaged(log, base_offset, "header checksum does not match");
  }
  header.events_crc32c = LoadLittle32(p + 8);
  header.count = LoadLittle32(p + 12);
  header.append_time_us = LoadLittle64(p + 16);
  header.position = Position(LoadLittle64(p + 24));
  header.base_offset = Offset(LoadLittle64(p + 32));
  header.log = LogId(LoadLittle32(p + 40));
  header.events_bytes = LoadLittle32(p + 44);
  header.has_erased = ((p[0] - kVersion) & kErasedBit) != 0;
  header.encrypted = ((p[0] - kVersion) & kEncryptedBit) != 0;
  if (header.log != log || header.base_offset != base_offset) {
    return Damaged(log, base_offset, "stored under the wrong key");
  }
  return absl::OkStatus();
}

absl::Status DecodeBatch(LogId log, Offset base_offset, absl::string_view value,
                         BatchHeader& header, absl::string_view& events) {
  if (value.size() < kBatchHeaderBytes) return Damaged(log, base_offset, "shorter than a header");
  absl::Status decoded = DecodeBatchHeader(log, base_offset, value, header);
  if (!decoded.ok()) return decoded;
  events = value.substr(kBatchHeaderBytes);
  if (events.size() != header.events_bytes) return Damaged(log, base_offset, "wrong length");
  if (header.count == 0) return Damaged(log, base_offset, "no events");
  if (base::Crc32c(events) != header.events_crc32c) {
    return Damaged(log, base_offset, "events checksum does not match");
  }
  return absl::OkStatus();
}

}  // namespace tidemark::storage
