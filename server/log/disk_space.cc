#include "server/log/disk_space.h"

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "spdlog/spdlog.h"

namespace tidemark::log {

void DiskSpace::Look() {
  const absl::StatusOr<uint64_t> free = store_.FreeBytes();
  if (!free.ok()) return;
  const uint64_t before = free_.exchange(*free, std::memory_order_relaxed);
  if (*free < free_min_ && before >= free_min_) {
    spdlog::error("the disk has {} bytes free, less than disk_free_min ({}): appends are refused",
                  *free, free_min_);
  } else if (*free >= free_min_ && before < free_min_) {
    spdlog::info("the disk has {} bytes free: appends are taken again", *free);
  }
}

absl::Status DiskSpace::Full(uint64_t least) const {
  const uint64_t free = free_bytes();
  return MakeError(absl::StatusCode::kResourceExhausted,
                   absl::StrCat("the disk has ", free, " bytes free, and below ", least,
                                " this is not written (disk_free_min is ", free_min_,
                                "); nothing was written. Free space, and repeat"),
                   {.reason = "DISK_FULL",
                    .metadata = {{"limit_name", "disk_free_min"},
                                 {"limit", std::to_string(free_min_)},
                                 {"value", std::to_string(free)}},
                    .retry_delay = absl::Seconds(1)});
}

}  // namespace tidemark::log
