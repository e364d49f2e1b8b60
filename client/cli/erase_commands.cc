// tidemark erase, tidemark erasures list | show
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/table.h"
#include "client/cli/time_text.h"
#include "tidemark/client.h"

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr absl::Duration kErasurePollPause = absl::Milliseconds(200);

struct EraseArguments {
  std::string topic;
  std::string key;
  std::vector<std::string> types;
  std::string offsets;
  std::string reason;
  std::string actor;
  bool dry_run = false;
  bool wait = false;
};

absl::StatusOr<EraseTarget> EraseTargetOf(const EraseArguments& arguments) {
  if (arguments.key.empty() == arguments.offsets.empty()) {
    return absl::InvalidArgumentError("say what: either --key, or --offsets");
  }
  EraseTarget target{.key = arguments.key, .types = arguments.types};
  if (arguments.offsets.empty()) return target;
  if (!arguments.types.empty()) {
    return absl::InvalidArgumentError("--type goes with --key; --offsets are erased whatever type");
  }
  const std::vector<std::string> parts = absl::StrSplit(arguments.offsets, ':');
  std::vector<std::string> ends;
  if (parts.size() == 2) ends = absl::StrSplit(parts[1], '-');
  target.offsets.emplace();
  if (ends.size() != 2 || !absl::SimpleAtoi(parts[0], &target.offsets->partition) ||
      !absl::SimpleAtoi(ends[0], &target.offsets->from_offset) ||
      !absl::SimpleAtoi(ends[1], &target.offsets->until_offset)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--offsets: \"", arguments.offsets,
                     "\" is not PARTITION:FROM-UNTIL, as in 3:100-200 for 100 to 199"));
  }
  return target;
}

const char* NameOfState(ErasureState state) {
  switch (state) {
    case ErasureState::kRewriting:
      return "rewriting";
    case ErasureState::kScrubbing:
      return "scrubbing";
    case ErasureState::kComplete:
      return "complete";
    case ErasureState::kUnspecified:
      break;
  }
  return "unknown";
}

std::string WhatOf(const Erasure& erasure) {
  if (erasure.offsets.has_value()) {
    return absl::StrCat("offsets ", erasure.offsets->partition, ":", erasure.offsets->from_offset,
                        "-", erasure.offsets->until_offset);
  }
  return absl::StrCat(
      "key ", absl::BytesToHexString(erasure.key_digest).substr(0, 12),
      erasure.types.empty() ? "" : absl::StrCat(", ", absl::StrJoin(erasure.types, " ")));
}

Json ErasureToJson(const Erasure& erasure) {
  Json json{{"id", erasure.id},
            {"topic", erasure.topic},
            {"key_digest", absl::BytesToHexString(erasure.key_digest)},
            {"types", erasure.types},
            {"events", erasure.events},
            {"entity_keys", erasure.entity_keys},
            {"reason", erasure.reason},
            {"actor", erasure.actor},
            {"request_time", FormatRfc3339(erasure.request_time)},
            {"state", NameOfState(erasure.state)}};
  if (erasure.offsets.has_value()) {
    json["offsets"] = {{"partition", erasure.offsets->partition},
                       {"from_offset", erasure.offsets->from_offset},
                       {"until_offset", erasure.offsets->until_offset}};
  }
  if (erasure.complete_time.has_value()) {
    json["complete_time"] = FormatRfc3339(*erasure.complete_time);
  }
  if (!erasure.problem.empty()) json["problem"] = erasure.problem;
  return json;
}

std::string FormatErasure(const Erasure& erasure, bool color) {
  std::vector<std::pair<std::string, std::string>> fields = {
      {"erasure", erasure.id},
      {"topic", erasure.topic},
      {"what", WhatOf(erasure)},
      {"events", GroupDigits(erasure.events)},
      {"reason", erasure.reason},
      {"actor", erasure.actor},
      {"asked for", FormatRfc3339(erasure.request_time)},
      {"state", NameOfState(erasure.state)}};
  if (erasure.entity_keys > 0) {
    fields.emplace_back("destroyed", absl::StrCat("keys of its data: ", erasure.entity_keys));
  }
  if (erasure.complete_time.has_value()) {
    fields.emplace_back("complete", FormatRfc3339(*erasure.complete_time));
  }
  if (!erasure.problem.empty()) fields.emplace_back("problem", erasure.problem);
  return FormatFields(fields, color);
}

ExitCode PrintErasure(Context* context, const Erasure& erasure) {
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(FormatErasure(erasure, context->terminal().color_stdout));
  } else {
    context->PrintJson(ErasureToJson(erasure));
  }
  return context->Succeed();
}

ExitCode CountErasable(Context* context, const Client& client, const EraseArguments& arguments,
                       const EraseTarget& target) {
  const auto events =
      client.CountErasable(arguments.topic, target, arguments.reason, arguments.actor);
  if (!events.ok()) return context->Fail(events.status());
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(absl::StrCat("would erase ", GroupDigits(*events),
                                      *events == 1 ? " event" : " events", " of topic ",
                                      arguments.topic, "; nothing was erased\n"));
  } else {
    context->PrintJson({{"topic", arguments.topic}, {"events", *events}, {"dry_run", true}});
  }
  return context->Succeed();
}

