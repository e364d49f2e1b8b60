"""What clients saw of a server whose power is cut again and again keeps every promise; each seeded fault
of tidemarkd_faulty is noticed by the checker of the promise that it breaks; so is each anomaly that is
written into a history by hand.

TIDEMARK_TEST_SEED repeats a run's choices (not the interleaving of processes). For hours:
`./dev history --seconds 3600`.
"""

import concurrent.futures
import os
import random
import threading
import time
import types
import unittest

import checkers
import clients
import derive_clients
import member_checkers
import office_clients
import seek_clients
from history import Recorder, load
from member_clients import RecordingMember
from support.consumer import settle
from support.stubs import pb
from world import FAULTY, FEW, TIDEMARKD, World

SECONDS = 4
CUTS = ["crash", "kill_member", "crash"]
DESK = {"appenders": 1, "desk": 3}
DESK_AND_POOL = {"appenders": 1, "desk": 2, "pool": 1}


def seed_or_random():
    seed = int(os.environ.get("TIDEMARK_TEST_SEED", random.SystemRandom().randrange(2**31)))
    print(f"TIDEMARK_TEST_SEED={seed}", flush=True)
    return seed


class GoodServer(unittest.TestCase):

    def test_promises_hold_over_power_cuts_and_held_and_killed_members(self):
        world = World(seed_or_random(), restores=2)
        try:
            world.begin()
            world.trouble(SECONDS)
            history = world.finish()
            found = checkers.check(history)
            self.assertEqual(found, {}, checkers.told(found))
            print(checkers.summary(history, world.counts)[0])
        finally:
            world.close()


class KnownBadServers(unittest.TestCase):

    # From the fault to the checker that has to find it, what brings it to light, and how long a sync
    # takes: so long that also on a busy machine somebody hears, or sees, what is not durable; and who
    # takes part.
    FAULTS = {
        "answer_before_fsync": ("lost", CUTS, 200, FEW),
        "publish_before_fsync": ("dirty", CUTS, 200, FEW),
        "no_producer_check": ("duplicated", ["crash", "crash"], 10, FEW),
        "ack_not_stored": ("regressed", CUTS, 10, FEW),
        "begins_at_end": ("undelivered", ["crash", "kill_member"], 10, FEW),
        "work_unsaved": ("repeated", ["crash", "crash"], 200, DESK_AND_POOL),
        "shares_keys": ("shared", ["hold_member"], 3, DESK),
    }

    def test_what_ships_has_no_seeded_faults(self):
        self.assertIn(b"SEEDED_FAULT", FAULTY.read_bytes())
        self.assertNotIn(b"SEEDED_FAULT", TIDEMARKD.read_bytes())

    def found_in(self, fault, troubles, sync_ms, cast, seed):
        """What the checkers find in a server with this fault. Members have so much time that a busy
        machine excuses nobody."""
        world = World(seed, fault=fault, sync_ms=sync_ms, patience_s=10, revoke_timeout="30s",
                      cast=cast)
        try:
            world.begin()
            for trouble in troubles:
                try:
                    world.work()
                except AssertionError:  # Some faults leave nobody who goes on.
                    break
                time.sleep(0.3)
                getattr(world, trouble)()
            return checkers.check(world.stop())
        finally:
            world.close()

    def test_each_is_noticed(self):
        seed = seed_or_random()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            runs = {fault: pool.submit(self.found_at_last, fault, seed) for fault in self.FAULTS}
        for fault, (checker, *_) in self.FAULTS.items():
            with self.subTest(fault):
                found = runs[fault].result()
                print(fault, {name: len(what) for name, what in found.items()})
                self.assertIn(checker, found, checkers.told(found))

    def found_at_last(self, fault, seed):
        """A fault needs its moment; on a busy machine it may miss it."""
        checker, troubles, *how = self.FAULTS[fault]
        for repeated in (1, 2, 4):
            found = self.found_in(fault, troubles * repeated, *how, seed + repeated)
            if checker in found:
                break
        return found


class Scribe:
    """What a RecordingMember writes to; its choices are the last ones."""

    def __init__(self, world, name):
        self.record = Recorder(world.directory / "lines" / name).write
        self.chance = types.SimpleNamespace(choice=lambda choices: choices[-1], random=lambda: 0.0)


class TwoOwners(unittest.TestCase):
    """One member keeps what it was given; then another one joins."""

    def join(self, world, name):
        member = RecordingMember(Scribe(world, name), name, world.server.groups)
        self.addCleanup(member.close)
        return member

    def history(self, fault):
        world = World(1, fault=fault, revoke_timeout="60s")
        try:
            world.start_server()
            for topic in clients.TOPICS:
                world.server.events.Append(pb.AppendRequest(topic=topic, events=[
                    pb.Event(id=f"{topic}-{n}", type="t", key=key,
                             data=clients.payload(f"{topic}-{n}"))
                    for n, key in enumerate(clients.KEYS)]))
            first = self.join(world, "first")
            first.until_events(len(clients.TOPICS) * len(clients.KEYS))
            second = self.join(world, "second")
            settle(first, second, condition=lambda: first.revoked, what="the second one joins")
            first.take_what_came()
            if fault is None:
                self.assertEqual(second.owned, {})
                for place in list(first.in_hand):
                    first.finish(place)
            settle(first, second, condition=lambda: second.owned, what="the second has its part")
            return load(world.directory / "lines")
        finally:
            world.close()

    def test_are_noticed(self):
        self.assertNotEqual(member_checkers.owned_twice(self.history("two_owners")), [])

    def test_are_not_there(self):
        self.assertEqual(member_checkers.owned_twice(self.history(None)), [])


