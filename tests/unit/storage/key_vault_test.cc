#include "server/storage/key_vault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/aes_gcm.h"
#include "tests/support/files_with.h"
#include "tests/support/log_harness.h"
#include "tests/support/temp_dir.h"

namespace tidemark::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MasterKeyLine;
using ::testing::Not;

constexpr TopicId kTopic(7);

// As MasterKeys::Wrap begins: no file may hold it once nothing is wrapped by this key.
std::string WrappedBy(const std::string& name) {
  return absl::StrCat(std::string(1, static_cast<char>(name.size())), name);
}

bool AnyFileHolds(const std::string& directory, const std::string& needle) {
  return !testing::FilesWith(directory, needle).empty();
}

class KeyVaultTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteKeys({"first-key"});
    Open();
  }
  void WriteKeys(const std::vector<std::string>& names) {
    std::ofstream file(keys_.Sub("keys"), std::ios::trunc);
    for (const std::string& name : names) file << MasterKeyLine(name);
  }
  KeyVaultOptions Options(const std::string& path) {
    return {.path = path,
            .master_key_file = keys_.Sub("keys"),
            .digest = [](absl::string_view key) { return base::HmacSha256("secret", key); }};
  }
  void Open() {
    vault_.reset();
    absl::StatusOr<std::unique_ptr<KeyVault>> vault = KeyVault::Open(Options(dir_.path()));
    ASSERT_TRUE(vault.ok()) << vault.status();
    vault_ = *std::move(vault);
  }
  absl::Status OpenStatus() {
    vault_.reset();
    return KeyVault::Open(Options(dir_.path())).status();
  }
  EntityKeyPtr KeyOf(absl::string_view entity) {
    const auto keys = vault_->KeysFor({{kTopic, entity}});
    EXPECT_TRUE(keys.ok()) << keys.status();
    return keys.ok() ? keys->front()
                     : std::make_shared<EntityKey>(std::string(16, 0), std::string(32, 0));
  }
  std::vector<std::string> IdsOf(absl::string_view entity) {
    const auto ids = vault_->IdsOf({kTopic, entity});
    EXPECT_TRUE(ids.ok()) << ids.status();
    return ids.ok() ? *ids : std::vector<std::string>();
  }
  void ScrubAll() {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (absl::Now() < deadline) {
      const absl::StatusOr<bool> scrubbed = vault_->Scrub();
      ASSERT_TRUE(scrubbed.ok()) << scrubbed.status();
      if (*scrubbed) return;
      absl::SleepFor(absl::Milliseconds(1));  // RocksDB removes files on a thread of its own.
    }
    FAIL() << "old files stay";
  }

  testing::TempDir keys_;
  testing::TempDir dir_;
  std::unique_ptr<KeyVault> vault_;
};

TEST_F(KeyVaultTest, GivesEveryEntityItsOwnKeyForEver) {
  const auto keys =
      vault_->KeysFor({{kTopic, "ann"}, {kTopic, "bob"}, {kTopic, "ann"}, {kTopic, ""}});
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ((*keys)[0], (*keys)[2]);
  EXPECT_NE((*keys)[0]->secret(), (*keys)[1]->secret());
  EXPECT_NE((*keys)[0]->secret(), (*keys)[3]->secret());
  EXPECT_NE(KeyOf("ann")->secret(), vault_->KeysFor({{TopicId(8), "ann"}})->front()->secret());
  const std::string secret((*keys)[0]->secret());
  Open();
  EXPECT_EQ(KeyOf("ann")->secret(), secret);
  EXPECT_EQ((*vault_->Find(KeyOf("ann")->id()))->secret(), secret);
}

TEST_F(KeyVaultTest, KeepsOnlyWrappedKeysAndDigests) {
  const EntityKeyPtr key = KeyOf("name-of-ann");
  Open();  // What was in the log is in files, too.
  EXPECT_FALSE(AnyFileHolds(dir_.path(), std::string(key->secret())));
  EXPECT_FALSE(AnyFileHolds(dir_.path(), "name-of-ann"));
  EXPECT_TRUE(AnyFileHolds(dir_.path(), WrappedBy("first-key")));
}

