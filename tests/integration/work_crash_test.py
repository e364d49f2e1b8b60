"""kill -9 of the server and of members of a KEY_ORDERED group, under load: every event is handled,
each key in order, and no confirmed ack is forgotten.

The seed is printed; TIDEMARK_TEST_SEED repeats a run's times and choices (not the interleaving of
threads).
"""

import collections
import os
import random
import threading
import time
import unittest

import grpc

import conformance_support  # noqa: F401

from support.events import event
from support.server import Server, wait_until
from support.stubs import pb, rpc
from support.work import Worker, seconds

KILLS = int(os.environ.get("TIDEMARK_TEST_KILLS", "5"))
TOPIC, GROUP, KEYS, MEMBERS = "hr", "payroll", 50, 6


class Office:
    """What all members know together, to compare what each is given with."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acks = collections.Counter()  # From place to acks sent and not rejected.
        self.confirmed = set()   # Places whose ack was confirmed.
        self.places = collections.defaultdict(list)  # From key to places seen, by offset.
        self.problems = []
        self.deliveries = 0
        self.again = 0           # Deliveries of what was acked, but not confirmed, before a crash.

    def deliver(self, key, place, held):
        """A member was given an event: everything before it of its key is acked or in its hands."""
        with self.lock:
            self.deliveries += 1
            if place in self.confirmed:
                self.problems.append(f"{place} comes again after its ack was confirmed")
            self.again += self.acks[place] > 0
            for earlier in self.places[key]:
                if earlier < place and not self.acks[earlier] and earlier not in held:
                    self.problems.append(f"{place} of {key} comes before {earlier} is done")
            if place not in self.places[key]:
                self.places[key].append(place)


class Clerk(threading.Thread):
    """A member that handles events, fails at some, and now and then vanishes."""

    def __init__(self, office, server, up, stop, seed):
        super().__init__(daemon=True)
        self._office, self._server, self._up, self._stop_event = office, server, up, stop
        self._chance = random.Random(seed)
        self.failure = None

    def run(self):
        try:
            while not self._stop_event.is_set():
                if self._up.wait(0.05):
                    with self._server.new_channel() as channel:
                        self._work(rpc.ConsumerGroups(channel))
        except Exception as error:  # The test's own thread reports it.
            self.failure = error

    def _work(self, stub):
        worker = Worker(stub, GROUP, [TOPIC], credits=pb.Credits(events=20, bytes=1 << 20),
                        retry_policy=pb.RetryPolicy(initial_backoff=seconds(0.02)))
        vanish_at = time.monotonic() + self._chance.uniform(0.5, 4)
        taken, waiting, held, failed = 0, collections.deque(), set(), {}
        try:
            while time.monotonic() < vanish_at and not worker.ended:
                worker._step(0.05)
                for confirmation in worker.confirmations[:]:
                    self._confirm(waiting.popleft(), confirmation)
                    worker.confirmations.remove(confirmation)
                new, taken = worker.events[taken:], len(worker.events)
                if new:
                    worker.grant(len(new))
                    mine = [one for one in new if self._is_mine(one, failed)]
                    for one in mine:
                        self._office.deliver(one.event.key, one.place, held)
                        held.add(one.place)
                    self._answer(worker, mine, waiting, failed)
                    held.difference_update(one.place for one in mine)
                if self._stop_event.is_set():
                    return
        except (AssertionError, grpc.RpcError):
            if self._up.is_set() and not worker.ended:
                raise
        finally:
            worker.close()

    @staticmethod
    def _is_mine(one, failed):
        """What was on its way when an earlier one of its key failed was taken back."""
        place = failed.get(one.event.key)
        if place == one.place:
            del failed[one.event.key]
        return place is None or one.place <= place

    def _answer(self, worker, events, waiting, failed):
        """Acks each key up to where it fails."""
        new, done = [], []
        for one in events:
            if one.event.key in failed:
                continue
            if self._chance.random() < 0.1:
                failed[one.event.key] = one.place
                new.append(one)
            else:
                done.append(one)
        with self._office.lock:
            self._office.acks.update(one.place for one in done)
        if done:
            waiting.append([one.place for one in done])
            worker.ack_events(done)
        for one in new:
            worker.nack_events([one], reason="no")

    def _confirm(self, places, confirmation):
        fenced = {(e.id.partition, e.id.offset) for e in confirmation.rejected_events}
        with self._office.lock:
            self._office.confirmed.update(place for place in places if place not in fenced)
            # What is fenced was taken back and comes again.
            self._office.acks.subtract(fenced)


class WorkCrash(unittest.TestCase):

    def test_promise_at_least_once_in_order_one_owner_across_kills(self):
        seed = int(os.environ.get("TIDEMARK_TEST_SEED", random.SystemRandom().randrange(2**31)))
        print(f"TIDEMARK_TEST_SEED={seed}", flush=True)
        chance = random.Random(seed)
        server = Server()
        self.addCleanup(server.close)
        server.topics.CreateTopic(pb.CreateTopicRequest(
            name=TOPIC, config=pb.TopicConfig(partitions=4)))
        office, up, stop = Office(), threading.Event(), threading.Event()
        up.set()
        clerks = [Clerk(office, server, up, stop, seed + n) for n in range(MEMBERS)]
        for clerk in clerks:
            clerk.start()
        total = 0
        for _ in range(KILLS):
            for _ in range(20):
                batch = [event(id=str(total + n), key=f"k{chance.randrange(KEYS)}")
                         for n in range(chance.randrange(1, 30))]
                server.events.Append(pb.AppendRequest(topic=TOPIC, events=batch))
                total += len(batch)
                time.sleep(0.02)
            up.clear()
            server.kill()
            server.start()
            up.set()
            self.assertEqual(office.problems, [])

        def finished():
            if office.problems or any(c.failure for c in clerks):
                return True
            offsets = server.groups.GetOffsets(pb.GetOffsetsRequest(group=GROUP)).offsets
            return sum(at.offset for at in offsets) == total
        wait_until(finished, f"all {total} events are handled", 90)
        stop.set()
        for clerk in clerks:
            clerk.join(10)
            self.assertIsNone(clerk.failure)
        self.assertEqual(office.problems, [])
        self.assertEqual(sum(count > 0 for count in office.acks.values()), total)
        work = server.groups.GetGroup(pb.GetGroupRequest(group=GROUP)).work
        print(f"{KILLS} kills of the server, {total} events in {office.deliveries} deliveries, "
              f"{office.again} of them acked before without a confirmation; {work}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
