"""Hostile clients for a second each, beside honest ones: these are served, nothing acknowledged is lost, and
the server stays within memory_limit. `./dev overload` does it for longer, and more of it."""

import re
import resource
import socket
import unittest
import urllib.request

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


class Goodput(unittest.TestCase):

    def test_nothing_acknowledged_is_lost_when_too_much_is_asked_for(self):
        wrong, figures = goodput.run("slow_disk", 2)
        self.assertEqual(wrong, [], figures)
        self.assertGreater(figures["acknowledged"], 0, figures)


if __name__ == "__main__":
    unittest.main(verbosity=2)
