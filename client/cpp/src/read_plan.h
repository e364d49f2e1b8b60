// ReadPlan: what is still to be read, so that a stream can be asked for again at any time.
//
// Why:      "the end", "the last n" and "everything" mean something else after a reconnect than
// they
//           did at first. Resolve turns them into offsets once; what arrives then moves them on.
// Terms.    base: where reading began. next: one past the newest event delivered of a partition;
//           backward the oldest one itself.
// Invariant. Nothing this side of next of its partition is ever accepted, so nothing is delivered
//           twice.
// Threads.  One thread.
#ifndef TIDEMARK_CLIENT_SRC_READ_PLAN_H_
#define TIDEMARK_CLIENT_SRC_READ_PLAN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/src/batch.h"
#include "tidemark/client.h"
#include "tidemark/reader.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::internal {

class ReadPlan {
 public:
  ReadPlan(std::string topic, bool endless, const StreamOptions* options)
      : topic_(std::move(topic)), endless_(endless), options_(*options) {}

  // Asks the server what start and stop mean now. Before the first request, and again before each
  // further one, to see that the topic is still the same.
  // FAILED_PRECONDITION  the topic was deleted and created again: its offsets are others.
  // And what the server answers.
  absl::Status Resolve(const Client& client);

  // What to ask for: the rest.
  v1::ReadRequest MakeReadRequest() const;
  v1::SubscribeRequest MakeSubscribeRequest() const;

  // Drops what is not new. False: nothing is left.
  bool Accept(BatchData* batch);
  // The new part of the gap; nullopt: none.
  std::optional<Gap> Accept(Gap gap);
  void SetCursor(const std::string& cursor);

  // True: as many events were accepted as were wanted.
  bool satisfied() const { return options_.events_max && accepted_ >= *options_.events_max; }
  bool backward() const { return !endless_ && options_.direction == Direction::kBackward; }
  const std::string& cursor() const { return cursor_; }
  const std::map<uint32_t, uint64_t>& next() const { return next_; }

 private:
  using Offsets = std::map<uint32_t, uint64_t>;

  absl::Status ResolveStart(const Client& client, const std::vector<Watermarks>& ends);
  absl::Status ResolveStop(const std::vector<Watermarks>& ends);
  absl::Status ResolveBackward(const Client& client, const std::vector<Watermarks>& ends);
  // Where the newest `events` that match begin.
  absl::StatusOr<Offsets> FindLastN(const Client& client, uint64_t events,
                                    const std::vector<Watermarks>& ends) const;
  // Where the event with this revision of the filter's key is.
  absl::StatusOr<Offsets> FindRevision(const Client& client, uint64_t revision,
                                       const std::vector<Watermarks>& ends) const;
  bool NeedsWatermarks() const;
  Start RestOfStart() const;

  const std::string topic_;
  const bool endless_;
  const StreamOptions& options_;
  bool resolved_ = false;
  uint64_t topic_id_ = 0;
  Start base_;
  Stop stop_;
  std::map<uint32_t, uint64_t> next_;
  std::string cursor_;
  uint64_t accepted_ = 0;
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_READ_PLAN_H_
