"""Histories in which all is well pass; each anomaly that is written into it is found by its checker, and
by no other one."""

import copy
import unittest

from written import Written

# Two requests of one producer, a reader, a Read, a key's second revision, and a partition that goes from
# one member to the other.
WELL = [
    {"op": "send", "t": 1, "id": "p/1", "parts": {"hr/0": ["a", "b"]}, "producer": "p", "sequence": 1},
    {"op": "ok", "t": 2, "id": "p/1", "ranges": {"hr/0": [0, 2]}, "duplicate": False},
    {"op": "send", "t": 3, "id": "p/2", "parts": {"hr/0": ["c"], "hr/1": ["d"]}, "producer": "p",
     "sequence": 2},
    {"op": "ok", "t": 4, "id": "p/2", "ranges": {"hr/0": [2, 1], "hr/1": [0, 1]}, "duplicate": False},
    {"op": "send", "t": 5, "id": "k/1", "parts": {"hr/1": ["e"]}, "key": "k", "expect": -1},
    {"op": "ok", "t": 6, "id": "k/1", "ranges": {"hr/1": [1, 1]}, "duplicate": False},
    {"op": "send", "t": 7, "id": "k/2", "parts": {"hr/1": ["f"]}, "key": "k", "expect": 0},
    {"op": "ok", "t": 8, "id": "k/2", "ranges": {"hr/1": [2, 1]}, "duplicate": False},
    {"op": "send", "t": 8.1, "id": "k/3", "parts": {"hr/1": ["x"]}, "key": "k", "expect": 0},
    {"op": "fail", "t": 8.2, "id": "k/3", "reason": "CONDITION_FAILED"},
    {"op": "open", "t": 9, "s": "r", "from": {"hr/0": 0, "hr/1": 1}},
    {"op": "saw", "t": 10, "s": "r", "place": "hr/0", "o": 0, "v": ["a", "b"]},
    {"op": "saw", "t": 11, "s": "r", "place": "hr/0", "o": 2, "v": ["c"]},
    {"op": "saw", "t": 12, "s": "r", "place": "hr/1", "o": 1, "v": ["e", "f"]},
    {"op": "read", "from_t": 9, "t": 12, "ends": {"hr/0": 3, "hr/1": 3}},
    {"op": "join", "t": 13, "s": "m", "who": "m"},
    {"op": "join", "t": 14, "s": "n", "who": "n"},
    {"op": "own", "t": 15, "s": "m", "who": "m", "a": 100, "at": {"hr/0": 0}},
    {"op": "saw", "t": 16, "s": "m", "place": "hr/0", "o": 0, "v": ["a", "b"]},
    {"op": "ack", "t": 17, "s": "m", "a": 100, "place": "hr/0", "o": 2},
    {"op": "acked", "t": 18, "s": "m", "a": 100, "place": "hr/0", "o": 2},
    {"op": "got", "from_t": 19, "t": 20, "at": {"hr/0": 2}},
    {"op": "giving", "t": 21, "s": "m", "places": ["hr/0"], "until": 30},
    {"op": "own", "t": 22, "s": "n", "who": "n", "a": 200, "at": {"hr/0": 2}},
    {"op": "saw", "t": 23, "s": "n", "place": "hr/0", "o": 2, "v": ["c"]},
    {"op": "final", "t": 40, "place": "hr/0", "o": 0, "v": ["a", "b", "c"]},
    {"op": "final", "t": 41, "place": "hr/1", "o": 0, "v": ["d", "e", "f"]},
]


# Two events of a key for a KEY_ORDERED group: the first member takes both and acks one; then it is
# killed, and another one takes and acks the second.
WORK = [
    {"op": "send", "t": 1, "id": "w/1", "parts": {"hr/0": ["a", "b"]}, "keys": {"hr/0": ["k", "k"]}},
    {"op": "ok", "t": 2, "id": "w/1", "ranges": {"hr/0": [0, 2]}, "duplicate": False, "p": 1, "w": 2},
    {"op": "wjoin", "t": 10, "s": "m", "who": "m", "lease": 30},
    {"op": "wjoin", "t": 11, "s": "n", "who": "n", "lease": 30},
    {"op": "given", "t": 12, "s": "m", "who": "m", "place": "hr/0", "o": [0, 1], "v": ["a", "b"]},
    {"op": "wack", "t": 13, "s": "m", "who": "m", "n": 1, "at": {"hr/0": [0]}},
    {"op": "wacked", "t": 14, "s": "m", "who": "m", "n": 1, "fenced": {}},
    {"op": "wext", "t": 15, "s": "n", "who": "n", "n": 1, "at": {}, "lease": 3},
    {"op": "kill", "t": 16, "victim": "m", "who": "world"},
    {"op": "wexted", "t": 17, "s": "n", "who": "n", "n": 1, "fenced": {}},
    {"op": "given", "t": 18, "s": "n", "who": "n", "place": "hr/0", "o": [1], "v": ["b"]},
    {"op": "wack", "t": 19, "s": "n", "who": "n", "n": 2, "at": {"hr/0": [1]}},
    {"op": "wacked", "t": 20, "s": "n", "who": "n", "n": 2, "fenced": {}},
    {"op": "wgot", "from_t": 21, "t": 22, "at": {"hr/0": 2}},
    {"op": "final", "t": 40, "place": "hr/0", "o": 0, "v": ["a", "b"]},
]

