#include "client/cli/selection.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace tidemark::cli {
namespace {

absl::StatusOr<uint32_t> OnlyPartition(const Client& client, const Selection& selection) {
  if (selection.partitions.size() == 1) return selection.partitions.front();
  const auto topic = client.GetTopic(selection.topic);
  if (!topic.ok()) return topic.status();
  if (selection.partitions.empty() && topic->partitions == 1) return 0;
  return absl::InvalidArgumentError(absl::StrCat("an offset is a place in one partition, and ",
                                                 selection.topic, " has ", topic->partitions,
                                                 ": name it with --partition P"));
}

}  // namespace

void AddTopicAndTypes(CLI::App* command, Selection* selection) {
  command->add_option("TOPIC", selection->topic, "The topic")->required();
  command
      ->add_option("--type", selection->types,
                   "Only events of this type, or of types that begin so: 'employee.*'. May be "
                   "repeated")
      ->type_name("TYPE")
      ->allow_extra_args(false);
}

void AddPartitionsAndKeys(CLI::App* command, Selection* selection) {
  command->add_option("--partition", selection->partitions, "Only this partition. May be repeated")
      ->type_name("P")
      ->allow_extra_args(false);
  command->add_option("--key", selection->keys, "Only events of this key. May be repeated")
      ->type_name("KEY")
      ->allow_extra_args(false);
}

CLI::Option* AddCount(CLI::App* command, const std::string& name, uint64_t* count,
                      const std::string& description) {
  const auto check = [](std::string& text) -> std::string {
    uint64_t value = 0;
    if (absl::SimpleAtoi(text, &value) && value > 0) return "";
    return absl::StrCat("\"", text, "\" is not a number from 1 on");
  };
  return command->add_option(name, *count, description)
      ->type_name("N")
      ->check(CLI::Validator(check, ""));
}

absl::StatusOr<Start> ResolveStart(const Client& client, const Selection& selection,
                                   const Position& from, Direction direction) {
  switch (from.kind) {
    case Position::Kind::kEarliest:
      if (direction == Direction::kForward) return Start::FromEarliest();
      return absl::InvalidArgumentError(
          "--backward --from earliest would read nothing: leave out --from to begin at the newest");
    case Position::Kind::kLatest:
      return Start::FromLatest();
    case Position::Kind::kTime:
      return Start::FromTime(from.time);
    case Position::Kind::kOffset: {
      const auto partition = OnlyPartition(client, selection);
      if (!partition.ok()) return partition.status();
      return Start::FromOffsets({{*partition, from.offset}});
    }
  }
  return absl::InternalError("unknown kind of position");
}

absl::StatusOr<Stop> ResolveStop(const Client& client, const Selection& selection,
                                 const Position& until, Direction direction) {
  const bool forward = direction == Direction::kForward;
  switch (until.kind) {
    case Position::Kind::kEarliest:
      if (forward) return absl::InvalidArgumentError("--until earliest would read nothing");
      return Stop::AtEnd();
    case Position::Kind::kLatest:
      if (forward) return Stop::AtEnd();
      return absl::InvalidArgumentError("--backward --until latest would read nothing");
    case Position::Kind::kTime:
      return Stop::BeforeTime(until.time);
    case Position::Kind::kOffset: {
      const auto partition = OnlyPartition(client, selection);
      if (!partition.ok()) return partition.status();
      return Stop::BeforeOffsets({{*partition, until.offset}});
    }
  }
  return absl::InternalError("unknown kind of position");
}

}  // namespace tidemark::cli
