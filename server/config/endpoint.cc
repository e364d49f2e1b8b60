#include "server/config/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace tidemark::config {
namespace {

absl::Status NotAnEndpoint() {
  return absl::InvalidArgumentError(
      "must be HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:7400, 0.0.0.0:7400 or "
      "[::1]:7400");
}

bool IsIpv6Address(const std::string& text) {
  in6_addr address;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

bool IsHostName(absl::string_view text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
  });
}

}  // namespace

std::string Endpoint::ToString() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

bool Endpoint::IsLoopback() const {
  // Only a whole address counts: 127.0.0.1.example.com is somebody else's host.
  in_addr ipv4;
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return ntohl(ipv4.s_addr) >> 24 == 127;
  in6_addr ipv6;
  if (inet_pton(AF_INET6, host.c_str(), &ipv6) == 1) return IN6_IS_ADDR_LOOPBACK(&ipv6);
  return absl::EqualsIgnoreCase(host, "localhost");
}

absl::StatusOr<Endpoint> ParseEndpoint(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return NotAnEndpoint();
  const absl::string_view port_text = text.substr(colon + 1);
  absl::string_view host = text.substr(0, colon);

  uint32_t port = 0;
  const bool digits = std::all_of(port_text.begin(), port_text.end(), absl::ascii_isdigit);
  if (!digits || !absl::SimpleAtoi(port_text, &port) || port > 65535) return NotAnEndpoint();

  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    host = host.substr(1, host.size() - 2);
    if (!IsIpv6Address(std::string(host))) return NotAnEndpoint();
  } else if (!IsHostName(host)) {
    return NotAnEndpoint();
  }
  return Endpoint{std::string(host), static_cast<uint16_t>(port)};
}

}  // namespace tidemark::config
