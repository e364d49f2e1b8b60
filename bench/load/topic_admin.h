// TopicAdmin: the few calls around a load: make a topic, count what is in it.
#ifndef TIDEMARK_BENCH_LOAD_TOPIC_ADMIN_H_
#define TIDEMARK_BENCH_LOAD_TOPIC_ADMIN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tidemark::bench {

// OK also if the topic exists already. With `max_bytes` above 0 its partitions keep only so many.
absl::Status EnsureTopic(const std::string& address, const std::string& topic, uint32_t partitions,
                         bool index_keys, uint64_t max_bytes = 0);

// The same for each of `topics`, with key index.
absl::Status EnsureTopics(const std::string& address, const std::vector<std::string>& topics,
                          uint32_t partitions);

// Makes `count` topics of one partition, "<prefix>-<number>".
absl::Status CreateTopics(const std::string& address, const std::string& prefix, uint32_t count);

// Readable events of all partitions.
absl::StatusOr<uint64_t> CountEvents(const std::string& address, const std::string& topic);

// Of all the topics.
absl::StatusOr<uint64_t> CountEvents(const std::string& address,
                                     const std::vector<std::string>& topics);

// Events ever appended to all partitions, readable or not.
absl::StatusOr<uint64_t> CountAppended(const std::string& address, const std::string& topic);

// The names of `count` topics: `topic`, "<topic>-1", "<topic>-2", ...
std::vector<std::string> TopicNames(const std::string& topic, uint32_t count);

// A topic name that no other run uses.
std::string FreshTopicName(const std::string& workload);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_TOPIC_ADMIN_H_
