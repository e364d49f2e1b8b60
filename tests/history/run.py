"""`./dev history`: rounds of trouble for the server that ships, each with a seed of its own, until the time
is over; then what was checked, in all.

    run.py [--seconds N] [--seed S] [--round-seconds N] [--keep]

Ends with 1 at the first round in which a promise does not hold; it is repeated (but for the interleaving
of processes) by its seed. --keep leaves the directory of that round, with its history and the store.
"""

import argparse
import collections
import random
import sys
import time

import checkers
from world import ALL, GROUPS, World

PATIENCE_S = 300  # A busy machine is slow; who waits for ever is found all the same.


def arguments():
    parser = argparse.ArgumentParser(prog="./dev history", description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=600, help="how long, in all (600)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31),
                        help="of the first round; the next one has the next")
    parser.add_argument("--round-seconds", type=float, default=20,
                        help="trouble in each round (20)")
    parser.add_argument("--keep", action="store_true", help="keep what a failed round left")
    return parser.parse_args()


def one_round(seed, seconds, keep):
    """(anomalies, figures, seconds of the slowest append outside of troubles)."""
    # Each second round has fewer processes, which do more.
    world = World(seed, sync_ms=random.Random(seed).choice([0, 1, 3, 10]), patience_s=PATIENCE_S,
                  cast=GROUPS if seed % 2 else ALL)
    found = {"round": ["it did not end"]}
    try:
        world.begin()
        world.trouble(seconds)
        history = world.finish()
        found = checkers.check(history)
        return found, *checkers.summary(history, world.counts)
    finally:
        world.close(keep=keep and found)
        if keep and found:
            print(f"kept {world.directory}: lines (the history), server/data, server/log, backups")


def main():
    chosen = arguments()
    end = time.monotonic() + chosen.seconds
    total = collections.Counter()
    seed = chosen.seed
    slowest_of_all = (0, seed)
    while True:
        found, figures, slowest = one_round(seed, chosen.round_seconds, chosen.keep)
        total.update(figures)
        slowest_of_all = max(slowest_of_all, (slowest[0], seed))
        total["rounds"] += 1
        print(f"seed {seed}: {figures}, slowest append {slowest[0]:.2f} s, machine still for "
              f"{slowest[1]:.1f} s", flush=True)
        if found:
            print(f"BROKEN, seed {seed}:\n{checkers.told(found)}")
            return 1
        if time.monotonic() > end:
            break
        seed += 1
    print(f"held, seeds {chosen.seed} to {seed}:")
    for name, figure in total.items():
        print(f"{figure:12,}  {name}")
    print(f"{slowest_of_all[0]:12.2f}  seconds of the slowest append while the server was neither away nor "
          f"held, and the machine did not stand still (seed {slowest_of_all[1]})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
