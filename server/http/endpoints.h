// Endpoints: what each path of the HTTP port answers, apart from sockets.
//
// Threads. Safe from any thread if the callbacks are.
#ifndef TIDEMARK_SERVER_HTTP_ENDPOINTS_H_
#define TIDEMARK_SERVER_HTTP_ENDPOINTS_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/http/response.h"

namespace tidemark::http {

class Endpoints {
 public:
  // `metrics` renders Prometheus' text format. `readiness` is OK while requests are served, else
  // says why not.
  Endpoints(std::function<std::string()> metrics, std::function<absl::Status()> readiness)
      : metrics_(std::move(metrics)), readiness_(std::move(readiness)) {}

  // `path` is decoded and without the query. GET and HEAD only: 405 for others, 404 for an unknown
  // path whatever the method.
  Response Answer(absl::string_view method, absl::string_view path) const;

 private:
  Response Readiness() const;

  const std::function<std::string()> metrics_;
  const std::function<absl::Status()> readiness_;
};

}  // namespace tidemark::http

#endif  // TIDEMARK_SERVER_HTTP_ENDPOINTS_H_
