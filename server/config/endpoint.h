// Endpoint: where a listener binds, "HOST:PORT" or "[IPV6]:PORT".
#ifndef TIDEMARK_SERVER_CONFIG_ENDPOINT_H_
#define TIDEMARK_SERVER_CONFIG_ENDPOINT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tidemark::config {

struct Endpoint {
  std::string host;   // A name or an address; an IPv6 address is kept without its brackets.
  uint16_t port = 0;  // 0: the system chooses a free one.

  // "127.0.0.1:7400", "[::1]:7400": what gRPC and people expect.
  std::string ToString() const;

  // True for "localhost", 127.0.0.0/8 and ::1. Any other name counts as reachable from a network:
  // what it resolves to can change after the check.
  bool IsLoopback() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// INVALID_ARGUMENT  no host, no port, a port above 65535, or an IPv6 address without brackets.
absl::StatusOr<Endpoint> ParseEndpoint(absl::string_view text);

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_ENDPOINT_H_
