"""An orderly end under load, and servers that must not start."""

import itertools
import signal
import socket
import subprocess
import threading
import time
import unittest

import grpc

import conformance_support  # noqa: F401

from support.consumer import Member
from support.errors import of_rpc_error
from support.events import event, hr_events, stored, stored_in
from support.load import Presence, Producer, places_of
from support.server import PATIENCE_S, TIDEMARKD, Server, environment, wait_until
from support.standard import NOT_SERVING, SERVING, Health, HealthCheckRequest
from support.stubs import pb

PARTITIONS = 3
STOP_S = 5  # What an orderly end may take.


def endless(number):
    """Batches with ids of their own for each number."""
    return (hr_events(5, seed=number * 10**6 + i) for i in itertools.count())


class Follower(threading.Thread):
    """A subscriber to the end of its stream."""

    def __init__(self, server, topic):
        super().__init__(daemon=True)
        self._call = server.events.Subscribe(pb.SubscribeRequest(topic=topic))
        self.events = []
        self.kinds = []
        self.cursor = None
        self.error = None

    def run(self):
        try:
            for response in self._call:
                kind = response.WhichOneof("message")
                self.kinds.append(kind)
                if kind == "batch":
                    self.events.extend(stored_in(response.batch))
                elif kind == "draining":
                    self.cursor = response.draining.cursor
        except grpc.RpcError as error:
            self.error = of_rpc_error(error)


class GracefulShutdown(unittest.TestCase):

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)
        self.server.topics.CreateTopic(pb.CreateTopicRequest(
            name="hr", config=pb.TopicConfig(partitions=PARTITIONS)))

    def append(self, events):
        return self.server.events.Append(pb.AppendRequest(topic="hr", events=events))

    def read(self, start=None):
        return stored(self.server.events.Read(pb.ReadRequest(topic="hr", start=start)))

    def stop_in_time(self, number=signal.SIGTERM):
        """Ends the server by a signal; returns how long that took."""
        began = time.monotonic()
        self.server.process.send_signal(number)
        code = self.server.process.wait(PATIENCE_S)
        took_s = time.monotonic() - began
        self.assertEqual(code, 0, self.server.log())
        self.assertLess(took_s, STOP_S)
        return took_s

    def test_promise_durable_under_load_and_streams_are_told(self):
        presence = Presence(self.server)
        producers = [Producer(presence, f"p{n}", "hr", endless(n))
                     for n in range(3)]
        follower = Follower(self.server, "hr")
        member = Member(self.server.groups, "payroll", ["hr"],
                        credits=pb.Credits(events=2**40, bytes=2**40))
        self.addCleanup(member.close)
        health = Health(self.server.channel).Watch(HealthCheckRequest())
        self.assertEqual(next(health).status, SERVING)
        for thread in (*producers, follower):
            thread.start()
        wait_until(lambda: len(follower.events) > 3000, "load")
        member.until_events(3000)
        acked = member.ack_all()
        member.until_confirmed(acked)

        presence.up.clear()
        self.stop_in_time()
        answers = {producer: len(producer.answers) for producer in producers}
        self.assertEqual(next(health).status, NOT_SERVING)
        member.until_ended()
        follower.join(PATIENCE_S)
        self.assertTrue(member.draining)
        self.assertEqual((member.error.code.name, member.error.reason), ("UNAVAILABLE", "DRAINING"))
        self.assertEqual(follower.kinds[-1], "draining")
        self.assertEqual((follower.error.code.name, follower.error.reason),
                         ("UNAVAILABLE", "DRAINING"))

        self.server.start()
        found = {one.place: one.event for one in self.read()}
        for producer, count in answers.items():
            for request, response in producer.answers[:count]:
                for place, sent in places_of(request, response, PARTITIONS).items():
                    self.assertEqual(found.get(place), sent)
        rest = self.read(start=pb.Start(after_cursor=follower.cursor))
        places = [one.place for one in (*follower.events, *rest)]
        self.assertEqual(sorted(places), sorted(found), "the cursor of Draining leaves a gap")
        again = Member(self.server.groups, "payroll").until_owning(PARTITIONS)
        self.addCleanup(again.close)
        self.assertEqual(again.owned, {("hr", p): acked.get(("hr", p), 0)
                                       for p in range(PARTITIONS)})

        presence.up.set()  # The producers repeat what had no answer.
        for producer in producers:
            producer.end()
        for producer in producers:
            producer.join(PATIENCE_S)
            self.assertIsNone(producer.failure)
            self.assertTrue(producer.finished)
        ids = [one.event.id for one in self.read()]
        self.assertEqual(len(ids), len(set(ids)), "a repeated request is stored twice")
        self.assertEqual(len(ids), sum(len(r.events) for p in producers for r, _ in p.answers))

    def test_idle_connections_do_not_hold_it_up(self):
        self.append([event()])
        idle = [self.server.new_channel() for _ in range(5)]
        for channel in idle:
            Health(channel).Check(HealthCheckRequest())
        self.assertLess(self.stop_in_time(), 2)
        for channel in idle:
            channel.close()

    def test_a_subscriber_that_does_not_read_does_not_hold_it_up(self):
        for _ in range(20):
            self.append([event(data=b"x" * 200_000)] * 5)
        stuck = self.server.events.Subscribe(pb.SubscribeRequest(topic="hr"))
        next(stuck)
        self.assertLess(self.stop_in_time(), 3, "drain_timeout is 4 s")
        self.server.start()
        self.assertEqual(len(self.read()), 100)

    def test_a_second_signal_changes_nothing(self):
        self.append([event()])
        stuck = self.server.events.Subscribe(pb.SubscribeRequest(topic="hr"))
        next(stuck)
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            self.server.process.send_signal(number)
        self.assertEqual(self.server.process.wait(PATIENCE_S), 0, self.server.log())
        self.assertIn("stopped", self.server.log())

    def test_interrupt_ends_it_too(self):
        self.append([event()])
        self.stop_in_time(signal.SIGINT)

    def test_memory_topic_survives_an_orderly_end(self):
        self.server.topics.CreateTopic(pb.CreateTopicRequest(
            name="metrics", config=pb.TopicConfig(durability=pb.DURABILITY_MEMORY)))
        for n in range(50):
            self.server.events.Append(pb.AppendRequest(topic="metrics", events=[event(id=str(n))]))
        self.stop_in_time()
        self.server.start()
        found = stored(self.server.events.Read(pb.ReadRequest(topic="metrics")))
        self.assertEqual([one.event.id for one in found], [str(n) for n in range(50)])


