"""One byte of one file of a store changes, in each file in turn: the server does not start and says what is
damaged, or it serves what is right and says DATA_LOSS where it cannot; `VerifyStore` names topic, partition
and offsets. Nothing wrong is ever served as good.

TIDEMARK_ROT_PLACES is how many bytes of each file are tried (default 1); TIDEMARK_TEST_SEED repeats a run.
"""

import collections
import os
import random
import shutil
import unittest

import conformance_support  # noqa: F401

from store_contents import FLAGS, Everything, fill
from support.server import Server
from support.stubs import pb

PLACES = int(os.environ.get("TIDEMARK_ROT_PLACES", "1"))
# Written by RocksDB for people, or for one process alone.
NOT_DATA = ("LOG", "LOCK")


class BitRot(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.seed = int(os.environ.get("TIDEMARK_TEST_SEED", random.SystemRandom().randrange(2**31)))
        print(f"TIDEMARK_TEST_SEED={cls.seed}", flush=True)
        cls.chance = random.Random(cls.seed)
        cls.server = Server(*FLAGS)
        cls.addClassCleanup(cls.server.close)
        fill(cls.server, cls.seed)
        cls.expected = Everything(cls.server).answers
        cls.server.kill()
        cls.sound = cls.server.directory / "sound"
        shutil.move(cls.server.data, cls.sound)

    def copy(self):
        shutil.rmtree(self.server.data, ignore_errors=True)
        shutil.copytree(self.sound, self.server.data)

    def files(self):
        return sorted(path.name for path in self.sound.iterdir()
                      if path.is_file() and not path.name.startswith(NOT_DATA)
                      and path.stat().st_size > 0)

    def flip(self, name, place):
        with open(self.server.data / name, "r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1 << self.chance.randrange(8)]))

    def findings(self):
        return [one for answer in self.server.operations.VerifyStore(
            pb.VerifyStoreRequest(), timeout=60) for one in answer.details]

    def outcome(self):
        """'refused', 'told' or 'harmless'; fails for anything that is served and is not right."""
        try:
            self.server.start()
        except AssertionError:
            self.assertEqual(self.server.process.returncode, 2, self.server.log()[-2000:])
            return "refused"
        try:
            found = Everything(self.server)
            self.check_answers(found)
            findings = self.findings()
            if found.losses:
                self.check_told(found, findings)
            return "told" if found.losses or findings else "harmless"
        finally:
            self.server.kill()

    def check_answers(self, found):
        lost = {name for name, _ in found.losses}
        for name, expected in self.expected.items():
            answer = found.answers.get(name)
            if name in lost and answer is not None:
                expected = expected[:len(answer)]
            if answer is not None or name not in lost:
                self.assertEqual(answer, expected, name)

    def check_told(self, found, findings):
        """Who reads is told where, and so is who verifies."""
        for name, details in found.losses:
            if "/" in name:
                self.assertIn("topic", details.metadata, details)
                topic, partition = name.split("/")
                self.assertEqual((details.metadata["topic"], details.metadata["partition"]),
                                 (topic, partition))
                about = [one for one in findings
                         if (one.topic, one.partition) == (topic, int(partition))]
                if details.reason == "CORRUPT_PARTITION":  # Its index is damaged: nobody knows where.
                    self.assertTrue(about, details)
                    continue
                offset = int(details.metadata["offset"])
                self.assertEqual(offset, len(found.answers[name]))
                self.assertTrue(any(one.from_offset <= offset < one.until_offset for one in about),
                                f"{details} is not among {findings}")

    def test_promise_corruption_is_detected_never_served(self):
        outcomes = collections.Counter()
        for name in self.files():
            size = (self.sound / name).stat().st_size
            for number in range(PLACES):
                place = self.chance.randrange(size)
                with self.subTest(file=name, size=size, place=place, seed=self.seed):
                    self.copy()
                    self.flip(name, place)
                    outcomes[name.lstrip("0123456789") or name, self.outcome()] += 1
        for (kind, outcome), count in sorted(outcomes.items()):
            print(f"{kind:20} {outcome:10} {count}")
        self.assertGreater(sum(count for (_, outcome), count in outcomes.items()
                               if outcome != "harmless"), len(outcomes) // 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
