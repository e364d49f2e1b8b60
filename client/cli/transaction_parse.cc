#include "client/cli/transaction_parse.h"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/cloud_event_parse.h"

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;

// What is wrong, thrown up to ParseTransaction.
struct Wrong {
  std::string message;
};

[[noreturn]] void Fail(absl::string_view where, absl::string_view what) {
  throw Wrong{absl::StrCat(where, ": ", what)};
}

void CheckMembers(const Json& json, const std::string& where,
                  std::initializer_list<absl::string_view> known) {
  if (!json.is_object()) Fail(where, "is not a JSON object");
  for (const auto& [name, value] : json.items()) {
    bool found = false;
    for (const absl::string_view one : known) found = found || one == name;
    if (!found) {
      Fail(where,
           absl::StrCat("has no member \"", name, "\"; there are ", absl::StrJoin(known, ", ")));
    }
  }
}

std::string Text(const Json& json, const std::string& where, const char* name) {
  const auto it = json.find(name);
  if (it == json.end()) Fail(where, absl::StrCat("\"", name, "\" is required"));
  if (!it->is_string()) Fail(absl::StrCat(where, ".", name), "is not a string");
  return it->get<std::string>();
}

std::optional<uint64_t> Number(const Json& json, const std::string& where, const char* name) {
  const auto it = json.find(name);
  if (it == json.end()) return std::nullopt;
  if (!it->is_number_unsigned()) {
    Fail(absl::StrCat(where, ".", name), "is not a whole number from 0 on");
  }
  return it->get<uint64_t>();
}

std::optional<uint32_t> Partition(const Json& json, const std::string& where) {
  const std::optional<uint64_t> number = Number(json, where, "partition");
  if (number.has_value() && *number > UINT32_MAX) {
    Fail(absl::StrCat(where, ".partition"), "is too large");
  }
  return number.has_value() ? std::make_optional(static_cast<uint32_t>(*number)) : std::nullopt;
}

TopicEvents AppendFrom(const Json& json, const std::string& where) {
  CheckMembers(json, where, {"topic", "partition", "events"});
  TopicEvents append{.topic = Text(json, where, "topic"), .events = {}};
  append.partition = Partition(json, where);
  const auto events = json.find("events");
  if (events == json.end() || !events->is_array()) Fail(where, "\"events\" is required: an array");
  for (size_t i = 0; i < events->size(); ++i) {
    const absl::Status parsed = ParseCloudEvent((*events)[i].dump(), &append.events.emplace_back());
    if (!parsed.ok()) Fail(absl::StrCat(where, ".events[", i, "]"), parsed.message());
  }
  return append;
}

Condition ConditionFrom(const Json& json, const std::string& where) {
  CheckMembers(json, where, {"topic", "key", "partition", "expect"});
  Condition condition;
  condition.topic = Text(json, where, "topic");
  condition.key = Text(json, where, "key");
  condition.partition = Partition(json, where);
  const auto expect = json.find("expect");
  if (expect != json.end() && *expect == "absent") {
    condition.expect = Condition::Expect::kAbsent;
  } else if (expect != json.end() && *expect == "exists") {
    condition.expect = Condition::Expect::kExists;
  } else if (expect != json.end() && expect->is_number_unsigned()) {
    condition.expect = Condition::Expect::kRevision;
    condition.revision = expect->get<uint64_t>();
  } else {
    Fail(where, "\"expect\" is required: \"absent\", \"exists\" or a revision, a number");
  }
  return condition;
}

OffsetCommit CommitFrom(const Json& json, const std::string& where) {
  CheckMembers(json, where, {"group", "topic", "partition", "offset", "expected_offset"});
  OffsetCommit commit;
  commit.group = Text(json, where, "group");
  commit.topic = Text(json, where, "topic");
  commit.partition = Partition(json, where).value_or(0);
  const std::optional<uint64_t> offset = Number(json, where, "offset");
  if (!offset.has_value()) Fail(where, "\"offset\" is required");
  commit.offset = *offset;
  commit.expected_offset = Number(json, where, "expected_offset");
  return commit;
}

// visit(entry, "name[i]") for each entry of an array, if it is there.
template <typename Visit>
void ForEach(const Json& json, const char* name, Visit visit) {
  const auto it = json.find(name);
  if (it == json.end()) return;
  if (!it->is_array()) Fail(name, "is not an array");
  for (size_t i = 0; i < it->size(); ++i) visit((*it)[i], absl::StrCat(name, "[", i, "]"));
}

Transaction TransactionFrom(const Json& json) {
  CheckMembers(json, "transaction", {"appends", "conditions", "offset_commits", "producer"});
  Transaction transaction;
  ForEach(json, "appends", [&](const Json& entry, const std::string& where) {
    transaction.appends.push_back(AppendFrom(entry, where));
  });
  ForEach(json, "conditions", [&](const Json& entry, const std::string& where) {
    transaction.conditions.push_back(ConditionFrom(entry, where));
  });
  ForEach(json, "offset_commits", [&](const Json& entry, const std::string& where) {
    transaction.offset_commits.push_back(CommitFrom(entry, where));
  });
  if (const auto producer = json.find("producer"); producer != json.end()) {
    CheckMembers(*producer, "producer", {"id", "sequence"});
    const std::optional<uint64_t> sequence = Number(*producer, "producer", "sequence");
    if (!sequence.has_value()) Fail("producer", "\"sequence\" is required");
    transaction.producer = {Text(*producer, "producer", "id"), *sequence};
  }
  return transaction;
}

}  // namespace

absl::StatusOr<Transaction> ParseTransaction(absl::string_view text) {
  try {
    return TransactionFrom(Json::parse(text.begin(), text.end()));
  } catch (const Wrong& wrong) {
    return absl::InvalidArgumentError(wrong.message);
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not JSON: ", error.what()));
  }
}

}  // namespace tidemark::cli
