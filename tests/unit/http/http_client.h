// A blocking HTTP client for tests: one connection, one answer, whatever bytes are wanted.
#ifndef TIDEMARK_TESTS_UNIT_HTTP_HTTP_CLIENT_H_
#define TIDEMARK_TESTS_UNIT_HTTP_HTTP_CLIENT_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace tidemark::http {

// Everything the server answers to `bytes` until it closes the connection; fails the test when it
// does not within 20 s.
inline std::string Exchange(uint16_t port, const std::string& bytes) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  timeval timeout = {20, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd);
    return "cannot connect";
  }
  EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  char buffer[4096];
  ssize_t got;
  while ((got = recv(fd, buffer, sizeof(buffer), 0)) > 0) answer.append(buffer, got);
  // A reset after the answer is an end too: the server need not read all that was sent.
  EXPECT_TRUE(got == 0 || errno == ECONNRESET) << "no end of the answer";
  close(fd);
  return answer;
}

// A request without body.
inline std::string Request(uint16_t port, const std::string& method, const std::string& target) {
  return Exchange(port, absl::StrCat(method, " ", target, " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
}

inline std::string Get(uint16_t port, const std::string& target) {
  return Request(port, "GET", target);
}

}  // namespace tidemark::http

#endif  // TIDEMARK_TESTS_UNIT_HTTP_HTTP_CLIENT_H_
