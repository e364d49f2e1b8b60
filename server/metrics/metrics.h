// Metrics: every figure of one server, and their rendering for Prometheus.
//
// Terms.    Instrument: a counter, gauge or histogram that the code updates as things happen.
//           Collector: a function that computes figures when somebody asks for them.
// Cost.     On 2 cores, also contended: a counter or gauge 12 to 20 ns, a histogram 40 to 50 ns,
//           MethodMetrics::Done 65 ns, RefusedAppends 100 to 210 ns. So update by request or by
//           batch, never by event: Increment(n).
// Threads.  Safe from any thread. Collectors run on the thread that calls RenderText.
// Lifetime. Instruments and MethodMetrics are valid as long as this. What a collector refers to
//           outlives the last RenderText.
#ifndef TIDEMARK_SERVER_METRICS_METRICS_H_
#define TIDEMARK_SERVER_METRICS_METRICS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/metrics/families.h"
#include "server/metrics/method_metrics.h"

namespace tidemark::metrics {

// Of the index of types and keys.
struct IndexMetrics {
  explicit IndexMetrics(prometheus::Registry& registry);
  prometheus::Counter& segments_total;       // Stretches of a log that went to the disk.
  prometheus::Counter& written_bytes_total;  // Before compaction.
  prometheus::Histogram& seal_seconds;       // One pass, over one log or several.
  prometheus::Counter& seal_failures_total;
};

// Of groups whose members ack event by event.
struct WorkMetrics {
  explicit WorkMetrics(prometheus::Registry& registry);
  prometheus::Counter& deliveries_total;    // Events handed to members.
  prometheus::Counter& redeliveries_total;  // Of these not the first time.
  prometheus::Counter& acks_total;          // Durable.
  prometheus::Counter& nacks_total;
  prometheus::Counter& leases_expired_total;
  prometheus::Counter&
      fenced_total;  // Acks, nacks and extensions of what the member does not hold.
  prometheus::Counter& dead_letters_total;
};

struct ErasureMetrics {
  explicit ErasureMetrics(prometheus::Registry& registry);
  prometheus::Counter& events_total;  // By erasures that were answered.
  prometheus::Gauge& pending;         // Not complete.
  prometheus::Counter& compacted_events_total;
};

class Metrics {
 public:
  using Collector = std::function<void(std::vector<prometheus::MetricFamily>& out)>;

  Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

 private:
  prometheus::Registry registry_;  // Before the instruments: they live in it.

 public:
  // Appends. Bytes are encoded events.
  prometheus::Counter& append_requests_total;  // Acknowledged requests, duplicates not included.
  prometheus::Counter& append_events_total;
  prometheus::Counter& append_bytes_total;
  prometheus::Counter& append_batches_total;     // Stored batches.
  prometheus::Counter& duplicate_appends_total;  // Retries answered with their first answer.
  prometheus::Histogram& append_seconds;         // From queueing to durable.

  // The commit pipeline.
  prometheus::Counter& commit_groups_total;
  prometheus::Histogram& commit_group_bytes;
  prometheus::Histogram& fsync_seconds;  // The synced write of one group.
  prometheus::Gauge& queue_bytes;
  prometheus::Gauge& queue_requests;
  prometheus::Gauge& store_failed;  // 1 once appends are refused until the store is reopened.

  // Reads, over all kinds of readers.
  prometheus::Counter& read_batches_total;
  prometheus::Counter& read_bytes_total;
  prometheus::Counter& read_tail_hits_total;   // Batches from memory.
  prometheus::Counter& read_store_hits_total;  // Batches from the store.
  prometheus::Counter& corrupt_batches_total;
  prometheus::Counter& slow_readers_total;

  // Retention.
  prometheus::Counter& retention_starts_moved_total;  // Of partitions.
  prometheus::Counter& retention_events_total;        // Passed: no longer readable.
  prometheus::Counter& retention_bytes_total;         // Of these events, encoded.
  prometheus::Counter& files_dropped_total;           // Data files that held only garbage.
  prometheus::Counter& files_rewritten_total;         // Data files that held much garbage.
  prometheus::Counter& rewritten_bytes_total;         // What stayed of them.
  prometheus::Counter& reclaimed_bytes_total;         // Given back to the file system.
  prometheus::Gauge& garbage_bytes;  // In data files that are not worth rewriting yet.

  ErasureMetrics erasure{registry_};
  IndexMetrics index;

  // Consumer groups.
  prometheus::Counter& group_rebalances_total;
  prometheus::Counter& group_acks_total;  // Acks that are durable.
  WorkMetrics work;

  // The counter of appends refused for `reason`: an ErrorInfo reason ("QUEUE_FULL"), never text
  // from a client, because every reason is a time series for ever. Takes a lock.
  prometheus::Counter& RefusedAppends(absl::string_view reason);

  // The figures of one RPC method, "EventStore/Append". Takes a lock: keep the reference.
  MethodMetrics& Method(absl::string_view method) ABSL_LOCKS_EXCLUDED(mu_);

  // From now on `collector` adds its families to every rendering; it is called without a lock held
  // and from one thread at a time for each RenderText call. Families of one name are merged.
  void AddCollector(Collector collector) ABSL_LOCKS_EXCLUDED(mu_);

  // Everything in Prometheus' text format 0.0.4, families by name.
  std::string RenderText() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  prometheus::Family<prometheus::Counter>& refused_appends_total_;
  prometheus::Family<prometheus::Counter>& requests_total_;
  prometheus::Family<prometheus::Histogram>& request_seconds_;
  prometheus::Family<prometheus::Gauge>& open_streams_;

  mutable absl::Mutex mu_;  // Leaf, but for the registry's own locks.
  absl::flat_hash_map<std::string, std::unique_ptr<MethodMetrics>> methods_ ABSL_GUARDED_BY(mu_);
  std::vector<Collector> collectors_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::metrics

#endif  // TIDEMARK_SERVER_METRICS_METRICS_H_
