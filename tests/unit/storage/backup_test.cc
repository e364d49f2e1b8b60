// A backup holds the store of one position, all of it, and becomes that store again.
#include "server/storage/backup.h"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/storage/open_options.h"
#include "server/storage/superseded.h"
#include "tests/unit/storage/store_fixture.h"

namespace tidemark::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kFast = 1ull << 40;
constexpr auto kNeverStopped = [] { return false; };

// Every row of every family of the store in `path`, which is closed; but for what names the store.
std::map<std::string, std::string> RowsOf(const std::string& path) {
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::OpenForReadOnly({}, path,
                                   MakeColumnFamilies({.path = path}, std::make_shared<LogStarts>(),
                                                      std::make_shared<Superseded>()),
                                   &handles, &raw);
  EXPECT_TRUE(opened.ok()) << opened.ToString();
  std::map<std::string, std::string> rows;
  if (!opened.ok()) return rows;
  const std::unique_ptr<rocksdb::DB> db(raw);
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator({}, handle));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      if (it->key() == kStoreKey) continue;
      rows[absl::StrCat(handle->GetName(), ":", it->key().ToString())] = it->value().ToString();
    }
    EXPECT_TRUE(it->status().ok()) << it->status().ToString();
    db->DestroyColumnFamilyHandle(handle);
  }
  return rows;
}

class BackupTest : public StoreFixture {
 protected:
  void SetUp() override {
    options_.epoch_bytes = 16 << 10;
    options_.path = dir_.Sub("data");
    Open();
  }

  // A commit with something for every family.
  void CommitEverything(int n) {
    std::unique_ptr<WriteSet> set = store_->Begin();
    Put(*set, LogId(1), 3, 300);
    Put(*set, LogId(2), 2, 300, 1, Compression::kZstd);
    set->PutTopic({.id = TopicId(1), .name = "hr", .first_log = LogId(1)});
    set->PutGroup({.id = GroupId(1), .name = "payroll"});
    set->PutOffset(GroupId(1), LogId(1), Offset(n));
    set->PutProducer("outbox", n, {.topic = TopicId(1), .position = Position(position_)});
    set->PutCommitMark({.position = Position(position_), .append_time_us = 1});
    Commit(std::move(set));
  }
  void IngestTerms(Offset until) {
    std::unique_ptr<TermWriter> writer = store_->NewTermWriter();
    std::string keys;
    PostingWriter(keys, until).Add(Offset(0), Offset(1));
    writer->PutTerm(LogId(1), TermKind::kKey, "k", until, keys);
    writer->AddKeyTotal(LogId(1), "k", {.count = 2, .first = Offset(0), .last = Offset(1)});
    writer->PutSealed(LogId(1), until);
    const absl::Status status = store_->IngestTerms(std::move(writer));
    ASSERT_TRUE(status.ok()) << status;
  }
  BackupInfo Create() {
    absl::StatusOr<BackupInfo> made = backups_.Create(*store_, kFast, kNeverStopped);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *made : BackupInfo();
  }
  absl::StatusOr<BackupInfo> Restore(const std::string& to, std::optional<uint32_t> id = {}) {
    return RestoreBackup({.from = backups_.directory(), .id = id, .to = to});
  }
  std::vector<BackupInfo> List() {
    absl::StatusOr<std::vector<BackupInfo>> list = backups_.List();
    EXPECT_TRUE(list.ok()) << list.status();
    return list.ok() ? *list : std::vector<BackupInfo>();
  }

  Backups backups_{dir_.Sub("backups")};
};

TEST_F(BackupTest, BecomesTheStoreOfItsPositionAgain) {
  for (int n = 1; n <= 40; ++n) CommitEverything(n);
  IngestTerms(Offset(10));
  const uint64_t position = position_;
  const BackupInfo made = Create();
  EXPECT_EQ(made.position, Position(position));
  EXPECT_EQ(made.store_id, store_->ReadStoreRecord()->store_id);
  store_.reset();
  const std::map<std::string, std::string> rows = RowsOf(options_.path);
  Open();
  for (int n = 41; n <= 60; ++n) CommitEverything(n);

  const absl::StatusOr<BackupInfo> restored = Restore(dir_.Sub("restored"));
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->id, made.id);
  EXPECT_GT(rows.size(), 200u);
  EXPECT_TRUE(RowsOf(dir_.Sub("restored")) == rows);
  const auto reopened = Store::Open({.path = dir_.Sub("restored")});
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  EXPECT_NE((*reopened)->ReadStoreRecord()->store_id, made.store_id);
}

// Each commit brings both logs and the mark forward: a backup that was not of one position would
// have them apart.
TEST_F(BackupTest, IsOfOnePositionWhileCommitsGoOn) {
  CommitEverything(1);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int n = 2; !stop; ++n) CommitEverything(n);
  });
  std::vector<BackupInfo> made;
  for (int i = 0; i < 3; ++i) made.push_back(Create());
  stop = true;
  writer.join();
  for (const BackupInfo& backup : made) {
    const std::string path = dir_.Sub(absl::StrCat("restored", backup.id));
    ASSERT_TRUE(Restore(path, backup.id).ok());
    const auto store = Store::Open({.path = path});
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ((*store)->ReadCommitMark()->position, backup.position);
    EXPECT_EQ((*(*store)->LastBatch(LogId(2)))->row.position, backup.position);
    EXPECT_EQ((*(*store)->LastBatch(LogId(1)))->row.position.value() + 1, backup.position.value());
    const std::vector<std::pair<LogId, Offset>> offsets = *(*store)->ReadOffsets(GroupId(1));
    ASSERT_THAT(offsets, SizeIs(1));
    EXPECT_EQ(offsets[0].second.value() * 2, backup.position.value());
    EXPECT_EQ(*(*store)->ReadLastSequence("outbox"), offsets[0].second.value());
  }
}

