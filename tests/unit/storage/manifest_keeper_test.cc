#include "server/storage/manifest_keeper.h"

#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <memory>
#include <string>

#include "tests/support/crash_file_system.h"
#include "tests/support/temp_dir.h"

namespace tidemark::storage {
namespace {

using testing::CrashFileSystem;

class ManifestKeeperTest : public ::testing::Test {
 protected:
  std::string At(const std::string& name) const { return dir_.Sub(name); }
  void Make(const std::string& name, const std::string& content) {
    ASSERT_TRUE(rocksdb::WriteStringToFile(crash_.env(), content, At(name)).ok());
  }
  // As RocksDB does it.
  rocksdb::IOStatus AppendToManifest(rocksdb::FSWritableFile& file) {
    return file.Append("record", rocksdb::IOOptions(), nullptr);
  }
  std::unique_ptr<rocksdb::FSWritableFile> NewManifest(const std::string& name) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    EXPECT_TRUE(keeper_.GetFileSystem()
                    ->NewWritableFile(At(name), rocksdb::FileOptions(), &file, nullptr)
                    .ok());
    return file;
  }
  void FailNext(CrashFileSystem::Operation operation) {
    crash_.FailOnce(operation, "", 1, CrashFileSystem::Error::kIo);
  }
  rocksdb::Status NameInCurrent(const std::string& manifest) {
    const rocksdb::Status written =
        rocksdb::WriteStringToFile(&keeper_, manifest + "\n", At("000005.dbtmp"));
    if (!written.ok()) return written;
    return keeper_.GetFileSystem()->RenameFile(At("000005.dbtmp"), At("CURRENT"),
                                               rocksdb::IOOptions(), nullptr);
  }
  // Both ways that RocksDB has.
  bool MayDelete(const std::string& name) {
    return keeper_.DeleteFile(At(name)).ok() ||
           keeper_.GetFileSystem()->DeleteFile(At(name), rocksdb::IOOptions(), nullptr).ok();
  }

  testing::TempDir dir_;
  CrashFileSystem crash_{dir_.path()};
  ManifestKeeper keeper_{*crash_.env()};
};

TEST_F(ManifestKeeperTest, KeepsTheManifestThatCurrentNames) {
  Make("MANIFEST-000001", "one");
  Make("MANIFEST-000002", "two");
  Make("CURRENT", "MANIFEST-000001\n");
  EXPECT_FALSE(MayDelete("MANIFEST-000001"));
  EXPECT_TRUE(MayDelete("MANIFEST-000002"));
  Make("CURRENT", "MANIFEST-000003\n");
  EXPECT_TRUE(MayDelete("MANIFEST-000001"));
}

TEST_F(ManifestKeeperTest, KeepsTablesOnceAManifestCouldNotBeWritten) {
  const std::unique_ptr<rocksdb::FSWritableFile> manifest = NewManifest("MANIFEST-000001");
  Make("000007.sst", "table");
  Make("000008.sst", "table");
  Make("000009.log", "log");
  Make("new_terms.sst", "to be ingested");
  ASSERT_TRUE(AppendToManifest(*manifest).ok());
  EXPECT_TRUE(MayDelete("000007.sst"));
  crash_.FailOnce(CrashFileSystem::Operation::kWrite, "", 1, CrashFileSystem::Error::kShortWrite);
  EXPECT_FALSE(AppendToManifest(*manifest).ok());
  EXPECT_FALSE(MayDelete("000008.sst"));
  EXPECT_TRUE(MayDelete("000009.log"));
  EXPECT_TRUE(MayDelete("new_terms.sst"));
  // The next opening has a keeper of its own.
  EXPECT_TRUE(ManifestKeeper(*crash_.env()).DeleteFile(At("000008.sst")).ok());
}

TEST_F(ManifestKeeperTest, LetsTablesGoOnceCurrentNamesAManifestOfAfterwards) {
  Make("CURRENT", "MANIFEST-000001\n");
  const std::unique_ptr<rocksdb::FSWritableFile> manifest = NewManifest("MANIFEST-000001");
  Make("000007.sst", "table");
  FailNext(CrashFileSystem::Operation::kWrite);
  EXPECT_FALSE(AppendToManifest(*manifest).ok());
  const std::unique_ptr<rocksdb::FSWritableFile> next = NewManifest("MANIFEST-000002");
  EXPECT_FALSE(MayDelete("000007.sst"));
  FailNext(CrashFileSystem::Operation::kRename);
  EXPECT_FALSE(NameInCurrent("MANIFEST-000002").ok());
  Make("CURRENT", "MANIFEST-000002\n");
  EXPECT_FALSE(MayDelete("000007.sst"));  // It failed, whatever became of it.
  const std::unique_ptr<rocksdb::FSWritableFile> last = NewManifest("MANIFEST-000003");
  EXPECT_TRUE(NameInCurrent("MANIFEST-000003").ok());
  EXPECT_TRUE(MayDelete("000007.sst"));
}

TEST_F(ManifestKeeperTest, KeepsTablesOnceAManifestCouldNotBeSynced) {
  const std::unique_ptr<rocksdb::FSWritableFile> manifest = NewManifest("MANIFEST-000001");
  Make("000007.sst", "table");
  ASSERT_TRUE(AppendToManifest(*manifest).ok());
  FailNext(CrashFileSystem::Operation::kSync);
  EXPECT_FALSE(manifest->Sync(rocksdb::IOOptions(), nullptr).ok());
  EXPECT_FALSE(MayDelete("000007.sst"));
}

TEST_F(ManifestKeeperTest, AnotherFileMayFail) {
  const std::unique_ptr<rocksdb::FSWritableFile> log = NewManifest("000003.log");
  Make("000007.sst", "table");
  FailNext(CrashFileSystem::Operation::kWrite);
  EXPECT_FALSE(AppendToManifest(*log).ok());
  EXPECT_TRUE(MayDelete("000007.sst"));
}

}  // namespace
}  // namespace tidemark::storage
