// LiveLine: one line on the terminal that says what is being measured and how fast it goes.
//
// Threads.   Show from one thread; a thread of its own writes the line twice a second.
#ifndef TIDEMARK_BENCH_WORKLOAD_LIVE_LINE_H_
#define TIDEMARK_BENCH_WORKLOAD_LIVE_LINE_H_

#include <cstdint>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace tidemark::bench {

// "append ... 12 s, 1.52 M events/s"; with no events in the last turn, bytes, if there were any.
std::string LiveText(const std::string& what, double seconds, double events_per_second,
                     double bytes_per_second);

class LiveLine {
 public:
  LiveLine();
  // Takes the line away.
  ~LiveLine();

  void Show(const std::string& what) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  absl::Mutex mu_;  // Leaf.
  std::string what_ ABSL_GUARDED_BY(mu_);
  int64_t since_ns_ ABSL_GUARDED_BY(mu_) = 0;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // Last: it uses everything above.
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_LIVE_LINE_H_
