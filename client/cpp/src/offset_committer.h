// OffsetCommitter: who commits a consumer's offsets in another way than by acks.
//
// Threads. The session's.
#ifndef TIDEMARK_CLIENT_SRC_OFFSET_COMMITTER_H_
#define TIDEMARK_CLIENT_SRC_OFFSET_COMMITTER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tidemark/client.h"

namespace tidemark::internal {

class OffsetCommitter {
 public:
  virtual ~OffsetCommitter() = default;
  // A member begins anew: what was handled and not committed is delivered again.
  virtual void Begin() = 0;
  // True: what was handled should be committed now.
  virtual bool IsFull() const = 0;
  // Everything handled before these offsets is done. May wait. Not OK: the member has to begin
  // anew, or, if that cannot help, to end.
  virtual absl::Status Commit(std::vector<OffsetCommit> offsets) = 0;
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_OFFSET_COMMITTER_H_
