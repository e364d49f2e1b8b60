// Topics as the log uses them: a record that does not change while somebody holds it.
#pragma once

#include <memory>
#include <string>

#include "server/base/check.h"
#include "server/storage/records.h"

namespace tidemark::log {

struct Topic {
  storage::TopicRecord record;

  TopicId id() const { return record.id; }
  const std::string& name() const { return record.name; }
  uint32_t partitions() const { return record.config.partitions; }
  // Requires partition < partitions().
  LogId log(PartitionIndex partition) const {
    TM_CHECK_LT(partition.value(), partitions());
    return record.first_log + partition.value();
  }
  bool Holds(LogId log) const {
    return log >= record.first_log && log < record.first_log + partitions();
  }
};
// Immutable: a change of settings makes another Topic of the same id.
using TopicPtr = std::shared_ptr<const Topic>;

}  // namespace tidemark::log
