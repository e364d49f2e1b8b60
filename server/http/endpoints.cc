#include "server/http/endpoints.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace tidemark::http {
namespace {

constexpr char kIndex[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tidemark</title></head><body>\n"
    "<h1>Tidemark</h1>\n"
    "<ul>\n"
    "<li><a href=\"/metrics\">/metrics</a>: figures for Prometheus</li>\n"
    "<li><a href=\"/healthz\">/healthz</a>: 200 while the process lives</li>\n"
    "<li><a href=\"/readyz\">/readyz</a>: 200 while requests are served, else 503 with the "
    "reason</li>\n"
    "</ul>\n"
    "</body></html>\n";

}  // namespace

Response Endpoints::Answer(absl::string_view method, absl::string_view path) const {
  const bool known = path == "/" || path == "/metrics" || path == "/healthz" || path == "/readyz";
  if (!known) {
    return JsonError(404, absl::StrCat("no such path: ", path.substr(0, 200),
                                       "; there are /metrics, /healthz and /readyz"));
  }
  if (method != "GET" && method != "HEAD") {
    Response response =
        JsonError(405, absl::StrCat(path, " answers GET and HEAD, not ", method.substr(0, 20)));
    response.allow = "GET, HEAD";
    return response;
  }
  Response response;
  if (path == "/readyz") return Readiness();
  if (path == "/healthz") {
    response.body = "ok\n";
  } else if (path == "/metrics") {
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_();
  } else {
    response.content_type = "text/html; charset=utf-8";
    response.body = kIndex;
  }
  return response;
}

Response Endpoints::Readiness() const {
  const absl::Status status = readiness_();
  nlohmann::ordered_json answer;
  answer["ready"] = status.ok();
  if (!status.ok()) {
    answer["code"] = absl::StatusCodeToString(status.code());
    answer["reason"] = std::string(status.message());
  }
  Response response;
  response.status = status.ok() ? 200 : 503;
  response.content_type = "application/json";
  response.body = answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return response;
}

}  // namespace tidemark::http
