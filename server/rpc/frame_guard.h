// FrameGuard: looks at what one HTTP/2 connection receives, and says when no honest client would
// send that.
//
// Why.       gRPC 1.51 believes its peer: it counts streams only once the client confirmed the
//            limit, keeps a header block of any size, and does unbounded work for calls that are
//            reset at once (CVE-2023-44487, CVE-2023-33953, endless CONTINUATION).
// How.       Only frame headers are read, 9 bytes each. What is malformed is left to gRPC, which
//            ends the connection.
// Bounds.    Streams open (as far as the client tells: until it finished or reset its request), all
//            streams before the client confirmed our settings, bytes of one header block, resets of
//            calls as soon as they are made, and frames that say nothing. The rates allow bursts.
// Threads.   One at a time; `unfinished_total` is shared by all connections.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "server/rpc/frame_walker.h"
#include "server/rpc/stream_limit.h"

namespace tidemark::rpc {

enum class Violation { kNone, kStreams, kUnfinishedRequests, kHeaderBytes, kResets, kIdleFrames };

// "streams", as a metric's label and in the log.
absl::string_view NameOf(Violation violation);

struct FrameLimits {
  uint64_t streams_max = 2000;  // Of the connection.
  // Until the client confirmed our settings, which honest ones do before their first call.
  uint64_t unconfirmed_streams_max = 250;
  int64_t unfinished_total_max = 20'000;  // Requests that are not complete, of all connections.
  uint64_t header_block_bytes_max = 64 << 10;
};

// So many at once, and then so many a second.
class Allowance {
 public:
  Allowance(int64_t burst, int64_t per_second) : burst_(burst), per_second_(per_second) {}
  // False: it is used up.
  bool Take(int64_t now_nanos);

 private:
  const int64_t burst_;
  const int64_t per_second_;
  int64_t used_ = 0;
  int64_t since_nanos_ = 0;
};

class FrameGuard {
 public:
  // `announced`, if there is one, hears what the client says of it; it outlives the guard.
  FrameGuard(const FrameLimits& limits, std::atomic<int64_t>& unfinished_total,
             StreamLimit* announced = nullptr)
      : limits_(limits), unfinished_total_(unfinished_total), announced_(announced) {}
  ~FrameGuard();
  FrameGuard(const FrameGuard&) = delete;
  FrameGuard& operator=(const FrameGuard&) = delete;

  // The next bytes of the connection, received at `now_nanos`. Anything but kNone: close it. After
  // that the guard is of no further use.
  Violation Look(absl::string_view bytes, int64_t now_nanos);
  uint64_t opened() const { return opened_; }  // Calls, ever.
  // Where in the bytes of the last Look a whole frame begins that is none of gRPC's business, an
  // acknowledgement (FrameHead::kBytes) of StreamLimit's.
  std::optional<size_t> TakeOurFrame() { return std::exchange(our_frame_, std::nullopt); }

 private:
  static constexpr uint64_t kPrefaceBytes = 24;

  Violation Begin(const FrameHead& head, size_t end, int64_t now_nanos);
  void Acknowledge(size_t end);
  Violation BeginHeaders(const FrameHead& head, int64_t now_nanos);
  Violation AddHeaderBytes(uint64_t bytes, uint8_t flags, int64_t now_nanos);
  Violation Reset(uint32_t stream, int64_t now_nanos);
  Violation Open(uint32_t stream);
  void Finish(uint32_t stream);
  Violation Idle(int64_t now_nanos);

  const FrameLimits limits_;
  std::atomic<int64_t>& unfinished_total_;
  StreamLimit* const announced_;
  FrameWalker received_{kPrefaceBytes};
  std::optional<size_t> our_frame_;
  bool confirmed_ = false;  // Our settings.
  uint64_t opened_ = 0;
  uint64_t header_block_bytes_ = 0;
  uint32_t newest_stream_ = 0;
  // Streams up to this were opened at least kRapidNanos ago.
  uint32_t settled_stream_ = 0;
  uint32_t settling_stream_ = 0;
  int64_t settling_since_nanos_ = 0;
  absl::flat_hash_set<uint32_t> unfinished_;
  Allowance resets_{2000, 500};
  Allowance idle_{2000, 1000};
};

}  // namespace tidemark::rpc
