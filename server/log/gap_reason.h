// Why events cannot be read any more.
#pragma once

namespace tidemark::log {

enum class GapReason { kRetention, kErased, kCompacted };

}  // namespace tidemark::log
