#include "server/storage/log_starts.h"

#include <algorithm>

namespace tidemark::storage {

void LogStarts::Raise(LogId log, Offset start) {
  absl::MutexLock lock(&mu_);
  Offset& known = starts_[log];
  known = std::max(known, start);
}

void LogStarts::Delete(LogId first, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) Raise(first + i, kAll);
}

void LogStarts::Forget(LogId first, uint32_t count) {
  absl::MutexLock lock(&mu_);
  for (uint32_t i = 0; i < count; ++i) starts_.erase(first + i);
}

Offset LogStarts::StartOf(LogId log) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto it = starts_.find(log);
  return it == starts_.end() ? Offset(0) : it->second;
}

bool LogStarts::empty() const {
  absl::ReaderMutexLock lock(&mu_);
  return starts_.empty();
}

}  // namespace tidemark::storage
