#include "server/config/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidemark::config {
namespace {

TEST(EndpointTest, ReadsAndWritesHostAndPort) {
  for (const char* text : {"127.0.0.1:7400", "localhost:0", "0.0.0.0:65535", "[::1]:7400",
                           "[2001:db8::1]:1", "events.example-1.com:80"}) {
    const auto endpoint = ParseEndpoint(text);
    ASSERT_TRUE(endpoint.ok()) << text << ": " << endpoint.status();
    EXPECT_EQ(endpoint->ToString(), text);
  }
  EXPECT_EQ(ParseEndpoint("[::1]:7400")->host, "::1");
  EXPECT_EQ(ParseEndpoint("[::1]:7400")->port, 7400);
}

TEST(EndpointTest, RefusesWhatIsNoHostAndPort) {
  for (const char* text : {"",
                           ":",
                           "7400",
                           ":7400",
                           "127.0.0.1",
                           "127.0.0.1:",
                           "127.0.0.1:65536",
                           "127.0.0.1:-1",
                           "127.0.0.1:+1",
                           "127.0.0.1: 1",
                           "127.0.0.1:x",
                           "::1:7400",
                           "[::1]",
                           "[::1:7400",
                           "[127.0.0.1]:1",
                           "[]:1",
                           "*:7400",
                           "a b:1",
                           "http://localhost:80",
                           "a,b:1"}) {
    EXPECT_FALSE(ParseEndpoint(text).ok()) << text;
  }
}

TEST(EndpointTest, KnowsLoopbackAddresses) {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"}) {
    EXPECT_TRUE((Endpoint{host, 1}).IsLoopback()) << host;
  }
}

TEST(EndpointTest, TakesEveryOtherHostForReachable) {
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "127.0.0.1.example.com",
                           "localhost.example.com", "127.1x", "::ffff:10.0.0.1", "db"}) {
    EXPECT_FALSE((Endpoint{host, 1}).IsLoopback()) << host;
  }
}

}  // namespace
}  // namespace tidemark::config
