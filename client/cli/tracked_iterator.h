// An input iterator that tells where it is.
#ifndef TIDEMARK_CLIENT_CLI_TRACKED_ITERATOR_H_
#define TIDEMARK_CLIENT_CLI_TRACKED_ITERATOR_H_

#include <cstddef>
#include <iterator>

namespace tidemark::cli {

// Walks a line and writes the place of whoever advances it (or a copy) to `*place`, so that the
// text of what a parser has just read can be cut out.
class TrackedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedIterator(const char* at, const char** place) : at_(at), place_(place) {}
  reference operator*() const { return *at_; }
  TrackedIterator& operator++() {
    *place_ = ++at_;
    return *this;
  }
  TrackedIterator operator++(int) {
    TrackedIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const TrackedIterator& other) const { return at_ == other.at_; }
  bool operator!=(const TrackedIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** place_;
};

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_TRACKED_ITERATOR_H_
