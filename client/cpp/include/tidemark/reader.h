// Reader: what is stored, from a start to a stop. Subscriber: the same without end.
//
// Guarantees. Each partition's events in offset order (backward: newest first), with Order::kCommit
//           all events in the order of commits. After a broken connection, and when the server
//           drains, both go on by themselves with the next event: none twice, none left out in
//           silence (a Gap is an item). Checksums that come with a batch are checked.
// Forms.    Range-for over events, Next() for everything in order, ForEach() for a callback. In the
//           first and last, the notes between events go to the `on_...` functions of the options.
// Threads.  One thread reads. Cancel() may be called from any thread.
// Failure.  Reading ends; status() then tells why. What reconnecting cannot cure is not retried:
//           NOT_FOUND (also: the topic was deleted and created again), OUT_OF_RANGE (events that
//           were next are gone), DATA_LOSS (a checksum is wrong), INVALID_ARGUMENT.
//
//   tidemark::Reader reader(client, "hr", {.filter = {.types = {"employee.*"}}});
//   for (const tidemark::ReceivedEvent& e : reader) Print(e);
//   if (!reader.status().ok()) return reader.status();
//
//   tidemark::Subscriber subscriber(client, "hr", {.start = tidemark::Start::FromLatest()});
//   while (std::optional<tidemark::StreamItem> item = subscriber.Next()) {
//     if (auto* batch = std::get_if<tidemark::Batch>(&*item)) Handle(*batch);
//     if (std::get_if<tidemark::CaughtUp>(&*item)) Print("live");
//   }
#ifndef TIDEMARK_READER_H_
#define TIDEMARK_READER_H_

#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tidemark/admin.h"
#include "tidemark/client.h"
#include "tidemark/stream.h"

namespace tidemark {

namespace internal {
class ReadLoop;
}  // namespace internal

// How partitions are interleaved: as is fastest, or in the order of all commits (which rises with
// Batch::position; backward it falls).
enum class Order { kAny = 1, kCommit = 2 };

// Which way offsets run. A backward read yields, newest first, what a forward read yields with
// start and stop exchanged.
enum class Direction { kForward = 1, kBackward = 2 };

// What reading can be told. The functions are called on the reading thread.
struct StreamOptions {
  Start start{};
  // Reader only: where it ends, and which way it goes. A Subscriber refuses them.
  Stop stop{};
  Direction direction = Direction::kForward;
  // End after this many events. Unset: no limit.
  std::optional<uint64_t> events_max{};
  // Only these partitions. Empty: all.
  std::vector<uint32_t> partitions{};
  Filter filter{};
  Order order = Order::kAny;
  // Cut batches to about this many bytes. Unset: the server's default, 1 MiB.
  std::optional<uint64_t> batch_bytes_max{};
  // Leave out Event::data.
  bool without_data = false;

  // For range-for and ForEach. A gap without on_gap is counted in gap_events().
  std::function<void(const Gap&)> on_gap{};
  std::function<void(const CaughtUp&)> on_caught_up{};
  std::function<void()> on_fell_behind{};
  std::function<void(const Checkpoint&)> on_checkpoint{};
  // The connection broke for this reason; the next try is after `pause`.
  std::function<void(const absl::Status& cause, absl::Duration pause)> on_reconnect{};

  // A stream that is silent this long (heartbeats come every 15 s) is given up and made anew.
  absl::Duration silence_max = absl::Seconds(31);
  // Reconnecting: the first pause and the longest; with jitter.
  absl::Duration backoff_min = absl::Milliseconds(50);
  absl::Duration backoff_max = absl::Seconds(5);
  // Without contact for this long, reading ends with the last cause. Infinite: never.
  absl::Duration give_up_after = absl::InfiniteDuration();
};

using ReadOptions = StreamOptions;
using SubscribeOptions = StreamOptions;

// An input iterator over the events of a stream. *it is valid until ++it.
class EventIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = ReceivedEvent;
  using difference_type = std::ptrdiff_t;
  using pointer = const ReceivedEvent*;
  using reference = const ReceivedEvent&;

  EventIterator() = default;
  explicit EventIterator(internal::ReadLoop* loop);
  const ReceivedEvent& operator*() const { return *event_; }
  const ReceivedEvent* operator->() const { return event_; }
  EventIterator& operator++();
  void operator++(int) { ++*this; }
  bool operator==(const EventIterator& other) const { return event_ == other.event_; }
  bool operator!=(const EventIterator& other) const { return event_ != other.event_; }

 private:
  internal::ReadLoop* loop_ = nullptr;
  const ReceivedEvent* event_ = nullptr;  // Null at the end.
};

// What Reader and Subscriber have in common.
class EventStream {
 public:
  ~EventStream();
  EventStream(EventStream&&) noexcept;
  EventStream& operator=(EventStream&&) noexcept;

  // The next item; waits for it. nullopt: the end, an error or Cancel: see status().
  std::optional<StreamItem> Next();

  // Events only. A second loop goes on with the event after the one where the first stopped. Use
  // either these or Next(): Next drops what is left of a batch that a loop is in.
  EventIterator begin();
  EventIterator end() { return EventIterator(); }

  // Calls `handle` for each event until the end, an error, or until it returns other than OK,
  // which is then returned.
  absl::Status ForEach(absl::FunctionRef<absl::Status(const ReceivedEvent&)> handle);

  // Ends reading, from any thread; status() is then CANCELLED.
  void Cancel();

  // OK while reading and after a proper end.
  const absl::Status& status() const;
  // The newest cursor seen; Start::FromCursor goes on after it. Empty: none yet. Events that came
  // after it are then delivered again; next_offsets() is exact.
  const std::string& cursor() const;
  // One past the last delivered event of each partition that had one (backward: that event itself);
  // Start::FromOffsets goes on, in the same direction.
  std::map<uint32_t, uint64_t> next_offsets() const;
  // How many offsets were announced as gaps.
  uint64_t gap_events() const;
  // How many connections were made.
  uint64_t connections() const;

 protected:
  explicit EventStream(std::unique_ptr<internal::ReadLoop> loop);

 private:
  std::unique_ptr<internal::ReadLoop> loop_;
};

// A finite read. Connects at the first Next() or begin().
class Reader : public EventStream {
 public:
  Reader(const Client& client, absl::string_view topic, ReadOptions options = {});
};

// An endless read: history, CaughtUp, then live.
class Subscriber : public EventStream {
 public:
  Subscriber(const Client& client, absl::string_view topic, SubscribeOptions options = {});
};

}  // namespace tidemark

#endif  // TIDEMARK_READER_H_
