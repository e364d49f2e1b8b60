#include "server/http/http_server.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "civetweb.h"

namespace tidemark::http {

struct HttpServer::Impl {
  Impl(Options options, Endpoints endpoints)
      : options(std::move(options)), endpoints(std::move(endpoints)) {}
  ~Impl() {
    if (context != nullptr) Stop();
  }

  void Stop();

  static int OnRequest(mg_connection* connection);
  static int OnError(mg_connection* connection, int status, const char* message);
  static int OnLog(const mg_connection* connection, const char* message);

  // Before the server runs, warnings are reasons why it does not start.
  void Warn(absl::string_view message) ABSL_LOCKS_EXCLUDED(mu);

  const Options options;
  const Endpoints endpoints;
  uint16_t port = 0;              // Set before Start returns.
  mg_context* context = nullptr;  // Set before Start returns.
  absl::Mutex mu;
  bool started ABSL_GUARDED_BY(mu) = false;
  std::string start_error ABSL_GUARDED_BY(mu);
};

namespace {

// Never blocks on the connection; that it fails once nobody listens is no error.
void ConnectAndClose(const std::string& host, uint16_t port) {
  addrinfo hints = {};
  // As the library listens: "localhost" may be ::1 too.
  hints.ai_family = absl::StrContains(host, ':') ? AF_INET6 : AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* address = nullptr;
  if (getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &address) != 0) return;
  const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    static_cast<void>(connect(fd, address->ai_addr, address->ai_addrlen));
    close(fd);
  }
  freeaddrinfo(address);
}

void Send(mg_connection* connection, const Response& response) {
  const mg_request_info* const request = mg_get_request_info(connection);
  const bool head = request != nullptr && request->request_method != nullptr &&
                    absl::string_view(request->request_method) == "HEAD";
  const std::string bytes = Serialize(response, /*with_body=*/!head);
  mg_write(connection, bytes.data(), bytes.size());  // A client that has gone is no error of ours.
}

}  // namespace

int HttpServer::Impl::OnRequest(mg_connection* connection) {
  const mg_request_info* const request = mg_get_request_info(connection);
  const auto* impl = static_cast<const Impl*>(request->user_data);
  // No local path: the request is for another host (a proxy request) or is `OPTIONS *`.
  const absl::string_view path = request->local_uri == nullptr ? "" : request->local_uri;
  const Response response = impl->endpoints.Answer(request->request_method, path);
  Send(connection, response);
  return response.status;
}

int HttpServer::Impl::OnError(mg_connection* connection, int status, const char* message) {
  Send(connection, JsonError(status, message == nullptr ? "" : message));
  return 0;  // Handled: the library sends no page of its own.
}

int HttpServer::Impl::OnLog(const mg_connection* connection, const char* message) {
  const mg_context* const context = mg_get_context(connection);
  void* const impl = context == nullptr ? nullptr : mg_get_user_data(context);
  if (impl != nullptr) static_cast<Impl*>(impl)->Warn(message);
  return 1;  // Handled: the library does not write to stderr.
}

// The library looks for its stop flag every 2 s, or when a client connects: so one does.
void HttpServer::Impl::Stop() {
  absl::Notification stopped;
  std::thread client([&] {
    do {
      ConnectAndClose(options.listen.host, port);
    } while (!stopped.WaitForNotificationWithTimeout(absl::Milliseconds(5)));
  });
  mg_stop(context);
  stopped.Notify();
  client.join();
}

void HttpServer::Impl::Warn(absl::string_view message) {
  {
    absl::MutexLock lock(&mu);
    if (!started) {
      if (start_error.empty()) start_error = std::string(message);
      return;
    }
  }
  if (options.on_warning) options.on_warning(message);
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(Options options,
                                                              Endpoints endpoints) {
  const std::string address = options.listen.ToString();
  if (absl::StrContains(options.listen.host, ':') && mg_check_feature(MG_FEATURES_IPV6) == 0) {
    return absl::UnimplementedError(absl::StrCat(
        "setting http = ", address,
        ": the HTTP library is built without IPv6; use an IPv4 address, or --http off"));
  }
  const std::string timeout_ms = absl::StrCat(absl::ToInt64Milliseconds(options.request_timeout));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(endpoints));

  mg_callbacks callbacks = {};
  callbacks.begin_request = &Impl::OnRequest;
  callbacks.http_error = &Impl::OnError;
  callbacks.log_message = &Impl::OnLog;
  const char* library_options[] = {
      "listening_ports",
      address.c_str(),
      "num_threads",
      "4",
      "request_timeout_ms",
      timeout_ms.c_str(),
      "max_request_size",
      "16384",
      // A connection holds a thread: idle ones kept alive would shut health checks out.
      "enable_keep_alive",
      "no",
      // The library would answer CORS preflights by itself, allowing every site.
      "access_control_allow_origin",
      "",
      "access_control_allow_methods",
      "",
      "tcp_nodelay",
      "1",
      nullptr,
  };
  impl->context = mg_start(&callbacks, impl.get(), library_options);

  absl::MutexLock lock(&impl->mu);
  mg_server_port bound = {};
  if (impl->context == nullptr || mg_get_server_ports(impl->context, 1, &bound) != 1) {
    return absl::UnavailableError(
        absl::StrCat("setting http = ", address, ": cannot listen: ", impl->start_error,
                     "; choose another address with --http, or --http off"));
  }
  impl->port = static_cast<uint16_t>(bound.port);
  impl->started = true;
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() = default;

uint16_t HttpServer::port() const { return impl_->port; }

}  // namespace tidemark::http