class RefusedStart(unittest.TestCase):
    """A server that cannot start says why and what to do, with exit code 2."""

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)

    def start_refused(self, data, listen="127.0.0.1:0", http="off"):
        done = subprocess.run([TIDEMARKD, "--data", data, "--listen", listen, "--http", http],
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False,
                              env=environment())
        self.assertEqual(done.returncode, 2, done.stderr + done.stdout)
        return done.stdout + done.stderr

    def test_second_server_on_one_directory(self):
        said = self.start_refused(self.server.data)
        self.assertIn(str(self.server.data), said)
        self.assertRegex(said, "in use|another")
        self.server.topics.CreateTopic(pb.CreateTopicRequest(name="still-works"))

    def test_busy_ports(self):
        data = self.server.directory / "other"
        busy = f"127.0.0.1:{self.server.grpc_port}"
        said = self.start_refused(data, listen=busy)
        self.assertIn(busy, said)
        self.assertIn("listen", said)
        busy = f"127.0.0.1:{self.server.http_port}"
        said = self.start_refused(data, http=busy)
        self.assertIn(str(self.server.http_port), said)
        self.assertIn("http", said)

    def test_port_of_another_program(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            busy = f"127.0.0.1:{other.getsockname()[1]}"
            self.assertIn(busy, self.start_refused(self.server.directory / "other", listen=busy))

    def test_directory_that_cannot_be_made(self):
        file = self.server.directory / "file"
        file.write_text("in the way")
        said = self.start_refused(file / "data")
        self.assertIn(str(file / "data"), said)
        self.assertIn("data", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
