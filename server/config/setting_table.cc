#include "server/config/setting_table.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/config/setting_kinds.h"

namespace tidemark::config {
namespace {

constexpr char kWhere[] = "Where";
constexpr char kLog[] = "Log";
constexpr char kLimits[] = "Limits on what clients send";
constexpr char kMemory[] = "Commits and memory";
constexpr char kDisk[] = "Disk";
constexpr char kBackups[] = "Backups";
constexpr char kTime[] = "Time";
constexpr char kThreads[] = "Threads";

void AddWhereAndLog(std::vector<SettingSpec>& table) {
  table.push_back(
      PathSetting({"data", kWhere, "Directory of the store; made if missing. Required."}, "DIR",
                  &Settings::data));
  table.push_back(
      EndpointSetting({"listen", kWhere, "Where gRPC listens. Port 0: a free one, see ports_file."},
                      &Settings::listen));
  table.push_back(OptionalEndpointSetting(
      {"http", kWhere, "Where HTTP (metrics, health) listens; \"off\" or \"\" for nowhere."},
      &Settings::http));
  table.push_back(SwitchSetting(
      {"allow_insecure_network", kWhere,
       "Accept addresses other than loopback, although there is no TLS and no authentication."},
      &Settings::allow_insecure_network));
  table.push_back(PathSetting(
      {"ports_file", kWhere, "File that gets the bound ports as JSON once the server is ready."},
      "FILE", &Settings::ports_file));
  table.push_back(PathSetting({"backup_dir", kWhere,
                               "Directory of backups, not inside `data`; made when the first one "
                               "is. Without it there are none."},
                              "DIR", &Settings::backup_dir));
  table.push_back(PathSetting({"master_key_file", kWhere,
                               "File of master keys, for topics with encrypt_by_key: a line is a "
                               "name, a blank and 64 hexadecimal digits; the first is current. Not "
                               "inside `data` or `backup_dir`."},
                              "FILE", &Settings::master_key_file));
  table.push_back(PathSetting(
      {"config", kWhere, "TOML file of settings. Flags and TIDEMARK_* variables are stronger."},
      "FILE", &Settings::config));
  table.push_back(LogLevelSetting({"log_level", kLog, "The least important lines to log."},
                                  &Settings::log_level));
  table.push_back(LogFormatSetting({"log_format", kLog, "Lines for people, or JSON for programs."},
                                   &Settings::log_format));
}

void AddLimits(std::vector<SettingSpec>& table) {
  table.push_back(BytesSetting({"event_bytes_max", kLimits, "One encoded event."},
                               &Settings::event_bytes_max, 1 * kKiB, 256 * kMiB));
  table.push_back(BytesSetting(
      {"request_bytes_max", kLimits,
       "One encoded request. Stock gRPC clients receive at most 4MiB unless told otherwise."},
      &Settings::request_bytes_max, 4 * kKiB, 1 * kGiB));
  table.push_back(CountSetting({"request_events_max", kLimits, "Events in one request."},
                               &Settings::request_events_max, 1, 10'000'000));
  table.push_back(CountSetting({"key_bytes_max", kLimits, "Bytes of one event's key."},
                               &Settings::key_bytes_max, 16, 64 * kKiB));
  table.push_back(
      CountSetting({"request_conditions_max", kLimits, "Conditions on keys of one request."},
                   &Settings::request_conditions_max, 1, 10'000));
  table.push_back(CountSetting(
      {"request_offset_commits_max", kLimits, "Offsets of groups that one append commits."},
      &Settings::request_offset_commits_max, 1, 10'000));
  table.push_back(CountSetting({"topic_partitions_max", kLimits, "Partitions of one topic."},
                               &Settings::topic_partitions_max, 1, 1'000'000));
  table.push_back(CountSetting({"partitions_max", kLimits, "Partitions of the whole store."},
                               &Settings::partitions_max, 1, 10'000'000));
  table.push_back(CountSetting({"streams_max", kLimits, "Open streams of all clients."},
                               &Settings::streams_max, 1, 1'000'000));
  table.push_back(CountSetting(
      {"connections_max", kLimits,
       "Connections to the gRPC port; more are closed at once. Fewer, if the process may not open "
       "1024 files beside them (ulimit -n)."},
      &Settings::connections_max, 1, 1'000'000));
  table.push_back(CountSetting({"connection_streams_max", kLimits,
                                "Calls of one connection at a time, streams included; gRPC's "
                                "clients wait with more."},
                               &Settings::connection_streams_max, 10, 1'000'000));
  table.push_back(CountSetting({"group_members_max", kLimits, "Members of one consumer group."},
                               &Settings::group_members_max, 1, 100'000));
  table.push_back(CountSetting({"groups_max", kLimits, "Consumer groups of the whole store."},
                               &Settings::groups_max, 1, 1'000'000));
  table.push_back(CountSetting(
      {"group_window_events", kLimits,
       "Events of a partition that a KEY_ORDERED or UNORDERED group has read and not done."},
      &Settings::group_window_events, 100, 1'000'000));
  table.push_back(BytesSetting(
      {"append_stream_inflight_bytes_max", kLimits, "Unanswered bytes of one AppendStream."},
      &Settings::append_stream_inflight_bytes_max, 4 * kKiB, 4 * kGiB));
  table.push_back(CountSetting(
      {"append_stream_inflight_requests_max", kLimits, "Unanswered requests of one AppendStream."},
      &Settings::append_stream_inflight_requests_max, 1, 1'000'000));
}

void AddMemory(std::vector<SettingSpec>& table) {
  table.push_back(BytesSetting(
      {"memory_limit", kMemory,
       "What the server may occupy. The settings below and fixed parts have to fit into it, or the "
       "start is refused with their sum."},
      &Settings::memory_limit, 64 * kMiB, 1024 * kGiB));
  table.push_back(BytesSetting(
      {"queue_bytes_max", kMemory, "Requests waiting to be committed; beyond it they are refused."},
      &Settings::queue_bytes_max, 64 * kKiB, 1024 * kGiB));
  table.push_back(BytesSetting(
      {"commit_bytes_max", kMemory,
       "One group commit: what one fsync makes durable. Counts 6 times in memory_limit."},
      &Settings::commit_bytes_max, 4 * kKiB, 1 * kGiB));
  table.push_back(BytesSetting(
      {"batch_bytes_max", kMemory, "One stored batch, unless a single event is larger."},
      &Settings::batch_bytes_max, 1 * kKiB, 256 * kMiB));
  table.push_back(
      BytesSetting({"send_bytes_max", kMemory,
                    "History read for clients and not yet taken by them; beyond it readers wait."},
                   &Settings::send_bytes_max, 1 * kMiB, 1024 * kGiB));
  table.push_back(
      BytesSetting({"tail_bytes_max", kMemory, "Newest batches kept in memory for live readers."},
                   &Settings::tail_bytes_max, 64 * kKiB, 1024 * kGiB));
  table.push_back(BytesSetting({"index_open_bytes_max", kMemory,
                                "Index of types and keys of the newest events; from half of "
                                "it on it goes to the disk."},
                               &Settings::index_open_bytes_max, 256 * kKiB, 64 * kGiB));
  table.push_back(CountSetting({"index_segment_events", kMemory,
                                "Events of a partition that are indexed on the disk together."},
                               &Settings::index_segment_events, 8, 16'000'000));
  table.push_back(BytesSetting({"block_cache_bytes", kMemory, "Cache of stored blocks."},
                               &Settings::block_cache_bytes, 0, 1024 * kGiB));
  table.push_back(BytesSetting(
      {"write_buffer_bytes", kMemory,
       "New data kept in memory before it gets a file of its own. Counts 3 times in memory_limit."},
      &Settings::write_buffer_bytes, 1 * kMiB, 16 * kGiB));
  table.push_back(CountSetting({"partitions_cached_max", kMemory,
                                "Partitions kept in memory although nobody uses them just now."},
                               &Settings::partitions_cached_max, 0, 10'000'000));
  table.push_back(BytesSetting(
      {"group_readahead_bytes", kMemory,
       "Events a KEY_ORDERED or UNORDERED group reads before its members ask for them; a group "
       "with members may occupy as much beside memory_limit."},
      &Settings::group_readahead_bytes, 64 * kKiB, 1 * kGiB));
}

void AddDiskTimeAndThreads(std::vector<SettingSpec>& table) {
  table.push_back(BytesSetting(
      {"disk_free_min", kDisk,
       "Free space below which appends are refused (everything else below a quarter of it), until "
       "there is more again. 0: never."},
      &Settings::disk_free_min, 0, 1024 * kGiB));
  table.push_back(BytesSetting(
      {"backup_bytes_per_second", kBackups, "The pace at which backups are made and verified."},
      &Settings::backup_bytes_per_second, 1 * kMiB, 1024 * kGiB));
  table.push_back(DurationSetting(
      {"heartbeat_interval", kTime, "Longest silence on an open stream before a heartbeat."},
      &Settings::heartbeat_interval, absl::Milliseconds(10), absl::Seconds(15)));
  table.push_back(DurationSetting(
      {"keepalive_interval", kTime, "How often a connection is asked whether its client is there."},
      &Settings::keepalive_interval, absl::Milliseconds(100), absl::Hours(1)));
  table.push_back(DurationSetting(
      {"keepalive_timeout", kTime,
       "How long the answer may take, before the connection is closed and its group members are "
       "gone."},
      &Settings::keepalive_timeout, absl::Milliseconds(100), absl::Hours(1)));
  table.push_back(DurationSetting(
      {"revoke_timeout", kTime, "How long a group member may keep a revoked partition."},
      &Settings::revoke_timeout, absl::Milliseconds(10), absl::Minutes(10)));
  table.push_back(DurationSetting(
      {"group_stall_time", kTime,
       "After so long without a delivery, ack or commit a group for which events wait is stalled."},
      &Settings::group_stall_time, absl::Milliseconds(10), absl::Hours(24 * 30)));
  table.push_back(DurationSetting(
      {"drain_timeout", kTime, "How long a shutdown waits for open calls to end by themselves."},
      &Settings::drain_timeout, absl::ZeroDuration(), absl::Minutes(10)));
  table.push_back(
      CountSetting({"grpc_threads", kThreads, "Threads that serve gRPC; half of the processors."},
                   &Settings::grpc_threads, 1, 256));
  table.push_back(CountSetting({"reader_threads", kThreads, "Threads that read from the disk."},
                               &Settings::reader_threads, 1, 256));
}

}  // namespace

std::string SettingSpec::Flag() const {
  return absl::StrCat("--", absl::StrReplaceAll(name, {{"_", "-"}}));
}

std::string SettingSpec::Environment() const {
  return absl::StrCat("TIDEMARK_", absl::AsciiStrToUpper(name));
}

const std::vector<SettingSpec>& SettingTable() {
  static const auto* const kTable = [] {
    auto* table = new std::vector<SettingSpec>;
    AddWhereAndLog(*table);
    AddLimits(*table);
    AddMemory(*table);
    AddDiskTimeAndThreads(*table);
    return table;
  }();
  return *kTable;
}

const SettingSpec* FindSetting(absl::string_view name) {
  for (const SettingSpec& spec : SettingTable()) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

}  // namespace tidemark::config