# Retention passes one of three batches of `log`; of `vault` one of two keys is erased; of `state` the
# older event of a key goes. A backup holds all of `vault` and `log`, and half of the erasure's topic.
KEEPING = [
    {"op": "policy", "t": 0, "id": "o/1", "topic": "log", "max_bytes": 250, "max_age": None},
    {"op": "policied", "t": 0.5, "id": "o/1"},
    *({"op": op, "t": n + more, "id": f"l/{n}", **said} for n in (1, 2, 3) for op, more, said in (
        ("send", 0, {"parts": {"log/0": [f"l{n}"]}, "keys": {"log/0": ["x"]}, "bytes": {"log/0": [100]},
                     "producer": "l", "sequence": n}),
        ("ok", 0.5, {"ranges": {"log/0": [n - 1, 1]}, "duplicate": False, "p": n, "w": 1000 + n}))),
    {"op": "send", "t": 4, "id": "v/1", "parts": {"vault/0": ["v1", "v2"]},
     "keys": {"vault/0": ["ann", "bob"]}},
    {"op": "ok", "t": 4.5, "id": "v/1", "ranges": {"vault/0": [0, 2]}, "duplicate": False, "p": 4,
     "w": 1004},
    {"op": "send", "t": 5, "id": "s/1", "parts": {"state/0": ["s1", "s2"]},
     "keys": {"state/0": ["x", "x"]}},
    {"op": "ok", "t": 5.5, "id": "s/1", "ranges": {"state/0": [0, 2]}, "duplicate": False, "p": 5,
     "w": 1005},
    {"op": "marks", "from_t": 6, "from_w": 1006, "t": 7, "w": 1007, "at": {"log/0": [1, 3]}},
    {"op": "open", "t": 8, "s": "r", "from": {"log/0": None}},
    {"op": "saw", "t": 9, "s": "r", "place": "log/0", "o": 1, "v": ["l2", "l3"]},
    {"op": "passed", "t": 9.5, "place": "log/0", "o": 1},
    {"op": "backup", "t": 10, "id": "b/1"},
    {"op": "backed", "t": 11, "id": "b/1", "b": "7", "p": 5},
    {"op": "erase", "t": 12, "id": "e/1", "topic": "vault", "key": "ann"},
    {"op": "erased", "t": 13, "id": "e/1"},
    {"op": "send", "t": 14, "id": "v/2", "parts": {"vault/0": ["v3"]}, "keys": {"vault/0": ["ann"]}},
    {"op": "ok", "t": 14.5, "id": "v/2", "ranges": {"vault/0": [2, 1]}, "duplicate": False, "p": 6,
     "w": 1014},
    {"op": "open", "t": 15, "s": "q", "from": {"vault/0": 0, "state/0": 0}},
    {"op": "gap", "t": 16, "s": "q", "place": "vault/0", "from": 0, "until": 1, "reason": "ERASED"},
    {"op": "saw", "t": 17, "s": "q", "place": "vault/0", "o": 1, "v": ["v2", "v3"]},
    {"op": "gap", "t": 18, "s": "q", "place": "state/0", "from": 0, "until": 1, "reason": "COMPACTED"},
    {"op": "create", "t": 19, "topic": "t"}, {"op": "created", "t": 20, "topic": "t"},
    {"op": "describe", "t": 19, "topic": "pay", "n": 1},
    {"op": "described", "t": 20, "topic": "pay", "n": 1},
    {"op": "shown", "from_t": 21, "t": 22, "topic": "pay", "n": 1},
    {"op": "topics", "from_t": 21, "t": 22, "names": ["t"]},
    {"op": "listed", "from_t": 23, "t": 24, "at": {"7": 5}, "damaged": []},
    {"op": "join", "t": 1, "s": "m", "who": "m"},
    {"op": "own", "t": 2, "s": "m", "who": "m", "a": 100, "at": {"log/0": 0}},
    {"op": "saw", "t": 4, "s": "m", "who": "m", "place": "log/0", "o": 0, "v": ["l1", "l2", "l3"]},
    {"op": "ack", "t": 5, "s": "m", "who": "m", "a": 100, "place": "log/0", "o": 2},
    {"op": "acked", "t": 6, "s": "m", "who": "m", "a": 100, "place": "log/0", "o": 2},
    {"op": "final", "t": 40, "place": "log/0", "o": 1, "v": ["l2", "l3"]},
    {"op": "kept", "place": "log/0", "start": 1, "end": 3},
    {"op": "gap", "t": 41, "s": "final", "place": "vault/0", "from": 0, "until": 1, "reason": "ERASED"},
    {"op": "final", "t": 41, "place": "vault/0", "o": 1, "v": ["v2", "v3"]},
    {"op": "gap", "t": 42, "s": "final", "place": "state/0", "from": 0, "until": 1,
     "reason": "COMPACTED"},
    {"op": "final", "t": 42, "place": "state/0", "o": 1, "v": ["s2"]},
    {"op": "had", "t": 43, "b": "7", "place": "log/0", "o": 1, "v": ["l2", "l3"]},
    {"op": "hadgap", "t": 43, "b": "7", "place": "vault/0", "from": 0, "until": 1, "reason": "ERASED"},
    {"op": "had", "t": 43, "b": "7", "place": "vault/0", "o": 1, "v": ["v2"]},
    {"op": "had", "t": 43, "b": "7", "place": "state/0", "o": 0, "v": ["s1", "s2"]},
    {"op": "restored", "t": 44, "b": "7", "p": 5, "offsets": {"payroll": {"log/0": 2}}, "work": {}, "worked": {},
     "kept": {"log/0": [1, 3], "vault/0": [0, 2], "state/0": [0, 2]}},
    {"op": "again", "t": 45, "b": "7", "id": "l/3", "duplicate": True, "ranges": {"log/0": [2, 1]}},
]


