#include "server/log/verify_producers.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/storage/record_codec.h"

namespace tidemark::log {
namespace {

constexpr size_t kRowsOfPage = 1000;

// The id in front of 0x00 and the sequence.
std::string IdOf(absl::string_view key) {
  return std::string(key.size() < 9 ? key : key.substr(0, key.size() - 9));
}

absl::StatusOr<std::string> WhatIsWrong(EventLog& log, KnownEnds& ends, absl::string_view value) {
  absl::StatusOr<storage::ProducerRecord> record = storage::DecodeProducerRecord(value);
  if (!record.ok()) return std::string(record.status().message());
  for (const storage::ProducerRecord::Range& range : record->ranges) {
    const TopicId id = range.topic == TopicId(0) ? record->topic : range.topic;
    const TopicPtr topic = log.catalog().FindById(id);
    if (topic == nullptr) continue;  // Deleted.
    if (range.partition.value() >= topic->partitions()) {
      return absl::StrCat("names partition ", range.partition.value(), " of topic ", topic->name(),
                          ", which has ", topic->partitions());
    }
    absl::StatusOr<bool> reaches =
        ends.Reaches(topic->log(range.partition), range.first + range.count);
    if (!reaches.ok()) return reaches.status();
    if (!*reaches) {
      return absl::StrCat("names offset ", (range.first + range.count).value() - 1, " of topic ",
                          topic->name(), " partition ", range.partition.value(),
                          ", which is behind its end");
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<bool> KnownEnds::Reaches(LogId log, Offset offset) {
  const auto found = ends_.find(log);
  if (found != ends_.end() && found->second >= offset) return true;
  const TopicPtr topic = log_.catalog().FindByLog(log);
  if (topic == nullptr) return true;
  absl::StatusOr<PartitionPtr> partition = log_.OpenPartition(
      *topic, PartitionIndex(static_cast<uint32_t>(log - topic->record.first_log)));
  // What cannot be opened is found by its own check.
  if (absl::IsNotFound(partition.status()) || absl::IsDataLoss(partition.status())) return true;
  if (!partition.ok()) return partition.status();
  const Offset end = (*partition)->ends().end;
  ends_[log] = end;
  return end >= offset;
}

absl::Status VerifyProducers(EventLog& log, VerifyProgress& progress) {
  KnownEnds ends(log);
  std::string from;
  while (true) {
    absl::StatusOr<std::vector<std::pair<std::string, std::string>>> rows =
        log.store().ReadProducerRows(from, kRowsOfPage);
    if (absl::IsDataLoss(rows.status())) {
      progress.Found({.kind = Finding::Kind::kProducer,
                      .name = IdOf(from),
                      .description = std::string(rows.status().message())});
      return progress.Checked(0);
    }
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return absl::OkStatus();
    for (const auto& [key, value] : *rows) {
      absl::StatusOr<std::string> wrong = WhatIsWrong(log, ends, value);
      if (!wrong.ok()) return wrong.status();
      if (!wrong->empty()) {
        progress.Found(
            {.kind = Finding::Kind::kProducer, .name = IdOf(key), .description = *wrong});
      }
      ++progress.counts().producer_records;
    }
    from = rows->back().first + '\0';
    if (absl::Status status = progress.Checked(0); !status.ok()) return status;
  }
}

}  // namespace tidemark::log
