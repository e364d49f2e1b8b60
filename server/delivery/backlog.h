// Backlog: a few values in the order in which they are to be used; without memory when it is empty.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace tidemark::delivery {

template <typename T>
class Backlog {
 public:
  bool empty() const { return size() == 0; }
  size_t size() const { return values_.size() - used_; }
  const T& operator[](size_t i) const { return values_[used_ + i]; }
  const T& front() const { return values_[used_]; }

  void Assign(std::vector<T> values) {
    values_ = std::move(values);
    used_ = 0;
  }
  void PopFront() {
    values_[used_] = T();
    if (++used_ == values_.size()) Clear();
  }
  void Clear() { Assign({}); }

 private:
  std::vector<T> values_;
  size_t used_ = 0;
};

}  // namespace tidemark::delivery