class Checkers(Written):

    WELL = WELL

    def test_lost(self):
        self.line("final", 1)["v"] = ["d", "e"]
        self.line("saw", 2)["v"] = ["e"]
        self.assertEqual(self.found(), ["lost", "lost_update"])

    def test_lost_within(self):
        self.line("ok", 1)["ranges"]["hr/0"] = [3, 1]
        self.line("read")["from_t"] = 2
        self.assertEqual(self.found(), ["lost"])

    def test_duplicated(self):
        self.line("final", 1)["v"].append("a")
        self.assertEqual(self.found(), ["duplicated"])

    def test_foreign(self):
        self.line("final", 1)["v"].append("y")
        self.assertEqual(self.found(), ["foreign"])

    def test_refused_and_stored(self):
        self.line("final", 1)["v"].append("x")
        self.assertEqual(self.found(), ["foreign"])

    def test_torn(self):
        self.add("send", t=8, id="p/3", parts={"hr/1": ["g"], "hr/0": ["h"]})
        self.line("final", 1)["v"].append("g")
        self.assertEqual(self.found(), ["torn"])

    def test_holes(self):
        self.line("final", 1)["o"] = 1
        self.line("saw", 2)["o"] = 2
        self.line("open")["from"]["hr/1"] = 2
        self.line("ok", 1)["ranges"]["hr/1"] = [1, 1]
        self.line("ok", 2)["ranges"]["hr/1"] = [2, 1]
        self.line("ok", 3)["ranges"]["hr/1"] = [3, 1]
        self.line("read")["ends"]["hr/1"] = 4
        self.assertEqual(self.found(), ["holes"])

    def test_dirty(self):
        self.add("saw", t=12.5, s="r", place="hr/0", o=3, v=["z"])
        self.assertEqual(self.found(), ["dirty"])

    def test_reordered_in_time(self):
        self.add("send", t=8.5, id="q/1", parts={"hr/1": ["g"]})
        self.add("ok", t=8.6, id="q/1", ranges={"hr/1": [0, 1]}, duplicate=False)
        self.line("final", 1)["v"] = ["g", "e", "f", "d"]
        self.line("ok", 1)["ranges"]["hr/1"] = [3, 1]
        self.line("read")["ends"]["hr/1"] = 4
        self.assertEqual(self.found(), ["reordered"])

    def test_reordered_by_a_producer(self):
        for number, t in ((0, 1), (1, 1.5)):
            self.line("send", number)["t"] = t
        self.line("ok", 0)["t"] = 4
        self.line("send", 0)["sequence"] = 3
        self.assertEqual(self.found(), ["reordered"])

    def test_skipped(self):
        self.lines.remove(self.line("saw", 0))
        self.assertEqual(self.found(), ["skipped"])

    def test_stale(self):
        self.line("read")["ends"]["hr/0"] = 2
        self.assertEqual(self.found(), ["stale"])

    def test_lost_update(self):
        self.line("send", 3)["expect"] = -1
        self.assertEqual(self.found(), ["lost_update"])

    def test_regressed_for_the_next_owner(self):
        self.line("own", 1)["at"] = {"hr/0": 0}
        self.add("saw", t=22.5, s="n", place="hr/0", o=0, v=["a", "b"])
        self.assertEqual(self.found(), ["regressed"])

    def test_regressed_for_who_asks(self):
        self.line("got")["at"]["hr/0"] = 1
        self.assertEqual(self.found(), ["regressed"])

    def test_undelivered(self):
        self.line("own", 0)["at"]["hr/0"] = 1
        self.line("saw", 3).update(o=1, v=["b"])
        self.assertEqual(self.found(), ["misplaced", "undelivered"])

    def test_owned_twice(self):
        self.line("ack")["t"] = 22.5  # After the other has it.
        self.line("acked")["t"] = 22.7
        self.line("got")["from_t"] = 18
        self.assertEqual(self.found(), ["misplaced", "owned_twice"])

    def test_not_owned_twice_after_the_deadline_or_a_crash_or_by_the_dead(self):
        self.lines.remove(self.line("ack"))
        self.lines.remove(self.line("acked"))
        self.line("own", 1)["at"] = self.line("got")["at"] = {"hr/0": 0}
        self.line("saw", 4).update(o=0, v=["a", "b", "c"])
        self.assertEqual(self.found(), ["owned_twice"])
        well = copy.deepcopy(self.lines)
        self.line("giving")["until"] = 21.5
        self.assertEqual(self.found(), [])
        for line in ({"op": "crash"}, {"op": "kill", "victim": "m"}, {"op": "stop", "victim": "m"}):
            self.lines = [*copy.deepcopy(well), {**line, "t": 20, "who": "world"}]
            self.assertEqual(self.found(), [], line)

    def test_baffled(self):
        self.add("broke", t=3, what="INTERNAL")
        self.assertEqual(self.found(), ["baffled"])


