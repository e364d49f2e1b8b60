"""Up to 64 members come and go under load, with kill -9 of members and of the server.

Each member is a process that writes what it handles to a file of its own. At the end every event was
handled; within a member events of a partition (of a key, where members share keys) came in order; an
event was handled twice only where a member was killed or the server crashed. TIDEMARK_CHURN_SECONDS is
how long each part lasts (default 4); TIDEMARK_TEST_SEED repeats a run:

    TIDEMARK_CHURN_SECONDS=120 ./dev test -R group_churn
"""

import collections
import json
import os
import random
import signal
import subprocess
import threading
import time
import unittest

from cli_support import CliTest, wait_until

SECONDS = float(os.environ.get("TIDEMARK_CHURN_SECONDS", "4"))
MEMBERS_MAX = 64
PARTITIONS = 48
KEYS = 500


class Member:
    """One `tidemark consume` process."""

    def __init__(self, test, topic, group, number, mode):
        self.path = test.scratch / f"member-{number}"
        self.killed = False
        with open(self.path, "wb") as output:
            self.process = test.start("consume", topic, "--group", group, "--mode", mode,
                                      "-o", "jsonl", stdout=output)

    def handled(self):
        """(key, partition, offset), in order; a line that a kill cut is not handled."""
        lines = self.path.read_bytes().split(b"\n")[:-1]
        events = [json.loads(line) for line in lines]
        return [(e["subject"], int(e["tidemarkpartition"]), int(e["tidemarkoffset"]))
                for e in events]


class Load:
    """Appends to a topic until it is stopped, also across crashes of the server."""

    def __init__(self, test, topic, producer):
        self.events = 0
        self._stop = threading.Event()
        self._process = test.start("append", topic, "--producer-id", producer,
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self._thread = threading.Thread(target=self._feed)
        self._thread.start()

    def _feed(self):
        while not self._stop.wait(0.01):
            lines = "".join(json.dumps({"type": "t", "subject": f"k{n % KEYS}", "id": str(n)}) + "\n"
                            for n in range(self.events, self.events + 40))
            self._process.stdin.write(lines.encode())
            self.events += 40

    def finish(self):
        self._stop.set()
        self._thread.join()
        self._process.stdin.close()
        return self._process.wait(60)


class GroupChurn(CliTest):

    FLAGS = ("--revoke-timeout", "2s")

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("TIDEMARK_TEST_SEED", random.SystemRandom().getrandbits(32)))
        print(f"TIDEMARK_TEST_SEED={self.seed}", flush=True)
        self.chance = random.Random(self.seed)
        self.topic, self.group = self.new_topic(partitions=PARTITIONS), self.new_topic() + "-group"
        self.all = []
        self.alive = []

    def come(self):
        member = Member(self, self.topic, self.group, len(self.all), self.mode)
        self.all.append(member)
        self.alive.append(member)

    def go(self):
        member = self.alive.pop(self.chance.randrange(len(self.alive)))
        member.killed = self.chance.random() < 0.5
        member.process.send_signal(signal.SIGKILL if member.killed else signal.SIGINT)

    def churn(self, crash=None):
        """Members come and go for a while; `crash` is called twice meanwhile."""
        begin = time.monotonic()
        crashes = 0
        while (gone := time.monotonic() - begin) < SECONDS:
            if crash is not None and crashes < 2 and gone > (crashes + 1) * SECONDS / 3:
                crash()
                crashes += 1
            if len(self.alive) < MEMBERS_MAX and (len(self.alive) < 4 or self.chance.random() < 0.6):
                self.come()
            else:
                self.go()
            time.sleep(0.03)

    def crash(self):
        self.server.crash()
        self.server.start()

    def show(self):
        done = self.run_cli("group", "show", self.group, "-o", "json")
        return json.loads(done.out) if done.returncode == 0 else {"lag_events": None}

    def until_all_is_acked(self):
        wait_until(lambda: self.show()["lag_events"] == 0, "everything is acked")

    def check(self, events, crashed):
        """Returns how many events were handled again."""
        handlers = collections.defaultdict(list)
        for member in self.all:
            last = {}
            for key, partition, offset in member.handled():
                handlers[partition, offset].append(member)
                line = key if self.mode == "key-ordered" else partition
                if not crashed:
                    self.assertGreater(offset, last.get(line, -1), f"{member.path.name}: out of order")
                last[line] = offset
        self.assertEqual(len(handlers), events, "events are missing")
        again = 0
        for place, members in handlers.items():
            again += len(members) - 1
            if not crashed:
                finished = [m.path.name for m in members if not m.killed]
                self.assertLessEqual(len(finished), 1, f"{place} was acked, and handled again")
        return again

    def part(self, crash, mode="partition-ordered"):
        self.mode = mode
        for _ in range(32):
            self.come()
        load = Load(self, self.topic, self.group)
        # A command that cannot reach a server when it begins says so and ends; a crash comes later.
        wait_until(lambda: self.run_cli("read", self.topic, "--limit", "1").out.strip(),
                   "something is appended")
        self.churn(self.crash if crash else None)
        self.assertEqual(load.finish(), 0)
        if not self.alive:
            self.come()
        self.until_all_is_acked()
        for member in self.alive:
            member.process.send_signal(signal.SIGINT)
        for member in self.all:
            member.process.wait(60)
        killed = sum(member.killed for member in self.all)
        again = self.check(load.events, crash)
        print(f"{load.events} events, {len(self.all)} members, {killed} killed: "
              f"{again} handled again", flush=True)

    def test_members_come_and_go(self):
        self.part(crash=False)

    def test_the_server_crashes_meanwhile(self):
        self.part(crash=True)

    def test_members_share_keys(self):
        self.part(crash=False, mode="key-ordered")

    def test_members_share_keys_and_the_server_crashes_meanwhile(self):
        self.part(crash=True, mode="key-ordered")


if __name__ == "__main__":
    unittest.main()
