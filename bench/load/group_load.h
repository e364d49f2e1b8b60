// The group loads: members of one consumer group that handle a topic's history as fast as they can,
// or live events as producers append them by the clock.
#ifndef TIDEMARK_BENCH_LOAD_GROUP_LOAD_H_
#define TIDEMARK_BENCH_LOAD_GROUP_LOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bench/load/paced_appender.h"
#include "bench/measure/recorder.h"
#include "tidemark/v1/consumer_groups.pb.h"

namespace tidemark::bench {

struct GroupLoad {
  std::string address;
  std::string topic;
  // The group reads so many (TopicNames).
  uint32_t topics = 1;
  std::string group;
  v1::GroupMode mode = v1::GROUP_MODE_PARTITION_ORDERED;
  // Each has a connection and a thread of its own.
  uint32_t members = 1;
  // Unacked events of a member at a time.
  uint64_t credit_events = 10'000;
  // What they hold; the run ends when so many are acked, durably.
  uint64_t events = 0;
};

// Every event is decoded and acked, by delivery. An event counts when its ack is confirmed, bytes
// are those of the deliveries. Latency is from sending an ack to its confirmation.
// DATA_LOSS          an ack was rejected, or more was confirmed than is stored.
// DEADLINE_EXCEEDED  some acks were not confirmed, and none was for a while.
absl::StatusOr<Recorder> RunGroupLoad(const GroupLoad& load);

// One value an event, from the intended send time: until a member has decoded it, and until the
// member's ack of it is confirmed.
struct LiveGroupFigures {
  Recorder received;
  Recorder acked;
};

// Open loop: members wait in the new group while `producers` append by the clock to its topics,
// which are empty. `load.events` is not looked at. Fails as above; an event that comes again is no
// failure, and counts.
absl::StatusOr<LiveGroupFigures> RunLiveGroupLoad(GroupLoad load, const PacedLoad& paced,
                                                  uint32_t producers);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_GROUP_LOAD_H_
