// The disk that the crash tests trust: what it keeps and what it forgets.
#include "tests/support/crash_file_system.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/temp_dir.h"

namespace tidemark::testing {
namespace {

using Loss = CrashFileSystem::Loss;
using Operation = CrashFileSystem::Operation;
using When = CrashFileSystem::When;

class CrashFileSystemTest : public ::testing::Test {
 protected:
  std::unique_ptr<rocksdb::WritableFile> Create(const std::string& name) {
    std::unique_ptr<rocksdb::WritableFile> file;
    EXPECT_TRUE(env().NewWritableFile(dir_.Sub(name), &file, {}).ok());
    return file;
  }
  void SyncDirectory() {
    std::unique_ptr<rocksdb::Directory> directory;
    ASSERT_TRUE(env().NewDirectory(dir_.path(), &directory).ok());
    ASSERT_TRUE(directory->Fsync().ok());
  }
  // A file of this content, all durable.
  void MakeDurable(const std::string& name, const std::string& content) {
    const auto file = Create(name);
    ASSERT_TRUE(file->Append(content).ok() && file->Sync().ok() && file->Close().ok());
    SyncDirectory();
  }
  // "none" if there is no such file.
  std::string Read(const std::string& name) {
    std::string content;
    return rocksdb::ReadFileToString(&env(), dir_.Sub(name), &content).ok() ? content : "none";
  }
  rocksdb::Env& env() { return *disk_.env(); }

  TempDir dir_;
  CrashFileSystem disk_{dir_.path()};
};

TEST_F(CrashFileSystemTest, KeepsWhatWasSynced) {
  MakeDurable("a", "123");
  disk_.RestorePower(Loss::kAllUnsynced);
  EXPECT_EQ(Read("a"), "123");
}

TEST_F(CrashFileSystemTest, ForgetsBytesBehindTheLastSync) {
  const auto file = Create("a");
  ASSERT_TRUE(file->Append("123").ok() && file->Sync().ok() && file->Append("456").ok());
  SyncDirectory();
  EXPECT_EQ(Read("a"), "123456");
  disk_.RestorePower(Loss::kAllUnsynced);
  EXPECT_EQ(Read("a"), "123");
}

TEST_F(CrashFileSystemTest, ForgetsAFileWhoseNameWasNotSynced) {
  const auto file = Create("a");
  ASSERT_TRUE(file->Append("123").ok() && file->Sync().ok());
  disk_.RestorePower(Loss::kAllUnsynced);
  EXPECT_EQ(Read("a"), "none");
}

TEST_F(CrashFileSystemTest, ForgetsARenameThatWasNotSynced) {
  MakeDurable("old", "old");
  MakeDurable("new", "new");
  ASSERT_TRUE(env().RenameFile(dir_.Sub("new"), dir_.Sub("old")).ok());
  EXPECT_EQ(Read("old"), "new");
  disk_.RestorePower(Loss::kAllUnsynced);
  EXPECT_EQ(Read("old"), "old");
  EXPECT_EQ(Read("new"), "new");
}

TEST_F(CrashFileSystemTest, BringsBackADeletedFileUntilTheDirectoryIsSynced) {
  MakeDurable("a", "1");
  MakeDurable("b", "2");
  ASSERT_TRUE(env().DeleteFile(dir_.Sub("a")).ok());
  SyncDirectory();
  ASSERT_TRUE(env().DeleteFile(dir_.Sub("b")).ok());
  disk_.RestorePower(Loss::kAllUnsynced);
  EXPECT_EQ(Read("a"), "none");
  EXPECT_EQ(Read("b"), "2");
}

TEST_F(CrashFileSystemTest, MayKeepSomeOfWhatWasNotSynced) {
  bool kept_some = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    MakeDurable("a", "123");
    const auto file = Create("a");
    ASSERT_TRUE(file->Append("45").ok() && file->Sync().ok() && file->Append("67890").ok());
    SyncDirectory();
    disk_.RestorePower(Loss::kSomeUnsynced, seed);
    const std::string content = Read("a");
    EXPECT_EQ(content, std::string("4567890").substr(0, content.size())) << seed;
    EXPECT_GE(content.size(), 2u) << seed;
    kept_some = kept_some || (content.size() > 2 && content.size() < 7);
  }
  EXPECT_TRUE(kept_some);
}

TEST_F(CrashFileSystemTest, CutsThePowerBeforeOrAfterTheNthSync) {
  for (const When when : {When::kBefore, When::kAfter}) {
    MakeDurable("a", "");
    const auto file = Create("a");
    SyncDirectory();
    disk_.CutPowerAtSync(2, when);
    EXPECT_TRUE(file->Append("1").ok() && file->Sync().ok());
    EXPECT_TRUE(file->Append("2").ok());
    EXPECT_FALSE(file->Sync().ok());
    EXPECT_TRUE(disk_.power_is_cut());
    EXPECT_FALSE(file->Append("3").ok());
    EXPECT_FALSE(env().DeleteFile(dir_.Sub("a")).ok());
    disk_.RestorePower(Loss::kAllUnsynced);
    EXPECT_EQ(Read("a"), when == When::kBefore ? "1" : "12");
  }
}

TEST_F(CrashFileSystemTest, FailsOnceAndWithoutEffect) {
  const auto file = Create("a.log");
  const auto other = Create("a.sst");
  SyncDirectory();
  disk_.FailOnce(Operation::kSync, ".log", 2);
  EXPECT_TRUE(other->Sync().ok());
  EXPECT_TRUE(file->Append("1").ok() && file->Sync().ok() && file->Append("2").ok());
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_TRUE(other->Sync().ok());
  disk_.RestorePower(Loss::kAllUnsynced);
  EXPECT_EQ(Read("a.log"), "1");
}

TEST_F(CrashFileSystemTest, ForgetsADirectoryWhoseNameWasNotSynced) {
  ASSERT_TRUE(env().CreateDirIfMissing(dir_.Sub("sub")).ok());
  const auto file = Create("sub/a");
  ASSERT_TRUE(file->Append("1").ok() && file->Sync().ok());
  std::unique_ptr<rocksdb::Directory> directory;
  ASSERT_TRUE(env().NewDirectory(dir_.Sub("sub"), &directory).ok() && directory->Fsync().ok());
  disk_.RestorePower(Loss::kAllUnsynced);
  EXPECT_EQ(Read("sub/a"), "none");
}

}  // namespace
}  // namespace tidemark::testing