TEST_F(BackupTest, SharesFilesWithOlderOnes) {
  for (int n = 1; n <= 100; ++n) CommitEverything(n);
  Reopen();  // All is in tables: the log, which is never shared, begins anew.
  Create();
  CommitEverything(101);
  Create();
  const std::vector<BackupInfo> list = List();
  ASSERT_THAT(list, SizeIs(2));
  EXPECT_EQ(list[0].id, 2);
  EXPECT_EQ(list[1].added_bytes, list[1].bytes);
  EXPECT_LT(list[0].added_bytes, list[0].bytes / 2);
  EXPECT_GT(list[0].position, list[1].position);

  ASSERT_TRUE(backups_.Delete(1).ok());
  EXPECT_TRUE(backups_.Verify(2, kFast, kNeverStopped).ok());
  EXPECT_TRUE(Restore(dir_.Sub("restored")).ok());
  EXPECT_TRUE(absl::IsNotFound(backups_.Delete(1)));
  EXPECT_TRUE(absl::IsNotFound(backups_.Verify(1, kFast, kNeverStopped).status()));
}

// Whatever byte flips, the backup is not restored as if nothing were wrong.
TEST_F(BackupTest, NoticesDamageInEveryFile) {
  for (int n = 1; n <= 30; ++n) CommitEverything(n);
  Create();
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(backups_.directory())) {
    if (!entry.is_regular_file() || fs::file_size(entry) == 0) continue;
    SCOPED_TRACE(entry.path().string());
    std::string content;
    {
      std::ifstream in(entry.path(), std::ios::binary);
      content.assign(std::istreambuf_iterator<char>(in), {});
    }
    std::string damaged = content;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x10);
    std::ofstream(entry.path(), std::ios::binary) << damaged;
    const bool listed_whole = !List().empty() && !List()[0].damaged;
    if (listed_whole) {
      EXPECT_FALSE(backups_.Verify(1, kFast, kNeverStopped).ok());
    }
    EXPECT_FALSE(Restore(dir_.Sub(absl::StrCat("restored", ++files))).ok());
    std::ofstream(entry.path(), std::ios::binary) << content;
  }
  EXPECT_GE(files, 6);  // Tables, a log, MANIFEST, CURRENT, OPTIONS, the list of files.
  EXPECT_TRUE(backups_.Verify(1, kFast, kNeverStopped).ok());
}

TEST_F(BackupTest, OneThatIsStoppedLeavesNothing) {
  for (int n = 1; n <= 200; ++n) CommitEverything(n);
  const absl::Status stopped = backups_.Create(*store_, 1 << 20, [] { return true; }).status();
  // It may have been faster.
  if (!stopped.ok()) {
    EXPECT_TRUE(absl::IsCancelled(stopped)) << stopped;
    EXPECT_THAT(List(), IsEmpty());
    EXPECT_EQ(backups_.counts().failed, 1);
  }
  const BackupInfo made = Create();
  EXPECT_TRUE(backups_.Verify(made.id, kFast, kNeverStopped).ok());
}

TEST_F(BackupTest, IsRestoredOnlyWhereNothingIs) {
  CommitEverything(1);
  EXPECT_TRUE(absl::IsNotFound(Restore(dir_.Sub("restored")).status()));
  Create();
  EXPECT_TRUE(absl::IsNotFound(Restore(dir_.Sub("restored"), 7).status()));
  const absl::Status refused = Restore(options_.path).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(refused.message(), HasSubstr("is not empty"));
  // Not even if it looks as if a restore had begun there.
  fs::create_directories(dir_.Sub("mine/restoring"));
  std::ofstream(dir_.Sub("mine/thesis.txt")) << "years of work";
  EXPECT_TRUE(absl::IsFailedPrecondition(Restore(dir_.Sub("mine")).status()));
  EXPECT_TRUE(fs::exists(dir_.Sub("mine/thesis.txt")));
}

TEST_F(BackupTest, AnUnfinishedRestoreIsNoStoreAndCanBeRepeated) {
  CommitEverything(1);
  Create();
  const std::string to = dir_.Sub("restored");
  ASSERT_TRUE(Restore(to).ok());
  const std::map<std::string, std::string> rows = RowsOf(to);
  // As if the power had failed just before the mark went.
  fs::create_directory(to + "/restoring");
  EXPECT_TRUE(absl::IsFailedPrecondition(Store::Open({.path = to}).status()));
  ASSERT_TRUE(Restore(to).ok());
  EXPECT_TRUE(RowsOf(to) == rows);
  EXPECT_TRUE(Store::Open({.path = to}).ok());
}

TEST_F(BackupTest, OneAtATimeIsMade) {
  for (int n = 1; n <= 100; ++n) CommitEverything(n);
  absl::Status second;
  bool asked = false;
  const auto ask = [&] {
    if (!asked) second = backups_.Create(*store_, kFast, kNeverStopped).status();
    asked = true;
    return false;
  };
  ASSERT_TRUE(backups_.Create(*store_, 1 << 20, ask).ok());
  ASSERT_TRUE(asked);
  EXPECT_EQ(DetailOf(second).value_or(ErrorDetail()).reason, "BACKUP_BUSY") << second;
}

}  // namespace
}  // namespace tidemark::storage
