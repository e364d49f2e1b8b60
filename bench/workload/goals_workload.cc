#include "bench/workload/goals_workload.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/load/topic_admin.h"
#include "bench/measure/clock.h"
#include "bench/workload/peers_report.h"
#include "bench/workload/quick_goals.h"

namespace tidemark::bench {
namespace {

constexpr char kGivenServerNote[] =
    "The server was given with --server, so it was not killed, restarted or read cold: goal 7's\n"
    "start and lengths of history, goal 3's cold replay and goal 8 at length were not measured.";

class GoalsRun {
 public:
  GoalsRun(Session& session, const GoalAmounts& amounts, Reporter& reporter)
      : session_(session),
        amounts_(amounts),
        reporter_(reporter),
        history_topic_(FreshTopicName("history")) {}

  absl::Status Run();
  void ReportGoals();

 private:
  // A part that other parts' clauses of the same goals can do without.
  struct Part {
    const char* name;
    absl::Status (GoalsRun::*run)();
    double seconds;  // That the quick amounts need on two idle cores.
    bool needs_own_server;
  };
  absl::Status Filtered();
  absl::Status Mixed();
  absl::Status Idle();
  absl::Status Restart();
  absl::Status Grow();
  absl::Status Peers();
  absl::Status Add(const absl::StatusOr<std::vector<Result>>& results);
  bool HasTimeFor(const Part& part) const;

