#include "tests/model/delivery/read_case.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"

namespace tidemark::delivery {
namespace {

using Item = ReadSession::Item;
using Places = std::map<uint32_t, uint64_t>;

template <typename Enum>
std::vector<Enum> Each() {
  std::vector<Enum> values;
  for (int i = 0; i < static_cast<int>(Enum::kCount); ++i) values.push_back(static_cast<Enum>(i));
  return values;
}

std::string Describe(const StoredEvent& event) {
  return absl::StrCat(event.partition, "/", event.offset, "@", event.position, " ", event.event.id);
}

bool Same(const StoredEvent& a, const StoredEvent& b) {
  return a.partition == b.partition && a.offset == b.offset && a.position == b.position &&
         a.append_time == b.append_time && a.event == b.event;
}

class Case {
 public:
  Case(ReadWorld& world, const ReadShape& shape) : world_(world), shape_(shape) {}

  std::string Run() {
    Choose();
    std::optional<uint64_t> left = spec_.events_max;
    // Cut at random, each time resumed with what is left.
    ReadSpec spec = spec_;
    for (int cuts = 0;; ++cuts) {
      const bool cut = cuts < 3 && random().OneIn(2);
      const std::optional<std::string> cursor = Read(spec, cut ? random().Below(6) : UINT64_MAX);
      if (!failure_.empty()) return failure_;
      if (!cursor.has_value()) break;
      if (left.has_value()) spec.events_max = *spec_.events_max - got_.size();
      if (spec.events_max == 0) break;
      spec.start = StartAfterCursor{*cursor};
      // Where last_n was to end is not in the cursor.
      if (spec_.direction == log::Direction::kBackward &&
          shape_.start == ReadShape::Start::kLastN) {
        spec.stop = StopOffsets{Ends()};
      }
    }
    return Check();
  }

 private:
  testing::Random& random() { return world_.random(); }

