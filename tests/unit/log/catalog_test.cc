#include "server/log/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

storage::TopicRecord Record(uint64_t id, std::string name, uint32_t first_log,
                            uint32_t partitions) {
  return {.id = TopicId(id),
          .name = std::move(name),
          .first_log = LogId(first_log),
          .config = {.partitions = partitions}};
}

std::vector<std::string> NamesOf(const std::vector<TopicPtr>& topics) {
  std::vector<std::string> names;
  for (const TopicPtr& topic : topics) names.push_back(topic->name());
  return names;
}

TEST(CatalogTest, FindsATopicByNameIdAndLog) {
  Catalog catalog;
  catalog.Put(Record(1, "hr", 1, 3));
  catalog.Put(Record(2, "pay", 4, 1));
  EXPECT_EQ(catalog.Find("hr")->id(), TopicId(1));
  EXPECT_EQ(catalog.FindById(TopicId(2))->name(), "pay");
  EXPECT_EQ(catalog.Find("h"), nullptr);
  EXPECT_EQ(catalog.FindById(TopicId(3)), nullptr);
  EXPECT_EQ(catalog.FindByLog(LogId(0)), nullptr);
  for (uint32_t log : {1, 2, 3}) EXPECT_EQ(catalog.FindByLog(LogId(log))->name(), "hr") << log;
  EXPECT_EQ(catalog.FindByLog(LogId(4))->name(), "pay");
  EXPECT_EQ(catalog.FindByLog(LogId(5)), nullptr);
}

TEST(CatalogTest, CountsPartitions) {
  Catalog catalog;
  catalog.Put(Record(1, "hr", 1, 3));
  catalog.Put(Record(2, "pay", 4, 2));
  EXPECT_EQ(catalog.partitions(), 5u);
  catalog.Put(Record(1, "hr", 1, 3));
  EXPECT_EQ(catalog.partitions(), 5u);
  catalog.Remove(TopicId(1));
  EXPECT_EQ(catalog.partitions(), 2u);
}

// Who holds a topic keeps what it was; who asks again gets the new settings.
TEST(CatalogTest, ReplacesSettings) {
  Catalog catalog;
  catalog.Put(Record(1, "hr", 1, 3));
  const TopicPtr before = catalog.Find("hr");
  storage::TopicRecord changed = before->record;
  changed.config.description = "people";
  catalog.Put(changed);
  EXPECT_EQ(before->record.config.description, "");
  EXPECT_EQ(catalog.Find("hr")->record.config.description, "people");
  EXPECT_EQ(catalog.FindById(TopicId(1))->record.config.description, "people");
  EXPECT_EQ(catalog.FindByLog(LogId(3))->record.config.description, "people");
}

TEST(CatalogTest, ForgetsARemovedTopic) {
  Catalog catalog;
  catalog.Put(Record(1, "hr", 1, 3));
  catalog.Remove(TopicId(1));
  catalog.Remove(TopicId(1));
  EXPECT_EQ(catalog.Find("hr"), nullptr);
  EXPECT_EQ(catalog.FindById(TopicId(1)), nullptr);
  EXPECT_EQ(catalog.FindByLog(LogId(2)), nullptr);
}

TEST(CatalogTest, ListsByNameInPages) {
  Catalog catalog;
  uint32_t id = 1;
  for (const char* name : {"b", "a", "c.x", "c.y", "c", "d"}) {
    catalog.Put(Record(id, name, id, 1));
    ++id;
  }
  EXPECT_THAT(NamesOf(catalog.List("", "", 3)), ElementsAre("a", "b", "c"));
  EXPECT_THAT(NamesOf(catalog.List("c", "", 10)), ElementsAre("c.x", "c.y", "d"));
  EXPECT_THAT(NamesOf(catalog.List("", "c", 10)), ElementsAre("c", "c.x", "c.y"));
  EXPECT_THAT(NamesOf(catalog.List("c", "c", 10)), ElementsAre("c.x", "c.y"));
  EXPECT_THAT(NamesOf(catalog.List("c.y", "c", 10)), IsEmpty());
  EXPECT_THAT(NamesOf(catalog.List("a", "c.", 1)), ElementsAre("c.x"));
  EXPECT_THAT(NamesOf(catalog.List("", "x", 10)), IsEmpty());
}

TEST(TopicDeathTest, HasNoLogBeyondItsPartitions) {
  const Topic topic{Record(1, "hr", 5, 2)};
  EXPECT_EQ(topic.log(PartitionIndex(1)), LogId(6));
  EXPECT_DEATH(topic.log(PartitionIndex(2)), "check failed");
}

}  // namespace
}  // namespace tidemark::log
