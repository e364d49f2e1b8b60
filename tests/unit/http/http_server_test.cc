#include "server/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/unit/http/http_client.h"

namespace tidemark::http {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Endpoints TestEndpoints() {
  return Endpoints([] { return std::string("tidemark_x 1\n"); },
                   [] { return absl::UnavailableError("starting"); });
}

std::unique_ptr<HttpServer> StartServer(absl::Duration request_timeout = absl::Seconds(5)) {
  HttpServer::Options options;
  options.listen = {"127.0.0.1", 0};
  options.request_timeout = request_timeout;
  auto server = HttpServer::Start(std::move(options), TestEndpoints());
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? *std::move(server) : nullptr;
}

class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = StartServer();
    ASSERT_NE(server_, nullptr);
    ASSERT_NE(server_->port(), 0);
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, ServesOverASocket) {
  EXPECT_THAT(Get(server_->port(), "/metrics"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Length: 13\r\n"),
                    HasSubstr("Connection: close\r\n"), HasSubstr("Cache-Control: no-store\r\n"),
                    EndsWith("\r\n\r\ntidemark_x 1\n")));
  EXPECT_THAT(Get(server_->port(), "/healthz"), EndsWith("\r\n\r\nok\n"));
  EXPECT_THAT(Get(server_->port(), "/readyz"),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("\"reason\":\"starting\"")));
  EXPECT_THAT(Get(server_->port(), "/nope"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(HttpServerTest, AnswersHeadWithTheHeadersOfGetAlone) {
  EXPECT_THAT(Request(server_->port(), "HEAD", "/metrics"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Length: 13\r\n"),
                    EndsWith("\r\n\r\n")));
  EXPECT_THAT(Request(server_->port(), "HEAD", "/nope"),
              AllOf(StartsWith("HTTP/1.1 404 "), EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, TellsOtherMethodsWhatIsAllowed) {
  EXPECT_THAT(Exchange(server_->port(),
                       "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
              AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: GET, HEAD\r\n"),
                    HasSubstr("{\"error\":")));
}

TEST_F(HttpServerTest, IgnoresTheQuery) {
  EXPECT_THAT(Get(server_->port(), "/healthz?verbose=1"), StartsWith("HTTP/1.1 200 "));
}

// The library would answer it for us, and let every web site read our figures.
TEST_F(HttpServerTest, GivesNoPermissionToOtherSites) {
  EXPECT_THAT(Exchange(server_->port(),
                       "OPTIONS /metrics HTTP/1.1\r\nHost: a\r\nOrigin: http://evil.example\r\n"
                       "Access-Control-Request-Method: GET\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 405 "), Not(HasSubstr("Access-Control"))));
}

TEST_F(HttpServerTest, ServesNoFiles) {
  for (const char* path : {"/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/.", "//etc/passwd",
                           "/etc/passwd", "/index.html"}) {
    EXPECT_THAT(Get(server_->port(), path), Not(HasSubstr("root:"))) << path;
  }
  EXPECT_THAT(Get(server_->port(), "/etc/passwd"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(HttpServerTest, SurvivesMalformedRequests) {
  const std::string long_header = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x');
  for (const std::string& bytes :
       {std::string("nonsense\r\n\r\n"), std::string("GET\r\n\r\n"),
        std::string("\0\0\0\r\n\r\n", 7), std::string("GET / HTTP/9.9\r\nHost: a\r\n\r\n"),
        std::string("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        std::string("GET http://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n"),
        std::string("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), long_header + "\r\n\r\n"}) {
    EXPECT_THAT(Exchange(server_->port(), bytes), Not(HasSubstr("200 OK"))) << bytes.substr(0, 80);
  }
  EXPECT_THAT(Get(server_->port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, AnswersManyClientsAtOnce) {
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([this] {
      for (int j = 0; j < 25; ++j) {
        EXPECT_THAT(Get(server_->port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
      }
    });
  }
  for (std::thread& client : clients) client.join();
}

TEST_F(HttpServerTest, NamesSettingAndAddressOfAUsedPort) {
  HttpServer::Options options;
  options.listen = {"127.0.0.1", server_->port()};
  const auto second = HttpServer::Start(std::move(options), TestEndpoints());
  ASSERT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr(absl::StrCat("setting http = 127.0.0.1:", server_->port())),
                    HasSubstr("in use")));
  EXPECT_THAT(Get(server_->port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, StopsListeningWhenDestroyed) {
  const uint16_t port = server_->port();
  server_.reset();
  EXPECT_EQ(Get(port, "/healthz"), "cannot connect");
}

TEST(HttpServerTimeoutTest, DropsAConnectionThatSendsNoWholeRequest) {
  const auto server = StartServer(absl::Milliseconds(50));
  ASSERT_NE(server, nullptr);
  EXPECT_THAT(Exchange(server->port(), "GET /healthz HTTP/1.1\r\nHost"), Not(HasSubstr("200 OK")));
  EXPECT_THAT(Exchange(server->port(), ""), Not(HasSubstr("200 OK")));
}

TEST(HttpServerListenTest, AcceptsAName) {
  HttpServer::Options options;
  options.listen = {"localhost", 0};
  const auto server = HttpServer::Start(std::move(options), TestEndpoints());
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT(Get((*server)->port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
}

// The library may be built without IPv6: then that is said, and not "invalid port".
TEST(HttpServerListenTest, ListensOnIpv6OrSaysThatItCannot) {
  HttpServer::Options options;
  options.listen = {"::1", 0};
  const auto server = HttpServer::Start(std::move(options), TestEndpoints());
  if (server.ok()) {
    EXPECT_NE((*server)->port(), 0);
  } else {
    EXPECT_EQ(server.status().code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(server.status().message()),
                AllOf(HasSubstr("setting http = [::1]:0"), HasSubstr("IPv6")));
  }
}

TEST(HttpServerListenTest, NamesAnAddressThatIsNotOurs) {
  HttpServer::Options options;
  options.listen = {"192.0.2.1", 0};  // Reserved for documentation: no machine has it.
  const auto server = HttpServer::Start(std::move(options), TestEndpoints());
  ASSERT_EQ(server.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("setting http = 192.0.2.1:0"));
}

// A shutdown has 5 s in all; the library alone would take 2 s.
TEST(HttpServerStopTest, StopsAtOnce) {
  auto server = StartServer();
  ASSERT_NE(server, nullptr);
  EXPECT_THAT(Get(server->port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
  const absl::Time start = absl::Now();
  server.reset();
  EXPECT_LT(absl::Now() - start, absl::Seconds(1));
}

}  // namespace
}  // namespace tidemark::http
