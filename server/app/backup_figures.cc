#include "server/app/backup_figures.h"

#include <string>
#include <utility>

#include "server/metrics/families.h"

namespace tidemark::app {

void CollectBackups(const storage::Backups& backups,
                    std::vector<prometheus::MetricFamily>& families) {
  const storage::BackupCounts counts = backups.counts();
  const auto add = [&](prometheus::MetricFamily family, double value) {
    metrics::AddSample(family, {}, value);
    families.push_back(std::move(family));
  };
  add(metrics::CounterFamily("tidemark_backups_made_total", "Backups made since the start."),
      static_cast<double>(counts.made));
  add(metrics::CounterFamily("tidemark_backups_failed_total",
                             "Backups begun and not made since the start; stopped ones, too."),
      static_cast<double>(counts.failed));
  add(metrics::CounterFamily("tidemark_backup_copied_bytes_total", "Bytes copied for backups."),
      static_cast<double>(counts.copied_bytes));
  add(metrics::GaugeFamily("tidemark_backup_newest_time_seconds",
                           "When the newest backup that this process made was begun, seconds since "
                           "1970; 0: it made none."),
      static_cast<double>(counts.last_create_time_us) / 1e6);
  add(metrics::GaugeFamily("tidemark_backup_hold_seconds",
                           "How long commits were held while the newest backup was begun."),
      absl::ToDoubleSeconds(counts.last_hold_time));
}

}  // namespace tidemark::app
