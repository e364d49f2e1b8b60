// Bucket boundaries of the histograms.
#ifndef TIDEMARK_SERVER_METRICS_BUCKETS_H_
#define TIDEMARK_SERVER_METRICS_BUCKETS_H_

#include "prometheus/histogram.h"

namespace tidemark::metrics {

// 50 us to 10 s, three to four a decade: below is faster than an fsync, above is a failure.
prometheus::Histogram::BucketBoundaries SecondsBuckets();

// 256 bytes to 64 MiB, by factors of four.
prometheus::Histogram::BucketBoundaries BytesBuckets();

}  // namespace tidemark::metrics

#endif  // TIDEMARK_SERVER_METRICS_BUCKETS_H_
