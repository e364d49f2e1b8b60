"""The same for UNORDERED groups, seeks, and offsets in a Transact."""

import unittest

from written import Written

# Two events of a key in an UNORDERED group, in two hands at once, the later one done first.
POOL = [
    {"op": "send", "t": 1, "id": "w/1", "parts": {"pay/0": ["a", "b"]}, "keys": {"pay/0": ["k", "k"]}},
    {"op": "ok", "t": 2, "id": "w/1", "ranges": {"pay/0": [0, 2]}, "duplicate": False, "p": 1, "w": 2},
    *({"op": "wjoin", "t": 3, "s": s, "g": "pool", "mode": "UNORDERED", "lease": 30} for s in "mn"),
    {"op": "given", "t": 4, "s": "m", "place": "pay/0", "o": [0], "v": ["a"]},
    {"op": "given", "t": 5, "s": "n", "place": "pay/0", "o": [1], "v": ["b"]},
    {"op": "wack", "t": 6, "s": "n", "n": 1, "at": {"pay/0": [1]}},
    {"op": "wacked", "t": 7, "s": "n", "n": 1, "fenced": {}},
    {"op": "wack", "t": 8, "s": "m", "n": 1, "at": {"pay/0": [0]}},
    {"op": "wacked", "t": 9, "s": "m", "n": 1, "fenced": {}},
    {"op": "wgot", "from_t": 10, "t": 11, "g": "pool", "at": {"pay/0": 2}},
    {"op": "final", "t": 40, "place": "pay/0", "o": 0, "v": ["a", "b"]},
]


class Pool(Written):

    WELL = POOL

    def test_undone(self):
        self.line("wacked", 1)["fenced"] = {"pay/0": [0]}
        self.assertEqual(self.found(), ["undone"])

    def test_repeated(self):
        self.add("wjoin", t=12, s="o", g="pool", mode="UNORDERED", lease=30)
        self.add("given", t=13, s="o", place="pay/0", o=[1], v=["b"])
        self.assertEqual(self.found(), ["repeated"])

    def test_an_event_in_two_hands(self):
        self.add("wext", t=5.2, s="n", n=2, at={}, lease=30)
        self.add("wexted", t=5.4, s="n", n=2, fenced={})
        self.add("given", t=5.5, s="n", place="pay/0", o=[0], v=["a"])
        self.assertEqual(self.found(), ["shared"])

    def test_a_key_in_two_hands_is_one_too_many_where_it_has_an_order(self):
        for number in (0, 1):
            self.line("wjoin", number)["mode"] = "KEY_ORDERED"
        self.add("wext", t=4.2, s="n", n=2, at={}, lease=30)
        self.add("wexted", t=4.4, s="n", n=2, fenced={})
        self.assertEqual(self.found(), ["overtaken", "shared"])


# Four events, all acked; then the group is put back to the second one, and three are given and acked again.
SOUGHT = [
    {"op": "send", "t": 1, "id": "w/1", "parts": {"pay/0": ["a", "b", "c", "d"]}},
    {"op": "ok", "t": 2, "id": "w/1", "ranges": {"pay/0": [0, 4]}, "duplicate": False, "p": 1, "w": 2},
    {"op": "join", "t": 3, "s": "m", "g": "sought"},
    {"op": "own", "t": 4, "s": "m", "a": 100, "at": {"pay/0": 0}},
    {"op": "saw", "t": 5, "s": "m", "place": "pay/0", "o": 0, "v": ["a", "b", "c", "d"]},
    {"op": "ack", "t": 6, "s": "m", "a": 100, "place": "pay/0", "o": 4},
    {"op": "acked", "t": 7, "s": "m", "a": 100, "place": "pay/0", "o": 4},
    {"op": "got", "from_t": 8, "t": 9, "g": "sought", "at": {"pay/0": 4}},
    {"op": "seek", "t": 10, "id": "s/1", "g": "sought", "kind": "offsets", "value": None,
     "at": {"pay/0": 1}},
    {"op": "sought", "t": 11, "id": "s/1", "at": {"pay/0": 1}},
    {"op": "giving", "t": 12, "s": "m", "places": ["pay/0"], "until": 20},
    {"op": "own", "t": 13, "s": "m", "a": 200, "at": {"pay/0": 1}},
    {"op": "saw", "t": 14, "s": "m", "place": "pay/0", "o": 1, "v": ["b", "c", "d"]},
    {"op": "ack", "t": 15, "s": "m", "a": 200, "place": "pay/0", "o": 3},
    {"op": "acked", "t": 16, "s": "m", "a": 200, "place": "pay/0", "o": 3},
    {"op": "got", "from_t": 17, "t": 18, "g": "sought", "at": {"pay/0": 3}},
    {"op": "final", "t": 40, "place": "pay/0", "o": 0, "v": ["a", "b", "c", "d"]},
]


