#include "tests/crash/ledger.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace tidemark::testing {
namespace {

std::string Place(LogId log, Offset offset) {
  return absl::StrCat("offset ", offset.value(), " of log ", log.value());
}

// "r12/3" belongs to the append "r12".
std::string AppendOf(const TestEvent& event) { return event.id.substr(0, event.id.find('/')); }

}  // namespace

void Ledger::Saw(LogId log, const std::vector<ReadEvent>& events) {
  absl::MutexLock lock(&mu_);
  for (const ReadEvent& event : events) seen_[log].insert_or_assign(event.offset, event.event);
}

std::vector<std::string> Ledger::Violations(LogHarness& harness) {
  std::vector<std::string> wrong;
  CheckTopics(harness, wrong);
  const Contents contents = ReadEverything(harness, wrong);
  CheckAppends(contents, wrong);
  CheckOffsets(harness, wrong);
  CheckSeen(contents, wrong);
  return wrong;
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
      if (!events->empty() && events->front().offset != Offset(0)) {
        wrong.push_back(absl::StrCat("dense: ", topic->name(), " begins late"));
      }
      contents[topic->log(PartitionIndex(p))] = *std::move(events);
    }
  }
  return contents;
}

void Ledger::CheckAppends(const Contents& contents, std::vector<std::string>& wrong) {
  std::map<std::string, std::map<LogId, std::vector<TestEvent>>> found;
  for (const auto& [log, events] : contents) {
    for (const ReadEvent& event : events) found[AppendOf(event.event)][log].push_back(event.event);
  }
  for (const Append& append : appends_) {
    const auto it = found.find(append.name);
    const bool there = it != found.end();
    if (append.known.has_value()) CheckKnown(append, contents, wrong);
    if (there && append.refused)
      wrong.push_back(absl::StrCat(append.name, " was refused and is there"));
    if (!there) continue;
    // Whole, once, in order, or not at all.
    const Topic& topic = topics_.at(append.topic);
    std::map<LogId, std::vector<TestEvent>> expected;
    for (const Part& part : append.parts) expected[topic.first_log + part.partition] = part.events;
    if (it->second != expected) {
      wrong.push_back(absl::StrCat("atomic: ", append.name, " is there in part, twice or changed"));
    }
    found.erase(it);
  }
  for (const auto& [name, events] : found) {
    wrong.push_back(absl::StrCat("nobody appended ", name, ", but it is there"));
  }
}

void Ledger::CheckKnown(const Append& append, const Contents& contents,
                        std::vector<std::string>& wrong) {
  const Topic& topic = topics_.at(append.topic);
  if (MayLose(topic)) return;
  for (size_t i = 0; i < append.parts.size(); ++i) {
    const LogId log = topic.first_log + append.parts[i].partition;
    const auto there = contents.find(log);
    for (size_t e = 0; e < append.parts[i].events.size(); ++e) {
      const Offset offset = append.known->ranges[i].first + e;
      if (there == contents.end() || offset.value() >= there->second.size() ||
          !(there->second[offset.value()].event == append.parts[i].events[e])) {
        wrong.push_back(absl::StrCat("durable: ", append.name, " is not at ", Place(log, offset)));
        return;
      }
    }
  }
}

void Ledger::CheckOffsets(LogHarness& harness, std::vector<std::string>& wrong) {
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
    const bool tried = actual.has_value() &&
                       std::find(committed.unknown.begin(), committed.unknown.end(), *actual) !=
                           committed.unknown.end();
    if (actual != committed.known && !tried) {
      wrong.push_back(absl::StrCat("durable: the committed offset of group ", group, " in log ",
                                   log.value(), " is lost"));
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
      if (there == contents.end() || offset.value() >= there->second.size() ||
          !(there->second[offset.value()].event == event)) {
        wrong.push_back(
            absl::StrCat("no dirty reads: a reader saw ", event.id, " at ", Place(log, offset)));
        break;
      }
    }
  }
}

}  // namespace tidemark::testing
