#include "server/metrics/buckets.h"

namespace tidemark::metrics {

prometheus::Histogram::BucketBoundaries SecondsBuckets() {
  return {50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3,
          50e-3, 0.1,    0.2,    0.5,    1,    2,    5,    10};
}

prometheus::Histogram::BucketBoundaries BytesBuckets() {
  prometheus::Histogram::BucketBoundaries buckets;
  for (double bytes = 256; bytes <= 64 * 1024 * 1024; bytes *= 4) buckets.push_back(bytes);
  return buckets;
}

}  // namespace tidemark::metrics
