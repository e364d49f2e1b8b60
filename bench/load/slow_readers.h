// SlowReaders: clients that open a Read of a whole topic, take one message, and then no more: what
// a server holds for them it holds for as long as they like.
//
// Lifetime.  The destructor ends the calls.
// Threads.   One user; the calls need no thread of their own.
#ifndef TIDEMARK_BENCH_LOAD_SLOW_READERS_H_
#define TIDEMARK_BENCH_LOAD_SLOW_READERS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace tidemark::bench {

class SlowReaders {
 public:
  SlowReaders();
  ~SlowReaders();

  // Opens `count` more, each on a connection of its own; returns when each has sent its request.
  // The server may make some wait, or let go of some, to stay within its memory.
  absl::Status Open(const std::string& address, const std::string& topic, uint32_t count);

 private:
  struct Call;
  std::vector<std::unique_ptr<Call>> calls_;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_SLOW_READERS_H_
