// EventPool: encoded events made before the run, so that making them costs nothing during it.
//
// Terms.     An entry is the encoded `events` field of one request: `batch_events` events with
//            their tags. Types, keys and data differ from event to event; data is random, so that
//            neither the server nor the disk gains by compressing it. The pool repeats after
//            kPoolBytes, farther apart than any compressor looks.
// Threads.   Immutable: any number of readers.
#ifndef TIDEMARK_BENCH_LOAD_EVENT_POOL_H_
#define TIDEMARK_BENCH_LOAD_EVENT_POOL_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tidemark::bench {

struct EventShape {
  // Bytes of Event.data; type, key and tags come on top (about 45 bytes).
  uint32_t data_bytes = 100;
  // Keys are drawn from this many; 0: events have no key.
  uint32_t keys = 10'000;
  // 0: uniformly; else by Zipf's law with this exponent (KeyChooser).
  double zipf = 0;
  uint64_t seed = 1;
  // More than 0: the first event of every so manieth entry is of kRareType and has the key
  // kRareKey; the first event of every other entry is of kUncommonType.
  uint32_t rare_entries = 0;
};

inline constexpr char kRareType[] = "employee.retired";
inline constexpr char kUncommonType[] = "employee.promoted";
inline constexpr char kRareKey[] = "employee-rare";

class EventPool {
 public:
  static constexpr size_t kPoolBytes = 32 << 20;
  static constexpr size_t kEntriesMin = 8;
  static constexpr size_t kEntriesMax = 8192;

  EventPool(const EventShape& shape, uint32_t batch_events);

  // Entry i of an endless sequence.
  const grpc::Slice& Entry(uint64_t i) const {
    if (rare_entries_ > 0 && i % rare_entries_ == rare_entries_ / 2) return rare_;
    return entries_[i % entries_.size()];
  }
  size_t size() const { return entries_.size(); }
  uint32_t batch_events() const { return batch_events_; }
  double MeanEntryBytes() const;

 private:
  const uint32_t batch_events_;
  const uint32_t rare_entries_;
  std::vector<grpc::Slice> entries_;
  grpc::Slice rare_;  // Set if rare_entries_ is.
};

// Puts AppendRequests together from a topic and encoded events without copying the events.
class AppendFramer {
 public:
  explicit AppendFramer(const std::string& topic);

  // `producer_id` empty: no Producer in the request.
  grpc::ByteBuffer Frame(const grpc::Slice& events, std::optional<uint32_t> partition,
                         const std::string& producer_id, uint64_t sequence) const;

 private:
  grpc::Slice topic_;
};

// Of `count` topics (TopicNames).
std::vector<AppendFramer> TopicFramers(const std::string& topic, uint32_t count);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_EVENT_POOL_H_
