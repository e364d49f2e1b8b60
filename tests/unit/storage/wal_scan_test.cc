#include "server/storage/wal_scan.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/unit/storage/store_fixture.h"

namespace tidemark::storage {
namespace {

class WalScanTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    for (int i = 0; i < 8; ++i) Append(LogId(1), 2, 200);
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      if (entry.path().extension() != ".log") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      log_.assign(std::istreambuf_iterator<char>(in), {});
    }
    ASSERT_GT(log_.size(), 3000u);
    ASSERT_LT(log_.size(), 32768u);  // One block.
  }
  static absl::Status Scan(absl::string_view log) {
    return ScanWalBlock("000004.log", 0, log, true);
  }

  std::string log_;
};

TEST_F(WalScanTest, TakesALogAsRocksDbWritesIt) { EXPECT_TRUE(Scan(log_).ok()) << Scan(log_); }

TEST_F(WalScanTest, TakesALogThatIsCutAnywhere) {
  for (size_t size = 0; size < log_.size(); ++size) {
    const absl::Status status = Scan(absl::string_view(log_).substr(0, size));
    ASSERT_TRUE(status.ok()) << "cut to " << size << ": " << status;
  }
}

TEST_F(WalScanTest, TakesATailOfZeros) { EXPECT_TRUE(Scan(log_ + std::string(5000, '\0')).ok()); }

TEST_F(WalScanTest, NoticesEveryFlippedBit) {
  for (size_t bit = 0; bit < log_.size() * 8; ++bit) {
    log_[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    ASSERT_TRUE(absl::IsDataLoss(Scan(log_))) << "byte " << bit / 8 << ", bit " << bit % 8;
    log_[bit / 8] ^= static_cast<char>(1 << (bit % 8));
  }
}

TEST_F(WalScanTest, NoticesZerosInTheMiddle) {
  const std::string zeros(32768, '\0');
  EXPECT_TRUE(absl::IsDataLoss(ScanWalBlock("000004.log", 0, zeros, false)));
}

TEST_F(WalScanTest, ScansADirectoryThatIsNotThere) {
  EXPECT_TRUE(ScanWals(*rocksdb::Env::Default(), dir_.Sub("none")).ok());
}

}  // namespace
}  // namespace tidemark::storage
