#include "client/cli/conditioned_append.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/interrupt.h"
#include "client/cli/line_reader.h"
#include "client/cli/table.h"
#include "client/cli/terminal.h"

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<std::vector<Event>> ReadEvents(const AppendArguments& arguments) {
  absl::StatusOr<LineReader> lines = LineReader::Open(arguments.input, InterruptFd());
  if (!lines.ok()) return lines.status();
  std::vector<Event> events;
  absl::string_view line;
  while (true) {
    const absl::StatusOr<bool> more = lines->Next(&line);
    if (!more.ok()) return more.status();
    if (Interrupted()) return absl::CancelledError("interrupted; nothing was sent");
    if (!*more) break;
    if (line.empty()) continue;
    const absl::Status parsed = ParseLine(line, arguments.raw, &events.emplace_back());
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(lines->name(), ":", lines->line_number(), ": ",
                                                     parsed.message(), "; nothing was sent"));
    }
  }
  if (events.empty()) return absl::InvalidArgumentError("the input has no event");
  return events;
}

// The key that the condition is about.
absl::StatusOr<std::string> KeyOf(const std::vector<Event>& events,
                                  const Expectation& expectation) {
  if (!expectation.key.empty()) return expectation.key;
  for (const Event& event : events) {
    if (event.key.empty() || event.key != events.front().key) {
      return absl::InvalidArgumentError(
          "--expect-... is about the key of the events, and they have not all the same one: name "
          "it "
          "with --expect-key KEY");
    }
  }
  return events.front().key;
}

Condition ConditionFrom(const Expectation& expectation, std::string key) {
  if (expectation.absent) return Condition::Absent(std::move(key));
  if (expectation.exists) return Condition::Exists(std::move(key));
  return Condition::Revision(std::move(key), *expectation.revision);
}

Json ToJson(const AppendResult& result) {
  Json json{{"position", result.position}, {"ranges", Json::array()}, {"keys", Json::array()}};
  if (result.duplicate) json["duplicate"] = true;
  for (const OffsetRange& range : result.ranges) {
    json["ranges"].push_back({{"topic", range.topic},
                              {"partition", range.partition},
                              {"first_offset", range.first_offset},
                              {"count", range.count}});
  }
  for (const KeyRevision& key : result.key_revisions) {
    Json entry{{"topic", key.topic}, {"key", key.key}};
    if (key.revision.has_value()) entry["revision"] = *key.revision;
    json["keys"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace

void PrintStored(Context* context, const AppendResult& result) {
  if (context->AdminFormat() != Format::kTable) return context->PrintJson(ToJson(result));
  std::string text;
  for (const OffsetRange& range : result.ranges) {
    absl::StrAppend(&text, "stored ", range.count, range.count == 1 ? " event" : " events", " in ",
                    range.topic, "/", range.partition, " at offset ", range.first_offset, "\n");
  }
  for (const KeyRevision& key : result.key_revisions) {
    absl::StrAppend(&text, EscapeForTerminal(key.key), " of ", key.topic,
                    key.revision.has_value() ? absl::StrCat(" is at revision ", *key.revision)
                                             : std::string(" has no event"),
                    "\n");
  }
  if (result.duplicate)
    absl::StrAppend(&text, "(it was stored before: this is the first answer)\n");
  context->out().Write(text);
}

ExitCode AppendIfExpected(Context* context, const AppendArguments& arguments,
                          const Expectation& expectation) {
  absl::StatusOr<std::vector<Event>> events = ReadEvents(arguments);
  if (!events.ok()) return context->Fail(events.status());
  absl::StatusOr<std::string> key = KeyOf(*events, expectation);
  if (!key.ok()) return context->Fail(key.status());
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  AppendOptions options;
  options.partition = arguments.settings.partition;
  options.conditions.push_back(ConditionFrom(expectation, *std::move(key)));
  const auto result = client->Append(arguments.settings.topic, *events, options);
  if (!result.ok()) return context->Fail(result.status());
  PrintStored(context, *result);
  return context->Succeed();
}

}  // namespace tidemark::cli
