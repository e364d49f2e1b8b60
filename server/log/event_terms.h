// What the index needs to know of events: their types with counts, and a hash of each key.
//
// Collected where the events are decoded, because type and key are at hand there, and handed on
// with them until they are published.
// Threads. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/log/event_scan.h"

namespace tidemark::log {

// The same in all of a process, another one in the next, so that nobody can choose keys that
// collide. Two keys may share a hash: it says where to look, never what is there.
inline uint64_t HashOfKey(absl::string_view key) { return absl::Hash<absl::string_view>()(key); }

// Types with their numbers of events. A handful is compared, more are hashed.
// Text is absl::string_view (the bytes outlive it) or std::string.
template <typename Text>
class TypeCounts {
 public:
  void Add(absl::string_view type, uint32_t count) {
    // Neighbours tend to be alike.
    if (last_ < few_.size() && few_[last_].first == type) {
      few_[last_].second += count;
      return;
    }
    for (last_ = 0; last_ < few_.size(); ++last_) {
      if (few_[last_].first != type) continue;
      few_[last_].second += count;
      return;
    }
    if (few_.size() < kFew) {
      few_.emplace_back(Text(type), count);
    } else {
      many_[type] += count;
    }
  }
  template <typename Other>
  void Add(const TypeCounts<Other>& other) {
    other.ForEach([this](absl::string_view type, uint32_t count) { Add(type, count); });
  }
  // visit(type, count), each type once.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [type, count] : few_) visit(absl::string_view(type), count);
    for (const auto& [type, count] : many_) visit(absl::string_view(type), count);
  }
  size_t size() const { return few_.size() + many_.size(); }

 private:
  static constexpr size_t kFew = 8;
  absl::InlinedVector<std::pair<Text, uint32_t>, 2> few_;
  absl::flat_hash_map<Text, uint32_t> many_;
  size_t last_ = 0;
};

// Of events of a request, whose bytes it refers to.
struct EventTerms {
  uint32_t events = 0;  // How many it was collected from.
  TypeCounts<absl::string_view> types;
  std::vector<uint64_t> key_hashes;  // Of events that have a key; empty if keys are not indexed.

  void Add(const EventView& event, bool index_keys) {
    ++events;
    types.Add(event.type, 1);
    if (index_keys && !event.key.empty()) key_hashes.push_back(HashOfKey(event.key));
  }
};

// Of a batch. Stands for itself.
struct BatchTerms {
  TypeCounts<std::string> types;
  std::vector<uint64_t> key_hashes;
  bool unread = false;  // Nobody knows: it could not be read.

  void Add(const EventTerms& events);
  void Add(EventTerms&& events);
  void Add(const EventView& event, bool index_keys);
};

// The terms of a batch's encoded events.
// DATA_LOSS  they cannot be walked.
absl::Status CollectTerms(absl::string_view events, bool index_keys, BatchTerms& terms);

}  // namespace tidemark::log