class Sought(Written):

    WELL = SOUGHT

    def test_a_seek_back_that_is_forgotten(self):
        self.line("got", 1)["at"]["pay/0"] = 4
        self.assertEqual(self.found(), ["misplaced"])

    def test_a_seek_forth_that_is_forgotten(self):
        self.line("got", 1)["at"]["pay/0"] = 0
        self.assertEqual(self.found(), ["regressed"])

    def test_a_seek_that_nobody_asked_for(self):
        self.lines.remove(self.line("seek"))
        self.lines.remove(self.line("sought"))
        self.assertEqual(self.found(), ["regressed"])

    def test_a_seek_without_an_answer_may_have_taken_place(self):
        self.lines.remove(self.line("sought"))
        self.assertEqual(self.found(), [])
        self.line("own", 1)["at"]["pay/0"] = 4
        self.line("got", 1)["at"]["pay/0"] = 4
        self.lines.remove(self.line("saw", 1))
        self.assertEqual(self.found(), [])

    def test_a_seek_without_an_answer_does_not_take_place_after_a_crash(self):
        self.lines.remove(self.line("sought"))
        self.add("crash", t=10.5)
        self.add("got", from_t=11, t=11.5, g="sought", at={"pay/0": 4})
        self.assertEqual(self.found(), ["regressed"])

    def test_undelivered_since_it_was_sought(self):
        self.line("own", 1)["at"]["pay/0"] = 2
        self.line("saw", 1).update(o=2, v=["c", "d"])
        self.assertEqual(self.found(), ["undelivered"])

    def test_unfenced(self):
        for line in (self.line("own", 1), self.line("saw", 1), self.line("giving")):
            self.lines.remove(line)
        self.line("ack", 1)["a"] = self.line("acked", 1)["a"] = 100
        self.assertEqual(self.found(), ["undelivered", "unfenced"])

    def test_another_place_than_the_one_that_was_asked_for(self):
        self.line("sought")["at"]["pay/0"] = 2
        self.assertEqual(self.found(), ["misplaced"])

    def test_not_the_latest(self):
        self.line("seek").update(kind="latest", at={"pay/0": None})
        self.assertEqual(self.found(), ["misplaced"])

    def test_not_the_time(self):
        self.line("seek").update(kind="time", value=1.5, at={"pay/0": None})
        self.assertEqual(self.found(), ["misplaced"])  # The first one is younger.

    def test_not_where_the_other_group_is(self):
        self.line("seek").update(kind="other_group", value="payroll", at={"pay/0": None})
        self.add("got", from_t=7, t=8, g="payroll", at={"pay/0": 0})
        self.assertEqual(self.found(), ["misplaced"])

    def test_regressed_in_a_backup(self):
        self.add("backup", t=19, id="b/1")
        self.add("backed", t=20, id="b/1", b="7", p=1)
        self.add("had", t=43, b="7", place="pay/0", o=0, v=["a", "b", "c", "d"])
        self.add("restored", t=44, b="7", p=1, offsets={"sought": {"pay/0": 3}}, work={}, worked={},
                 kept={"pay/0": [0, 4]})
        self.assertEqual(self.found(), [])
        self.line("restored")["offsets"]["sought"]["pay/0"] = 4
        self.assertEqual(self.found(), ["backup_regressed"])
        self.line("restored")["offsets"]["sought"]["pay/0"] = 1
        self.assertEqual(self.found(), ["backup_regressed"])


# Two events of a key, both acked; then the group is put back to the first, which is given and acked again.
SOUGHT_WORK = [
    {"op": "send", "t": 1, "id": "w/1", "parts": {"pay/0": ["a", "b"]}, "keys": {"pay/0": ["k", "k"]}},
    {"op": "ok", "t": 2, "id": "w/1", "ranges": {"pay/0": [0, 2]}, "duplicate": False, "p": 1, "w": 2},
    {"op": "wjoin", "t": 3, "s": "m", "lease": 30},
    {"op": "given", "t": 4, "s": "m", "place": "pay/0", "o": [0, 1], "v": ["a", "b"]},
    {"op": "wack", "t": 5, "s": "m", "n": 1, "at": {"pay/0": [0, 1]}},
    {"op": "wacked", "t": 6, "s": "m", "n": 1, "fenced": {}},
    {"op": "wgot", "from_t": 7, "t": 8, "at": {"pay/0": 2}},
    {"op": "seek", "t": 9, "id": "s/1", "g": "desk", "kind": "offsets", "value": None, "at": {"pay/0": 0}},
    {"op": "sought", "t": 10, "id": "s/1", "at": {"pay/0": 0}},
    {"op": "wjoin", "t": 11, "s": "n", "lease": 30},
    {"op": "given", "t": 12, "s": "n", "place": "pay/0", "o": [0], "v": ["a"]},
    {"op": "wack", "t": 13, "s": "n", "n": 1, "at": {"pay/0": [0]}},
    {"op": "wacked", "t": 14, "s": "n", "n": 1, "fenced": {}},
    {"op": "wgot", "from_t": 15, "t": 16, "at": {"pay/0": 1}},
    {"op": "final", "t": 40, "place": "pay/0", "o": 0, "v": ["a", "b"]},
]