class Work(Written):

    WELL = WORK

    def test_undone(self):
        self.line("wacked", 1)["fenced"] = {"hr/0": [1]}
        self.assertEqual(self.found(), ["undone"])

    def test_not_undone_as_a_dead_letter(self):
        self.line("wacked", 1)["fenced"] = {"hr/0": [1]}
        self.add("dead", t=30, place="hr/0", o=1, v="b")
        self.assertEqual(self.found(), [])

    def test_undone_where_an_offset_moves_back(self):
        self.add("wgot", from_t=23, t=24, at={"hr/0": 1})
        self.assertEqual(self.found(), ["undone"])

    def test_repeated_to_who_joins_later(self):
        self.add("wjoin", t=25, s="o", lease=30)
        self.add("given", t=26, s="o", place="hr/0", o=[1], v=["b"])
        self.assertEqual(self.found(), ["repeated"])

    def test_repeated_on_one_stream(self):
        self.add("given", t=25, s="n", place="hr/0", o=[1], v=["b"])
        self.assertEqual(self.found(), ["repeated"])

    def test_not_repeated_to_who_was_slow(self):
        self.line("wacked", 1)["t"] = 21
        self.add("given", t=25, s="m", place="hr/0", o=[1], v=["b"])
        self.assertEqual(self.found(), [])

    def test_repeated_by_two_acks(self):
        self.add("wack", t=15, s="m", n=2, at={"hr/0": [1]})
        self.add("wacked", t=15.5, s="m", n=2, fenced={})
        self.assertEqual(self.found(), ["repeated"])

    def test_overtaken(self):
        self.line("wacked", 0)["fenced"] = {"hr/0": [0]}
        self.line("wgot")["at"] = {"hr/0": 0}
        self.assertEqual(self.found(), ["overtaken"])

    def test_overtaken_after_a_nack(self):
        self.line("wack").update(op="wnack", dead=False)
        self.line("wacked").update(op="wnacked")
        self.line("given").update(o=[0], v=["a"])
        self.line("wgot")["at"] = {"hr/0": 0}
        self.add("given", t=14.5, s="m", place="hr/0", o=[1], v=["b"])
        self.assertEqual(self.found(), ["overtaken"])

    def test_shared(self):
        self.lines.remove(self.line("wack"))
        self.lines.remove(self.line("wacked"))
        self.line("kill")["t"] = 30  # It has both when the other is given the second.
        self.line("wgot")["at"] = {"hr/0": 0}
        self.assertEqual(self.found(), ["overtaken", "shared"])

    def test_not_shared_after_the_lease(self):
        self.line("kill")["t"] = 30
        self.line("wjoin")["lease"] = 2
        self.assertEqual(self.found(), [])


