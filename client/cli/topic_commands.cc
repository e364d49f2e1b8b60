// tidemark topic create | list | show | update | delete; `types` is in history_commands.cc.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/topic_output.h"
#include "tidemark/client.h"

namespace tidemark::cli {
namespace {

// What create and update can set. Empty: not given.
struct TopicOptions {
  std::string name;
  uint32_t partitions = 1;
  std::string durability;
  std::string max_age;
  std::string max_bytes;
  std::string compression;
  std::string index_keys;
  std::string compact;
  std::string encrypt_by_key;
  std::string description;
  bool has_description = false;
  bool if_not_exists = false;
};

absl::StatusOr<TopicConfig> ConfigFrom(const TopicOptions& options) {
  TopicConfig config;
  if (!options.durability.empty()) {
    config.durability = options.durability == "memory" ? Durability::kMemory : Durability::kSynced;
  }
  if (!options.max_age.empty()) {
    const auto max_age = ParseMaxAge(options.max_age);
    if (!max_age.ok()) return max_age.status();
    config.max_age = *max_age;
  }
  if (!options.max_bytes.empty()) {
    const auto max_bytes = ParseMaxBytes(options.max_bytes);
    if (!max_bytes.ok()) return max_bytes.status();
    config.max_bytes = *max_bytes;
  }
  if (options.compression == "none") config.compression = Compression::kNone;
  if (options.compression == "lz4") config.compression = Compression::kLz4;
  if (options.compression == "zstd") config.compression = Compression::kZstd;
  if (!options.index_keys.empty()) config.index_keys = options.index_keys == "on";
  if (!options.compact.empty()) config.compact = options.compact == "on";
  if (!options.encrypt_by_key.empty()) config.encrypt_by_key = options.encrypt_by_key == "on";
  if (options.has_description) config.description = options.description;
  return config;
}

void AddSettings(CLI::App* command, TopicOptions* options) {
  command
      ->add_option("--durability", options->durability,
                   "When appends are acknowledged. synced: after fsync; memory: before, so that a "
                   "power cut may take the newest events back. Default: synced")
      ->type_name("")
      ->check(CLI::IsMember({"synced", "memory"}));
  command
      ->add_option("--max-age", options->max_age,
                   "Drop events that are older: 30d, 12h, or forever. Default: forever")
      ->type_name("DURATION");
  command
      ->add_option("--max-bytes", options->max_bytes,
                   "Drop the oldest events of a partition above this: 10GB, 512MiB, or unlimited. "
                   "Default: unlimited")
      ->type_name("SIZE");
  command
      ->add_option("--compression", options->compression,
                   "How stored events are compressed. Default: none")
      ->type_name("")
      ->check(CLI::IsMember({"none", "lz4", "zstd"}));
  command
      ->add_option("--index-keys", options->index_keys,
                   "Whether events can be read by key; off makes appends faster. Default: on")
      ->type_name("")
      ->check(CLI::IsMember({"on", "off"}));
  command
      ->add_option("--compact", options->compact,
                   "Whether only the newest event of each key is kept, beside those without a key. "
                   "Default: off")
      ->type_name("")
      ->check(CLI::IsMember({"on", "off"}));
  command
      ->add_option("--encrypt-by-key", options->encrypt_by_key,
                   "Whether the data of new events is encrypted by a key for each event key, which "
                   "erasure destroys; needs the server's master_key_file. Default: off")
      ->type_name("")
      ->check(CLI::IsMember({"on", "off"}));
  command
      ->add_option_function<std::string>(
          "--description",
          [options](const std::string& text) {
            options->description = text;
            options->has_description = true;
          },
          "What the topic is for")
      ->type_name("TEXT");
}

ExitCode PrintTopic(Context* context, const Client& client, const TopicInfo& topic) {
  const auto watermarks = client.GetWatermarks(topic.name);
  if (!watermarks.ok()) return context->Fail(watermarks.status());
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(FormatTopic(topic, *watermarks, context->terminal().color_stdout));
  } else {
    context->PrintJson(TopicToJson(topic, &*watermarks));
  }
  return context->Succeed();
}

// After a change: one line for people, the topic for programs.
ExitCode PrintChanged(Context* context, absl::string_view verb, const TopicInfo& topic) {
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(absl::StrCat(verb, " topic ", topic.name, " (", topic.partitions,
                                      topic.partitions == 1 ? " partition)\n" : " partitions)\n"));
  } else {
    context->PrintJson(TopicToJson(topic, nullptr));
  }
  return context->Succeed();
}

ExitCode Create(Context* context, const TopicOptions& options) {
  context->error.topic = options.name;
  auto config = ConfigFrom(options);
  if (!config.ok()) return context->Fail(config.status());
  config->partitions = options.partitions;
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  auto topic = client->CreateTopic(options.name, *config);
  if (options.if_not_exists && absl::IsAlreadyExists(topic.status())) {
    topic = client->GetTopic(options.name);
    if (!topic.ok()) return context->Fail(topic.status());
    return PrintChanged(context, "found", *topic);
  }
  if (!topic.ok()) return context->Fail(topic.status());
  return PrintChanged(context, "created", *topic);
}

bool ChangesSomething(const TopicConfig& config) {
  return config.durability || config.max_age || config.max_bytes || config.compression ||
         config.index_keys || config.compact || config.encrypt_by_key || config.description;
}

