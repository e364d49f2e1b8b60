// LogHarness: an EventLog over a store in a directory of the test, with blocking calls on plain
// values, that can be closed and opened again.
//
// Threads. One at a time, but for what EventLog itself allows.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "server/log/event_log.h"
#include "server/metrics/metrics.h"
#include "server/storage/key_vault.h"
#include "server/storage/store.h"
#include "tests/support/events.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {

// Events of a request for one partition.
struct Part {
  uint32_t partition = 0;
  std::vector<TestEvent> events;
};

// Parts by partition, each once.
log::AppendRequest MakeRequest(log::TopicPtr topic, const std::vector<Part>& parts,
                               std::optional<log::ProducerSequence> producer = std::nullopt);

// One request out of several; the partitions differ.
log::AppendRequest MakeTransaction(std::vector<log::AppendRequest> requests,
                                   std::optional<log::ProducerSequence> producer = std::nullopt);

struct ReadEvent {
  Offset offset;
  TestEvent event;
  friend bool operator==(const ReadEvent&, const ReadEvent&) = default;
};

// A line of a file of master keys; the key follows from the name.
std::string MasterKeyLine(absl::string_view name);

// The events of a batch with their offsets.
absl::StatusOr<std::vector<ReadEvent>> EventsOf(const storage::StoredBatch& batch);

class LogHarness {
 public:
  struct Options {
    storage::StoreOptions store;  // `path` is required.
    log::LogOptions log;
    bool encrypt = false;    // There is a vault, and every topic has encrypt_by_key.
    bool has_vault = false;  // There is one, and topics have what they say.
    bool starts_eraser = true;
  };
  explicit LogHarness(Options options);

  Options& options() { return options_; }
  absl::Status Open();
  void Close();
  bool is_open() const { return log_ != nullptr; }
  bool has_vault() const { return options_.encrypt || options_.has_vault; }

  log::EventLog& log() { return *log_; }
  storage::Store& store() { return *store_; }
  // Requires has_vault. The file's keys may be changed.
  storage::KeyVault& vault() { return *vault_; }
  std::string master_key_file() const { return keys_.Sub("master.keys"); }
  metrics::Metrics& metrics() { return *metrics_; }
  ManualClock& clock() { return clock_; }

  absl::StatusOr<log::TopicPtr> CreateTopic(std::string name, storage::TopicConfig config = {});
  absl::Status DeleteTopic(std::string name);
  absl::StatusOr<log::AppendResult> Append(log::AppendRequest request);
  absl::StatusOr<log::AppendResult> Append(const log::TopicPtr& topic, uint32_t partition,
                                           std::vector<TestEvent> events);
  // Every event of a partition from `from` (default: its start) to its end.
  absl::StatusOr<std::vector<ReadEvent>> ReadAll(const log::Topic& topic, uint32_t partition,
                                                 std::optional<Offset> from = std::nullopt);

 private:
  Options options_;
  TempDir keys_;
  ManualClock clock_;
  std::unique_ptr<metrics::Metrics> metrics_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<storage::KeyVault> vault_;
  std::unique_ptr<log::EventLog> log_;
};

// Holds a pipeline still, so that what is queued meanwhile is taken at once.
class PipelinePause {
 public:
  explicit PipelinePause(log::EventLog& log);
  ~PipelinePause() { Resume(); }
  void Resume();

 private:
  absl::Notification entered_;
  absl::Notification go_;
  absl::Notification done_;
};

}  // namespace tidemark::testing
