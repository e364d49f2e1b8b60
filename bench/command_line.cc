#include "bench/command_line.h"

#include <CLI/CLI.hpp>

namespace tidemark::bench {
namespace {

void AddSessionOptions(CLI::App& app, CommandLine& line) {
  app.add_flag("--json", line.json, "print one JSON object a line for each result");
  app.add_option("--report", line.report,
                 "also write a page with plots (index.html) and results.json into this directory");
  SessionOptions& session = line.session;
  app.add_option("--server", session.server, "use the server at HOST:PORT instead of starting one");
  app.add_option("--server-pid", session.server_pid,
                 "process of --server, to report its CPU, memory and disk bytes");
  app.add_option("--tidemarkd", session.tidemarkd,
                 "server to start (default: tidemarkd beside this program)");
  app.add_option("--dir", session.directory,
                 "directory for temporary data, on the disk to measure (default: $TMPDIR or /tmp)");
  app.add_option("--noop-threads", session.noop_threads, "threads of the no-op server")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
}

void AddShapeOptions(CLI::App& app, EventShape& shape) {
  app.add_option("--event-bytes", shape.data_bytes, "bytes of data in an event")
      ->capture_default_str();
  app.add_option("--keys", shape.keys, "number of different keys; 0: no keys")
      ->capture_default_str();
  app.add_option("--zipf", shape.zipf,
                 "exponent of Zipf's law for the keys; 0: each as often as the others")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 10.0));
  app.add_option("--seed", shape.seed, "seed of keys and data")->capture_default_str();
}

void AddBatchOptions(CLI::App& app, AppendConfig& append) {
  AddShapeOptions(app, append.shape);
  app.add_option("--batch-events", append.batch_events, "events in a request")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--producers", append.producers, "streams, each with its connection and thread")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--inflight", append.inflight, "unanswered requests of each producer")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--partitions", append.partitions, "partitions of the topic")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
}

void AddAppend(CLI::App& app, CommandLine& line) {
  CLI::App* const sub =
      app.add_subcommand("append", "append: pipelined, at full speed or at a given rate");
  AppendConfig& append = line.append;
  AddBatchOptions(*sub, append);
  auto* const rate = sub->add_option(
      "--rate", append.rate,
      "events a second, open loop: latency from the intended send time (default: closed loop)");
  rate->check(CLI::PositiveNumber);
  sub->add_option("--topics", append.topics, "topics, which the producers take in turn")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  auto* const events = sub->add_option("--events", append.events, "stop after so many events");
  events->excludes(rate);
  sub->add_option("--seconds", append.seconds, "stop after so many seconds")
      ->capture_default_str()
      ->excludes(events);
  sub->add_option("--warmup-seconds", append.warmup_seconds, "not counted; before --seconds")
      ->capture_default_str();
  sub->add_flag("!--no-index-keys", append.index_keys, "a topic without key index");
  sub->add_flag("--by-partition", append.by_partition,
                "requests name their partition instead of being split by key")
      ->excludes(rate);
  sub->add_flag("--idempotent", append.idempotent, "send producer ids and sequences")
      ->excludes(rate);
  sub->add_option("--topic", append.topic, "append to this topic (default: a new one)");
  sub->callback([&line] { line.command = Command::kAppend; });
}

void AddUnary(CLI::App& app, CommandLine& line) {
  CLI::App* const sub =
      app.add_subcommand("unary", "one event a call, by callers that wait or at a given rate");
  AddShapeOptions(*sub, line.unary.shape);
  sub->add_option("--callers", line.callers, "concurrent callers; a list is run one by one")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  sub->add_option(
         "--rate", line.unary.rate,
         "calls a second, open loop: latency from the intended time (default: closed loop)")
      ->check(CLI::PositiveNumber);
  sub->add_option("--connections", line.unary.connections, "connections the callers share")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--seconds", line.unary.seconds, "time of each run")->capture_default_str();
  sub->add_option("--warmup-seconds", line.unary.warmup_seconds, "not counted; before --seconds")
      ->capture_default_str();
  sub->add_option("--idle-seconds", line.unary.idle_seconds,
                  "one caller (--callers 1) pauses so long before each call");
  sub->add_option("--topics", line.unary.topics, "topics, which the calls take in turn")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--partitions", line.unary.partitions, "partitions of the topic")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->callback([&line] { line.command = Command::kUnary; });
}