ExitCode Update(Context* context, const TopicOptions& options) {
  context->error.topic = options.name;
  const auto config = ConfigFrom(options);
  if (!config.ok()) return context->Fail(config.status());
  if (!ChangesSomething(*config)) {
    return context->Fail(absl::InvalidArgumentError(
        "nothing to change: name a setting, as in --max-age 30d; see --help"));
  }
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto topic = client->UpdateTopic(options.name, *config);
  if (!topic.ok()) return context->Fail(topic.status());
  return PrintChanged(context, "updated", *topic);
}

ExitCode List(Context* context, const std::string& prefix) {
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto listed = client->ListTopics(prefix);
  if (!listed.ok()) return context->Fail(listed.status());
  std::vector<TopicInfo> topics;
  std::vector<std::vector<Watermarks>> watermarks;
  for (const TopicInfo& topic : *listed) {
    auto of_topic = client->GetWatermarks(topic.name);
    if (absl::IsNotFound(of_topic.status())) continue;  // Deleted since it was listed.
    if (!of_topic.ok()) return context->Fail(of_topic.status());
    topics.push_back(topic);
    watermarks.push_back(*std::move(of_topic));
  }
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(FormatTopics(topics, watermarks, context->terminal().color_stdout));
    if (topics.empty()) context->Note("no topics; create one: tidemark topic create NAME");
    return context->Succeed();
  }
  auto json = nlohmann::ordered_json::array();
  for (size_t i = 0; i < topics.size(); ++i) {
    auto topic = TopicToJson(topics[i], nullptr);
    topic["events"] = CountEvents(watermarks[i]);
    json.push_back(std::move(topic));
  }
  context->PrintJsonList(json);
  return context->Succeed();
}

ExitCode Show(Context* context, const std::string& name) {
  context->error.topic = name;
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto topic = client->GetTopic(name);
  if (!topic.ok()) return context->Fail(topic.status());
  return PrintTopic(context, *client, *topic);
}

// Asks at a terminal; a script meant what it says.
bool Confirmed(const Context& context, const std::string& name) {
  if (!context.terminal().stdin_is_terminal) return true;
  std::cerr << "Delete topic " << EscapeForTerminal(name)
            << " with all its events, for ever? Type its name: " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == name;
}

ExitCode Delete(Context* context, const std::string& name, bool yes) {
  context->error.topic = name;
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto topic = client->GetTopic(name);
  if (!topic.ok()) return context->Fail(topic.status());
  if (!yes && !Confirmed(*context, name)) {
    context->Note("not deleted");
    return kExitUsage;
  }
  const absl::Status deleted = client->DeleteTopic(name);
  if (!deleted.ok()) return context->Fail(deleted);
  return PrintChanged(context, "deleted", *topic);
}

CLI::App* AddCreate(CLI::App* topic, Context* context) {
  auto options = std::make_shared<TopicOptions>();
  CLI::App* command = topic->add_subcommand("create", "Create a topic");
  command->add_option("NAME", options->name, "Letters, digits, '.', '_', '-'")->required();
  command
      ->add_option("--partitions", options->partitions,
                   "How many logs the topic is split into, for ever. Events of a key stay in one")
      ->type_name("N")
      ->capture_default_str();
  AddSettings(command, options.get());
  command->add_flag("--if-not-exists", options->if_not_exists,
                    "Succeed if a topic of this name exists, whatever its settings");
  command->footer(
      "Examples:\n  tidemark topic create hr --partitions 8\n"
      "  tidemark topic create clicks --durability memory --max-age 7d");
  command->final_callback([=] { context->run = [=] { return Create(context, *options); }; });
  return command;
}

CLI::App* AddUpdate(CLI::App* topic, Context* context) {
  auto options = std::make_shared<TopicOptions>();
  CLI::App* command = topic->add_subcommand(
      "update", "Change settings of a topic; what is not named stays as it is");
  command->add_option("NAME", options->name, "The topic")->required();
  AddSettings(command, options.get());
  command->footer(
      "The number of partitions cannot change: keys would move.\n\n"
      "Example:\n  tidemark topic update clicks --max-age forever");
  command->final_callback([=] { context->run = [=] { return Update(context, *options); }; });
  return command;
}

}  // namespace

void AddTopicCommands(CLI::App* root, Context* context) {
  CLI::App* topic = root->add_subcommand("topic", "Create, list, show, update and delete topics");
  topic->require_subcommand(1);
  AddCreate(topic, context);

  auto prefix = std::make_shared<std::string>();
  CLI::App* list = topic->add_subcommand("list", "List topics");
  list->add_option("--prefix", *prefix, "Only names that begin with this")->type_name("TEXT");
  list->final_callback([=] { context->run = [=] { return List(context, *prefix); }; });

  auto name = std::make_shared<std::string>();
  CLI::App* show = topic->add_subcommand("show", "Show a topic: its settings, and where it ends");
  show->add_option("NAME", *name, "The topic")->required();
  show->final_callback([=] { context->run = [=] { return Show(context, *name); }; });

  AddUpdate(topic, context);
  AddTopicTypesCommand(topic, context);

  auto yes = std::make_shared<bool>(false);
  CLI::App* remove = topic->add_subcommand(
      "delete", "Delete a topic with its events and the groups' offsets in it");
  remove->add_option("NAME", *name, "The topic")->required();
  remove->add_flag("-y,--yes", *yes, "Do not ask; at a terminal the name must be typed otherwise");
  remove->final_callback([=] { context->run = [=] { return Delete(context, *name, *yes); }; });
}

}  // namespace tidemark::cli