class Keeping(Written):

    WELL = KEEPING

    def test_not_undelivered_where_a_group_begins_after_it_went(self):
        self.line("own")["at"]["log/0"] = 1
        self.line("saw", 2).update(o=1, v=["l2", "l3"])
        self.assertEqual(self.found(), [])
        self.line("own")["at"]["log/0"] = 2
        self.line("saw", 2).update(o=2, v=["l3"])
        self.assertEqual(self.found(), ["misplaced", "undelivered"])

    def test_lost_where_nothing_may_go(self):
        self.lines.remove(self.line("kept"))
        self.assertEqual(self.found(), ["dirty", "false_gap", "holes", "lost"])

    def test_overdone(self):
        self.line("policy")["max_bytes"] = 300
        self.assertEqual(self.found(), ["overdone"])

    def test_overdone_by_age(self):
        self.line("policy").update(max_bytes=None, max_age=6.5)
        self.assertEqual(self.found(), ["overdone"])
        self.line("policy").update(max_age=6.0)  # At 1007 the event of 1001.
        self.line("marks")["from_w"] = 1001.5
        self.assertEqual(self.found(), [])

    def test_overdone_where_a_start_moves_back(self):
        self.add("marks", from_t=30, from_w=1030, t=31, w=1031, at={"log/0": [0, 3]})
        self.assertEqual(self.found(), ["false_gap", "overdone", "underdone"])

    def test_not_overdone_where_two_look_at_once(self):
        self.add("marks", from_t=5.9, from_w=1005.9, t=7.1, w=1007.1, at={"log/0": [0, 3]})
        self.line("marks", 1)["from_w"] = 900  # Nothing had been answered: it may see the older start.
        self.assertNotIn("overdone", self.found())

    def test_underdone(self):
        self.line("policy")["max_bytes"] = 150
        self.assertEqual(self.found(), ["underdone"])

    def test_underdone_by_age(self):
        self.line("policy").update(max_bytes=None, max_age=3.0)
        self.assertEqual(self.found(), ["underdone"])

    def test_false_gap_of_retention(self):
        self.line("passed")["o"] = 2
        self.assertEqual(self.found(), ["false_gap"])

    def test_false_gap_of_erasure(self):
        self.line("erase")["key"] = "bob"
        self.line("had", 1).update(o=0, v=["v1"])
        self.line("hadgap").update({"from": 1, "until": 2})
        self.assertEqual(self.found(), ["false_gap", "undead"])

    def test_false_gap_of_what_came_after_the_erasure(self):
        self.add("open", t=30, s="p", **{"from": {"vault/0": 2}})
        self.add("gap", t=31, s="p", place="vault/0", until=3, reason="ERASED", **{"from": 2})
        self.assertEqual(self.found(), ["false_gap"])

    def test_false_gap_of_compaction(self):
        self.line("send", 4)["keys"]["state/0"] = ["x", "y"]
        self.assertEqual(self.found(), ["false_gap"])

    def test_silent_gap(self):
        self.lines.remove(self.line("gap", 0))
        self.assertEqual(self.found(), ["skipped"])

    def test_holes_without_a_gap(self):
        self.lines.remove(self.line("gap", 3))
        self.assertEqual(self.found(), ["holes", "lost", "torn"])

    def test_undead_for_who_comes_later(self):
        self.lines.remove(self.line("gap"))
        self.line("saw", 1).update(o=0, v=["v1", "v2", "v3"])
        self.assertEqual(self.found(), ["undead"])

    def test_undead_at_the_end(self):
        self.lines.remove(self.line("gap", 2))
        self.line("final", 1).update(o=0, v=["v1", "v2", "v3"])
        self.assertEqual(self.found(), ["undead"])

    def test_undead_in_a_backup(self):
        self.lines.remove(self.line("hadgap"))
        self.line("had", 1).update(o=0, v=["v1", "v2"])
        self.assertEqual(self.found(), ["undead"])

    def test_amnesia(self):
        self.line("shown")["n"] = 0
        self.assertEqual(self.found(), ["amnesia"])
        self.line("shown")["n"] = 1
        self.line("topics")["names"] = []
        self.assertEqual(self.found(), ["amnesia"])

    def test_amnesia_of_a_deletion(self):
        self.add("delete", t=20.1, topic="t")
        self.assertEqual(self.found(), [])  # Not answered: either way.
        self.add("deleted", t=20.2, topic="t")
        self.assertEqual(self.found(), ["amnesia"])

    def test_unsound(self):
        self.add("finding", t=30, what="x")
        self.assertEqual(self.found(), ["unsound"])

    def test_backup_lost(self):
        self.line("listed").update(at={}, damaged=["7"])
        self.assertEqual(self.found(), ["backup_lost"])
        self.add("dropping", t=22, b="7")
        self.assertEqual(self.found(), [])

    def test_backup_that_does_not_become_a_store(self):
        self.lines = [line for line in self.lines if line["op"] not in (
            "restored", "had", "hadgap", "again")]
        self.add("unrestorable", t=44, b="7", what="x")
        self.assertEqual(self.found(), ["backup_lost"])

    def test_backup_that_lacks_what_was_before_it(self):
        self.line("restored")["kept"]["state/0"] = [0, 0]
        self.lines.remove(self.line("had", 2))
        self.assertEqual(self.found(), ["backup_mixed"])

    def test_backup_of_too_early_a_position(self):
        self.line("restored").update(p=4, kept={"log/0": [1, 3], "vault/0": [0, 2]})
        self.line("listed")["at"]["7"] = 4
        self.line("backed")["p"] = 4
        self.lines.remove(self.line("had", 2))
        self.assertEqual(self.found(), ["backup_mixed"])

    def test_backup_with_what_came_after_it(self):
        self.line("restored")["kept"]["vault/0"] = [0, 3]
        self.line("had", 1)["v"] = ["v2", "v3"]
        self.assertEqual(self.found(), ["backup_mixed"])

    def test_backup_with_a_hole(self):
        self.lines.remove(self.line("had", 1))
        self.assertEqual(self.found(), ["backup_mixed"])

    def test_backup_that_forgets_a_producer(self):
        self.line("again").update(duplicate=False, ranges={"log/0": [3, 1]})
        self.assertEqual(self.found(), ["backup_mixed"])

    def test_backup_regressed(self):
        self.line("restored")["offsets"]["payroll"]["log/0"] = 1
        self.assertEqual(self.found(), ["backup_regressed"])
        self.line("restored")["offsets"]["payroll"]["log/0"] = 3
        self.assertEqual(self.found(), ["backup_regressed"])


