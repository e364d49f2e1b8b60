"""A processor makes one event of each event, whatever is killed: exactly once inside Tidemark.

Members are killed with kill -9 at random moments, now and then the server too, while events are
appended; at the end each input has exactly one result, and results of a partition are in its order.
TIDEMARK_TEST_SEED repeats a run, TIDEMARK_PROCESSOR_SECONDS makes it longer.
"""

import collections
import json
import os
import random
import subprocess
import time
import unittest

from cli_support import BIN, CliTest

SECONDS = float(os.environ.get("TIDEMARK_PROCESSOR_SECONDS", "4"))
MEMBERS = 3
PARTITIONS = 4


class Processor(CliTest):

    FLAGS = ("--revoke-timeout", "500ms")

    def member(self, *flags):
        process = subprocess.Popen([BIN / "tidemark-raises", self.server.address, *flags],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stderr.close()))
        return process

    def test_promise_exactly_once(self):
        seed = int(os.environ.get("TIDEMARK_TEST_SEED", random.SystemRandom().getrandbits(32)))
        print(f"TIDEMARK_TEST_SEED={seed}", flush=True)
        chance = random.Random(seed)
        for topic, partitions in (("hr", PARTITIONS), ("raises", PARTITIONS)):
            self.ok("topic", "create", topic, "--partitions", partitions)
        members = [self.member() for _ in range(MEMBERS)]
        appended = 0
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            lines = "".join(json.dumps({
                "type": "title.changed" if n % 3 else "employee.created",
                "subject": f"employee-{n % 100}", "id": str(n)}) + "\n"
                for n in range(appended, appended + 60))
            self.ok("append", "hr", "--producer-id", f"hr-{appended}", stdin=lines)
            appended += 60
            if chance.random() < 0.5:
                dead = chance.randrange(MEMBERS)
                members[dead].kill()
                members[dead].wait()
                members[dead] = self.member()
            if chance.random() < 0.1:
                self.server.crash()
                self.server.start()
        for member in members:
            self.assertIsNone(member.poll(), "a member ended by itself")
            member.kill()
            member.wait()
        last = self.member("--until-caught-up")
        self.assertEqual(last.wait(60), 0, last.stderr.read())

        wanted = [event for event in self.read("hr") if event["type"] == "title.changed"]
        places = [f"{e['tidemarkpartition']}-{e['tidemarkoffset']}" for e in wanted]
        results = self.read("raises")
        counts = collections.Counter(event["id"] for event in results)
        self.assertEqual({id: n for id, n in counts.items() if n != 1}, {}, "stored more than once")
        self.assertEqual(sorted(counts), sorted(places))
        # The results of one employee lie in one partition, in the order of what they are made of.
        orders = collections.defaultdict(list)
        for event in results:
            orders[event["subject"]].append(int(event["id"].split("-")[1]))
        for subject, offsets in orders.items():
            self.assertEqual(offsets, sorted(offsets), subject)


if __name__ == "__main__":
    unittest.main(verbosity=2)
