#include "tests/model/delivery/read_world.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/check.h"

namespace tidemark::delivery {
namespace {

using testing::Part;
using testing::TestEvent;

bool IsBackward(const ReadSpec& spec) { return spec.direction == log::Direction::kBackward; }

bool MatchesType(const std::vector<std::string>& wanted, const std::string& type) {
  return wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](const std::string& w) {
           return w.back() == '*' ? absl::StartsWith(type, w.substr(0, w.size() - 1)) : w == type;
         });
}

bool Matches(const storage::FilterSpec& filter, const TestEvent& event) {
  return MatchesType(filter.types, event.type) &&
         (filter.keys.empty() ||
          std::find(filter.keys.begin(), filter.keys.end(), event.key) != filter.keys.end());
}

}  // namespace

ReadWorld::ReadWorld(uint64_t seed) : random_(seed) {
  harness_ = std::make_unique<testing::LogHarness>(RandomOptions());
  TM_CHECK(harness_->Open().ok());
  storage::TopicConfig config{.partitions = kPartitions};
  if (!random_.OneIn(3)) config.retention_max_bytes = random_.In(2'000, 80'000);
  topic_ = *harness_->CreateTopic("hr", config);
}

testing::LogHarness::Options ReadWorld::RandomOptions() {
  testing::LogHarness::Options options;
  options.store = {.path = dir_.path(), .env = disk_.env(), .epoch_bytes = random_.In(1, 64) << 10};
  options.log.pipeline.batch_bytes_max = random_.In(100, 6000);
  options.log.pipeline.commit_bytes_max = random_.In(1, 20'000);
  options.log.pipeline.tail_bytes_max = random_.OneIn(3) ? 0 : random_.Below(40'000);
  return options;
}

TestEvent ReadWorld::RandomEvent() {
  // "rare.type" is rare enough for whole windows without it.
  const std::string type = random_.OneIn(150)
                               ? "rare.type"
                               : absl::StrCat(random_.OneIn(2) ? "a." : "b.", random_.Below(3));
  return {.id = absl::StrCat("e", ids_++),
          .type = type,
          .key = random_.OneIn(5) ? "" : absl::StrCat("k", random_.Below(20)),
          .data = random_.Bytes(random_.OneIn(30) ? random_.Below(3000) : random_.Below(60))};
}

void ReadWorld::Append() {
  std::vector<Part> parts;
  for (uint32_t p = 0; p + 1 < kPartitions; ++p) {
    if (random_.OneIn(2)) continue;
    Part& part = parts.emplace_back(Part{.partition = p});
    const uint64_t count = random_.OneIn(3) ? random_.In(1, 60) : random_.In(1, 4);
    for (uint64_t i = 0; i < count; ++i) part.events.push_back(RandomEvent());
  }
  if (parts.empty()) return;
  const auto result = harness_->Append(testing::MakeRequest(topic_, parts));
  TM_CHECK(result.ok());
  for (const Part& part : parts) {
    for (const TestEvent& event : part.events) {
      std::vector<StoredEvent>& events = events_[part.partition];
      events.push_back({.partition = part.partition,
                        .offset = events.size(),
                        .append_time = result->append_time,
                        .event = event});
    }
  }
  Learn();
}

void ReadWorld::Learn() {
  for (uint32_t p = 0; p < kPartitions; ++p) {
    std::vector<StoredEvent>& events = events_[p];
    uint64_t known = events.size();
    while (known > 0 && events[known - 1].position == 0) --known;
    if (known == events.size()) continue;
    const auto rows = harness_->store().ReadIndex(topic_->log(PartitionIndex(p)), Offset(known),
                                                  Offset(events.size()), false, SIZE_MAX);
    TM_CHECK(rows.ok());
    for (const storage::BatchInfo& row : *rows) {
      for (uint64_t o = row.base_offset.value(); o < row.end_offset().value(); ++o) {
        events[o].position = row.row.position.value();
      }
    }
  }
}

void ReadWorld::Restart() {
  harness_->Close();
  harness_->options() = RandomOptions();
  TM_CHECK(harness_->Open().ok());
  topic_ = *harness_->log().FindTopic("hr");
  LearnStarts();
}

void ReadWorld::LearnStarts() {
  for (uint32_t p = 0; p < kPartitions; ++p) {
    const auto partition = harness_->log().OpenPartition(*topic_, PartitionIndex(p));
    TM_CHECK(partition.ok());
    const uint64_t start = (*partition)->ends().start.value();
    TM_CHECK_LE(starts_[p], start);
    starts_[p] = start;
  }
}

void ReadWorld::Live(int steps) {
  for (int i = 0; i < steps; ++i) {
    if (random_.OneIn(40)) Restart();
    if (random_.OneIn(2)) {
      harness_->clock().Advance(absl::Milliseconds(static_cast<int64_t>(random_.Below(40))));
    }
    Append();
    if (random_.OneIn(4)) harness_->log().StepRetention();
  }
  LearnStarts();
}

bool ReadWorld::Reads(const ReadSpec& spec, uint32_t partition) const {
  return spec.partitions.empty() || std::find(spec.partitions.begin(), spec.partitions.end(),
                                              partition) != spec.partitions.end();
}

uint64_t ReadWorld::AtTime(uint32_t partition, absl::Time time) const {
  uint64_t offset = starts_[partition];
  while (offset < events_[partition].size() && events_[partition][offset].append_time < time) {
    ++offset;
  }
  return offset;
}

uint64_t ReadWorld::LastN(const ReadSpec& spec, uint32_t partition, uint64_t n) const {
  uint64_t offset = events_[partition].size();
  for (uint64_t found = 0; offset > starts_[partition] && found < n; --offset) {
    if (Matches(spec.filter, events_[partition][offset - 1].event)) ++found;
  }
  return offset;
}

uint64_t ReadWorld::NextOf(const ReadSpec& spec, uint32_t partition,
                           const std::map<uint32_t, uint64_t>& next) const {
  const uint64_t end = events_[partition].size();
  const uint64_t unnamed = IsBackward(spec) ? end : starts_[partition];
  if (std::holds_alternative<StartLatest>(spec.start)) return end;
  if (const auto* offsets = std::get_if<StartOffsets>(&spec.start)) {
    const auto it = offsets->offsets.find(partition);
    return it == offsets->offsets.end() ? unnamed : it->second;
  }
  if (const auto* time = std::get_if<StartTime>(&spec.start)) return AtTime(partition, time->time);
  if (const auto* last = std::get_if<StartLastN>(&spec.start)) {
    return IsBackward(spec) ? end : LastN(spec, partition, last->n);
  }
  if (std::holds_alternative<StartAfterCursor>(spec.start)) {
    const auto it = next.find(partition);
    return it == next.end() ? unnamed : it->second;
  }
  return unnamed;
}

uint64_t ReadWorld::StopOf(const ReadSpec& spec, uint32_t partition) const {
  const uint64_t end = events_[partition].size();
  uint64_t stop = IsBackward(spec) ? starts_[partition] : end;
  if (const auto* offsets = std::get_if<StopOffsets>(&spec.stop)) {
    const auto it = offsets->offsets.find(partition);
    if (it != offsets->offsets.end()) stop = std::min(it->second, end);
  }
  if (const auto* time = std::get_if<StopTime>(&spec.stop)) stop = AtTime(partition, time->time);
  const auto* last = std::get_if<StartLastN>(&spec.start);
  if (last == nullptr || !IsBackward(spec)) return stop;
  return std::max(stop, LastN(spec, partition, last->n));
}

std::vector<StoredEvent> ReadWorld::Expected(const ReadSpec& spec, uint32_t partition,
                                             const std::map<uint32_t, uint64_t>& next) const {
  uint64_t from = NextOf(spec, partition, next);
  uint64_t until = StopOf(spec, partition);
  if (IsBackward(spec)) std::swap(from, until);
  std::vector<StoredEvent> expected;
  for (uint64_t offset = from; offset < until; ++offset) {
    const StoredEvent& stored = events_[partition][offset];
    if (!Matches(spec.filter, stored.event)) continue;
    expected.push_back(stored);
    if (spec.without_data) expected.back().event.data.clear();
  }
  if (IsBackward(spec)) std::reverse(expected.begin(), expected.end());
  return expected;
}

}  // namespace tidemark::delivery
