"""Who takes part in a history, by role: a role is a process, with a thread for each client."""

import derive_clients
import seek_clients
from clients import (AUDIT, LOSING, Counter, Follower, Keeper, LateComer, Office, Outbox, Plain, Poller,
                     Transactor)
from derive_clients import Deriver
from desk_clients import DESK, POOL, DeskClerk
from member_clients import Clerk
from office_clients import Archivist, Eraser, Registrar, Sexton
from seek_clients import SOUGHT_WORK, Seeker

ROLES = {
    "appenders": lambda office: [Outbox(office, "outbox"), Transactor(office, "transactor"),
                                 Plain(office, "plain")],
    "counters": lambda office: [Counter(office, "a"), Counter(office, "b")],
    "readers": lambda office: [Follower(office, "hr", "hr"), Follower(office, "pay", "pay"),
                               LateComer(office, "late", "hr"), Poller(office, "poll", "hr")],
    "member": lambda office: [Clerk(office, "clerk")],
    "keepers": lambda office: [Keeper(office, topic, topic) for topic in LOSING],
    "rereaders": lambda office: [
        *(Follower(office, topic, topic) for topic in LOSING),
        *(LateComer(office, f"late-{topic}", topic) for topic in LOSING),
        Poller(office, "poll", "log", AUDIT, LOSING),
        Poller(office, "sums", derive_clients.RESULTS, derive_clients.GROUP, derive_clients.TOPICS)],
    "auditor": lambda office: [Clerk(office, "clerk", AUDIT, LOSING)],
    "desk": lambda office: [DeskClerk(office, "clerk", DESK)],
    "pool": lambda office: [DeskClerk(office, "clerk", POOL)],
    "deriver": lambda office: [Deriver(office, "clerk")],
    "sought": seek_clients.members,
    "office": lambda office: [Registrar(office, "registrar"),
                              Sexton(office, "sexton", [DESK, POOL, *SOUGHT_WORK]),
                              Seeker(office, "seeker")],
    "eraser": lambda office: [Eraser(office, "eraser")],
    "archivist": lambda office: [Archivist(office, "archivist")],
}


def run(role, directory, name, seed):
    """The body of a client's process."""
    threads = ROLES[role](Office(directory, name, seed))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
