"""As many streams as streams_max allows: one more is refused by name, and nobody else notices."""

import pathlib
import re
import unittest

import grpc

from support.case import ServerCase, main
from support.errors import of_rpc_error
from support.events import event
from support.server import PATIENCE_S, wait_until
from support.stubs import pb, rpc

STREAMS_MAX = 10_000
CHANNELS = 20
MEMORY_LIMIT = 512 * 2**20


def resident_bytes(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


class ManyStreams(ServerCase):

    def test_ten_thousand_streams_and_a_clear_error_for_one_more(self):
        topic = self.new_topic()
        channels = [self.server.new_channel() for _ in range(CHANNELS)]
        for channel in channels:
            self.addCleanup(channel.close)
        stubs = [rpc.EventStore(channel) for channel in channels]
        calls = [stubs[n % CHANNELS].Subscribe(pb.SubscribeRequest(topic=topic))
                 for n in range(STREAMS_MAX)]
        self.addCleanup(lambda: [call.cancel() for call in calls])
        for call in calls:  # Each is there and live.
            self.assertTrue(next(call).HasField("caught_up"))

        with self.assertRaises(grpc.RpcError) as refused:
            next(self.server.events.Subscribe(pb.SubscribeRequest(topic=topic)))
        self.assertEqual(refused.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        error = of_rpc_error(refused.exception)
        self.assertEqual(error.metadata["limit_name"], "streams_max")
        self.assertEqual(error.metadata["limit"], str(STREAMS_MAX))

        # One event reaches all of them, and calls that are no streams are served.
        self.append(topic, [event(id="for-all", data=b"x" * 1000)])
        for call in calls:
            # A slow machine hears heartbeats before it.
            batch = next(said.batch for said in call if said.HasField("batch"))
            self.assertEqual(batch.events[0].id, "for-all")
        self.assertLess(resident_bytes(self.server), MEMORY_LIMIT)

        calls.pop().cancel()

        def opens_again():
            call = self.server.events.Subscribe(pb.SubscribeRequest(topic=topic))
            try:
                return next(call).HasField("batch")
            except grpc.RpcError:
                return False
            finally:
                call.cancel()
        wait_until(opens_again, "there is room for a stream once one has ended", PATIENCE_S)


if __name__ == "__main__":
    main()
