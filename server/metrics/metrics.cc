#include "server/metrics/metrics.h"

#include <utility>

#include "prometheus/text_serializer.h"
#include "server/metrics/buckets.h"
#include "server/metrics/process_figures.h"

namespace tidemark::metrics {
namespace {

template <typename T>
prometheus::Family<T>& Family(prometheus::detail::Builder<T> builder, std::string name,
                              std::string help, prometheus::Registry& registry) {
  return builder.Name(std::move(name)).Help(std::move(help)).Register(registry);
}

prometheus::Counter& Counter(prometheus::Registry& registry, std::string name, std::string help) {
  return Family(prometheus::BuildCounter(), std::move(name), std::move(help), registry).Add({});
}

prometheus::Gauge& Gauge(prometheus::Registry& registry, std::string name, std::string help) {
  return Family(prometheus::BuildGauge(), std::move(name), std::move(help), registry).Add({});
}

prometheus::Histogram& Histogram(prometheus::Registry& registry, std::string name, std::string help,
                                 prometheus::Histogram::BucketBoundaries buckets) {
  return Family(prometheus::BuildHistogram(), std::move(name), std::move(help), registry)
      .Add({}, std::move(buckets));
}

}  // namespace

IndexMetrics::IndexMetrics(prometheus::Registry& registry)
    : segments_total(Counter(registry, "tidemark_index_segments_total",
                             "Stretches of a log whose types and keys went to the disk.")),
      written_bytes_total(Counter(registry, "tidemark_index_written_bytes_total",
                                  "Bytes of the index of types and keys, as first written.")),
      seal_seconds(Histogram(registry, "tidemark_index_seal_seconds",
                             "Time of one pass that moves open index parts to the disk.",
                             SecondsBuckets())),
      seal_failures_total(Counter(registry, "tidemark_index_seal_failures_total",
                                  "Passes that failed; they are tried again.")) {}

ErasureMetrics::ErasureMetrics(prometheus::Registry& registry)
    : events_total(Counter(registry, "tidemark_erased_events_total", "Events erased on request.")),
      pending(Gauge(registry, "tidemark_erasures_pending",
                    "Erasures whose bytes have not left every file yet.")),
      compacted_events_total(Counter(registry, "tidemark_compacted_events_total",
                                     "Events that a newer one of their key has replaced, in "
                                     "topics with compact.")) {}

WorkMetrics::WorkMetrics(prometheus::Registry& registry)
    : deliveries_total(Counter(registry, "tidemark_work_deliveries_total",
                               "Events handed to members of KEY_ORDERED and UNORDERED groups.")),
      redeliveries_total(Counter(registry, "tidemark_work_redeliveries_total",
                                 "Of these, events that were delivered before.")),
      acks_total(Counter(registry, "tidemark_work_acks_total",
                         "Events acknowledged one by one, made durable.")),
      nacks_total(Counter(registry, "tidemark_work_nacks_total",
                          "Events that members gave back as failed.")),
      leases_expired_total(Counter(registry, "tidemark_work_leases_expired_total",
                                   "Events whose member said nothing in time.")),
      fenced_total(Counter(registry, "tidemark_work_fenced_total",
                           "Acks, nacks and extensions of events that the member does not hold.")),
      dead_letters_total(
          Counter(registry, "tidemark_dead_letters_total", "Events that became dead letters.")) {}

Metrics::Metrics()
    : append_requests_total(Counter(registry_, "tidemark_append_requests_total",
                                    "Append requests acknowledged, without duplicates.")),
      append_events_total(
          Counter(registry_, "tidemark_append_events_total", "Events acknowledged.")),
      append_bytes_total(Counter(registry_, "tidemark_append_bytes_total",
                                 "Bytes of acknowledged events, encoded.")),
      append_batches_total(Counter(registry_, "tidemark_append_batches_total", "Batches stored.")),
      duplicate_appends_total(
          Counter(registry_, "tidemark_duplicate_appends_total",
                  "Append requests recognised as retries, answered and not stored again.")),
      append_seconds(Histogram(registry_, "tidemark_append_seconds",
                               "Time from queueing an append to its being durable.",
                               SecondsBuckets())),
      commit_groups_total(
          Counter(registry_, "tidemark_commit_groups_total", "Group commits written.")),
      commit_group_bytes(Histogram(registry_, "tidemark_commit_group_bytes",
                                   "Bytes written by one group commit.", BytesBuckets())),
      fsync_seconds(Histogram(registry_, "tidemark_fsync_seconds",
                              "Time of the synced write of one group commit.", SecondsBuckets())),
      queue_bytes(
          Gauge(registry_, "tidemark_queue_bytes", "Bytes of requests that wait to be committed.")),
      queue_requests(
          Gauge(registry_, "tidemark_queue_requests", "Requests that wait to be committed.")),
      store_failed(Gauge(registry_, "tidemark_store_failed",
                         "1 if the store refuses writes until it is reopened, else 0.")),
      read_batches_total(
          Counter(registry_, "tidemark_read_batches_total", "Batches given to readers.")),
      read_bytes_total(Counter(registry_, "tidemark_read_bytes_total",
                               "Bytes of events given to readers, encoded.")),
      read_tail_hits_total(Counter(registry_, "tidemark_read_tail_hits_total",
                                   "Batches that readers got from memory.")),
      read_store_hits_total(Counter(registry_, "tidemark_read_store_hits_total",
                                    "Batches that readers got from the store.")),
      corrupt_batches_total(Counter(registry_, "tidemark_corrupt_batches_total",
                                    "Batches whose checksum was wrong; they were not served.")),
      slow_readers_total(Counter(registry_, "tidemark_slow_readers_total",
                                 "Readers that took nothing while others waited; let go of.")),
      retention_starts_moved_total(Counter(registry_, "tidemark_retention_starts_moved_total",
                                           "Start offsets of partitions that retention moved.")),
      retention_events_total(
          Counter(registry_, "tidemark_retention_events_total", "Events that retention passed.")),
      retention_bytes_total(Counter(registry_, "tidemark_retention_bytes_total",
                                    "Bytes of events that retention passed, encoded.")),
      files_dropped_total(Counter(registry_, "tidemark_files_dropped_total",
                                  "Data files dropped because nothing in them was readable.")),
      files_rewritten_total(Counter(registry_, "tidemark_files_rewritten_total",
                                    "Data files rewritten because much in them was garbage.")),
      rewritten_bytes_total(Counter(registry_, "tidemark_rewritten_bytes_total",
                                    "Bytes written again when data files were rewritten.")),
      reclaimed_bytes_total(Counter(registry_, "tidemark_reclaimed_bytes_total",
                                    "Bytes of data files given back to the file system.")),
      garbage_bytes(Gauge(registry_, "tidemark_garbage_bytes",
                          "Bytes in data files that nobody can read, not worth rewriting yet.")),
      index(registry_),
      group_rebalances_total(Counter(registry_, "tidemark_group_rebalances_total",
                                     "New assignments of partitions in consumer groups.")),
      group_acks_total(
          Counter(registry_, "tidemark_group_acks_total", "Acknowledgements made durable.")),
      work(registry_),
      refused_appends_total_(Family(prometheus::BuildCounter(), "tidemark_refused_appends_total",
                                    "Append requests refused, by reason.", registry_)),
      requests_total_(Family(prometheus::BuildCounter(), "tidemark_requests_total",
                             "Calls that ended, by method and canonical code.", registry_)),
      request_seconds_(Family(prometheus::BuildHistogram(), "tidemark_request_seconds",
                              "Time from a call's arrival to its answer, by method.", registry_)),
      open_streams_(Family(prometheus::BuildGauge(), "tidemark_open_streams",
                           "Streams that are open, by method.", registry_)) {
  AddCollector(CollectProcessFigures);
}

prometheus::Counter& Metrics::RefusedAppends(absl::string_view reason) {
  return refused_appends_total_.Add({{"reason", std::string(reason)}});
}

MethodMetrics& Metrics::Method(absl::string_view method) {
  absl::MutexLock lock(&mu_);
  std::unique_ptr<MethodMetrics>& metrics = methods_[method];
  if (metrics == nullptr) {
    metrics = std::make_unique<MethodMetrics>(std::string(method), requests_total_,
                                              request_seconds_, open_streams_);
  }
  return *metrics;
}

void Metrics::AddCollector(Collector collector) {
  absl::MutexLock lock(&mu_);
  collectors_.push_back(std::move(collector));
}

std::string Metrics::RenderText() const {
  std::vector<Collector> collectors;
  {
    absl::MutexLock lock(&mu_);
    collectors = collectors_;
  }
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (const Collector& collector : collectors) collector(families);
  return prometheus::TextSerializer().Serialize(MergeFamilies(std::move(families)));
}

}  // namespace tidemark::metrics
