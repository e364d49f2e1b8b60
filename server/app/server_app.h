// ServerApp: one running server; the only code that knows every part.
//
// Order.    store, log, groups, gRPC, HTTP, ports file; Stop goes the other way: gRPC drains (new
//           calls are refused, streams told), then the log commits what waits, then the store
//           closes.
// Threads.  Start and Stop from one thread.
#pragma once

#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "server/base/executor.h"
#include "server/base/system_clock.h"
#include "server/config/load_settings.h"
#include "server/groups/group_coordinator.h"
#include "server/http/http_server.h"
#include "server/log/event_log.h"
#include "server/metrics/metrics.h"
#include "server/rpc/server.h"
#include "server/storage/backup.h"
#include "server/storage/key_vault.h"
#include "server/storage/store.h"

namespace tidemark::app {

class ServerApp {
 public:
  // FAILED_PRECONDITION  another process uses the data directory.
  // UNAVAILABLE          a port cannot be bound, or the directory not be used.
  // DATA_LOSS            the store is damaged.
  static absl::StatusOr<std::unique_ptr<ServerApp>> Start(config::LoadedSettings loaded);
  ~ServerApp();

  // Drains and stops; everything acknowledged is on disk when it returns.
  void Stop();

  int grpc_port() const { return rpc_->port(); }

 private:
  explicit ServerApp(config::LoadedSettings loaded);
  absl::Status OpenStore();
  absl::Status StartListeners();
  absl::Status StartHttp();
  absl::Status WritePortsFile() const;
  void AddCollectors();
  // Moves the groups' clocks.
  void RunTicks();
  // Enforces the topics' retention.
  void RunRetention();

  const config::LoadedSettings loaded_;
  const config::Settings& settings_;
  base::SystemClock clock_;
  metrics::Metrics metrics_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<storage::KeyVault> vault_;   // Null: there are no master keys.
  std::unique_ptr<storage::Backups> backups_;  // Null: no directory is set.
  std::unique_ptr<log::EventLog> log_;
  base::HistoryPace pace_;  // Of the two pools.
  std::unique_ptr<base::ThreadPool> readers_;
  std::unique_ptr<base::ThreadPool> live_;
  std::unique_ptr<groups::GroupCoordinator> groups_;
  std::unique_ptr<rpc::CallRegistry> calls_;
  std::unique_ptr<rpc::SendBudget> sends_;
  std::unique_ptr<rpc::RpcServer> rpc_;
  std::unique_ptr<http::HttpServer> http_;
  absl::Notification stop_ticks_;
  std::thread ticks_;
  std::thread retention_;
  bool stopped_ = false;
};

}  // namespace tidemark::app
