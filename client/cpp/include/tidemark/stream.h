// What a read stream is made of: batches of events and the notes between them.
//
// Terms.    Batch: consecutive events of one partition that were stored together (or the part of it
//           that was asked for). cursor: where a stream is, opaque; Start::AfterCursor goes on
//           there.
// Lifetime. A Batch owns its bytes and may be kept and moved; its events are views into it.
// Threads.  Plain values.
//
//   for (const tidemark::ReceivedEvent& e : batch) Handle(e.offset, e.event.data);
#ifndef TIDEMARK_STREAM_H_
#define TIDEMARK_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tidemark/event.h"

namespace tidemark {

namespace internal {
struct BatchData;
}  // namespace internal

// Where reading begins. Offsets are half-open as everywhere: the named one is the first read.
// Backward it is the first left out: reading goes from there to what is older.
struct Start {
  struct Earliest {};
  struct Latest {};
  struct Offsets {
    std::map<uint32_t, uint64_t> by_partition;
  };
  struct AtTime {
    absl::Time time;
  };
  struct LastN {
    uint64_t events;
  };
  struct Revision {
    uint64_t revision;
  };
  struct AfterCursor {
    std::string cursor;
  };
  std::variant<Earliest, Latest, Offsets, AtTime, LastN, Revision, AfterCursor> at;

  // The oldest readable event of each partition. The default; backward it means the newest.
  static Start FromEarliest() { return {Earliest{}}; }
  // Only what is stored from now on.
  static Start FromLatest() { return {Latest{}}; }
  // These offsets; partitions that are not named begin at their start (backward: at their end).
  static Start FromOffsets(std::map<uint32_t, uint64_t> offsets) {
    return {Offsets{std::move(offsets)}};
  }
  // The first event of each partition stored at or after `time` (backward: the newest before that).
  static Start FromTime(absl::Time time) { return {AtTime{time}}; }
  // The newest `events` (that match the filter) of each partition; 1 or more.
  static Start FromLastN(uint64_t events) { return {LastN{events}}; }
  // The event with this revision of the one key that the filter names; backward it is included, and
  // older ones follow. Revision 0 is the first the key ever had.
  static Start FromRevision(uint64_t revision) { return {Revision{revision}}; }
  // After everything that the stream which gave the cursor had delivered.
  static Start FromCursor(std::string cursor) { return {AfterCursor{std::move(cursor)}}; }
};

// Where a finite read ends. Backward: the oldest event it yields.
struct Stop {
  struct EndAtOpen {};
  struct Offsets {
    std::map<uint32_t, uint64_t> by_partition;
  };
  struct AtTime {
    absl::Time time;
  };
  std::variant<EndAtOpen, Offsets, AtTime> at;

  // What is stored when the read begins. The default. Backward: down to the oldest event.
  static Stop AtEnd() { return {EndAtOpen{}}; }
  // Before these offsets (backward: with these offsets); partitions that are not named end as with
  // AtEnd.
  static Stop BeforeOffsets(std::map<uint32_t, uint64_t> offsets) {
    return {Offsets{std::move(offsets)}};
  }
  // Before the first event of each partition stored at or after `time` (backward: with it).
  static Stop BeforeTime(absl::Time time) { return {AtTime{time}}; }
};

class Batch {
 public:
  // Decodes events as it goes. *it is valid until ++it.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = ReceivedEvent;
    using difference_type = std::ptrdiff_t;
    using pointer = const ReceivedEvent*;
    using reference = const ReceivedEvent&;

    Iterator() = default;
    explicit Iterator(const internal::BatchData* data);
    const ReceivedEvent& operator*() const { return current_; }
    const ReceivedEvent* operator->() const { return &current_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(const Iterator& other) const { return left_ == other.left_; }
    bool operator!=(const Iterator& other) const { return left_ != other.left_; }

   private:
    void Decode();

    const internal::BatchData* data_ = nullptr;
    const char* next_ = nullptr;
    size_t left_ = 0;  // Events from current_ on.
    size_t index_ = 0;
    ReceivedEvent current_;
  };

  Batch();
  ~Batch();
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;
  Batch(const Batch&);
  Batch& operator=(const Batch&);

  // How many events; at least 1 in a received batch.
  size_t size() const;
  bool empty() const { return size() == 0; }
  Iterator begin() const;
  Iterator end() const { return Iterator(); }

  absl::string_view topic() const;
  uint32_t partition() const;
  absl::Time append_time() const;
  uint64_t position() const;
  // Of the first and the last event as they come: in a backward read the first is the higher.
  uint64_t first_offset() const;
  uint64_t last_offset() const;
  // The encoded events, with their tags: what travelled.
  size_t encoded_bytes() const;
  // True: it came with a checksum, which was right.
  bool verified() const;

  // For the library.
  explicit Batch(std::shared_ptr<const internal::BatchData> data);
  const std::shared_ptr<const internal::BatchData>& data() const { return data_; }

 private:
  std::shared_ptr<const internal::BatchData> data_;
};

// Everything stored was delivered; what follows is live.
struct CaughtUp {
  std::string cursor;
};

// No longer at the end: history follows until the next CaughtUp.
struct FellBehind {};

// The stream passed a stretch, perhaps one in which nothing matched.
struct Checkpoint {
  std::string cursor;
};

enum class GapReason { kUnspecified = 0, kRetention = 1, kErased = 2, kCompacted = 3 };

// "RETENTION", "ERASED", "COMPACTED" or "UNSPECIFIED".
absl::string_view GapReasonName(GapReason reason);

// The offsets [from_offset, until_offset) existed and can no longer be read.
struct Gap {
  std::string topic;
  uint32_t partition = 0;
  uint64_t from_offset = 0;
  uint64_t until_offset = 0;
  GapReason reason = GapReason::kUnspecified;
};

using StreamItem = std::variant<Batch, CaughtUp, FellBehind, Checkpoint, Gap>;

}  // namespace tidemark

#endif  // TIDEMARK_STREAM_H_