void AddReplay(CLI::App& app, CommandLine& line) {
  CLI::App* const sub =
      app.add_subcommand("replay", "read a whole topic: as bytes, and decoded by a C++ client");
  sub->add_option("--topic", line.replay.topic, "read this topic (default: fill a new one first)");
  line.replay_fill.events = 5'000'000;
  sub->add_option("--events", line.replay_fill.events, "events to fill the new topic with")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  AddBatchOptions(*sub, line.replay_fill);
  auto* const readers =
      sub->add_option("--readers", line.replay.readers, "readers, each of the whole topic");
  readers->capture_default_str()->check(CLI::PositiveNumber);
  sub->add_option("--max-batch-bytes", line.replay.max_batch_bytes,
                  "ask for batches of this size (default: the server's)");
  auto* const cold = sub->add_flag("--cold", line.replay.cold,
                                   "also from the disk: server restarted, page cache dropped");
  auto* const rate = sub->add_option("--rate", line.replay.rate,
                                     "replays begun a second, open loop: latency from the intended "
                                     "start to the first event and to the end");
  rate->check(CLI::PositiveNumber)->excludes(cold)->excludes(readers);
  sub->add_option("--seconds", line.replay.seconds, "with --rate: replays begin for so long")
      ->capture_default_str()
      ->needs(rate);
  sub->add_option("--warmup-seconds", line.replay.warmup_seconds,
                  "with --rate: not counted; before --seconds")
      ->capture_default_str()
      ->needs(rate);
  sub->callback([&line] { line.command = Command::kReplay; });
}

void AddTailOptions(CLI::App& sub, TailConfig& tail) {
  sub.add_option("--rate", tail.rate, "events per second")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub.add_option("--batch-events", tail.batch_events, "events in a request")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub.add_option("--seconds", tail.seconds, "time of the run")->capture_default_str();
  sub.add_option("--warmup-seconds", tail.warmup_seconds, "not counted; before --seconds")
      ->capture_default_str();
  sub.add_option("--event-bytes", tail.data_bytes, "bytes of data in an event")
      ->capture_default_str()
      ->check(CLI::Range(8, 1 << 20));
  sub.add_option("--keys", tail.keys, "number of different keys; 0: no keys")
      ->capture_default_str();
  sub.add_option("--zipf", tail.zipf, "exponent of Zipf's law for the keys; 0: uniform")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 10.0));
  sub.add_option("--producers", tail.producers, "streams that share the rate")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub.add_option("--subscribers", tail.subscribers, "readers, each of every event")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub.add_option("--partitions", tail.partitions, "partitions of the topic")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub.add_flag("--groups", tail.groups,
               "subscribers are members of groups, each of its own; so is who replays");
}

void AddTail(CLI::App& app, CommandLine& line) {
  CLI::App* const sub = app.add_subcommand("tail", "end-to-end latency at a given rate, open loop");
  AddTailOptions(*sub, line.tail);
  sub->callback([&line] { line.command = Command::kTail; });
}

void AddSustain(CLI::App& app, CommandLine& line) {
  CLI::App* const sub = app.add_subcommand(
      "sustain", "append many times what the topic's retention keeps: disk bytes and stalls");
  SustainConfig& sustain = line.sustain;
  sustain.append.partitions = 16;
  sub->add_option("--gigabytes", sustain.gigabytes, "GB of encoded events to append")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--window", sustain.window_gigabytes, "GB that the topic keeps")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  AddBatchOptions(*sub, sustain.append);
  sub->add_flag("!--no-index-keys", sustain.append.index_keys, "a topic without key index");
  sub->callback([&line] { line.command = Command::kSustain; });
}

