// Events for tests: plain values, encoded and decoded by code that shares nothing with the server,
// so that an error in one is not hidden by the same error in the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace tidemark::testing {

// Protobuf's wire format, by hand.
std::string Varint(uint64_t value);
std::string VarintField(uint32_t number, uint64_t value);
std::string BytesField(uint32_t number, absl::string_view content);

struct TestEvent {
  std::string id;
  std::string type = "employee.created";
  std::string source;
  std::string key;
  std::optional<std::pair<int64_t, int32_t>> time;  // Seconds and nanoseconds.
  std::string content_type;
  std::string data;
  std::vector<std::pair<std::string, std::string>> attributes;
  friend bool operator==(const TestEvent&, const TestEvent&) = default;
};

// The encoded Event.
std::string Encode(const TestEvent& event);
// The encoded Event as an entry of `events`.
std::string EncodeEntry(const TestEvent& event);
// The encoded `events` field.
std::string EncodeEvents(const std::vector<TestEvent>& events);

// The inverse of EncodeEvents; empty if `events` is malformed.
std::optional<std::vector<TestEvent>> DecodeEvents(absl::string_view events);

// For failure messages: "employee.created/employee-1/e17".
void PrintTo(const TestEvent& event, std::ostream* out);

}  // namespace tidemark::testing
