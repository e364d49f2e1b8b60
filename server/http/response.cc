#include "server/http/response.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace tidemark::http {
namespace {

absl::string_view Phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";  // The phrase carries no meaning; it must only be there.
  }
}

}  // namespace

Response JsonError(int status, absl::string_view message) {
  nlohmann::ordered_json error;
  error["error"]["status"] = status;
  error["error"]["message"] = std::string(message);
  Response response;
  response.status = status;
  response.content_type = "application/json";
  // `message` may hold bytes from a client that are no UTF-8.
  response.body = error.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return response;
}

std::string Serialize(const Response& response, bool with_body) {
  std::string bytes = absl::StrCat("HTTP/1.1 ", response.status, " ", Phrase(response.status),
                                   "\r\nContent-Type: ", response.content_type,
                                   "\r\nContent-Length: ", response.body.size(),
                                   "\r\nCache-Control: no-store"
                                   "\r\nX-Content-Type-Options: nosniff"
                                   "\r\nConnection: close\r\n");
  if (!response.allow.empty()) absl::StrAppend(&bytes, "Allow: ", response.allow, "\r\n");
  absl::StrAppend(&bytes, "\r\n", with_body ? response.body : "");
  return bytes;
}

}  // namespace tidemark::http
