"""kill -9 under load: what was acknowledged is there, nothing is doubled, the group goes on.

Several producers append through AppendStream with producer ids, and a group consumes, while the
server is killed at random times and started again on the same directory. The seed is printed;
TIDEMARK_TEST_SEED repeats a run's times and events (not the interleaving of threads).
"""

import os
import random
import time
import unittest

import conformance_support  # noqa: F401

from support import hr_file
from support.events import hr_events, stored
from support.load import Presence, Producer, Worker, places_of
from support.server import PATIENCE_S, Server, wait_until
from support.stubs import pb

PARTITIONS = 4
TOPIC = "hr"
GROUP = "payroll"


def generated(seed, chance):
    """Endless batches of 1 to 10 events."""
    for number in range(10**9):
        yield hr_events(chance.randrange(1, 11), seed=(seed << 32) + number)


def batches_of(events, size):
    return (events[i:i + size] for i in range(0, len(events), size))


class Crash(unittest.TestCase):
    kills = int(os.environ.get("TIDEMARK_TEST_KILLS", "10"))

    def setUp(self):
        self.seed = int(os.environ.get("TIDEMARK_TEST_SEED",
                                       random.SystemRandom().randrange(2**31)))
        print(f"TIDEMARK_TEST_SEED={self.seed}", flush=True)
        self.chance = random.Random(self.seed)
        self.server = self.new_server()
        self.server.topics.CreateTopic(pb.CreateTopicRequest(
            name=TOPIC, config=pb.TopicConfig(partitions=PARTITIONS)))
        self.presence = Presence(self.server)
        self.producers = [
            Producer(self.presence, f"generator-{n}", TOPIC,
                     generated(self.seed + n, random.Random(self.seed + n))) for n in range(3)]
        self.hr_count = 0
        if hr_file.exists():
            events = hr_file.events()
            self.hr_count = len(events)
            self.producers.append(Producer(self.presence, "hr-file", TOPIC, batches_of(events, 20)))
        else:
            print(hr_file.MISSING)
        self.worker = Worker(self.presence, GROUP, TOPIC)
        self.found = {}    # From place to event, as read so far.
        self.checked = {}  # From producer to how many of its answers were compared.

    def new_server(self):
        server = Server()
        self.addCleanup(server.close)
        return server

    def crash(self):
        """Ends the server; what it does then is what a crash leaves."""
        self.server.kill()

    def threads(self):
        return [*self.producers, self.worker]

    def check_threads(self):
        for thread in self.threads():
            if thread.failure is not None:
                raise AssertionError(f"{thread.name} failed") from thread.failure
        self.assertEqual(self.worker.problems, [])

    def read_on(self):
        """Reads what was added since the last time; offsets must be dense."""
        ends = dict.fromkeys(range(PARTITIONS), 0)
        for partition, offset in self.found:
            ends[partition] = max(ends[partition], offset + 1)
        start = pb.Start(offsets=pb.PartitionOffsets(offsets=ends))
        for one in stored(self.server.events.Read(pb.ReadRequest(topic=TOPIC, start=start))):
            self.assertEqual(one.offset, ends[one.partition], f"hole in partition {one.partition}")
            ends[one.partition] += 1
            self.found[one.place] = one.event

    def check_acknowledged(self, answers):
        """`answers`: from producer to what it had been answered before the crash."""
        for producer, count in answers.items():
            for request, response in producer.answers[self.checked.get(producer, 0):count]:
                for place, event in places_of(request, response, PARTITIONS).items():
                    self.assertEqual(self.found.get(place), event,
                                     f"{producer.name} {request.producer.sequence} at {place}")
            self.checked[producer] = count

    def check_open_requests(self):
        """A request without an answer is there as a whole or not at all."""
        ids = {event.id for event in self.found.values()}
        for producer in self.producers:
            for request in producer.unanswered():
                there = sum(event.id in ids for event in request.events)
                self.assertIn(there, (0, len(request.events)),
                              f"{producer.name} {request.producer.sequence} is there in part")

    def check_nothing_seen_is_gone(self):
        gone = set(self.worker.handled) - set(self.found)
        self.assertEqual(gone, set(), "the group was given events that the crash took back")

    def check_committed(self, confirmed):
        if not confirmed:
            return  # The first crash may come before the group is made.
        offsets = self.server.groups.GetOffsets(pb.GetOffsetsRequest(group=GROUP)).offsets
        committed = {at.partition: at.offset for at in offsets}
        for partition, offset in confirmed.items():
            self.assertGreaterEqual(committed.get(partition, 0), offset, f"partition {partition}")

    def kill_and_check(self):
        self.presence.up.clear()
        self.crash()
        # Answers on their way arrive or not; what arrived by now counts.
        answers = {producer: len(producer.answers) for producer in self.producers}
        confirmed = dict(self.worker.confirmed)
        began = time.monotonic()
        self.server.start()
        started_s = time.monotonic() - began
        self.read_on()
        self.check_acknowledged(answers)
        self.check_open_requests()
        self.check_nothing_seen_is_gone()
        self.check_committed(confirmed)
        self.check_threads()
        self.presence.up.set()
        return started_s

    def test_promise_durable_atomic_no_dirty_reads_no_duplicates_at_least_once_across_kills(self):
        for thread in self.threads():
            thread.start()
        slowest_s = 0
        for _ in range(self.kills):
            before = sum(len(producer.answers) for producer in self.producers)
            wait_until(lambda: sum(len(p.answers) for p in self.producers) > before or any(
                t.failure for t in self.threads()), "appends go on after the restart")
            time.sleep(self.chance.uniform(0.05, 1.5))  # The crash comes at any time.
            self.check_threads()
            slowest_s = max(slowest_s, self.kill_and_check())
        self.finish()
        repeated = sum(producer.repeated for producer in self.producers)
        duplicates = sum(producer.duplicates for producer in self.producers)
        print(f"{self.kills} kills, {len(self.found)} events, {repeated} requests repeated, "
              f"{duplicates} of them stored before; group joined {self.worker.joins} times; "
              f"slowest start {slowest_s:.2f} s")
        self.assertGreater(repeated, 0, "no request was in flight at any kill")
        self.assertGreater(self.worker.joins, self.kills // 2)

    def finish(self):
        """Lets everybody end their work, then compares everything."""
        hr = [producer for producer in self.producers if producer.name == "hr-file"]
        for producer in self.producers:
            if producer not in hr:
                producer.end()
        wait_until(lambda: all(p.finished or p.failure for p in self.producers), "producers end")
        self.check_threads()
        total = sum(len(request.events) for p in self.producers for request, _ in p.answers)
        wait_until(lambda: len(self.worker.handled) == total or self.worker.failure
                   or self.worker.problems, f"the group handles all {total} events",
                   PATIENCE_S + total // 1000)
        self.presence.stop.set()
        self.worker.join()
        self.check_threads()
        self.found.clear()
        self.checked.clear()
        self.read_on()
        self.check_acknowledged({p: len(p.answers) for p in self.producers})
        self.assertEqual(len(self.found), total, "an event is stored twice, or more than was sent")
        self.assertEqual(set(self.worker.handled), set(self.found))
        for producer in hr:
            self.assertEqual(sum(len(r.events) for r, _ in producer.answers), self.hr_count)


if __name__ == "__main__":
    unittest.main(verbosity=2)
