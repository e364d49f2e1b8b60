#include "server/app/server_app.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/app/backup_figures.h"
#include "server/app/group_figures.h"
#include "server/app/work_figures.h"
#include "server/config/memory_plan.h"
#include "server/config/version.h"
#include "server/metrics/families.h"
#include "server/rpc/socket_guard.h"
#include "server/rpc/work_source.h"
#include "spdlog/spdlog.h"

namespace tidemark::app {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);
// They only move what is in memory into streams; one may be preempted while another goes on.
constexpr int kLiveThreads = 2;

log::LogOptions LogOptionsFrom(const config::Settings& settings) {
  return {.pipeline = {.queue_bytes_max = settings.queue_bytes_max,
                       .commit_bytes_max = settings.commit_bytes_max,
                       .batch_bytes_max = settings.batch_bytes_max,
                       .tail_bytes_max = settings.tail_bytes_max,
                       .producers_max = config::kProducersCachedMax,
                       .disk_free_min = settings.disk_free_min},
          .index = {.segment_events = settings.index_segment_events,
                    .open_bytes_max = settings.index_open_bytes_max},
          .key_counts_bytes_max = config::kKeyCountsBytes,
          .partitions_max = settings.partitions_max,
          .partitions_cached_max = settings.partitions_cached_max};
}

rpc::RpcLimits LimitsFrom(const config::Settings& settings) {
  rpc::RpcLimits limits;
  limits.event.event_bytes_max = settings.event_bytes_max;
  limits.event.key_bytes_max = settings.key_bytes_max;
  limits.request_bytes_max = settings.request_bytes_max;
  limits.request_events_max = settings.request_events_max;
  limits.request_conditions_max = settings.request_conditions_max;
  limits.request_offset_commits_max = settings.request_offset_commits_max;
  limits.topic_partitions_max = settings.topic_partitions_max;
  limits.partitions_max = settings.partitions_max;
  limits.group_members_max = settings.group_members_max;
  limits.groups_max = settings.groups_max;
  limits.queue_bytes_max = settings.queue_bytes_max;
  limits.streams_max = settings.streams_max;
  limits.append_stream_inflight_bytes_max = settings.append_stream_inflight_bytes_max;
  limits.append_stream_inflight_requests_max = settings.append_stream_inflight_requests_max;
  limits.batch_bytes_max = settings.batch_bytes_max;
  limits.encryption = !settings.master_key_file.empty();
  return limits;
}

void CollectStoreFigures(const storage::Store& store,
                         std::vector<prometheus::MetricFamily>& families) {
  for (const storage::StoreFigure& figure : store.Figures()) {
    const std::string name = absl::StrCat("tidemark_", figure.name);
    if (families.empty() || families.back().name != name) {
      families.push_back(figure.is_counter ? metrics::CounterFamily(name, figure.help)
                                           : metrics::GaugeFamily(name, figure.help));
    }
    std::vector<prometheus::ClientMetric::Label> labels;
    if (!figure.column_family.empty()) labels.push_back({"column_family", figure.column_family});
    metrics::AddSample(families.back(), std::move(labels), figure.value);
  }
}

void CollectDisk(log::EventLog& log, std::vector<prometheus::MetricFamily>& families) {
  families.push_back(metrics::GaugeFamily("tidemark_disk_free_bytes",
                                          "What the file system of the store has left."));
  metrics::AddSample(families.back(), {}, static_cast<double>(log.disk_space().free_bytes()));
  families.push_back(metrics::GaugeFamily("tidemark_disk_full",
                                          "1 while appends are refused because of disk_free_min."));
  metrics::AddSample(families.back(), {}, log.disk_space().CheckAppend().ok() ? 0 : 1);
}

void CollectLog(const log::EventLog& log, std::vector<prometheus::MetricFamily>& families) {
  prometheus::MetricFamily loaded =
      metrics::GaugeFamily("tidemark_partitions_in_memory",
                           "Partitions in use, and those used lately (partitions_cached_max).");
  metrics::AddSample(loaded, {}, static_cast<double>(log.partitions_loaded()));
  families.push_back(std::move(loaded));
  prometheus::MetricFamily open =
      metrics::GaugeFamily("tidemark_index_open_bytes",
                           "Memory of the index of types and keys that is not on disk yet.");
  metrics::AddSample(open, {}, static_cast<double>(log.index_budget().bytes()));
  families.push_back(std::move(open));
}

void CollectConnections(std::vector<prometheus::MetricFamily>& families) {
  const rpc::SocketGuard::Figures figures = rpc::SocketGuard::figures();
  families.push_back(metrics::GaugeFamily("tidemark_connections", "Connections to the gRPC port."));
  metrics::AddSample(families.back(), {}, static_cast<double>(figures.connections));
  families.push_back(
      metrics::CounterFamily("tidemark_connections_refused_total",
                             "Connections closed at once: connections_max, or no descriptor."));
  metrics::AddSample(families.back(), {}, static_cast<double>(figures.refused));
  families.push_back(metrics::CounterFamily("tidemark_connections_closed_total",
                                            "Connections closed because of what clients sent."));
  for (size_t i = 1; i < figures.violations.size(); ++i) {
    metrics::AddSample(families.back(),
                       {{"reason", std::string(rpc::NameOf(static_cast<rpc::Violation>(i)))}},
                       static_cast<double>(figures.violations[i]));
  }
}