  Session& session_;
  const GoalAmounts& amounts_;
  Reporter& reporter_;
  const std::string history_topic_;  // Of the filtered replay; also what `mixed` replays.
  const int64_t begin_ns_ = NowNs();
  std::vector<GoalCheck> grow_goals_;
};

absl::Status GoalsRun::Add(const absl::StatusOr<std::vector<Result>>& results) {
  if (!results.ok()) return results.status();
  for (const Result& result : *results) reporter_.Add(result);
  return absl::OkStatus();
}

absl::Status GoalsRun::Filtered() {
  FilteredConfig filtered = amounts_.filtered;
  filtered.append.topic = history_topic_;
  return Add(MeasureFiltered(session_, filtered, reporter_));
}

absl::Status GoalsRun::Mixed() {
  const auto server = session_.Tidemark();
  if (!server.ok()) return server.status();
  reporter_.Begin("mixed");
  MixedConfig mixed = amounts_.mixed;
  mixed.replay_topic = history_topic_;
  return Add(MeasureMixed(**server, mixed, session_.Durability()));
}

absl::Status GoalsRun::Idle() {
  const auto server = session_.Tidemark();
  if (!server.ok()) return server.status();
  if (!(*server)->Usage().has_value()) {
    reporter_.Note("Idle groups (goal 6) and memory (goal 7) need --server-pid: not measured.");
    return absl::OkStatus();
  }
  reporter_.Begin("idle groups");
  return Add(MeasureIdle(**server, amounts_.idle));
}

absl::Status GoalsRun::Restart() {
  return Add(MeasureRestart(session_, amounts_.restart, reporter_));
}

absl::Status GoalsRun::Grow() {
  auto goals = MeasureGrow(session_, amounts_.grow, reporter_);
  if (!goals.ok()) return goals.status();
  grow_goals_ = *std::move(goals);
  return absl::OkStatus();
}

absl::Status GoalsRun::Peers() {
  if (!amounts_.peers.has_value()) return absl::OkStatus();
  return MeasurePeers(session_, *amounts_.peers, reporter_);
}

bool GoalsRun::HasTimeFor(const Part& part) const {
  if (amounts_.seconds_max <= 0) return true;
  constexpr double kBusyMachine = 1.5;
  return NsToSeconds(NowNs() - begin_ns_) + kBusyMachine * part.seconds < amounts_.seconds_max;
}

absl::Status GoalsRun::Run() {
  constexpr Part kParts[] = {{"a tail beside a replay", &GoalsRun::Mixed, 4, false},
                             {"idle groups", &GoalsRun::Idle, 3.5, false},
                             {"a restart", &GoalsRun::Restart, 4, true},
                             {"lengths of history", &GoalsRun::Grow, 6, true},
                             {"other systems", &GoalsRun::Peers, 0, true}};
  absl::Status status = MeasureQuick(session_, amounts_.quick, reporter_);
  if (status.ok()) status = Filtered();
  if (!session_.OwnsServer()) reporter_.Note(kGivenServerNote);
  for (const Part& part : kParts) {
    if (!status.ok()) return status;
    if (part.needs_own_server && !session_.OwnsServer()) continue;
    if (HasTimeFor(part)) {
      status = (this->*part.run)();
    } else {
      reporter_.Note(
          absl::StrCat("Left out, because this machine is busy and time was up: ", part.name, "."));
    }
  }
  return status;
}

void GoalsRun::ReportGoals() {
  std::vector<GoalCheck> goals = GoalsOf(reporter_.results());
  std::move(grow_goals_.begin(), grow_goals_.end(), std::back_inserter(goals));
  SortByGoal(goals);
  for (const GoalCheck& goal : goals) reporter_.Add(goal);
}

}  // namespace

GoalAmounts FullAmounts() {
  GoalAmounts amounts;
  amounts.restart.partitions = 64;
  amounts.restart.empty_first = false;
  amounts.grow.events = {10'000'000, 50'000'000};
  amounts.grow.sample_events = 2'000'000;
  amounts.peers.emplace();
  amounts.shortened =
      "Goal 7 asks for histories of up to a billion events: `tidemark-bench grow --events\n"
      "10000000,1000000000` measures that, in some hours and 140 GB.";
  return amounts;
}

GoalAmounts QuickAmounts() {
  GoalAmounts amounts;
  amounts.quick.scale = 0.35;
  amounts.quick.callers = {1, 64};
  amounts.quick.idle_calls = 2;
  amounts.quick.disk_file_bytes = 256 << 20;
  amounts.quick.decoded = false;
  amounts.filtered.events = 3'000'000;
  amounts.mixed.rounds = 1;
  amounts.mixed.tail.seconds = 1.2;
  amounts.idle.seconds = 1;
  amounts.restart.gigabytes = 0.4;
  amounts.restart.partitions = 64;
  amounts.restart.empty_first = false;
  amounts.grow.events = {1'000'000, 4'000'000};
  amounts.grow.sample_events = 300'000;
  amounts.grow.seeks = 300;
  amounts.seconds_max = 48;
  amounts.shortened =
      "Shortened by --quick: each load runs for 0.4 to 1.8 s; two calls after idle seconds;\n"
      "goal 4 with 3 M events instead of 10 M, its time in proportion; goal 5's replay in one "
      "round;\n"
      "goal 7 with what the run stored instead of 10 GB, and with histories of 1 M and 4 M events\n"
      "instead of 10 M and a billion; goal 8 with 0.4 GB. Goals 1 and 3 beside other systems:\n"
      "`tidemark-bench peers`.";
  return amounts;
}

std::vector<GoalCheck> GoalsOf(const std::vector<Result>& results) {
  std::vector<GoalCheck> goals = QuickGoals(results);
  for (const auto judge : {FilteredGoals, MixedGoals, IdleGoals, RestartGoals, PeerGoals}) {
    std::vector<GoalCheck> more = judge(results);
    std::move(more.begin(), more.end(), std::back_inserter(goals));
  }
  SortByGoal(goals);
  return goals;
}

absl::Status RunGoals(Session& session, const GoalAmounts& amounts, Reporter& reporter) {
  GoalsRun run(session, amounts, reporter);
  absl::Status status = run.Run();
  run.ReportGoals();
  if (!amounts.shortened.empty()) reporter.Note(amounts.shortened);
  return status;
}

}  // namespace tidemark::bench
