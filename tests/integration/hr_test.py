"""A year of real HR events through the command line: all of them, in order, once.

Needs ../shared/data/hr-events.jsonl beside the repository; without it the test says so and skips.
"""

import collections
import json
import subprocess
import unittest

import conformance_support  # noqa: F401

from support import hr_file
from support.server import BIN, Server, environment

EVENTS = 17_593
CREATED = 5_207


def ids_by_key(events):
    keys = collections.defaultdict(list)
    for event in events:
        keys[event["subject"]].append(event["id"])
    return dict(keys)


@unittest.skipUnless(hr_file.exists(), hr_file.MISSING)
class HrEvents(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)
        cls.sent = hr_file.lines()
        cls.cli("topic", "create", "hr", "--partitions", "8")
        cls.acks = cls.cli("append", "hr", "--input", hr_file.PATH, "--acks")

    @classmethod
    def cli(cls, *arguments):
        """Standard output of a command that must succeed."""
        done = subprocess.run([BIN / "tidemark", "--server", cls.server.address,
                               *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              check=False, env=environment())
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def events(self, *arguments):
        return [json.loads(line) for line in self.cli(*arguments).splitlines()]

    def test_every_event_is_read_back_once_in_the_order_of_its_key(self):
        self.assertEqual(len(self.sent), EVENTS)
        found = self.events("read", "hr", "-o", "jsonl")
        self.assertEqual(len(found), EVENTS)
        self.assertEqual(len({event["id"] for event in found}), EVENTS)
        self.assertEqual(ids_by_key(found), ids_by_key(self.sent))
        by_id = {event["id"]: event for event in self.sent}
        for event in found:
            bare = {k: v for k, v in event.items() if not k.startswith("tidemark")}
            self.assertEqual(bare, by_id[event["id"]])

    def test_acks_name_every_event(self):
        acks = [json.loads(line) for line in self.acks.splitlines()]
        self.assertEqual(sum(ack["count"] for ack in acks), EVENTS)
        places = {(ack["partition"], ack["first_offset"] + n)
                  for ack in acks for n in range(ack["count"])}
        found = self.events("read", "hr", "-o", "jsonl")
        self.assertEqual(places, {(e["tidemarkpartition"], e["tidemarkoffset"]) for e in found})

    def test_a_service_that_comes_later_gets_every_new_employee_once(self):
        consume = ("consume", "hr", "--group", "gift-cards", "--type", "employee.created",
                   "--until-caught-up", "-o", "jsonl")
        found = self.events(*consume)
        self.assertEqual(len(found), CREATED)
        wanted = [event for event in self.sent if event["type"] == "employee.created"]
        self.assertEqual(ids_by_key(found), ids_by_key(wanted))
        self.assertEqual(self.events(*consume), [], "what is acked does not come again")


if __name__ == "__main__":
    unittest.main(verbosity=2)