TEST_F(KeyVaultTest, RemembersKeysBeyondItsCache) {
  vault_.reset();
  KeyVaultOptions options = Options(dir_.path());
  options.cache_bytes = 4096;
  auto vault = KeyVault::Open(options);
  ASSERT_TRUE(vault.ok()) << vault.status();
  vault_ = *std::move(vault);
  std::vector<std::string> secrets;
  for (int i = 0; i < 100; ++i) secrets.emplace_back(KeyOf(absl::StrCat("k", i))->secret());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(KeyOf(absl::StrCat("k", i))->secret(), secrets[i]);
  EXPECT_NE(vault_->Cached({kTopic, "k99"}), nullptr);
  EXPECT_EQ(vault_->Cached({kTopic, "k0"}), nullptr);
}

TEST_F(KeyVaultTest, GivesOutNoDoomedKey) {
  const EntityKeyPtr before = KeyOf("ann");
  vault_->Doom(IdsOf("ann"));
  const EntityKeyPtr after = KeyOf("ann");
  EXPECT_NE(after->secret(), before->secret());
  EXPECT_TRUE(vault_->Find(before->id()).ok());  // Until it is destroyed.
  EXPECT_EQ(IdsOf("ann").size(), 2);
}

TEST_F(KeyVaultTest, LeavesNoByteOfADestroyedKey) {
  const EntityKeyPtr ann = KeyOf("ann");
  const EntityKeyPtr bob = KeyOf("bob");
  Open();
  vault_->Doom(IdsOf("ann"));
  ASSERT_TRUE(vault_->Destroy({std::string(ann->id())}).ok());
  EXPECT_TRUE(absl::IsNotFound(vault_->Find(ann->id()).status()));
  EXPECT_THAT(IdsOf("ann"), IsEmpty());
  EXPECT_EQ(KeyOf("bob")->secret(), bob->secret());
  ASSERT_TRUE(vault_->Destroy({std::string(ann->id()), std::string(bob->id())})
                  .ok());  // One of them again.
  ScrubAll();
  EXPECT_FALSE(AnyFileHolds(dir_.path(), WrappedBy("first-key")));
  Open();
  EXPECT_NE(KeyOf("ann")->secret(), ann->secret());
}

TEST_F(KeyVaultTest, RotatesMasterKeys) {
  std::vector<std::string> secrets;
  for (int i = 0; i < 2500; ++i) secrets.emplace_back(KeyOf(absl::StrCat("k", i))->secret());
  WriteKeys({"second-key", "first-key"});
  const auto planned = vault_->Rotate(/*dry_run=*/true);
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->rewrapped, 2500);
  EXPECT_THAT(planned->idle, IsEmpty());
  EXPECT_EQ(KeyOf("new")->secret().size(), base::kAesKeyBytes);  // By the first key still.
  const auto rotated = vault_->Rotate(/*dry_run=*/false);
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_EQ(rotated->master_key, "second-key");
  EXPECT_EQ(rotated->entity_keys, 2501);
  EXPECT_EQ(rotated->rewrapped, 2501);
  EXPECT_THAT(rotated->idle, ElementsAre("first-key"));
  ScrubAll();
  EXPECT_FALSE(AnyFileHolds(dir_.path(), WrappedBy("first-key")));
  WriteKeys({"second-key"});
  Open();
  for (int i = 0; i < 2500; i += 100) EXPECT_EQ(KeyOf(absl::StrCat("k", i))->secret(), secrets[i]);
  EXPECT_EQ(vault_->Rotate(false)->rewrapped, 0);
}

TEST_F(KeyVaultTest, RefusesAFileWithoutTheKeysInUse) {
  KeyOf("ann");
  WriteKeys({"second-key"});
  EXPECT_TRUE(absl::IsFailedPrecondition(vault_->Rotate(false).status()));
  const absl::Status status = OpenStatus();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"first-key\""));
  EXPECT_THAT(std::string(status.message()), HasSubstr(keys_.Sub("keys")));
}

