// The commands. Each Add... function puts its subcommands below `root`; parsing one of them sets
// Context::run. `context` outlives `root`.
#ifndef TIDEMARK_CLIENT_CLI_COMMANDS_H_
#define TIDEMARK_CLIENT_CLI_COMMANDS_H_

namespace CLI {
class App;
}

namespace tidemark::cli {

class Context;

void AddTopicCommands(CLI::App* root, Context* context);
void AddAppendCommand(CLI::App* root, Context* context);
void AddTransactCommand(CLI::App* root, Context* context);
void AddReadCommand(CLI::App* root, Context* context);
void AddTailCommand(CLI::App* root, Context* context);
void AddConsumeCommand(CLI::App* root, Context* context);
void AddGroupCommands(CLI::App* root, Context* context);
void AddDlqCommands(CLI::App* root, Context* context);
void AddEraseCommands(CLI::App* root, Context* context);
void AddKeyCommands(CLI::App* root, Context* context);
void AddServerCommands(CLI::App* root, Context* context);
void AddBackupCommands(CLI::App* root, Context* context);
void AddMasterKeyCommands(CLI::App* root, Context* context);
void AddVerifyCommand(CLI::App* root, Context* context);
void AddCompletionCommand(CLI::App* root, Context* context);

// Subcommands of `group` and `topic`, which are in files of their own.
void AddGroupControlCommands(CLI::App* group, Context* context);
void AddGroupWatchCommand(CLI::App* group, Context* context);
void AddTopicTypesCommand(CLI::App* topic, Context* context);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_COMMANDS_H_
