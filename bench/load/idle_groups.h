// IdleGroups: consumer groups with one member each, who has nothing to do.
//
// Lifetime.  The members leave with the object.
// Threads.   One user at a time. Between Join and the destructor nobody serves the members'
// streams:
//            each can take a few messages before the server has to wait for it, which is enough for
//            the heartbeats of minutes.
#ifndef TIDEMARK_BENCH_LOAD_IDLE_GROUPS_H_
#define TIDEMARK_BENCH_LOAD_IDLE_GROUPS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace tidemark::bench {

class IdleGroups {
 public:
  IdleGroups();
  ~IdleGroups();

  // Makes `count` groups of `topic` that begin at its end, "<topic>-idle-<number>". All members
  // share a connection. Returns when each has joined.
  absl::Status Join(const std::string& address, const std::string& topic, uint32_t count);

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_IDLE_GROUPS_H_