  void Choose() {
    spec_.topic = world_.topic();
    spec_.direction = shape_.backward ? log::Direction::kBackward : log::Direction::kForward;
    spec_.order = shape_.commit ? Order::kCommit : Order::kAny;
    spec_.without_data = shape_.without_data;
    if (random().OneIn(3)) spec_.partitions = {1, 0, 3};
    if (shape_.limited) spec_.events_max = random().In(1, random().OneIn(2) ? 8 : 300);
    ChooseBytes();
    ChooseFilter();
    ChooseStart();
    ChooseStop();
  }
  void ChooseBytes() {
    if (shape_.bytes == ReadShape::Bytes::kOne) spec_.batch_bytes_max = 1;
    if (shape_.bytes == ReadShape::Bytes::kSmall) spec_.batch_bytes_max = random().In(50, 3000);
  }
  void ChooseFilter() {
    const std::string type = absl::StrCat("a.", random().Below(3));
    const std::vector<std::string> keys = {absl::StrCat("k", random().Below(20)), "k0"};
    switch (shape_.filter) {
      case ReadShape::Filter::kNone:
      case ReadShape::Filter::kCount:
        return;
      case ReadShape::Filter::kType:
        spec_.filter.types = {type, "b.1"};
        return;
      case ReadShape::Filter::kPrefix:
        spec_.filter.types = {"b.*"};
        return;
      case ReadShape::Filter::kKey:
        spec_.filter.keys = keys;
        return;
      case ReadShape::Filter::kBoth:
        spec_.filter = {.types = {"a.*"}, .keys = keys};
        return;
      case ReadShape::Filter::kRare:
        spec_.filter.types = {"rare.type"};
        return;
      case ReadShape::Filter::kNothing:
        spec_.filter.types = {"no.such"};
        return;
    }
  }
  uint64_t EndOf(uint32_t partition) const { return world_.events(partition).size(); }
  Places RandomOffsets(uint64_t beyond) {
    Places offsets;
    for (uint32_t p = 0; p < ReadWorld::kPartitions; ++p) {
      if (!world_.Reads(spec_, p) || random().OneIn(4)) continue;
      offsets[p] = random().In(world_.StartOf(p), EndOf(p) + 1 + beyond);
    }
    return offsets;
  }
  absl::Time RandomTime() {
    const std::vector<StoredEvent>& events = world_.events(0);
    if (events.empty() || random().OneIn(10)) return absl::FromUnixSeconds(4'000'000'000);
    if (random().OneIn(10)) return absl::UnixEpoch();
    return events[random().Below(events.size())].append_time +
           absl::Microseconds(static_cast<int64_t>(random().Below(3)) - 1);
  }
  void ChooseStart() {
    switch (shape_.start) {
      case ReadShape::Start::kDefault:
      case ReadShape::Start::kCount:
        if (shape_.backward) spec_.start = StartLatest{};
        return;
      case ReadShape::Start::kEnds:
        spec_.start = StartLatest{};
        return;
      case ReadShape::Start::kOffsets:
        spec_.start = StartOffsets{RandomOffsets(0)};
        return;
      case ReadShape::Start::kTime:
        spec_.start = StartTime{RandomTime()};
        return;
      case ReadShape::Start::kLastN:
        spec_.start = StartLastN{random().OneIn(3) ? 1 : random().In(1, 100)};
        return;
      case ReadShape::Start::kCursor:
        return ChooseCursor();
    }
  }
  // A cursor of another read, which had neither filter nor these partitions.
  void ChooseCursor() {
    ReadSpec other{.topic = world_.topic(), .direction = spec_.direction, .order = spec_.order};
    other.start = StartOffsets{RandomOffsets(0)};
    other.events_max = random().In(1, 60);
    const auto& offsets = std::get<StartOffsets>(other.start).offsets;
    for (uint32_t p = 0; p < ReadWorld::kPartitions; ++p) {
      const auto it = offsets.find(p);
      next_[p] = it != offsets.end() ? it->second : shape_.backward ? EndOf(p) : world_.StartOf(p);
    }
    auto session = ReadSession::Open(world_.log(), other, [] {});
    TM_CHECK(session.ok());
    while (true) {
      const auto item = (*session)->Next(log::MayWait::kYes);
      TM_CHECK(item.ok());
      if (item->kind == Item::Kind::kEnd) break;
      if (item->kind == Item::Kind::kCheckpoint) spec_.start = StartAfterCursor{item->cursor};
      if (item->kind != Item::Kind::kBatch) continue;
      const Offset last = item->slice.OffsetAt(item->slice.count - 1);
      next_[item->partition.value()] = last.value() + (shape_.backward ? 0 : 1);
    }
  }
  void ChooseStop() {
    switch (shape_.stop) {
      case ReadShape::Stop::kDefault:
      case ReadShape::Stop::kCount:
        return;
      case ReadShape::Stop::kOffsets:
        spec_.stop = StopOffsets{RandomOffsets(20)};
        return;
      case ReadShape::Stop::kTime:
        spec_.stop = StopTime{RandomTime()};
        return;
      case ReadShape::Stop::kNever:
        spec_.stop = StopNever{};
        return;
    }
  }
  // Below the oldest event expected of each partition.
  Places Ends() const {
    Places ends;
    for (uint32_t p = 0; p < ReadWorld::kPartitions; ++p) {
      if (!world_.Reads(spec_, p)) continue;
      const std::vector<StoredEvent> expected = world_.Expected(spec_, p, next_);
      ends[p] = expected.empty() ? EndOf(p) : expected.back().offset;
    }
    return ends;
  }

  // Reads until the end (an endless one: until it has nothing), or until `items_max` items were
  // taken: then the cursor of that place is the answer.
  std::optional<std::string> Read(const ReadSpec& spec, uint64_t items_max) {
    auto session = ReadSession::Open(world_.log(), spec, [] {});
    if (!session.ok()) {
      failure_ = session.status().ToString();
      return std::nullopt;
    }
    auto may_wait = log::MayWait::kNo;
    for (uint64_t items = 0; items < items_max; ++items) {
      absl::StatusOr<Item> item = (*session)->Next(may_wait);
      if (!item.ok()) {
        failure_ = item.status().ToString();
        return std::nullopt;
      }
      may_wait = item->kind == Item::Kind::kNeedsStore ? log::MayWait::kYes : log::MayWait::kNo;
      if (item->kind == Item::Kind::kEnd) return std::nullopt;
      if (item->kind == Item::Kind::kIdle) {
        if (!std::holds_alternative<StopNever>(spec.stop)) failure_ = "a finite read idles";
        return std::nullopt;
      }
      if (item->kind == Item::Kind::kBatch) Take(*item);
      if (item->kind == Item::Kind::kGap) failure_ = "a gap where nothing is missing";
      if (!failure_.empty()) return std::nullopt;
    }
    return (*session)->CursorText();
  }

  void Take(const Item& item) {
    const log::EventSlice& slice = item.slice;
    std::string bytes;
    for (const absl::string_view piece : slice.pieces) bytes.append(piece.data(), piece.size());
    const auto events = testing::DecodeEvents(bytes);
    if (!events.has_value() || events->size() != slice.count || bytes.size() != slice.bytes) {
      failure_ = "a slice whose bytes are not its events";
      return;
    }
    const bool bounded =
        slice.count == 1 || slice.bytes <= spec_.batch_bytes_max || spec_.without_data;
    if (!bounded) failure_ = absl::StrCat("a slice of ", slice.bytes, " bytes");
    if (slice.descending != shape_.backward) failure_ = "a slice of the other direction";
    for (uint32_t i = 0; i < slice.count; ++i) {
      got_.push_back({.partition = item.partition.value(),
                      .offset = slice.OffsetAt(i).value(),
                      .position = slice.header.position.value(),
                      .append_time = slice.header.append_time(),
                      .event = (*events)[i]});
    }
  }

  // What is expected, in commit order, or else partition after partition.
  std::vector<StoredEvent> ExpectedOrder() const {
    std::vector<StoredEvent> expected;
    for (uint32_t p = 0; p < ReadWorld::kPartitions; ++p) {
      if (!world_.Reads(spec_, p)) continue;
      for (StoredEvent& event : world_.Expected(spec_, p, next_)) {
        expected.push_back(std::move(event));
      }
    }
    if (!shape_.commit) return expected;
    std::stable_sort(expected.begin(), expected.end(),
                     [this](const StoredEvent& a, const StoredEvent& b) {
                       return shape_.backward ? a.position > b.position : a.position < b.position;
                     });
    return expected;
  }

  std::string Check() {
    std::vector<StoredEvent> expected = ExpectedOrder();
    const uint64_t limit = spec_.events_max.value_or(UINT64_MAX);
    if (got_.size() != std::min<uint64_t>(limit, expected.size())) {
      return absl::StrCat("got ", got_.size(), " events of ", expected.size(), ", at most ", limit);
    }
    if (!shape_.commit) {
      // Each partition in its order, and, limited, any of them first.
      std::stable_sort(got_.begin(), got_.end(), [](const StoredEvent& a, const StoredEvent& b) {
        return a.partition < b.partition;
      });
      Places taken;
      for (const StoredEvent& event : got_) ++taken[event.partition];
      std::erase_if(expected, [&taken](const StoredEvent& event) {
        uint64_t& left = taken[event.partition];
        if (left == 0) return true;
        --left;
        return false;
      });
      if (got_.size() != expected.size()) return "got events of a partition that has no more";
    }
    for (size_t i = 0; i < got_.size(); ++i) {
      if (Same(got_[i], expected[i])) continue;
      return absl::StrCat("event ", i, " is ", Describe(got_[i]), " instead of ",
                          Describe(expected[i]));
    }
    return "";
  }

  ReadWorld& world_;
  const ReadShape shape_;
  ReadSpec spec_;
  Places next_;  // Where spec_'s cursor stands.
  std::vector<StoredEvent> got_;
  std::string failure_;
};

}  // namespace

std::vector<ReadShape> ReadShape::All() {
  std::vector<ReadShape> all;
  for (const Start start : Each<Start>()) {
    for (const Stop stop : Each<Stop>()) {
      for (const Filter filter : Each<Filter>()) {
        for (const Bytes bytes : Each<Bytes>()) {
          for (int flags = 0; flags < 16; ++flags) {
            const bool backward = (flags & 1) != 0;
            if (backward && stop == Stop::kNever) continue;
            all.push_back({.start = start,
                           .stop = stop,
                           .filter = filter,
                           .bytes = bytes,
                           .backward = backward,
                           .commit = (flags & 2) != 0,
                           .without_data = (flags & 4) != 0,
                           .limited = (flags & 8) != 0});
          }
        }
      }
    }
  }
  return all;
}

std::string ReadShape::ToString() const {
  return absl::StrCat("start ", static_cast<int>(start), ", stop ", static_cast<int>(stop),
                      ", filter ", static_cast<int>(filter), ", bytes ", static_cast<int>(bytes),
                      backward ? ", backward" : ", forward", commit ? ", commit order" : "",
                      without_data ? ", without data" : "", limited ? ", limited" : "");
}

std::string RunCase(ReadWorld& world, const ReadShape& shape) { return Case(world, shape).Run(); }

}  // namespace tidemark::delivery
