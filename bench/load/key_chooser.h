// KeyChooser: which entity an event is about.
//
// Terms.     Uniform: every key as often as every other. Zipf with exponent s: the key of rank r
// (from
//            1) with a weight of 1 / r^s; with s = 1 and 10,000 keys the first has a tenth of all
//            events.
// Threads.   Immutable.
#ifndef TIDEMARK_BENCH_LOAD_KEY_CHOOSER_H_
#define TIDEMARK_BENCH_LOAD_KEY_CHOOSER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace tidemark::bench {

class KeyChooser {
 public:
  // `keys` 0: events have no key. `zipf` 0: uniform.
  KeyChooser(uint32_t keys, double zipf);

  // The key for a random word; empty: none.
  std::string Key(uint64_t random) const;
  // Its rank, from 0. Requires keys.
  uint32_t Rank(uint64_t random) const;

 private:
  const uint32_t keys_;
  std::vector<double> up_to_;  // Zipf: the weight of all ranks up to this one; the last is 1.
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_KEY_CHOOSER_H_
