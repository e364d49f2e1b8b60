#include "server/log/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace tidemark::log {
namespace {

using storage::FilterSpec;
using ::testing::ElementsAre;
using ::testing::Field;

bool Matches(const FilterSpec& spec, absl::string_view type, absl::string_view key) {
  return Filter(spec).Matches({.type = type, .key = key});
}

TEST(FilterTest, AnEmptyFilterMatchesEverything) {
  EXPECT_TRUE(Filter().matches_all());
  EXPECT_TRUE(Filter(FilterSpec{}).matches_all());
  EXPECT_TRUE(Matches({}, "a", ""));
}

TEST(FilterTest, AnExactTypeMatchesItself) {
  const FilterSpec spec{.types = {"employee.created", "employee.left"}};
  EXPECT_FALSE(Filter(spec).matches_all());
  EXPECT_TRUE(Matches(spec, "employee.created", "k"));
  EXPECT_TRUE(Matches(spec, "employee.left", ""));
  EXPECT_FALSE(Matches(spec, "employee.create", "k"));
  EXPECT_FALSE(Matches(spec, "employee.created2", "k"));
}

TEST(FilterTest, AStarMatchesEveryTypeThatBeginsSo) {
  const FilterSpec spec{.types = {"employee.*"}};
  EXPECT_TRUE(Matches(spec, "employee.created", ""));
  EXPECT_TRUE(Matches(spec, "employee.", ""));
  EXPECT_FALSE(Matches(spec, "employee", ""));
  EXPECT_FALSE(Matches(spec, "ex.employee.created", ""));
  EXPECT_TRUE(Matches({.types = {"*"}}, "anything", ""));
}

TEST(FilterTest, AKeyMatchesExactly) {
  const FilterSpec spec{.keys = {"e-1", "e-2"}};
  EXPECT_TRUE(Matches(spec, "t", "e-1"));
  EXPECT_FALSE(Matches(spec, "t", "e-10"));
  EXPECT_FALSE(Matches(spec, "t", ""));
}

TEST(FilterTest, TypeAndKeyMustBothMatch) {
  const FilterSpec spec{.types = {"a", "b.*"}, .keys = {"k"}};
  EXPECT_TRUE(Matches(spec, "a", "k"));
  EXPECT_TRUE(Matches(spec, "b.c", "k"));
  EXPECT_FALSE(Matches(spec, "a", "other"));
  EXPECT_FALSE(Matches(spec, "c", "k"));
}

absl::Status Check(const FilterSpec& spec) { return CheckFilter(spec, 3, {}, "filter"); }

void ExpectRefusal(const FilterSpec& spec, const std::string& field, const std::string& reason) {
  const absl::Status status = Check(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field;
  ASSERT_TRUE(DetailOf(status).has_value()) << field;
  EXPECT_EQ(DetailOf(status)->reason, reason) << field;
  EXPECT_THAT(DetailOf(status)->fields, ElementsAre(Field(&FieldViolation::field, field)));
}

TEST(CheckFilterTest, TakesWhatCanMatch) {
  EXPECT_TRUE(Check({}).ok());
  EXPECT_TRUE(Check({.types = {"a", "b.*", "*"}, .keys = {"k", "Zoë", "*"}}).ok());
}

TEST(CheckFilterTest, RefusesTooManyEntries) {
  const std::vector<std::string> four = {"a", "b", "c", "d"};
  ExpectRefusal({.types = four}, "filter.types", "LIMIT_EXCEEDED");
  ExpectRefusal({.keys = four}, "filter.keys", "LIMIT_EXCEEDED");
}

TEST(CheckFilterTest, RefusesTypesThatNoEventHas) {
  ExpectRefusal({.types = {"a", ""}}, "filter.types[1]", "INVALID_FIELD");
  ExpectRefusal({.types = {"a*b"}}, "filter.types[0]", "INVALID_FIELD");
  ExpectRefusal({.types = {"a**"}}, "filter.types[0]", "INVALID_FIELD");
  ExpectRefusal({.types = {"\xff"}}, "filter.types[0]", "INVALID_FIELD");
  ExpectRefusal({.types = {std::string(201, 'x')}}, "filter.types[0]", "LIMIT_EXCEEDED");
}

TEST(CheckFilterTest, RefusesKeysThatNoEventHas) {
  ExpectRefusal({.keys = {"k", ""}}, "filter.keys[1]", "INVALID_FIELD");
  ExpectRefusal({.keys = {"a\n"}}, "filter.keys[0]", "INVALID_FIELD");
  ExpectRefusal({.keys = {std::string(1025, 'x')}}, "filter.keys[0]", "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace tidemark::log