class Places(unittest.TestCase):
    """Where a group is: after a seek, and with offsets in a Transact, step by step."""

    def noticed(self, checker, found):
        print({name: len(what) for name, what in found.items()})
        self.assertIn(checker, found)

    def world(self, fault):
        world = World(1, fault=fault, revoke_timeout="60s", cast={})
        self.addCleanup(world.close)
        world.start_server()
        for n in range(4):
            world.append("pay", 0, f"event-{n}", clients.KEYS[0])
        return world

    def put_back(self, fault):
        """A member acks what it had before its group was put back."""
        world = self.world(fault)
        group, topics = seek_clients.SOUGHT
        member = RecordingMember(Scribe(world, "m"), "m", world.server.groups, group, topics)
        self.addCleanup(member.close)
        member.until_events(4)
        world.record("seek", id="s", g=group, kind="offsets", value=None, at={"pay/0": 1})
        world.server.groups.SeekGroup(pb.SeekGroupRequest(
            group=group, topic="pay", start=clients.from_offsets({0: 1})))
        world.record("sought", id="s", at={"pay/0": 1})
        member.finish("pay/0")
        member.until(lambda m: m.confirmations, "an answer")
        if fault is None:
            member.until_events(7)
            member.finish("pay/0")
            member.until(lambda m: len(m.confirmations) == 2, "an answer")
        clients.record_offsets(world, world.server.channel, group, topics)
        return checkers.check(world.stop())

    def test_an_ack_that_outlives_a_seek_is_noticed(self):
        self.noticed("unfenced", self.put_back("acks_outlive_seeks"))

    def test_an_ack_that_does_not_is_well(self):
        self.assertEqual(self.put_back(None), {})

    def derived(self, fault):
        """The power goes after a member made results of events; another one goes on."""
        world = self.world(fault)
        for name in ("first", "second"):
            member = derive_clients.DerivingMember(Scribe(world, name), name, world.server.channel)
            self.addCleanup(member.close)
            member.until_events(1)
            member.finish("pay/0")
            clients.record_offsets(world, world.server.channel, derive_clients.GROUP,
                                   derive_clients.TOPICS)
            if name == "first":
                world.crash()
                member.close()
                world.append("pay", 0, "event-4", clients.KEYS[0])
        return checkers.check(world.stop())

    def test_offsets_apart_from_their_events_are_noticed(self):
        self.noticed("not_exactly_once", self.derived("offsets_apart"))

    def test_offsets_with_their_events_are_well(self):
        self.assertEqual(self.derived(None), {})


class WhatGoes(unittest.TestCase):
    """Retention and erasure, step by step, in a server that does too much or too little of it."""

    def world(self, fault, **more):
        world = World(1, fault=fault, **more)
        self.addCleanup(world.close)
        world.start_server()
        return world

    def passed(self, fault):
        """Retention passes half of what there is."""
        world = self.world(fault, cast={})
        for n in range(40):
            world.append("log", 0, f"passed-event-{n}")
        office_clients.record_marks(world, world.server.channel)
        office_clients.change_policy(world, world.server.channel, "half", 4000, None)
        office_clients.record_marks(world, world.server.channel)
        history = world.stop()
        self.assertGreater(history.start["log/0"], 10)
        return checkers.check(history)

    def test_too_much_is_noticed(self):
        self.assertEqual(sorted(self.passed("trims_too_much")), ["overdone"])

    def test_what_the_rule_says_is_well(self):
        self.assertEqual(self.passed(None), {})

    def test_who_looks_while_the_start_moves_finds_it_moved(self):
        world = self.world("publishes_late", cast={})
        office_clients.change_policy(world, world.server.channel, "little", 500, None)
        over = threading.Event()

        def look():
            while not over.is_set():
                office_clients.record_marks(world, world.server.channel)

        lookers = [threading.Thread(target=look) for _ in range(3)]
        for looker in lookers:
            looker.start()
        for n in range(40):
            world.append("log", 0, f"passed-event-{n}")
        over.set()
        for looker in lookers:
            looker.join()
        self.assertEqual(checkers.check(world.stop()), {})

    def erased(self, fault):
        """A key is erased after a backup was made, which then becomes a store."""
        world = self.world(fault, cast={"eraser": 1, "archivist": 1})
        for value, key in (("1", "ann"), ("2", "bob")):
            world.append("vault", 0, value, key)
        world.record("backup", id="first")
        made = world.server.operations.CreateBackup(pb.CreateBackupRequest(), timeout=30).backup
        world.record("backed", id="first", b=made.id, p=made.position)
        world.record("erase", id="ann", topic="vault", key="ann")
        world.server.topics.EraseEvents(pb.EraseEventsRequest(
            topic="vault", key=pb.EraseKey(key="ann"), reason="ann", actor="test"))
        world.record("erased", id="ann")
        world.until(world.erased, "the erasure is complete")
        history = world.stop()
        self.assertEqual(len(history.of("restored")), 1)
        return checkers.check(history)

    def test_a_key_that_was_kept_is_noticed(self):
        self.assertEqual(sorted(self.erased("keeps_erased_keys")), ["undead"])

    def test_a_key_that_is_gone_is_well(self):
        self.assertEqual(self.erased(None), {})


if __name__ == "__main__":
    unittest.main(verbosity=2)
