// The look of --help: names to the left, what they mean to the right, no line longer than 80.
#ifndef TIDEMARK_CLIENT_CLI_HELP_FORMATTER_H_
#define TIDEMARK_CLIENT_CLI_HELP_FORMATTER_H_

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>

namespace tidemark::cli {

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();

  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_footer(const CLI::App* app) const override;
};

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_HELP_FORMATTER_H_