class SoughtWork(Written):

    WELL = SOUGHT_WORK

    def test_undone_since_it_was_sought(self):
        self.line("wgot", 1)["at"]["pay/0"] = 2
        self.assertEqual(self.found(), ["undone"])

    def test_not_undone_as_a_dead_letter(self):
        self.line("wack").update(op="wnack", dead=True, at={"pay/0": [1]})
        self.line("wacked").update(op="wnacked")
        self.line("wgot")["at"]["pay/0"] = 0
        self.line("wgot", 1)["at"]["pay/0"] = 2
        self.assertEqual(self.found(), [])

    def test_a_seek_forth_that_is_forgotten(self):
        self.line("seek")["at"] = self.line("sought")["at"] = {"pay/0": 2}
        self.assertEqual(self.found(), ["repeated", "undone"])

    def test_repeated_where_nobody_sought(self):
        self.lines.remove(self.line("seek"))
        self.lines.remove(self.line("sought"))
        self.assertEqual(self.found(), ["repeated", "undone"])

    def test_repeated_where_the_seek_was_before_the_ack(self):
        self.add("wjoin", t=17, s="o", lease=30)
        self.add("given", t=18, s="o", place="pay/0", o=[0], v=["a"])
        self.assertEqual(self.found(), ["repeated"])

    def test_not_repeated_where_an_ack_came_late(self):
        """Two members acked it, and the seek was between; but the later one had said so first."""
        self.line("wack")["at"] = {"pay/0": [1]}
        self.add("wack", t=5.1, s="m", n=2, at={"pay/0": [0]})
        self.add("wacked", t=14.5, s="m", n=2, fenced={})
        self.line("wjoin", 1)["t"] = 3
        self.add("given", t=5.5, s="n", place="pay/0", o=[0], v=["a"])
        self.line("wack", 1).update(t=6.5)
        self.line("wacked", 1).update(t=6.8)
        self.line("given", 1)["s"] = "m"
        self.assertEqual(self.found(), [])
        self.line("seek")["at"] = self.line("sought")["at"] = {"pay/0": 1}
        self.assertEqual(self.found(), ["repeated"])

    def test_unfenced(self):
        self.add("wack", t=10.5, s="m", n=2, at={"pay/0": [1]})
        self.add("wacked", t=10.6, s="m", n=2, fenced={})
        self.assertEqual(self.found(), ["unfenced"])
        self.add("given", t=10.55, s="m", place="pay/0", o=[1], v=["b"])  # It was on its way again.
        self.assertEqual(self.found(), [])
        self.lines.pop()
        self.line("wacked", -1)["fenced"] = {"pay/0": [1]}
        self.assertEqual(self.found(), [])

    def test_overtaken_since_it_was_sought(self):
        self.line("given", 1).update(o=[1], v=["b"])
        self.line("wack", 1)["at"] = {"pay/0": [1]}
        self.line("wgot", 1)["at"]["pay/0"] = 0
        self.assertEqual(self.found(), ["overtaken"])

    def test_not_overtaken_by_a_dead_letter_that_is_redriven(self):
        self.test_overtaken_since_it_was_sought()
        self.line("wack")["at"] = {"pay/0": [0]}
        self.add("wnack", t=5.3, s="m", n=2, at={"pay/0": [1]}, dead=True)
        self.add("wnacked", t=6.3, s="m", n=2, fenced={})
        self.assertEqual(self.found(), [])

    def test_not_overtaken_where_the_seek_passed_the_earlier_one(self):
        self.line("seek")["at"] = self.line("sought")["at"] = {"pay/0": 1}
        self.line("given", 1).update(o=[1], v=["b"])
        self.line("wack", 1)["at"] = {"pay/0": [1]}
        self.line("wgot", 1)["at"]["pay/0"] = 2
        self.assertEqual(self.found(), [])


