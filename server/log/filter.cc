#include "server/log/filter.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/error.h"
#include "server/base/utf8.h"

namespace tidemark::log {

Filter::Filter(const storage::FilterSpec& spec) : keys_(spec.keys.begin(), spec.keys.end()) {
  for (const std::string& type : spec.types) {
    if (absl::EndsWith(type, "*")) {
      prefixes_.emplace_back(absl::StripSuffix(type, "*"));
    } else {
      types_.insert(type);
    }
  }
}

bool Filter::Matches(const EventView& event) const {
  if (!types_.empty() || !prefixes_.empty()) {
    bool wanted = types_.contains(event.type);
    for (size_t i = 0; !wanted && i < prefixes_.size(); ++i) {
      wanted = absl::StartsWith(event.type, prefixes_[i]);
    }
    if (!wanted) return false;
  }
  return keys_.empty() || keys_.contains(event.key);
}

absl::Status CheckFilter(const storage::FilterSpec& spec, uint64_t entries_max,
                         const EventLimits& limits, absl::string_view field) {
  const std::string types = absl::StrCat(field, ".types");
  const std::string keys = absl::StrCat(field, ".keys");
  if (spec.types.size() > entries_max) {
    return OverLimit(types, "filter_entries_max", entries_max, spec.types.size(), "entries");
  }
  if (spec.keys.size() > entries_max) {
    return OverLimit(keys, "filter_entries_max", entries_max, spec.keys.size(), "entries");
  }
  for (size_t i = 0; i < spec.types.size(); ++i) {
    if (spec.types[i] == "*") continue;
    const absl::string_view type = absl::StripSuffix(spec.types[i], "*");
    absl::Status status = CheckType(type, limits.type_bytes_max, absl::StrCat(types, "[", i, "]"));
    if (!status.ok()) return status;
  }
  for (size_t i = 0; i < spec.keys.size(); ++i) {
    const std::string path = absl::StrCat(keys, "[", i, "]");
    if (spec.keys[i].empty()) return InvalidField(path, "is empty");
    if (spec.keys[i].size() > limits.key_bytes_max) {
      return OverLimit(path, "key_bytes_max", limits.key_bytes_max, spec.keys[i].size(), "bytes");
    }
    if (!base::IsPlainText(spec.keys[i])) {
      return InvalidField(path, "is not valid UTF-8 without control characters");
    }
  }
  return absl::OkStatus();
}

}  // namespace tidemark::log