ExitCode Erase(Context* context, const EraseArguments& arguments) {
  context->error.topic = arguments.topic;
  const auto target = EraseTargetOf(arguments);
  if (!target.ok()) return context->Fail(target.status());
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  if (arguments.dry_run) return CountErasable(context, *client, arguments, *target);
  const auto erased =
      client->EraseEvents(arguments.topic, *target, arguments.reason, arguments.actor);
  if (!erased.ok()) return context->Fail(erased.status());
  if (erased->erasure_id.empty()) {
    context->Note("there is nothing to erase");
    return context->Succeed();
  }
  auto erasure = client->GetErasure(erased->erasure_id);
  while (erasure.ok() && arguments.wait && erasure->state != ErasureState::kComplete) {
    if (!erasure->problem.empty()) context->Note(erasure->problem);
    absl::SleepFor(erasure->problem.empty() ? kErasurePollPause : 10 * kErasurePollPause);
    erasure = client->GetErasure(erased->erasure_id);
  }
  if (!erasure.ok()) return context->Fail(erasure.status());
  return PrintErasure(context, *erasure);
}

ExitCode ListErasures(Context* context) {
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto erasures = client->ListErasures();
  if (!erasures.ok()) return context->Fail(erasures.status());
  if (context->AdminFormat() != Format::kTable) {
    Json json = Json::array();
    for (const Erasure& erasure : *erasures) json.push_back(ErasureToJson(erasure));
    context->PrintJsonList(json);
    return context->Succeed();
  }
  if (erasures->empty()) {
    context->Note("nothing was ever erased");
    return context->Succeed();
  }
  Table table({{"ID", Table::Align::kRight},
               {"TOPIC"},
               {"WHAT"},
               {"EVENTS", Table::Align::kRight},
               {"ASKED FOR"},
               {"ACTOR"},
               {"STATE"}});
  for (const Erasure& erasure : *erasures) {
    table.AddRow({erasure.id, erasure.topic, WhatOf(erasure), GroupDigits(erasure.events),
                  FormatRfc3339(absl::FromUnixSeconds(absl::ToUnixSeconds(erasure.request_time))),
                  erasure.actor, NameOfState(erasure.state)});
  }
  context->out().Write(table.Format(context->terminal().color_stdout));
  return context->Succeed();
}

ExitCode ShowErasure(Context* context, const std::string& id) {
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto erasure = client->GetErasure(id);
  if (!erasure.ok()) return context->Fail(erasure.status());
  return PrintErasure(context, *erasure);
}

}  // namespace

void AddEraseCommands(CLI::App* root, Context* context) {
  auto arguments = std::make_shared<EraseArguments>();
  CLI::App* erase = root->add_subcommand("erase", "Erase events for ever; their offsets stay");
  erase->add_option("TOPIC", arguments->topic, "The topic")->required();
  erase->add_option("--key", arguments->key, "The events of this key")->type_name("KEY");
  erase->add_option("--type", arguments->types, "Of the key, only this type. May be repeated")
      ->type_name("TYPE")
      ->allow_extra_args(false);
  erase
      ->add_option("--offsets", arguments->offsets,
                   "The events of a partition from one offset to before another")
      ->type_name("PARTITION:FROM-UNTIL");
  erase->add_option("--reason", arguments->reason, "Why; kept for ever, without personal data")
      ->type_name("TEXT")
      ->required();
  erase->add_option("--actor", arguments->actor, "Who asks for it; kept for ever")
      ->type_name("NAME")
      ->required();
  erase->add_flag("--dry-run", arguments->dry_run, "Only count the events");
  erase->add_flag("--wait", arguments->wait, "Wait until no file of the store holds the bytes");
  erase->footer(
      "Examples:\n  tidemark erase hr --key employee-10001 --reason \"art. 17\" --actor dpo "
      "--wait\n"
      "  tidemark erase hr --offsets 3:100-200 --reason \"sent twice\" --actor ops --dry-run");
  erase->final_callback([=] { context->run = [=] { return Erase(context, *arguments); }; });

  CLI::App* erasures = root->add_subcommand("erasures", "What was erased, and how far that is");
  erasures->require_subcommand(1);
  CLI::App* list = erasures->add_subcommand("list", "List all erasures, the oldest first");
  list->final_callback([=] { context->run = [=] { return ListErasures(context); }; });
  auto id = std::make_shared<std::string>();
  CLI::App* show = erasures->add_subcommand("show", "Show one");
  show->add_option("ID", *id, "The erasure, as erasures list shows it")->required();
  show->final_callback([=] { context->run = [=] { return ShowErasure(context, *id); }; });
}

}  // namespace tidemark::cli