# Of three events a member makes results of two, with its offset; somebody asks for that, and reads them.
DERIVED = [
    {"op": "send", "t": 1, "id": "w/1", "parts": {"pay/0": ["a", "b", "c"]}},
    {"op": "ok", "t": 2, "id": "w/1", "ranges": {"pay/0": [0, 3]}, "duplicate": False, "p": 1, "w": 2},
    {"op": "join", "t": 3, "s": "m", "g": "ledger"},
    {"op": "own", "t": 4, "s": "m", "a": 100, "at": {"pay/0": 0}},
    {"op": "saw", "t": 5, "s": "m", "place": "pay/0", "o": 0, "v": ["a", "b", "c"]},
    {"op": "send", "t": 6, "id": "m/1", "parts": {"sums/0": ["m/1/0=pay/0@0=a", "m/1/1=pay/0@1=b"]}},
    {"op": "ack", "t": 6, "s": "m", "a": 100, "place": "pay/0", "o": 2},
    {"op": "ok", "t": 7, "id": "m/1", "ranges": {"sums/0": [0, 2]}, "duplicate": False, "p": 2, "w": 7},
    {"op": "acked", "t": 7, "s": "m", "a": 100, "place": "pay/0", "o": 2},
    {"op": "got", "from_t": 8, "t": 9, "g": "ledger", "at": {"pay/0": 2}},
    {"op": "read", "from_t": 10, "t": 11, "ends": {"sums/0": 2}},
    {"op": "got", "from_t": 12, "t": 13, "g": "ledger", "at": {"pay/0": 2}},
    {"op": "backup", "t": 14, "id": "b/1"},
    {"op": "backed", "t": 15, "id": "b/1", "b": "7", "p": 2},
    {"op": "final", "t": 40, "place": "pay/0", "o": 0, "v": ["a", "b", "c"]},
    {"op": "final", "t": 41, "place": "sums/0", "o": 0, "v": ["m/1/0=pay/0@0=a", "m/1/1=pay/0@1=b"]},
    {"op": "had", "t": 43, "b": "7", "place": "pay/0", "o": 0, "v": ["a", "b", "c"]},
    {"op": "had", "t": 43, "b": "7", "place": "sums/0", "o": 0, "v": ["m/1/0=pay/0@0=a", "m/1/1=pay/0@1=b"]},
    {"op": "restored", "t": 44, "b": "7", "p": 2, "offsets": {"ledger": {"pay/0": 2}}, "work": {},
     "worked": {}, "kept": {"pay/0": [0, 3], "sums/0": [0, 2]}},
]


class Derived(Written):

    WELL = DERIVED

    def again(self, value):
        """Another Transact, which nobody was answered, has this result."""
        self.add("send", t=20, id="m/2", parts={"sums/0": [value]})
        self.line("final", 1)["v"].append(value)

    def test_two_results(self):
        self.again("m/2/0=pay/0@1=b")
        self.assertEqual(self.found(), ["not_exactly_once"])

    def test_a_result_of_what_is_not_committed(self):
        self.again("m/2/0=pay/0@2=c")
        self.assertEqual(self.found(), ["not_exactly_once"])
        self.add("got", from_t=42, t=43, g="ledger", at={"pay/0": 3})
        self.add("ack", t=20, s="m", a=100, place="pay/0", o=3)
        self.assertEqual(self.found(), [])

    def test_no_result_of_what_is_committed(self):
        self.add("ack", t=20, s="m", a=100, place="pay/0", o=3)
        self.add("got", from_t=21, t=22, g="ledger", at={"pay/0": 3})
        self.assertEqual(self.found(), ["not_exactly_once"])

    def test_a_result_of_something_else(self):
        value = self.line("final", 1)["v"][1] = "m/1/1=pay/0@1=x"
        self.line("send", 1)["parts"]["sums/0"][1] = self.line("had", 1)["v"][1] = value
        self.assertEqual(self.found(), ["not_exactly_once"])

    def test_an_offset_that_is_seen_before_the_results(self):
        self.line("ok", 1)["t"] = self.line("acked")["t"] = 11.5
        self.line("read")["ends"]["sums/0"] = 0
        self.assertEqual(self.found(), ["not_exactly_once"])

    def test_results_that_are_seen_before_the_offset(self):
        for number in (0, 1):
            self.line("got", number)["at"]["pay/0"] = 0
        self.line("ok", 1)["t"] = self.line("acked")["t"] = 13.5
        self.add("got", from_t=42, t=43, g="ledger", at={"pay/0": 2})
        self.assertEqual(self.found(), ["not_exactly_once"])

    def test_a_backup_of_results_without_the_offset(self):
        self.line("ok", 1)["t"] = self.line("acked")["t"] = 14.5
        for number in (0, 1):
            self.line("got", number).update(from_t=16, t=17)
        self.line("restored")["offsets"]["ledger"] = {}
        self.assertEqual(self.found(), ["not_exactly_once"])


if __name__ == "__main__":
    unittest.main()
