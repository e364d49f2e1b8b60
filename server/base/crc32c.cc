#include "server/base/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace tidemark::base {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // Castagnoli, reflected.

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? kPolynomial : 0);
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = MakeTable();

// A CRC register is linear: shifting it over n zero bytes is a 32 x 32 bit matrix. Knowing that
// shift for one block length lets three blocks run in parallel through the 3-cycle instruction.
constexpr size_t kBlockBytes = 1024;

using Matrix = std::array<uint32_t, 32>;

constexpr uint32_t Times(const Matrix& matrix, uint32_t vector) {
  uint32_t sum = 0;
  for (int i = 0; vector != 0; vector >>= 1, ++i) {
    if (vector & 1) sum ^= matrix[i];
  }
  return sum;
}

constexpr Matrix ShiftByBlock() {
  Matrix shift{};  // Over one zero bit.
  shift[0] = kPolynomial;
  for (int i = 1; i < 32; ++i) shift[i] = 1u << (i - 1);
  for (size_t bits = 1; bits < kBlockBytes * 8; bits *= 2) {
    Matrix square{};
    for (int i = 0; i < 32; ++i) square[i] = Times(shift, shift[i]);
    shift = square;
  }
  return shift;
}

// The block shift by bytes of the register: four look-ups instead of 32 steps.
constexpr std::array<std::array<uint32_t, 256>, 4> MakeShiftTable() {
  const Matrix shift = ShiftByBlock();
  std::array<std::array<uint32_t, 256>, 4> table{};
  for (int byte = 0; byte < 4; ++byte) {
    for (uint32_t i = 0; i < 256; ++i) table[byte][i] = Times(shift, i << (8 * byte));
  }
  return table;
}
constexpr auto kShiftTable = MakeShiftTable();

#if defined(__x86_64__)

inline uint32_t ShiftBlock(uint32_t crc) {
  return kShiftTable[0][crc & 0xff] ^ kShiftTable[1][(crc >> 8) & 0xff] ^
         kShiftTable[2][(crc >> 16) & 0xff] ^ kShiftTable[3][crc >> 24];
}

inline uint64_t Load64(const char* p) {
  uint64_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

__attribute__((target("sse4.2"))) uint32_t ExtendWithInstruction(uint32_t crc, const char* p,
                                                                 size_t size) {
  uint64_t a = ~crc;
  while (size >= 3 * kBlockBytes) {
    uint64_t b = 0;
    uint64_t c = 0;
    for (size_t i = 0; i < kBlockBytes; i += 8) {
      a = _mm_crc32_u64(a, Load64(p + i));
      b = _mm_crc32_u64(b, Load64(p + kBlockBytes + i));
      c = _mm_crc32_u64(c, Load64(p + 2 * kBlockBytes + i));
    }
    a = ShiftBlock(static_cast<uint32_t>(a)) ^ b;
    a = ShiftBlock(static_cast<uint32_t>(a)) ^ c;
    p += 3 * kBlockBytes;
    size -= 3 * kBlockBytes;
  }
  for (; size >= 8; p += 8, size -= 8) a = _mm_crc32_u64(a, Load64(p));
  for (; size > 0; ++p, --size) {
    a = _mm_crc32_u8(static_cast<uint32_t>(a), static_cast<uint8_t>(*p));
  }
  return ~static_cast<uint32_t>(a);
}

#endif

}  // namespace

uint32_t ExtendCrc32cPortable(uint32_t crc, absl::string_view data) {
  crc = ~crc;
  for (const char c : data) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<uint8_t>(c)) & 0xff];
  return ~crc;
}

uint32_t ExtendCrc32c(uint32_t crc, absl::string_view data) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return ExtendWithInstruction(crc, data.data(), data.size());
#endif
  return ExtendCrc32cPortable(crc, data);
}

}  // namespace tidemark::base
