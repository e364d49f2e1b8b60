// ReadWorld: a log with a random history, and what a plain list of its events says a read yields.
//
// Method.   The reference knows no batches, pages or indexes: it sorts and filters a list. What it
//           takes from the log is only what the log chose: offsets, append times, positions, and
//           which events retention took.
// Threads.  One.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/delivery/read_session.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/log_harness.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::delivery {

// An event as stored, and as a reader gets it.
struct StoredEvent {
  uint32_t partition = 0;
  uint64_t offset = 0;
  uint64_t position = 0;
  absl::Time append_time;
  testing::TestEvent event;
};

class ReadWorld {
 public:
  static constexpr uint32_t kPartitions = 4;  // The last one stays empty.

  explicit ReadWorld(uint64_t seed);

  testing::Random& random() { return random_; }
  log::EventLog& log() { return harness_->log(); }
  const log::TopicPtr& topic() const { return topic_; }
  const std::vector<StoredEvent>& events(uint32_t partition) const { return events_[partition]; }
  // The oldest offset that retention has left.
  uint64_t StartOf(uint32_t partition) const { return starts_[partition]; }

  // Appends, clock steps, steps of retention and restarts.
  void Live(int steps);
  void Append();
  // Closes and opens the log with other bounds. Sessions must be gone.
  void Restart();

  // What of `partition` a read of `spec` yields, without events_max, in its order. `next` tells
  // where a cursor stands.
  std::vector<StoredEvent> Expected(const ReadSpec& spec, uint32_t partition,
                                    const std::map<uint32_t, uint64_t>& next) const;
  bool Reads(const ReadSpec& spec, uint32_t partition) const;

 private:
  testing::LogHarness::Options RandomOptions();
  testing::TestEvent RandomEvent();
  void Learn();        // What the log chose for the newest events.
  void LearnStarts();  // Where retention let each partition begin.
  uint64_t AtTime(uint32_t partition, absl::Time time) const;
  uint64_t LastN(const ReadSpec& spec, uint32_t partition, uint64_t n) const;
  uint64_t NextOf(const ReadSpec& spec, uint32_t partition,
                  const std::map<uint32_t, uint64_t>& next) const;
  uint64_t StopOf(const ReadSpec& spec, uint32_t partition) const;

  testing::Random random_;
  testing::TempDir dir_;
  testing::CrashFileSystem disk_{dir_.path()};
  std::unique_ptr<testing::LogHarness> harness_;
  log::TopicPtr topic_;
  std::vector<StoredEvent> events_[kPartitions];
  uint64_t starts_[kPartitions] = {};
  int ids_ = 0;
};

}  // namespace tidemark::delivery