void CollectPace(const base::HistoryPace& pace, std::vector<prometheus::MetricFamily>& families) {
  const base::HistoryPace::Figures figures = pace.figures();
  const auto add = [&families](prometheus::MetricFamily family, double value) {
    metrics::AddSample(family, {}, value);
    families.push_back(std::move(family));
  };
  add(metrics::GaugeFamily("tidemark_history_share",
                           "The part of their time that threads which read history work while "
                           "others are delivered live events."),
      figures.share);
  add(metrics::CounterFamily("tidemark_live_waits_total",
                             "Times that work for live readers waited for a thread."),
      static_cast<double>(figures.waits));
  add(metrics::CounterFamily("tidemark_live_late_waits_total",
                             "Of these, waits that were longer than 250 us."),
      static_cast<double>(figures.late_waits));
}

}  // namespace

ServerApp::ServerApp(config::LoadedSettings loaded)
    : loaded_(std::move(loaded)), settings_(loaded_.settings) {}

ServerApp::~ServerApp() { Stop(); }

absl::StatusOr<std::unique_ptr<ServerApp>> ServerApp::Start(config::LoadedSettings loaded) {
  std::unique_ptr<ServerApp> app(new ServerApp(std::move(loaded)));
  if (absl::Status status = app->OpenStore(); !status.ok()) return status;
  if (absl::Status status = app->StartListeners(); !status.ok()) return status;
  if (absl::Status status = app->WritePortsFile(); !status.ok()) return status;
  return app;
}

absl::Status ServerApp::OpenStore() {
  spdlog::info("memory_limit is {} MiB, its parts add up to {} MiB", settings_.memory_limit >> 20,
               config::MemorySum(config::MemoryPlan(settings_)) >> 20);
  std::error_code error;
  std::filesystem::create_directories(settings_.data, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot create the data directory ", settings_.data,
                                               " (setting `data`): ", error.message()));
  }
  absl::StatusOr<std::unique_ptr<storage::Store>> store =
      storage::Store::Open({.path = settings_.data,
                            .epoch_bytes = settings_.write_buffer_bytes,
                            .block_cache_bytes = settings_.block_cache_bytes});
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  absl::StatusOr<std::unique_ptr<storage::KeyVault>> vault =
      storage::OpenVault(*store_, settings_.data, settings_.master_key_file);
  if (!vault.ok()) return vault.status();
  vault_ = *std::move(vault);
  if (!settings_.backup_dir.empty()) {
    backups_ = std::make_unique<storage::Backups>(settings_.backup_dir, nullptr, vault_.get());
  }
  absl::StatusOr<std::unique_ptr<log::EventLog>> log =
      log::EventLog::Open(LogOptionsFrom(settings_), *store_, clock_, metrics_, vault_.get());
  if (!log.ok()) return log.status();
  log_ = *std::move(log);
  readers_ = std::make_unique<base::ThreadPool>(
      "reader", static_cast<int>(settings_.reader_threads), base::Priority::kLow, &pace_);
  live_ = std::make_unique<base::ThreadPool>("live", kLiveThreads, base::Priority::kNormal, &pace_);
  groups_ = std::make_unique<groups::GroupCoordinator>(
      groups::CoordinatorOptions{
          .revoke_timeout = settings_.revoke_timeout,
          .stall_time = settings_.group_stall_time,
          .members_max = settings_.group_members_max,
          .groups_max = settings_.groups_max,
          .window_events_max = settings_.group_window_events,
          .readahead_bytes_max = settings_.group_readahead_bytes,
          .work_bytes_max = config::kWorkBytes,
          .work_source = rpc::MakeWorkSources(*log_, settings_.batch_bytes_max),
          .live = live_.get()},
      *log_, *readers_, clock_, metrics_);
  if (absl::Status status = groups_->Load(); !status.ok()) return status;
  if (backups_ != nullptr) {
    log_->eraser().SetForgetKeys([backups = backups_.get()] { return backups->RefreshKeys(); });
  }
  log_->eraser().Start();  // Groups can be asked to forget from here on.
  log_->compactor().Start();
  ticks_ = std::thread([this] {
    base::NameThisThread("ticks");
    RunTicks();
  });
  retention_ = std::thread([this] {
    base::NameThisThread("retention");
    RunRetention();
  });
  return absl::OkStatus();
}

