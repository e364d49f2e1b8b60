#include "server/http/endpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace tidemark::http {
namespace {

using ::testing::HasSubstr;

class EndpointsTest : public ::testing::Test {
 protected:
  absl::Status readiness_;
  const Endpoints endpoints_{[] { return std::string("tidemark_x 1\n"); },
                             [this] { return readiness_; }};
};

TEST_F(EndpointsTest, ServesTheMetricsAsPrometheusText) {
  const Response response = endpoints_.Answer("GET", "/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(response.body, "tidemark_x 1\n");
}

TEST_F(EndpointsTest, IsReadyOrSaysWhyNot) {
  Response response = endpoints_.Answer("GET", "/readyz");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(nlohmann::json::parse(response.body), nlohmann::json({{"ready", true}}));

  readiness_ = absl::UnavailableError("draining \"now\"");
  response = endpoints_.Answer("GET", "/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(
      nlohmann::json::parse(response.body),
      nlohmann::json({{"ready", false}, {"code", "UNAVAILABLE"}, {"reason", "draining \"now\""}}));
}

// A restart cures no failed disk: liveness must not depend on readiness.
TEST_F(EndpointsTest, IsHealthyEvenIfNotReady) {
  readiness_ = absl::InternalError("the store failed");
  const Response response = endpoints_.Answer("GET", "/healthz");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "ok\n");
}

TEST_F(EndpointsTest, ListsTheEndpointsOnTheFirstPage) {
  const Response response = endpoints_.Answer("GET", "/");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/html; charset=utf-8");
  for (const char* path : {"/metrics", "/healthz", "/readyz"}) {
    EXPECT_THAT(response.body, HasSubstr(path));
  }
}

TEST_F(EndpointsTest, AnswersUnknownPathsWithAJsonError) {
  for (const char* path : {"/nope", "/metrics/", "/Metrics", "", "/a\"b\xff"}) {
    const Response response = endpoints_.Answer("GET", path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_EQ(response.content_type, "application/json");
    const auto error = nlohmann::json::parse(response.body).at("error");
    EXPECT_EQ(error.at("status"), 404);
    EXPECT_THAT(error.at("message").get<std::string>(), HasSubstr("/metrics"));
  }
}

TEST_F(EndpointsTest, AllowsGetAndHeadOnly) {
  EXPECT_EQ(endpoints_.Answer("HEAD", "/metrics").status, 200);
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get"}) {
    const Response response = endpoints_.Answer(method, "/metrics");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(response.allow, "GET, HEAD");
    EXPECT_EQ(nlohmann::json::parse(response.body).at("error").at("status"), 405);
  }
}

}  // namespace
}  // namespace tidemark::http