void AddFiltered(CLI::App& app, CommandLine& line) {
  CLI::App* const sub =
      app.add_subcommand("filtered-replay", "read a rare type, a common one, a key (goal 4)");
  FilteredConfig& filtered = line.filtered;
  sub->add_option("--events", filtered.events, "events to fill the topic with")
      ->capture_default_str()
      ->check(CLI::Range(uint64_t{100'000}, uint64_t{1} << 40));
  sub->add_option("--partitions", filtered.partitions, "partitions of the topic")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_flag("--cold", filtered.cold, "also after a restart, with the page cache dropped");
  AddShapeOptions(*sub, filtered.append.shape);
  sub->callback([&line] { line.command = Command::kFiltered; });
}

void AddMixed(CLI::App& app, CommandLine& line) {
  CLI::App* const sub =
      app.add_subcommand("mixed", "end-to-end latency, alone and beside a full replay (goal 5)");
  line.mixed_fill.events = 10'000'000;
  sub->add_option("--events", line.mixed_fill.events, "events to fill the replayed topic with")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--rounds", line.mixed.rounds, "rounds; the median counts")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  AddTailOptions(*sub, line.mixed.tail);
  sub->callback([&line] { line.command = Command::kMixed; });
}

void AddGrow(CLI::App& app, CommandLine& line) {
  CLI::App* const sub =
      app.add_subcommand("grow", "append, replay and seek as the history grows (goal 7)");
  sub->add_option("--events", line.grow.events, "sizes of the history, rising")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  sub->add_option("--sample-events", line.grow.sample_events, "events of one figure")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--seeks", line.grow.seeks, "reads of one event")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  AddShapeOptions(*sub, line.grow.append.shape);
  sub->callback([&line] { line.command = Command::kGrow; });
}

void AddOverload(CLI::App& app, CommandLine& line) {
  CLI::App* const sub = app.add_subcommand(
      "overload", "what is acknowledged in time when many times too much is asked for");
  RawCalls& load = line.overload.load;
  sub->add_option("--times", line.overload.times, "times the peak that is asked for")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--deadline-ms", load.deadline_ms, "of each call under overload")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--connections", load.connections, "connections")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--callers", load.callers, "callers that wait, for the peak")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--event-bytes", load.event_bytes, "data of an event")->capture_default_str();
  sub->add_option("--warmup-seconds", load.warmup_seconds,
                  "before them, until clients heard how many calls they may have open")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  sub->add_option("--rounds", line.overload.rounds, "rounds of both; the median ratio counts")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--seconds", load.seconds, "of each of the two figures")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->callback([&line] { line.command = Command::kOverload; });
}

void AddRestart(CLI::App& app, CommandLine& line) {
  CLI::App* const sub = app.add_subcommand("restart", "time to be ready after kill -9 (goal 7)");
  RestartConfig& restart = line.restart;
  sub->add_option("--gigabytes", restart.gigabytes, "stored before the kill")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--partitions", restart.partitions, "partitions of the topic")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--topics", restart.topics, "topics beside it")->capture_default_str();
  AddShapeOptions(*sub, restart.append.shape);
  sub->add_option("--batch-events", restart.append.batch_events, "events in a request")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->callback([&line] { line.command = Command::kRestart; });
}

void AddBounds(CLI::App& app, CommandLine& line) {
  CLI::App* const sub = app.add_subcommand(
      "bounds", "every load that could make memory grow; fails above the limit (goal 7)");
  BoundsConfig& bounds = line.bounds;
  sub->add_option("--seconds", bounds.seconds, "of a bulk append")->capture_default_str();
  sub->add_option("--partitions", bounds.partitions, "partitions, each written to")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--topics", bounds.topics, "topics")->capture_default_str();
  sub->add_option("--producers", bounds.producers, "producer ids")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--keys", bounds.keys, "keys")->capture_default_str();
  sub->add_option("--slow-readers", bounds.slow_readers, "readers that do not read")
      ->capture_default_str();
  sub->add_option("--memory-limit-mib", bounds.memory_limit_mib,
                  "what the resident set must stay under, in MiB")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->callback([&line] { line.command = Command::kBounds; });
}

void AddGroups(CLI::App& app, CommandLine& line) {
  CLI::App* const sub = app.add_subcommand(
      "groups",
      "members of a consumer group that handle and ack a history, or live events, in each mode");
  GroupsConfig& groups = line.groups;
  groups.fill.events = 2'000'000;
  groups.fill.partitions = 4;
  sub->add_option("--mode", groups.modes, "modes, run one by one: partition, key, unordered")
      ->delimiter(',')
      ->check(CLI::IsMember({"partition", "key", "unordered"}))
      ->capture_default_str();
  auto* const events =
      sub->add_option("--events", groups.fill.events, "events to fill the topic with");
  events->capture_default_str()->check(CLI::PositiveNumber);
  AddBatchOptions(*sub, groups.fill);
  sub->add_option("--topics", groups.fill.topics,
                  "topics, which the producers take in turn and the group reads")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  auto* const rate = sub->add_option(
      "--rate", groups.fill.rate,
      "events a second, appended while the members wait, open loop: latency from the intended send "
      "time until a member has decoded the event, and until its ack is confirmed");
  rate->check(CLI::PositiveNumber)->excludes(events);
  sub->add_option("--seconds", groups.fill.seconds, "with --rate: time of each mode")
      ->capture_default_str()
      ->needs(rate);
  sub->add_option("--warmup-seconds", groups.fill.warmup_seconds,
                  "with --rate: not counted; before --seconds")
      ->capture_default_str()
      ->needs(rate);
  sub->add_option("--members", groups.members, "members, each with its connection and thread")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--credit-events", groups.credit_events, "unacked events of a member")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->callback([&line, sub] {
    line.command = Command::kGroups;
    // A live event comes alone, unless asked otherwise.
    if (line.groups.fill.rate > 0 && sub->count("--batch-events") == 0) {
      line.groups.fill.batch_events = 1;
    }
  });
}

