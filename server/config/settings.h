// Settings: everything an operator can choose, as plain typed values.
//
// A default here is the default: the command line, the documentation and GetConfig read it from a
// default-constructed Settings. Names are those of the configuration file; ranges and descriptions
// are in setting_table.cc, rules between settings in settings_check.cc.
#ifndef TIDEMARK_SERVER_CONFIG_SETTINGS_H_
#define TIDEMARK_SERVER_CONFIG_SETTINGS_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "server/config/endpoint.h"

namespace tidemark::config {

enum class LogLevel { kTrace, kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;

// Half of the machine's processors, 1 to 8: commits, readers and often clients need the others. On
// 2 processors a second thread costs a third more processor time a unary call and serves no more.
inline uint64_t DefaultGrpcThreads() {
  return std::clamp<uint64_t>(std::thread::hardware_concurrency() / 2, 1, 8);
}

struct Settings {
  // Where.
  std::string config;                     // The configuration file that was read; empty: none.
  std::string data;                       // Directory; required.
  Endpoint listen = {"127.0.0.1", 7400};  // gRPC.
  std::optional<Endpoint> http = Endpoint{"127.0.0.1", 7480};  // Unset: no HTTP port.
  bool allow_insecure_network = false;  // Without it, listen and http are loopback addresses.
  std::string ports_file;               // Empty: none. Gets the bound ports once ready, as JSON.
  std::string backup_dir;               // Empty: this server makes no backups.
  std::string master_key_file;          // Empty: no topic can have encrypt_by_key.

  // Log.
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;

  // Limits on what clients send; reported by GetServerInfo.
  uint64_t event_bytes_max = 1 * kMiB;    // One encoded event.
  uint64_t request_bytes_max = 4 * kMiB;  // One encoded request; >= event_bytes_max.
  uint64_t request_events_max = 100'000;
  uint64_t key_bytes_max = 1024;
  uint64_t request_conditions_max = 100;
  uint64_t request_offset_commits_max = 1000;
  uint64_t topic_partitions_max = 10'000;
  uint64_t partitions_max = 100'000;  // Of the store.
  uint64_t streams_max = 10'000;      // Open streams of the server.
  uint64_t connections_max = 10'000;
  uint64_t connection_streams_max = 2000;  // Calls of one connection, streams included.
  uint64_t group_members_max = 1000;
  uint64_t groups_max = 10'000;                          // Of the store.
  uint64_t group_window_events = 10'000;                 // Of a partition: read and not done.
  uint64_t append_stream_inflight_bytes_max = 8 * kMiB;  // >= request_bytes_max.
  uint64_t append_stream_inflight_requests_max = 1024;

  // Commit pipeline and memory. What they bound adds up to at most memory_limit (memory_plan.h).
  uint64_t memory_limit = 512 * kMiB;
  uint64_t queue_bytes_max = 36 * kMiB;  // Requests waiting to be committed; >= request_bytes_max.
  uint64_t commit_bytes_max = 4 * kMiB;  // One group commit; <= queue_bytes_max.
  uint64_t batch_bytes_max = 1 * kMiB;   // One stored batch; <= commit_bytes_max.
  uint64_t tail_bytes_max = 48 * kMiB;   // Newest batches in memory; >= batch_bytes_max.
  uint64_t send_bytes_max = 32 * kMiB;   // History on its way to clients.
  uint64_t index_open_bytes_max = 16 * kMiB;   // Index of the newest events, until it is on disk.
  uint64_t index_segment_events = 512 * 1024;  // A log's events that are indexed on disk together.
  uint64_t block_cache_bytes = 32 * kMiB;
  // New data in memory before it gets a file (an epoch). 32 MiB: 5 % more appends and half the
  // p99.9 latency of 64 MiB (tidemark-bench append --partitions 8, 2 cores, virtio disk).
  uint64_t write_buffer_bytes = 32 * kMiB;
  uint64_t partitions_cached_max = 10'000;    // In memory although nobody uses them.
  uint64_t group_readahead_bytes = 4 * kMiB;  // Of a group: read and not handed out.

  // The disk. 256 MiB: twice what may be under way to data files (3 write buffers) when it is
  // looked at ten times a second.
  uint64_t disk_free_min = 256 * kMiB;

  // Backups.
  uint64_t backup_bytes_per_second = 32 * kMiB;  // Copied or verified.

  // Time.
  absl::Duration heartbeat_interval = absl::Seconds(15);
  absl::Duration keepalive_interval = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(20);
  absl::Duration revoke_timeout = absl::Seconds(10);
  absl::Duration group_stall_time = absl::Minutes(5);
  absl::Duration drain_timeout = absl::Seconds(4);

  // Threads.
  uint64_t grpc_threads = DefaultGrpcThreads();
  uint64_t reader_threads = 2;
};

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_SETTINGS_H_
