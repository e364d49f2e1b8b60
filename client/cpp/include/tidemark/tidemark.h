// The whole client library, but for tidemark/stubs.h.
#ifndef TIDEMARK_TIDEMARK_H_
#define TIDEMARK_TIDEMARK_H_

#include "tidemark/admin.h"
#include "tidemark/client.h"
#include "tidemark/consumer.h"
#include "tidemark/errors.h"
#include "tidemark/event.h"
#include "tidemark/member_stream.h"
#include "tidemark/partitioner.h"
#include "tidemark/processor.h"
#include "tidemark/producer.h"
#include "tidemark/reader.h"
#include "tidemark/stream.h"

#endif  // TIDEMARK_TIDEMARK_H_
