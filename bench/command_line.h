// What the user asked tidemark-bench to do.
#ifndef TIDEMARK_BENCH_COMMAND_LINE_H_
#define TIDEMARK_BENCH_COMMAND_LINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/workload/append_workload.h"
#include "bench/workload/bounds_workload.h"
#include "bench/workload/conditions_workload.h"
#include "bench/workload/filtered_workload.h"
#include "bench/workload/groups_workload.h"
#include "bench/workload/grow_workload.h"
#include "bench/workload/mixed_workload.h"
#include "bench/workload/overload_workload.h"
#include "bench/workload/peers_workload.h"
#include "bench/workload/replay_workload.h"
#include "bench/workload/restart_workload.h"
#include "bench/workload/session.h"
#include "bench/workload/sustain_workload.h"
#include "bench/workload/tail_workload.h"
#include "bench/workload/unary_workload.h"

namespace tidemark::bench {

enum class Command {
  kQuick,
  kBaseline,
  kAppend,
  kUnary,
  kReplay,
  kTail,
  kSustain,
  kFiltered,
  kMixed,
  kGrow,
  kRestart,
  kOverload,
  kBounds,
  kGroups,
  kConditions,
  kGoals,
  kPeers,
  kNoopServer,
};

struct CommandLine {
  Command command = Command::kQuick;
  bool json = false;
  // Where the report goes; empty: nowhere.
  std::string report;
  // The command line as it was given, for the report.
  std::string text;
  SessionOptions session;
  double scale = 1;
  // kAppend; its shape also for kQuick and kBaseline.
  AppendConfig append;
  UnaryConfig unary;
  std::vector<uint32_t> callers = {1, 16, 64};
  ReplayConfig replay;
  // Events to append first when the replay names no topic.
  AppendConfig replay_fill;
  TailConfig tail;
  SustainConfig sustain;
  FilteredConfig filtered;
  // Its topic is filled first with `mixed_fill`.
  MixedConfig mixed;
  AppendConfig mixed_fill;
  GrowConfig grow;
  RestartConfig restart;
  OverloadConfig overload;
  BoundsConfig bounds;
  GroupsConfig groups;
  ConditionsConfig conditions;
  PeersConfig peers;
  // kGoals: in less than a minute.
  bool goals_quick = false;
  // kNoopServer.
  std::string ports_file;
};

// Returns the exit code if the program shall end now: after --help (0) or a wrong line (1), which
// has been explained.
std::optional<int> ParseCommandLine(int argc, const char* const* argv, CommandLine& line);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_COMMAND_LINE_H_