class BackupOfWork(Written):

    WELL = [*WORK,
            {"op": "backup", "t": 30, "id": "b/1"},
            {"op": "backed", "t": 31, "id": "b/1", "b": "7", "p": 1},
            {"op": "had", "t": 43, "b": "7", "place": "hr/0", "o": 0, "v": ["a", "b"]},
            {"op": "restored", "t": 44, "b": "7", "p": 1, "offsets": {}, "work": {"desk": {"hr/0": 2}},
             "worked": {"desk": ["hr/0"]}, "kept": {"hr/0": [0, 2]}}]

    def test_what_was_done_comes_again(self):
        self.add("undone", t=43, b="7", place="hr/0", o=[1])
        self.assertEqual(self.found(), ["backup_regressed"])

    def test_what_was_done_before(self):
        self.line("restored")["work"]["desk"]["hr/0"] = 1
        self.assertEqual(self.found(), ["backup_regressed"])

    def test_what_is_not_done_is_passed(self):
        self.line("wack", 1)["t"] = 32
        self.line("wacked", 1)["t"] = 33
        self.line("wgot").update(from_t=34, t=35)
        self.assertEqual(self.found(), ["backup_regressed"])
        self.add("undone", t=43, b="7", place="hr/0", o=[1])
        self.assertEqual(self.found(), [])


if __name__ == "__main__":
    unittest.main()
