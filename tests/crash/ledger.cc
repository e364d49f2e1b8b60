#include "tests/crash/ledger.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/log/erasure_receipt.h"

namespace tidemark::testing {
namespace {

// Of a stored batch in these tests, with the event that goes beyond it.
constexpr uint64_t kBatchBytesMax = 2500;

std::string Place(LogId log, Offset offset) {
  return absl::StrCat("offset ", offset.value(), " of log ", log.value());
}

// "r12/3;" belongs to the append "r12".
std::string AppendOf(const TestEvent& event) { return event.id.substr(0, event.id.find('/')); }

}  // namespace

void Ledger::Saw(LogId log, const std::vector<ReadEvent>& events) {
  absl::MutexLock lock(&mu_);
  for (const ReadEvent& event : events) {
    if (!event.event.type.empty()) seen_[log].insert_or_assign(event.offset, event.event);
  }
}

void Ledger::Topic::AddRule(const Rule& added, bool known) {
  const auto tighten = [](std::optional<uint64_t>& bound, const std::optional<uint64_t>& with) {
    if (with.has_value()) bound = std::min(bound.value_or(UINT64_MAX), *with);
  };
  tighten(strictest.max_age_us, added.max_age_us);
  tighten(strictest.max_bytes, added.max_bytes);
  rule = added;
  rule_is_known = known;
}

const TestEvent* Ledger::LogContents::At(Offset offset) const {
  if (offset < kept.ends.start) return nullptr;
  const uint64_t index = offset - kept.ends.start;
  return index < events.size() ? &events[index].event : nullptr;
}

void Ledger::SawStart(LogId log, Offset start) {
  Offset& known = starts_[log];
  known = std::max(known, start);
}

std::vector<std::string> Ledger::Violations(LogHarness& harness) {
  std::vector<std::string> wrong;
  now_us_ = static_cast<uint64_t>(absl::ToUnixMicros(harness.clock().Now()));
  CheckTopics(harness, wrong);
  contents_ = ReadEverything(harness, wrong);
  CollectPlaced();
  FillBlanks(wrong);
  CheckBlanks(wrong);
  CheckOffsets(harness, wrong);
  CheckAppends(contents_, wrong);
  CheckRetention(harness, contents_, wrong);
  CheckSeen(contents_, wrong);
  CheckIndex(harness, contents_, wrong);
  return wrong;
}

std::vector<std::string> Ledger::Settle(LogHarness& harness) {
  settles_ = true;
  std::vector<std::string> wrong = Violations(harness);
  settles_ = false;
  // What can be read now was perhaps never acknowledged. It must not go away again.
  for (const auto& [log, there] : contents_) Saw(log, there.events);
  for (auto& [place, committed] : offsets_) {
    const auto actual = committed_.find(place);
    committed.unknown.clear();
    if (actual != committed_.end()) committed.known = actual->second;
  }
  return wrong;
}

void Ledger::CheckIndex(LogHarness& harness, const Contents& contents,
                        std::vector<std::string>& wrong) {
  for (const auto& [log, there] : contents) {
    const log::TopicPtr topic = harness.log().catalog().FindByLog(log);
    if (topic == nullptr) continue;
    const PartitionIndex index(log - topic->record.first_log);
    const auto partition = harness.log().OpenPartition(*topic, index);
    if (!partition.ok()) continue;
    const std::string place = absl::StrCat("index: ", topic->name(), "/", index.value(), ": ");
    std::map<std::string, log::TypeFigures> types;
    std::map<std::string, log::KeyFigures> keys;
    for (const ReadEvent& event : there.events) {
      const bool blank = there.blanks.contains(event.offset);
      if (!blank) ++types[event.event.type].count;
      log::KeyFigures& key = keys[event.event.key];
      ++key.events;
      if (!blank && !key.first.has_value()) key.first = event.offset;
      key.last = event.offset;
    }
    log::TypeTable counted;
    const absl::Status status = harness.log().index().AddTypes(**partition, "", 1000, counted);
    if (!status.ok()) wrong.push_back(absl::StrCat(place, status.ToString()));
    for (const auto& [type, figures] : types) {
      if (counted[type].count == figures.count) continue;
      wrong.push_back(absl::StrCat(place, "counts ", counted[type].count, " of ", figures.count));
    }
    for (const auto& [key, figures] : keys) {
      const auto found = harness.log().index().FindKey(**partition, key);
      // Retention does not change revisions, so there may be more than can be read.
      const bool right = found.ok() && found->has_value() && (*found)->first == figures.first &&
                         (*found)->last == figures.last && (*found)->events >= figures.events &&
                         ((*found)->events == figures.events || there.kept.ends.start > Offset(0));
      if (!right) wrong.push_back(absl::StrCat(place, key, " is not told right"));
    }
  }
}

void Ledger::CheckTopics(LogHarness& harness, std::vector<std::string>& wrong) {
  for (const auto& [id, topic] : topics_) {
    const log::TopicPtr found = harness.log().catalog().FindById(id);
    if (topic.deleted) {
      if (found != nullptr)
        wrong.push_back(absl::StrCat("durable: deleted ", topic.name, " is back"));
      continue;
    }
    if (found == nullptr) {
      if (!topic.deletion_tried)
        wrong.push_back(absl::StrCat("durable: topic ", topic.name, " is lost"));
      continue;
    }
    const std::string& description = found->record.config.description;
    if (found->partitions() != topic.partitions || found->record.first_log != topic.first_log ||
        (description != topic.description && description != topic.described)) {
      wrong.push_back(absl::StrCat("durable: topic ", topic.name, " has other settings"));
    }
  }
}

Ledger::Contents Ledger::ReadEverything(LogHarness& harness, std::vector<std::string>& wrong) {
  Contents contents;
  for (const log::TopicPtr& topic : harness.log().catalog().List("", "", 10'000)) {
    for (uint32_t p = 0; p < topic->partitions(); ++p) {
      absl::StatusOr<std::vector<ReadEvent>> events = harness.ReadAll(*topic, p);
      if (!events.ok()) {
        wrong.push_back(absl::StrCat("dense: partition ", p, " of ", topic->name(), ": ",
                                     events.status().ToString()));
        continue;
      }
      const auto partition = harness.log().OpenPartition(*topic, PartitionIndex(p));
      if (!partition.ok()) continue;
      const log::Partition::Kept kept = (*partition)->kept();
      const auto known = topics_.find(topic->id());
      const bool may_begin_late = known != topics_.end() && known->second.HasRule();
      if (kept.ends.start > Offset(0) && !may_begin_late) {
        wrong.push_back(absl::StrCat("dense: ", topic->name(), " begins late"));
      }
      if (kept.ends.end - kept.ends.start != events->size() ||
          (!events->empty() && events->front().offset != kept.ends.start)) {
        wrong.push_back(absl::StrCat("dense: ", topic->name(), " holds ", events->size(),
                                     " events from ", kept.ends.start.value(), " to ",
                                     kept.ends.end.value()));
      }
      if (topic->name() == log::kReceiptsTopic) receipts_ = topic->log(PartitionIndex(p));
      contents[topic->log(PartitionIndex(p))] = {.kept = kept, .events = *std::move(events)};
    }
  }
  return contents;
}

void Ledger::CheckAppends(const Contents& contents, std::vector<std::string>& wrong) {
  std::map<std::string, std::map<LogId, std::vector<TestEvent>>> found;
  for (const auto& [log, events] : contents) {
    for (const ReadEvent& event : events.events) {
      if (log == receipts_) continue;
      found[AppendOf(event.event)][log].push_back(event.event);
    }
  }
  for (Append& append : appends_) {
    const auto it = found.find(append.name);
    const bool there = it != found.end();
    if (append.known.has_value()) CheckKnown(append, contents, wrong);
    if (there && append.refused)
      wrong.push_back(absl::StrCat(append.name, " was refused and is there"));
    if (append.commit.has_value()) CheckCommit(append, there, wrong);
    if (!there) {
      append.refused = append.refused || (settles_ && !append.known.has_value());
      continue;
    }
    // Whole, once, in order, or not at all.
    std::map<LogId, std::vector<TestEvent>> expected;
    for (const TopicPart& part : append.parts) {
      const LogId log = LogOf(part);
      const auto log_contents = contents.find(log);
      if (log_contents == contents.end()) continue;  // Deleted.
      std::vector<TestEvent> events = part.part.events;
      // Retention may have passed the first of them.
      const bool cut = log_contents->second.kept.ends.start > Offset(0);
      const size_t there_now = it->second.contains(log) ? it->second[log].size() : 0;
      if (cut && there_now < events.size()) events.erase(events.begin(), events.end() - there_now);
      if (!events.empty()) expected[log] = std::move(events);
    }
    if (it->second != expected) {
      wrong.push_back(absl::StrCat("atomic: ", append.name, " is there in part, twice or changed"));
    }
    found.erase(it);
  }
  for (const auto& [name, events] : found) {
    wrong.push_back(absl::StrCat("nobody appended ", name, ", but it is there"));
  }
}

void Ledger::CheckCommit(Append& append, bool there, std::vector<std::string>& wrong) {
  const OffsetCommit& commit = *append.commit;
  if (append.known.has_value() || append.refused || !settles_) return;
  const auto actual = committed_.find({commit.group_id, commit.log});
  const bool committed = actual != committed_.end() && actual->second == commit.offset;
  if (there != committed) {
    wrong.push_back(absl::StrCat("atomic: the events of ", append.name, there ? " are" : " are not",
                                 " there, its offset ", committed ? "is" : "is not"));
  }
}

void Ledger::CheckKnown(const Append& append, const Contents& contents,
                        std::vector<std::string>& wrong) {
  for (size_t i = 0; i < append.parts.size(); ++i) {
    const Topic& topic = topics_.at(append.parts[i].topic);
    if (MayLose(topic)) continue;
    const LogId log = LogOf(append.parts[i]);
    const std::vector<TestEvent>& events = append.parts[i].part.events;
    const auto there = contents.find(log);
    for (size_t e = 0; e < events.size(); ++e) {
      const Offset offset = append.known->ranges[i].first + e;
      const TestEvent* found = there == contents.end() ? nullptr : there->second.At(offset);
      if (found != nullptr && *found == events[e]) continue;
      const bool below = there != contents.end() && offset < there->second.kept.ends.start;
      if (below && MayBePassed(topic, append, log, offset)) continue;
      wrong.push_back(absl::StrCat("durable: ", append.name, " is not at ", Place(log, offset)));
      return;
    }
  }
}

uint64_t Ledger::BytesFrom(LogId log, Offset offset) const {
  uint64_t bytes = 0;
  for (const Append& append : appends_) {
    for (size_t i = 0; i < append.parts.size(); ++i) {
      if (LogOf(append.parts[i]) != log || append.refused) continue;
      const std::vector<TestEvent>& events = append.parts[i].part.events;
      for (size_t e = 0; e < events.size(); ++e) {
        if (append.known.has_value() && append.known->ranges[i].first + e < offset) continue;
        bytes += EncodeEntry(events[e]).size();
      }
    }
  }
  return bytes;
}

bool Ledger::MayBePassed(const Topic& topic, const Append& append, LogId log, Offset offset) const {
  const Rule& rule = topic.strictest;
  const auto time_us = static_cast<uint64_t>(absl::ToUnixMicros(append.known->append_time));
  if (rule.max_age_us.has_value() && time_us + *rule.max_age_us <= now_us_) return true;
  // It goes with its batch, of which some may be before it.
  return rule.max_bytes.has_value() && BytesFrom(log, offset) + kBatchBytesMax > *rule.max_bytes;
}

void Ledger::CheckRetention(LogHarness& harness, const Contents& contents,
                            std::vector<std::string>& wrong) {
  for (const auto& [log, there] : contents) {
    const auto [start, end] = there.kept.ends;
    if (start < starts_[log]) {
      wrong.push_back(absl::StrCat("the start of log ", log.value(), " moved back to ",
                                   start.value(), " from ", starts_[log].value()));
    }
    SawStart(log, start);
    const log::TopicPtr topic = harness.log().catalog().FindByLog(log);
    if (topic == nullptr || start == Offset(0)) continue;
    const auto partition = harness.log().OpenPartition(
        *topic, PartitionIndex(static_cast<uint32_t>(log - topic->record.first_log)));
    const auto below = harness.log().reader().Read(**partition, Offset(start.value() - 1), end,
                                                   4096, log::MayWait::kYes);
    if (!below.ok() || below->state != log::PartitionRead::State::kTooOld) {
      wrong.push_back(absl::StrCat("served below the start: ", Place(log, start)));
    }
  }
  for (const Append& append : appends_) {
    if (!append.known.has_value()) continue;
    const auto time_us = static_cast<uint64_t>(absl::ToUnixMicros(append.known->append_time));
    for (size_t i = 0; i < append.parts.size(); ++i) {
      const Topic& topic = topics_.at(append.parts[i].topic);
      if (MayLose(topic)) continue;
      const bool passed = topic.rule_is_known && topic.rule.max_age_us.has_value() &&
                          time_us + *topic.rule.max_age_us <= now_us_;
      const auto& range = append.known->ranges[i];
      const LogId log = LogOf(append.parts[i]);
      const auto there = contents.find(log);
      if (there == contents.end()) continue;
      if (there->second.kept.ends.end < range.first + range.count) {
        wrong.push_back(absl::StrCat("the end of log ", log.value(), " is before ", append.name));
      }
      if (passed && there->second.At(range.first + (range.count - 1)) != nullptr) {
        wrong.push_back(absl::StrCat("retention passed ", append.name, ", but it can be read at ",
                                     Place(log, range.first)));
      }
    }
  }
  for (const auto& [id, topic] : topics_) {
    if (!topic.rule_is_known || !topic.rule.max_bytes.has_value()) continue;
    for (uint32_t p = 0; p < topic.partitions; ++p) {
      const auto there = contents.find(topic.first_log + p);
      if (there == contents.end()) continue;
      if (there->second.kept.bytes() > *topic.rule.max_bytes + kBatchBytesMax) {
        wrong.push_back(absl::StrCat("log ", (topic.first_log + p).value(), " keeps ",
                                     there->second.kept.bytes(), " bytes"));
      }
    }
  }
}

void Ledger::CheckOffsets(LogHarness& harness, std::vector<std::string>& wrong) {
  committed_.clear();
  for (const auto& [place, committed] : offsets_) {
    const auto& [group, log] = place;
    const bool gone =
        std::any_of(topics_.begin(), topics_.end(), [&, log = log](const auto& entry) {
          const Topic& topic = entry.second;
          return topic.deletion_tried && log >= topic.first_log &&
                 log < topic.first_log + topic.partitions;
        });
    if (gone) continue;
    const auto offsets = harness.store().ReadOffsets(storage::GroupId(group));
    std::optional<Offset> actual;
    if (offsets.ok()) {
      for (const auto& [other, offset] : *offsets) {
        if (other == log) actual = offset;
      }
    }
    if (actual.has_value()) committed_[place] = *actual;
    const bool tried = actual.has_value() &&
                       std::find(committed.unknown.begin(), committed.unknown.end(), *actual) !=
                           committed.unknown.end();
    if (actual != committed.known && !tried) {
      const auto text = [](const std::optional<Offset>& offset) {
        return offset.has_value() ? absl::StrCat(offset->value()) : "none";
      };
      wrong.push_back(absl::StrCat("durable: the committed offset of group ", group, " in log ",
                                   log.value(), " is ", text(actual), " instead of ",
                                   text(committed.known), ", with ", committed.unknown.size(),
                                   " under way"));
    }
  }
}

void Ledger::CheckSeen(const Contents& contents, std::vector<std::string>& wrong) {
  absl::MutexLock lock(&mu_);
  for (const auto& [log, events] : seen_) {
    const auto topic = std::find_if(topics_.begin(), topics_.end(), [log = log](const auto& entry) {
      return log >= entry.second.first_log &&
             log < entry.second.first_log + entry.second.partitions;
    });
    if (topic == topics_.end() || MayLose(topic->second)) continue;
    const auto there = contents.find(log);
    for (const auto& [offset, event] : events) {
      const TestEvent* found = there == contents.end() ? nullptr : there->second.At(offset);
      // What retention may pass is checked for acknowledged events.
      if (found == nullptr && topic->second.HasRule() && there != contents.end() &&
          offset < there->second.kept.ends.start) {
        continue;
      }
      if (found == nullptr || *found != event) {
        wrong.push_back(
            absl::StrCat("no dirty reads: a reader saw ", event.id, " at ", Place(log, offset)));
        break;
      }
    }
  }
}

}  // namespace tidemark::testing
