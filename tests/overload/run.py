"""`./dev overload`: hostile clients against the server that ships, one kind after the other, beside honest ones.

    run.py [--seconds N] [ATTACK...]

ATTACK: of attacks.py, or `slow_disk`, where nobody is hostile but ten times as much is asked for as can be done
(goodput.py; where the processors are the limit: tidemark-bench overload). Without one: all.

Of each attack: what the honest clients were answered meanwhile, the server's memory, and whether
everything acknowledged is there afterwards. Ends with 1 if something was lost, the server ended, or grew
above memory_limit.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

from bystanders import Bystanders
from cage import Cage
from support.server import Server
from support.events import event
from support.stubs import pb

import attacks
import goodput

HERE = pathlib.Path(__file__).resolve().parent
MEMORY_LIMIT = 512 << 20
CONTAINER_BYTES = MEMORY_LIMIT * 5 // 4  # As docs/operations.md says, because the page cache counts.


class Arena:
    """A server with some history. Each attack has a topic of its own for the honest."""

    def __init__(self, *flags, **more):
        self.server = Server(*flags, **more)
        self._topics = 0
        self.server.topics.CreateTopic(pb.CreateTopicRequest(
            name="history", config=pb.TopicConfig(partitions=1)))
        for _ in range(40):
            self.server.events.Append(pb.AppendRequest(
                topic="history", events=[event(data=b"x" * 10_000) for _ in range(100)]))

    def honest(self):
        self._topics += 1
        topic = f"honest-{self._topics}"
        self.server.topics.CreateTopic(pb.CreateTopicRequest(
            name=topic, config=pb.TopicConfig(partitions=1)))
        return Bystanders(self.server, topic)

    def attack(self, name, seconds):
        """The attacker's process."""
        return subprocess.Popen(
            [sys.executable, "-B", HERE / "attacks.py", name, str(self.server.grpc_port),
             str(self.server.http_port), "history", str(seconds)], stdout=subprocess.PIPE, text=True)

    def run(self, name, seconds):
        """(what is wrong, figures) after the attack."""
        server, honest = self.server, self.honest()
        attacker = self.attack(name, seconds)
        # An attacker that is stuck in the system is ended: its seconds are over.
        end = time.monotonic() + seconds + 20
        while attacker.poll() is None and server.process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        attacker.kill()
        said = attacker.communicate()[0].strip().splitlines()
        begin = time.monotonic()
        if server.process.poll() is not None:
            honest.end()
            return [f"the server ended with {server.process.returncode}"], honest.figures()
        server.topics.ListTopics(pb.ListTopicsRequest(), timeout=60)
        recovery_s = time.monotonic() - begin
        honest.end()
        wrong = honest.check()
        if honest.usage_max[0] > MEMORY_LIMIT:
            wrong.append(f"the server had {honest.usage_max[0] >> 20} MiB")
        figures = honest.figures()
        figures.update(recovery_s=round(recovery_s, 2), attack=json.loads(said[-1]) if said else None)
        if honest.refused:
            figures["first_refusal"] = honest.refused[0]
        return wrong, figures

    def close(self):
        self.server.close()


def attack(name, seconds):
    cage = Cage(CONTAINER_BYTES)
    arena = Arena(wrapper=cage.wrapper)
    try:
        wrong, figures = arena.run(name, seconds)
        return wrong, {**figures, "caged": bool(cage.wrapper)}
    finally:
        arena.close()
        cage.close()


def main():
    parser = argparse.ArgumentParser(prog="./dev overload", description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=10, help="of each attack (10)")
    parser.add_argument("attacks", nargs="*",
                        help=f"of: {' '.join([*attacks.ATTACKS, *goodput.SCENES])}")
    chosen = parser.parse_args()
    broken, checked = [], 0
    for name in chosen.attacks or [*attacks.ATTACKS, *goodput.SCENES]:
        run = goodput.run if name in goodput.SCENES else attack
        wrong, figures = run(name, chosen.seconds)
        checked += figures["acknowledged"]
        print(f"{name}: {json.dumps(figures)}", flush=True)
        if wrong:
            broken.append(name)
            print(f"BROKEN {name}: {'; '.join(wrong[:5])}", flush=True)
    print(f"{checked} acknowledged events checked; broken: {' '.join(broken) or 'none'}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
