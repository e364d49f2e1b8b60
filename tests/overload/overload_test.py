"""Hostile clients for a second each, beside honest ones: these are served, nothing acknowledged is lost, and
the server stays within memory_limit. `./dev overload` does it for longer, and more of it."""

import os
import re
import resource
import signal
import socket
import struct
import unittest
import urllib.request

import attacks
import frames
import goodput
from bystanders import usage
from frames import Connection
from run import Arena
from support.server import Server, wait_until
from support.stubs import pb

# What ended the server, or made it grow without bounds, before connections were guarded.
ATTACKS = ["rapid_reset", "open_calls", "unknown_methods", "continuation_flood", "many_headers",
           "unread_streams", "garbage", "confirmed_list_topics"]


def metric(server, name):
    """The sum of a metric's samples."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/metrics") as answer:
        return sum(map(float, re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", answer.read().decode(), re.M)))


class Hostile(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.arena = Arena()
        cls.addClassCleanup(cls.arena.close)

    def test_honest_clients_are_served_beside_hostile_ones(self):
        for name in ATTACKS:
            with self.subTest(name):
                wrong, figures = self.arena.run(name, 1)
                self.assertEqual(wrong, [], figures)
                self.assertGreater(figures["acknowledged"], 0, figures)
                self.assertLess(figures["threads"], 150, figures)
        self.assertGreater(metric(self.arena.server, "tidemark_connections_closed_total"), 0)


class Descriptors(unittest.TestCase):
    """A process that may open few files."""

    FILES = 1500

    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.server = Server(wrapper=["prlimit", f"--nofile={self.FILES}:{self.FILES}"])
        self.addCleanup(self.server.close)

    def is_served(self):
        """Whether a new connection is answered."""
        try:
            connection = Connection(self.server.grpc_port, patience_s=5)
            said = connection.frames(0.5)
            connection.close()
            return bool(said)
        except (OSError, EOFError):
            return False

    def test_connections_leave_files_to_the_store_and_come_back(self):
        self.assertIn("connections_max is 10000, but the process may open 1500 files",
                      self.server.log())
        self.server.topics.CreateTopic(pb.CreateTopicRequest(name="hr"))
        held = []
        for _ in range(self.FILES):
            try:
                held.append(socket.create_connection(("127.0.0.1", self.server.grpc_port), 5))
            except OSError:
                break
        wait_until(lambda: metric(self.server, "tidemark_connections_refused_total") > 0,
                   "connections above the limit are refused")
        self.assertLess(usage(self.server.process.pid)[2], self.FILES - 500)
        self.assertFalse(self.is_served())
        # Who was there before is served, and the store can open files.
        for n in range(20):
            self.server.events.Append(pb.AppendRequest(
                topic="hr", events=[pb.Event(type="x", data=b"d" * 100_000) for _ in range(20)]))
        for connection in held:
            connection.close()
        wait_until(self.is_served, "connections are taken again")
        self.assertIn("a connection was refused", self.server.log())


class Caller:
    """A client that notes the limits of calls it hears."""

    HEADERS = frames.call_headers(attacks.APPEND)
    BODY = frames.message(attacks.field(1, b"hr") + attacks.field(2, attacks.field(2, b"x")))

    def __init__(self, server):
        self.connection = Connection(server.grpc_port)
        self.next_stream, self.under_way, self.limits = 1, 0, []

    def call(self, times):
        out = b""
        for _ in range(times):
            out += frames.frame(frames.HEADERS, frames.END_HEADERS, self.next_stream, self.HEADERS)
            out += frames.data_frames(self.next_stream, self.BODY)
            self.next_stream += 2
        self.under_way += times
        self.connection.send(out)

    def listen(self):
        for kind, flags, _, payload in self.connection.frames(0.01):
            if kind == frames.HEADERS and flags & frames.END_STREAM:
                self.under_way -= 1
            elif kind == frames.SETTINGS and not flags & frames.ACK:
                self.connection.send(frames.frame(frames.SETTINGS, frames.ACK, 0))
                self.limits += [value for number, value in struct.iter_unpack(">HI", payload)
                                if number == frames.MAX_CONCURRENT_STREAMS]

    def finish(self):
        while self.under_way:
            self.listen()


class TooManyCalls(unittest.TestCase):
    """Clients are told to have fewer calls open when there are more than can be answered soon, and only then."""

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)
        self.server.topics.CreateTopic(pb.CreateTopicRequest(name="hr"))

    def test_clients_are_told_and_untold(self):
        callers = [Caller(self.server) for _ in range(4)]
        for caller in callers:
            self.addCleanup(caller.connection.close)
            caller.call(20)
            caller.finish()
            self.assertEqual(caller.limits, [2000])
        # Much that waits for the server when it looks.
        os.kill(self.server.process.pid, signal.SIGSTOP)
        for caller in callers:
            caller.call(1500)
        os.kill(self.server.process.pid, signal.SIGCONT)
        for caller in callers:
            caller.finish()
        self.assertLess(min(limit for caller in callers for limit in caller.limits), 1500)

        def are_untold():
            for caller in callers:
                caller.call(1)
                caller.finish()
            return all(caller.limits[-1] == 2000 for caller in callers)
        wait_until(are_untold, "the limits are lifted")

    def test_one_channel_opens_many_streams_at_once(self):
        streams = [self.server.events.Subscribe(pb.SubscribeRequest(topic="hr")) for _ in range(500)]
        for stream in streams:
            self.assertTrue(next(stream).HasField("caught_up"))
        self.server.topics.ListTopics(pb.ListTopicsRequest(), timeout=30)
        for stream in streams:
            stream.cancel()


class Goodput(unittest.TestCase):

    def test_nothing_acknowledged_is_lost_when_too_much_is_asked_for(self):
        wrong, figures = goodput.run("slow_disk", 2)
        self.assertEqual(wrong, [], figures)
        self.assertGreater(figures["acknowledged"], 0, figures)


if __name__ == "__main__":
    unittest.main(verbosity=2)