TEST_F(KeyVaultTest, RefusesAnotherKeyUnderTheSameName) {
  KeyOf("ann");
  std::ofstream(keys_.Sub("keys"), std::ios::trunc) << "first-key " << std::string(64, 'a') << "\n";
  const absl::Status status = OpenStatus();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("needs a new name"));
}

TEST_F(KeyVaultTest, IsCopiedWhole) {
  const EntityKeyPtr ann = KeyOf("ann");
  rocksdb::Env& env = *rocksdb::Env::Default();
  const std::string file = keys_.Sub("copy.sst");
  ASSERT_TRUE(vault_->Export(env, file).ok());
  ASSERT_TRUE(KeyVault::Import(env, file, keys_.Sub("vault")).ok());
  const auto copy = KeyVault::Open(Options(keys_.Sub("vault")));
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ((*copy)->id(), vault_->id());
  EXPECT_EQ((*copy)->KeysFor({{kTopic, "ann"}})->front()->secret(), ann->secret());
}

TEST_F(KeyVaultTest, SeesADamagedCopy) {
  KeyOf("ann");
  rocksdb::Env& env = *rocksdb::Env::Default();
  const std::string file = keys_.Sub("copy.sst");
  ASSERT_TRUE(vault_->Export(env, file).ok());
  ASSERT_TRUE(KeyVault::CheckExport(env, file).ok());
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(40);
  stream.put('\xff');
  stream.close();
  EXPECT_FALSE(KeyVault::CheckExport(env, file).ok());
}

TEST(MasterKeysTest, NamesFileAndLineOfAMistake) {
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "f holds no master key"},
           {"# nothing\n\n", "f holds no master key"},
           {"a\n", "f:1: not a name and a key"},
           {"# c\na b c\n", "f:2: not a name and a key"},
           {absl::StrCat("a/b ", std::string(64, '0')), "f:1: not the name"},
           {absl::StrCat("a ", std::string(63, '0')), "f:1: the key \"a\" has not 64"},
           {absl::StrCat("a ", std::string(64, 'x')), "f:1: the key \"a\" has not 64"},
           {absl::StrCat(MasterKeyLine("a"), MasterKeyLine("a")), "f:2: there is a key \"a\""}}) {
    const auto keys = MasterKeys::Parse(text, "f");
    EXPECT_TRUE(absl::IsFailedPrecondition(keys.status()));
    EXPECT_THAT(std::string(keys.status().message()), HasSubstr(message));
    EXPECT_THAT(std::string(keys.status().message()), Not(HasSubstr("0000")));
  }
}

TEST(MasterKeysTest, UnwrapsOnlyWhatItWrapped) {
  const auto keys = MasterKeys::Parse(
      absl::StrCat("# current\n", MasterKeyLine("new"), "  ", MasterKeyLine("old")), "f");
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_THAT(keys->names(), ElementsAre("new", "old"));
  const std::string secret(base::kAesKeyBytes, 's');
  const std::string wrapped = keys->Wrap(secret, "bound");
  EXPECT_EQ(MasterKeys::NameIn(wrapped), "new");
  EXPECT_EQ(*keys->Unwrap(wrapped, "bound"), secret);
  EXPECT_TRUE(absl::IsDataLoss(keys->Unwrap(wrapped, "elsewhere").status()));
  for (size_t i = 4; i < wrapped.size(); ++i) {
    std::string damaged = wrapped;
    damaged[i] ^= 1;
    EXPECT_TRUE(absl::IsDataLoss(keys->Unwrap(damaged, "bound").status())) << i;
  }
  const auto others = MasterKeys::Parse(MasterKeyLine("old"), "f");
  EXPECT_TRUE(absl::IsFailedPrecondition(others->Unwrap(wrapped, "bound").status()));
}

}  // namespace
}  // namespace tidemark::storage
