// How much of a read is done, counted in offsets, so that it is right with a filter too.
#ifndef TIDEMARK_CLIENT_CLI_OFFSET_PROGRESS_H_
#define TIDEMARK_CLIENT_CLI_OFFSET_PROGRESS_H_

#include <cstdint>
#include <map>
#include <vector>

#include "tidemark/admin.h"
#include "tidemark/reader.h"
#include "tidemark/stream.h"

namespace tidemark::cli {

class OffsetProgress {
 public:
  OffsetProgress() = default;

  // Plans a read of `partitions` (empty: all) from `start` to `stop`. `at_start` and `at_stop` are
  // the topic's watermarks, asked with the time of the start and the stop where these are times.
  OffsetProgress(Direction direction, const Start& start, const Stop& stop,
                 const std::vector<uint32_t>& partitions, const std::vector<Watermarks>& at_start,
                 const std::vector<Watermarks>& at_stop);

  // The partition was read up to and including `offset`.
  void Passed(uint32_t partition, uint64_t offset);

  uint64_t done() const { return done_; }
  // 0: not known, or nothing to read.
  uint64_t total() const { return total_; }

 private:
  Direction direction_ = Direction::kForward;
  std::map<uint32_t, uint64_t> next_;  // The next offset; backward the last one passed.
  uint64_t done_ = 0;
  uint64_t total_ = 0;
};

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_OFFSET_PROGRESS_H_
