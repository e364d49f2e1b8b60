#include "examples/hr/demo/options.h"

#include <CLI/CLI.hpp>
#include <map>

namespace hr_example {
namespace {

constexpr int kUsage = 2;

void AddEventOptions(CLI::App* app, HrEventsOptions* events) {
  CLI::Option* file =
      app->add_option("--events", events->file,
                      "JSON Lines of CloudEvents, each with an id of its own. Unset: made up")
          ->type_name("FILE")
          ->check(CLI::ExistingFile);
  app->add_option("--count", events->count, "How many events to make up")
      ->type_name("N")
      ->check(CLI::Range(size_t{100}, kEventsMax))
      ->capture_default_str()
      ->excludes(file);
  app->add_option("--seed", events->seed, "The same seed makes up the same events")
      ->type_name("N")
      ->capture_default_str()
      ->excludes(file);
}

CLI::App* AddService(CLI::App* app, const char* name, const char* description, Role role,
                     Options* options) {
  CLI::App* service = app->add_subcommand(name, description);
  service->add_option("--server", options->server, "Where tidemarkd is")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  service->add_option("--ledger", options->ledger, "File of what it did, continued if it exists")
      ->type_name("FILE")
      ->required();
  service->callback([options, role] { options->role = role; });
  return service;
}

void AddStoryOptions(CLI::App* app, Options* options) {
  AddEventOptions(app, &options->story.events);
  app->add_option("--seconds", options->story.hr_seconds, "How long HR takes for all its events")
      ->type_name("S")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app->add_flag("--keep", options->keep,
                "At the end leave the server running until Ctrl-C, and its directory for good");
  const std::map<std::string, Sabotage> sabotages = {{"drop", Sabotage::kDrop},
                                                     {"repeat", Sabotage::kRepeat},
                                                     {"swap", Sabotage::kSwap},
                                                     {"forge", Sabotage::kForge}};
  app->add_option("--sabotage", options->story.sabotage)
      ->transform(CLI::CheckedTransformer(sabotages))
      ->group("");  // Hidden: for the test of the check.
}

}  // namespace

std::optional<Options> ParseOptions(int argc, char** argv, int* exit_code) {
  Options options;
  CLI::App app(
      "A company in fifteen seconds: HR appends what happens to employees; payroll follows,\n"
      "crashes and comes back; gift cards join late and get every hire of the past. Starts a\n"
      "server of its own.\n"
      "Exit code 0: everything was done exactly once and in order; 1: it was not; 2: wrong usage.",
      "tidemark-demo");
  app.require_subcommand(0, 1);
  AddStoryOptions(&app, &options);
  CLI::App* hr = AddService(&app, "hr", "The HR service alone", Role::kHr, &options);
  AddEventOptions(hr, &options.story.events);
  hr->add_option("--rate", options.rate, "Events a second")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  AddService(&app, "payroll", "The payroll service alone", Role::kPayroll, &options);
  AddService(&app, "gift-cards", "The gift-card service alone", Role::kGiftCards, &options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    *exit_code = app.exit(error) == 0 ? 0 : kUsage;
    return std::nullopt;
  }
  return options;
}

}  // namespace hr_example
