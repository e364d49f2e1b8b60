// HttpServer: the HTTP port, for metrics and health checks.
//
// Threads.  A few threads of its own call the callbacks of Endpoints, several at once. port() is
//           safe from any thread; do not destroy it from a callback.
// Bounds.   One connection, one thread, one request: a connection is closed after its answer, and
//           dropped if its request is slower than request_timeout. Headers are at most 16 KiB.
// Lifetime. Listens from Start to its destruction, which waits for answers under way. What the
//           callbacks refer to outlives it.
#ifndef TIDEMARK_SERVER_HTTP_HTTP_SERVER_H_
#define TIDEMARK_SERVER_HTTP_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/config/endpoint.h"
#include "server/http/endpoints.h"

namespace tidemark::http {

class HttpServer {
 public:
  struct Options {
    config::Endpoint listen;  // The setting `http`; port 0: the system chooses.
    // A connection whose request is not complete by then is dropped.
    absl::Duration request_timeout = absl::Seconds(5);
    // Gets what goes wrong while serving (a failed accept); may be empty.
    std::function<void(absl::string_view message)> on_warning;
  };

  // UNAVAILABLE    the address cannot be listened on, perhaps because another process does.
  // UNIMPLEMENTED  an IPv6 address, and the HTTP library (as Debian builds it) cannot.
  // Either message names the setting and the address.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(Options options, Endpoints endpoints);

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  // The port that is listened on.
  uint16_t port() const;

 private:
  // Keeps the library's header out of ours.
  struct Impl;

  explicit HttpServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark::http

#endif  // TIDEMARK_SERVER_HTTP_HTTP_SERVER_H_
