// Ledger: events that were erased or compacted.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/crash/ledger.h"

namespace tidemark::testing {

const Ledger::Topic* Ledger::TopicOf(LogId log) const {
  for (const auto& [id, topic] : topics_) {
    if (log >= topic.first_log && log < topic.first_log + topic.partitions) return &topic;
  }
  return nullptr;
}

const TestEvent* Ledger::Placed(LogId log, Offset offset) const {
  const auto events = placed_.find(log);
  if (events == placed_.end()) return nullptr;
  const auto event = events->second.find(offset);
  return event == events->second.end() ? nullptr : &event->second;
}

void Ledger::CollectPlaced() {
  {
    absl::MutexLock lock(&mu_);
    placed_ = seen_;
  }
  for (const Append& append : appends_) {
    for (size_t i = 0; append.known.has_value() && i < append.parts.size(); ++i) {
      const std::vector<TestEvent>& events = append.parts[i].part.events;
      for (size_t e = 0; e < events.size(); ++e) {
        placed_[LogOf(append.parts[i])].emplace(append.known->ranges[i].first + e, events[e]);
      }
    }
  }
  for (const auto& [log, there] : contents_) {
    for (const ReadEvent& event : there.events) {
      if (!event.event.type.empty()) placed_[log].emplace(event.offset, event.event);
    }
  }
  newest_.clear();
  for (const auto& [log, events] : placed_) {
    for (const auto& [offset, event] : events) newest_[log][event.key] = offset;
  }
}

void Ledger::FillBlanks(std::vector<std::string>& wrong) {
  for (auto& [log, there] : contents_) {
    for (ReadEvent& event : there.events) {
      if (!event.event.type.empty()) continue;
      there.blanks.insert(event.offset);
      const TestEvent* was = Placed(log, event.offset);
      if (was != nullptr) {
        event.event = *was;
      } else {
        wrong.push_back(absl::StrCat("durable: offset ", event.offset.value(), " of log ",
                                     log.value(), " is blank, and nobody knows what it was"));
      }
    }
  }
}

bool Ledger::IsSuperseded(LogId log, Offset offset) const {
  const Topic* topic = TopicOf(log);
  const TestEvent* event = Placed(log, offset);
  if (topic == nullptr || !topic->compact || event == nullptr) return false;
  return newest_.at(log).at(event->key) > offset;
}

void Ledger::CheckBlanks(std::vector<std::string>& wrong) {
  for (Erasure& erasure : erasures_) CheckErasure(erasure, wrong);
  for (const auto& [log, there] : contents_) {
    for (const Offset offset : there.blanks) {
      if (IsSuperseded(log, offset)) continue;
      const bool erased =
          std::any_of(erasures_.begin(), erasures_.end(), [&](const Erasure& erasure) {
            return erasure.events.contains({log, offset});
          });
      if (erased) continue;
      const TestEvent* was = Placed(log, offset);
      wrong.push_back(absl::StrCat("durable: offset ", offset.value(), " of log ", log.value(),
                                   " (", was == nullptr ? "?" : was->id,
                                   ") is blank, and nothing allows that"));
    }
  }
}

// One that is known has taken all of its events; one that is unknown all of them or none.
void Ledger::CheckErasure(Erasure& erasure, std::vector<std::string>& wrong) {
  size_t gone = 0;
  size_t left = 0;
  for (const auto& [place, id] : erasure.events) {
    const auto there = contents_.find(place.first);
    if (there == contents_.end() || place.second < there->second.kept.ends.start) continue;
    if (there->second.blanks.contains(place.second)) {
      // Compaction takes events, too.
      if (!IsSuperseded(place.first, place.second)) ++gone;
    } else if (++left; erasure.known) {
      wrong.push_back(absl::StrCat("durable: ", id, " was erased and is there"));
    }
  }
  if (erasure.known) return;
  if (gone > 0 && left > 0) {
    wrong.push_back(absl::StrCat("atomic: of ", erasure.name, " ", gone, " events are gone and ",
                                 left, " are there"));
  }
  if (!settles_) return;
  erasure.known = gone > 0;
  if (left > 0) erasure.events.clear();  // It did not happen.
}

}  // namespace tidemark::testing
