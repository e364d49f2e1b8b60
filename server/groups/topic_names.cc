#include "server/groups/topic_names.h"

#include <algorithm>
#include <limits>

#include "absl/container/btree_map.h"
#include "absl/strings/match.h"

namespace tidemark::groups {
namespace {

constexpr size_t kAll = std::numeric_limits<size_t>::max();

absl::string_view PrefixOf(absl::string_view pattern) {
  pattern.remove_suffix(1);
  return pattern;
}

}  // namespace

bool IsPattern(absl::string_view name) { return absl::EndsWith(name, "*"); }

bool Reads(const std::vector<std::string>& names, absl::string_view topic) {
  return std::any_of(names.begin(), names.end(), [topic](const std::string& name) {
    return IsPattern(name) ? absl::StartsWith(topic, PrefixOf(name)) : name == topic;
  });
}

std::vector<log::TopicPtr> TopicsOf(const log::Catalog& catalog,
                                    const std::vector<std::string>& names) {
  absl::btree_map<std::string, log::TopicPtr> found;
  for (const std::string& name : names) {
    if (IsPattern(name)) {
      for (log::TopicPtr& topic : catalog.List("", PrefixOf(name), kAll)) {
        const std::string& key = topic->name();
        found.try_emplace(key, std::move(topic));
      }
    } else if (log::TopicPtr topic = catalog.Find(name)) {
      found.try_emplace(name, std::move(topic));
    }
  }
  std::vector<log::TopicPtr> topics;
  for (auto& [name, topic] : found) topics.push_back(std::move(topic));
  return topics;
}

std::string MissingTopic(const log::Catalog& catalog, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!IsPattern(name) && catalog.Find(name) == nullptr) return name;
  }
  return "";
}

}  // namespace tidemark::groups