void AddConditions(CLI::App& app, CommandLine& line) {
  CLI::App* const sub =
      app.add_subcommand("conditions", "one event a call, with and without a condition on its key");
  ConditionsConfig& conditions = line.conditions;
  sub->add_option("--callers", conditions.callers, "concurrent callers")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--connections", conditions.connections, "connections the callers share")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--partitions", conditions.partitions, "partitions of each topic")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--data-bytes", conditions.data_bytes, "bytes of Event.data")
      ->capture_default_str();
  sub->add_option("--seconds", conditions.seconds, "time of each run")->capture_default_str();
  sub->callback([&line] { line.command = Command::kConditions; });
}

void AddPeers(CLI::App& app, CommandLine& line) {
  CLI::App* const sub = app.add_subcommand(
      "peers", "Tidemark and other systems on the same work: append, replay, tail, costs");
  PeersConfig& peers = line.peers;
  sub->add_option("--only", peers.only,
                  "peers, by their scripts: kafka, nats, rabbitmq, redis, ...")
      ->delimiter(',');
  sub->add_option("--setup-dir", peers.setup_directory,
                  "where the set-up scripts are (default: bench/peers/setup of the sources)");
  AddShapeOptions(*sub, peers.shape);
  sub->add_option("--batch-events", peers.batch_events, "events in a batch")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--inflight", peers.append.inflight, "unacknowledged batches")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--seconds", peers.append.seconds, "of an append")->capture_default_str();
  sub->add_option("--warmup-seconds", peers.append.warmup_seconds, "of an append, not counted")
      ->capture_default_str();
  sub->add_option("--tail-rate", peers.tail.events_per_second, "events a second at the live reader")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  sub->add_option("--tail-seconds", peers.tail.seconds, "of the live reader")
      ->capture_default_str();
  sub->callback([&line] { line.command = Command::kPeers; });
}

void AddRuns(CLI::App& app, CommandLine& line) {
  CLI::App* const quick =
      app.add_subcommand("quick", "everything beside its baselines in a minute (the default)");
  CLI::App* const baseline =
      app.add_subcommand("baseline", "what gRPC, RocksDB and the disk do alone: the denominators");
  for (CLI::App* sub : {quick, baseline}) {
    AddBatchOptions(*sub, line.append);
    sub->add_option("--scale", line.scale, "multiplies all times")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
  }
  quick->callback([&line] { line.command = Command::kQuick; });
  CLI::App* const goals = app.add_subcommand(
      "goals",
      "the design's goals beside their baselines, and which hold: in some minutes and 20 GB");
  goals->add_flag("--quick", line.goals_quick, "smaller amounts, in less than 50 s");
  goals->callback([&line] { line.command = Command::kGoals; });
  baseline->callback([&line] { line.command = Command::kBaseline; });

  // Started by ourselves; an empty group hides it from the help.
  CLI::App* const noop = app.add_subcommand("noop-server", "serve the no-op baselines")->group("");
  noop->add_option("--ports-file", line.ports_file)->required();
  noop->add_option("--threads", line.session.noop_threads)->check(CLI::PositiveNumber);
  noop->callback([&line] { line.command = Command::kNoopServer; });
}

}  // namespace

std::optional<int> ParseCommandLine(int argc, const char* const* argv, CommandLine& line) {
  line.text = "tidemark-bench";
  for (int i = 1; i < argc; ++i) line.text.append(" ").append(argv[i]);
  CLI::App app("tidemark-bench: how fast is a Tidemark server, beside what this machine can do?");
  app.require_subcommand(0, 1);
  app.fallthrough();
  AddSessionOptions(app, line);
  AddRuns(app, line);
  AddAppend(app, line);
  AddUnary(app, line);
  AddReplay(app, line);
  AddTail(app, line);
  AddSustain(app, line);
  AddFiltered(app, line);
  AddMixed(app, line);
  AddGrow(app, line);
  AddRestart(app, line);
  AddOverload(app, line);
  AddBounds(app, line);
  AddGroups(app, line);
  AddConditions(app, line);
  AddPeers(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 1;
  }
  return std::nullopt;
}

}  // namespace tidemark::bench
