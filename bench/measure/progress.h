// Progress: what the load threads of this process have done so far, for the line on the terminal.
//
// Threads.   Safe from any thread; only sums, so a reader may see one without the other.
#ifndef TIDEMARK_BENCH_MEASURE_PROGRESS_H_
#define TIDEMARK_BENCH_MEASURE_PROGRESS_H_

#include <atomic>
#include <cstdint>

namespace tidemark::bench {

class Progress {
 public:
  // One for the process: it has one terminal.
  static Progress& OfProcess() {
    static Progress progress;
    return progress;
  }

  void Add(uint64_t events, uint64_t bytes) {
    events_.fetch_add(events, std::memory_order_relaxed);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }
  uint64_t events() const { return events_.load(std::memory_order_relaxed); }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> events_{0};
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_MEASURE_PROGRESS_H_
