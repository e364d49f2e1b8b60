// Response: an HTTP answer as a plain value.
#ifndef TIDEMARK_SERVER_HTTP_RESPONSE_H_
#define TIDEMARK_SERVER_HTTP_RESPONSE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace tidemark::http {

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;   // Left out, but counted, in the answer to HEAD.
  std::string allow;  // The Allow header, for 405; empty: none.
};

// {"error":{"status":404,"message":"..."}}
Response JsonError(int status, absl::string_view message);

// The answer as bytes. Every answer closes its connection and is never cached.
std::string Serialize(const Response& response, bool with_body);

}  // namespace tidemark::http

#endif  // TIDEMARK_SERVER_HTTP_RESPONSE_H_
