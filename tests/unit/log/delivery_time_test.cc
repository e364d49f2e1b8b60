// `deliverat` and `delay`: what counts as a time, and what is refused.
#include "server/log/delivery_time.h"

#include <gtest/gtest.h>

#include "server/log/wire.h"

namespace tidemark::log {
namespace {

std::string WithAttributes(const std::vector<std::pair<std::string, std::string>>& attributes) {
  std::string event;
  AppendBytesHeader(event, kEventTypeField, 1);
  event += "t";
  for (const auto& [name, value] : attributes) {
    std::string entry;
    AppendBytesHeader(entry, 1, name.size());
    entry += name;
    AppendBytesHeader(entry, 2, value.size());
    entry += value;
    AppendBytesHeader(event, kEventAttributesField, entry.size());
    event += entry;
  }
  return event;
}

std::optional<absl::Time> NotBefore(
    const std::vector<std::pair<std::string, std::string>>& attributes) {
  const std::string event = WithAttributes(attributes);  // The view points into it.
  WorkView view;
  EXPECT_TRUE(ViewWork(event, absl::FromUnixSeconds(1000), view).ok());
  EXPECT_EQ(view.event.type, "t");
  return view.not_before;
}

TEST(DeliveryTimeTest, DelayCountsFromAppendTimeAndDeliverAtIsATime) {
  EXPECT_EQ(NotBefore({}), std::nullopt);
  EXPECT_EQ(NotBefore({{"delay", "1m30s"}}), absl::FromUnixSeconds(1090));
  EXPECT_EQ(NotBefore({{"delay", "0"}}), absl::FromUnixSeconds(1000));
  EXPECT_EQ(NotBefore({{"deliverat", "1970-01-01T01:00:00+00:30"}}), absl::FromUnixSeconds(1800));
  EXPECT_EQ(NotBefore({{"deliverat", "1970-01-01T00:00:10.5Z"}}),
            absl::FromUnixSeconds(10) + absl::Milliseconds(500));
}

TEST(DeliveryTimeTest, TheLaterOfBothCounts) {
  EXPECT_EQ(NotBefore({{"delay", "1s"}, {"deliverat", "1970-01-01T00:00:10Z"}}),
            absl::FromUnixSeconds(1001));
  EXPECT_EQ(NotBefore({{"deliverat", "1970-01-01T01:00:00Z"}, {"delay", "1s"}}),
            absl::FromUnixSeconds(3600));
}

TEST(DeliveryTimeTest, WhatWasStoredBeforeItWasCheckedCountsAsAbsent) {
  EXPECT_EQ(NotBefore({{"delay", "soon"}, {"other", "1s"}}), std::nullopt);
}

TEST(DeliveryTimeTest, RefusesWhatIsNeitherNamingTheValue) {
  EXPECT_TRUE(CheckDeliveryAttribute("other", "anything", "f").ok());
  EXPECT_TRUE(CheckDeliveryAttribute("delay", "87600h", "f").ok());
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"delay", ""},
                                                        {"delay", "5"},
                                                        {"delay", "-1s"},
                                                        {"delay", "inf"},
                                                        {"delay", "90000h"},
                                                        {"deliverat", ""},
                                                        {"deliverat", "2026-02-30T00:00:00Z"},
                                                        {"deliverat", "now"},
                                                        {"deliverat", "infinite-future"},
                                                        {"deliverat", "2026-01-01"}}) {
    const absl::Status status = CheckDeliveryAttribute(name, value, "f");
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name << " " << value;
    EXPECT_NE(status.message().find(value), std::string::npos);
  }
}

}  // namespace
}  // namespace tidemark::log
