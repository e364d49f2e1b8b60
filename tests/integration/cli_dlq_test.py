"""Dead letters from the command line: list, show, redrive, discard."""

import json
import unittest

import grpc

import conformance_support  # noqa: F401

from support.stubs import pb, rpc
from support.work import Worker

from cli_support import CliTest


class DeadLetters(CliTest):

    def setUp(self):
        super().setUp()
        self.topic = self.new_topic()
        self.group = f"group-of-{self.topic}"
        self.append(self.topic, [{"type": kind, "subject": f"k{n}", "id": str(n), "data": f"d{n}",
                                  "datacontenttype": "text/plain"}
                                 for n, kind in enumerate(["a", "b", "a"])])
        channel = grpc.insecure_channel(self.server.address)
        self.addCleanup(channel.close)
        self.worker = Worker(rpc.ConsumerGroups(channel), self.group, [self.topic],
                             mode=pb.GROUP_MODE_KEY_ORDERED, client_name="worker-7")
        self.addCleanup(self.worker.close)
        self.worker.until_events(3)
        self.worker.nack_events(self.worker.events, dead_letter=True, reason="no such account")
        self.worker.until(lambda w: w.nacked, "dead letters")

    def letters(self, *arguments):
        return json.loads(self.ok("dlq", "list", self.group, "-o", "json", *arguments))

    def place(self, offset):
        return f"{self.topic}/0/{offset}"

    def test_list_and_show(self):
        self.assertEqual([(one["offset"], one["reason"]) for one in self.letters()],
                         [(n, "no such account") for n in range(3)])
        self.assertEqual([one["event"]["id"] for one in self.letters("--type", "a")], ["0", "2"])
        self.assertEqual(len(self.letters("--limit", "2")), 2)
        self.assertIn(self.place(1), self.ok("dlq", "list", self.group))
        shown = self.ok("dlq", "show", self.group, self.place(1))
        for part in ("no such account", "worker-7", "k1", "d1"):
            self.assertIn(part, shown)
        self.fails(3, "dlq", "show", self.group, self.place(9))
        self.fails(1, "dlq", "show", self.group, "nonsense")
        self.fails(3, "dlq", "list", "missing")

    def test_redrive_delivers_again(self):
        for arguments in ([], ["--all", "--key", "k1"], [self.place(0), "--all"]):
            self.assertIn("say which", self.fails(1, "dlq", "redrive", self.group, *arguments))
        done = json.loads(self.ok("dlq", "redrive", self.group, self.place(1), "-o", "json"))
        self.assertEqual(done["events"], 1)
        self.worker.until_events(4)
        self.assertEqual(self.worker.events[-1].event.id, "1")
        self.assertIn("2 events", self.ok("dlq", "redrive", self.group, "--all", "--rate", "100"))
        self.worker.until_events(6)

    def test_discard_forgets(self):
        self.assertIn("2 events", self.ok("dlq", "discard", self.group, "--type", "a"))
        self.assertEqual([one["offset"] for one in self.letters()], [1])
        self.ok("dlq", "discard", self.group, "--all", "-y")
        self.assertEqual(self.letters(), [])


if __name__ == "__main__":
    unittest.main()