absl::Status ServerApp::StartListeners() {
  AddCollectors();
  calls_ = std::make_unique<rpc::CallRegistry>(settings_.streams_max);
  sends_ = std::make_unique<rpc::SendBudget>(settings_.send_bytes_max);
  absl::StatusOr<std::unique_ptr<rpc::RpcServer>> rpc =
      rpc::RpcServer::Start({.address = settings_.listen.ToString(),
                             .queues = static_cast<int>(settings_.grpc_threads),
                             .start_time = clock_.Now(),
                             .keepalive_interval = settings_.keepalive_interval,
                             .keepalive_timeout = settings_.keepalive_timeout,
                             .connections_max = settings_.connections_max,
                             .connection_streams_max = settings_.connection_streams_max,
                             .warn = [](const std::string& line) { spdlog::warn("{}", line); },
                             .settings = loaded_.values},
                            {.log = *log_,
                             .readers = *readers_,
                             .live = *live_,
                             .pace = pace_,
                             .clock = clock_,
                             .metrics = metrics_,
                             .calls = *calls_,
                             .sends = *sends_,
                             .limits = LimitsFrom(settings_),
                             .heartbeat_interval = settings_.heartbeat_interval},
                            *groups_,
                            {.store = *store_,
                             .backups = backups_.get(),
                             .backup_bytes_per_second = settings_.backup_bytes_per_second,
                             .vault = vault_.get()});
  if (!rpc.ok()) return rpc.status();
  rpc_ = *std::move(rpc);
  return StartHttp();
}

absl::Status ServerApp::StartHttp() {
  if (!settings_.http.has_value()) return absl::OkStatus();
  const auto ready = [this]() -> absl::Status {
    if (calls_->draining()) return absl::UnavailableError("shutting down");
    return log_->health();
  };
  absl::StatusOr<std::unique_ptr<http::HttpServer>> server = http::HttpServer::Start(
      {.listen = *settings_.http,
       .on_warning =
           [](absl::string_view message) { spdlog::warn("http: {}", std::string(message)); }},
      http::Endpoints([this] { return metrics_.RenderText(); }, ready));
  if (!server.ok()) return server.status();
  http_ = *std::move(server);
  return absl::OkStatus();
}

void ServerApp::AddCollectors() {
  metrics_.AddCollector([this](std::vector<prometheus::MetricFamily>& families) {
    CollectStoreFigures(*store_, families);
  });
  metrics_.AddCollector(
      [this](std::vector<prometheus::MetricFamily>& families) { CollectLog(*log_, families); });
  metrics_.AddCollector(
      [this](std::vector<prometheus::MetricFamily>& families) { CollectDisk(*log_, families); });
  metrics_.AddCollector(
      [this](std::vector<prometheus::MetricFamily>& families) { CollectPace(pace_, families); });
  metrics_.AddCollector(CollectConnections);
  if (backups_ != nullptr) {
    metrics_.AddCollector([this](std::vector<prometheus::MetricFamily>& families) {
      CollectBackups(*backups_, families);
    });
  }
  metrics_.AddCollector([this](std::vector<prometheus::MetricFamily>& families) {
    const std::vector<groups::GroupLag> lags = groups_->Lag();
    CollectGroups(lags, families);
    CollectWork(lags, clock_.Now(), families);
  });
}

absl::Status ServerApp::WritePortsFile() const {
  const int http_port = http_ == nullptr ? 0 : http_->port();
  spdlog::info("tidemarkd {} ready: gRPC on {}:{}, {}, data in {}", std::string(config::Version()),
               settings_.listen.host, rpc_->port(),
               http_ == nullptr ? "HTTP off"
                                : absl::StrCat("HTTP on ", settings_.http->host, ":", http_port),
               settings_.data);
  if (settings_.ports_file.empty()) return absl::OkStatus();
  // Renamed into place, so that who waits for it never reads half of it.
  const std::string temporary = settings_.ports_file + ".new";
  std::ofstream(temporary) << absl::StrCat("{\"grpc\":", rpc_->port(), ",\"http\":", http_port,
                                           "}\n");
  if (std::rename(temporary.c_str(), settings_.ports_file.c_str()) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot write ", settings_.ports_file,
                                               " (setting `ports_file`): ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

void ServerApp::RunTicks() {
  while (!stop_ticks_.WaitForNotificationWithTimeout(kTick)) {
    groups_->Tick(clock_.Now());
    log_->TrimPartitions();
  }
}

void ServerApp::RunRetention() {
  do {
    log_->disk_space().Look();
    log_->StepRetention();
  } while (!stop_ticks_.WaitForNotificationWithTimeout(kTick));
}

void ServerApp::Stop() {
  if (stopped_) return;
  stopped_ = true;
  if (rpc_ != nullptr) rpc_->Shutdown(settings_.drain_timeout);
  http_.reset();
  if (ticks_.joinable()) {
    stop_ticks_.Notify();
    ticks_.join();
    retention_.join();
  }
  rpc_.reset();
  if (live_ != nullptr) live_->Shutdown();
  if (readers_ != nullptr) readers_->Shutdown();
  if (log_ != nullptr) log_->Stop();
  groups_.reset();
  log_.reset();
  backups_.reset();
  vault_.reset();
  store_.reset();
}

}  // namespace tidemark::app
