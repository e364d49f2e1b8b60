"""What is stored when all is over: in the server, and in the stores that its backups become."""

import subprocess
import time

import grpc

from support.events import stored
from support.server import TIDEMARKD, Server
from support.stubs import pb
from support.work import Worker

import clients
import derive_clients
import desk_clients
import office_clients
import seek_clients
from history import load

PATIENCE_S = 600
GROUPS = [clients.GROUP, clients.AUDIT, derive_clients.GROUP, seek_clients.SOUGHT[0]]
WORK_GROUPS = [group[0] for group in (desk_clients.DESK, desk_clients.POOL, *seek_clients.SOUGHT_WORK)]


def record_group(world, server, name, topics, mode=pb.GROUP_MODE_PARTITION_ORDERED):
    """Records the offsets of a group, and returns them."""
    op = "got" if mode == pb.GROUP_MODE_PARTITION_ORDERED else "wgot"
    return clients.record_offsets(world, server.channel, name, topics, op)


def read_all(world, server, groups):
    """Records everything that `server` has; groups: (name, topics[, mode])."""
    for topic in clients.PARTITIONS:
        _read(server, topic, batch=lambda **more: world.record("final", **more),
              gap=lambda **more: world.record("gap", s="final", **more))
        for mark in server.topics.GetWatermarks(pb.GetWatermarksRequest(topic=topic)).partitions:
            world.record("kept", place=clients.place_name(topic, mark.partition),
                         start=mark.start_offset, end=mark.end_offset)
    for name, *group in groups:
        record_group(world, server, name, *group)
        if len(group) > 1:
            for letter in dead_letters(server, name):
                world.record("dead", g=name, o=letter.id.offset, v=letter.event.id,
                             place=clients.place_name(letter.id.topic, letter.id.partition))
    verify(world, server, "the server")


def _read(server, topic, batch, gap):
    for one in server.events.Read(pb.ReadRequest(topic=topic), timeout=PATIENCE_S):
        if one.HasField("batch"):
            found = list(stored([one]))
            if any(each.event.data != clients.payload(each.event.id) for each in found):
                raise AssertionError(f"{found[0]} and others: the data is not that of the id")
            batch(place=clients.place_name(topic, one.batch.partition), o=found[0].offset,
                  v=[each.event.id for each in found])
        elif one.HasField("gap"):
            gap(place=clients.place_name(topic, one.gap.partition), until=one.gap.until_offset,
                reason=pb.GapReason.Name(one.gap.reason).removeprefix("GAP_REASON_"),
                **{"from": one.gap.from_offset})


def dead_letters(server, group):
    token = ""
    while True:
        try:
            page = server.groups.ListDeadLetters(pb.ListDeadLettersRequest(
                group=group, page_size=1000, page_token=token))
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:  # Nobody has joined.
                raise
            return
        yield from page.dead_letters
        token = page.next_page_token
        if not token:
            return


def verify(world, server, name):
    for response in server.operations.VerifyStore(pb.VerifyStoreRequest(), timeout=PATIENCE_S):
        for finding in response.findings:
            world.record("finding", what=f"{name}: {finding}")


def restore_and_record(world):
    """Makes a store of each of the newest backups, and records what it has."""
    history = load(world.directory / "lines")
    there = office_clients.record_backups(world, world.server.channel)
    for backup in sorted(there, key=int, reverse=True)[:world.restores]:
        server = Server("--master-key-file", world.master_keys, ready=False)
        try:
            done = subprocess.run([TIDEMARKD, "restore", "--from", world.backups, "--backup", backup,
                                   "--data", server.data], capture_output=True, text=True, check=False,
                                  timeout=PATIENCE_S)
            if done.returncode != 0:
                world.record("unrestorable", b=backup, what=done.stderr[-500:])
                continue
            server.start()
            _record(world, server, backup, there[backup], history)
        except (AssertionError, grpc.RpcError) as error:
            world.record("broke", what=f"the store of backup {backup}: {error}")
        finally:
            server.close()


def _record(world, server, backup, position, history):
    kept = {}
    for topic in clients.PARTITIONS:
        _read(server, topic, batch=lambda **more: world.record("had", b=backup, **more),
              gap=lambda **more: world.record("hadgap", b=backup, **more))
        for mark in server.topics.GetWatermarks(pb.GetWatermarksRequest(topic=topic)).partitions:
            kept[clients.place_name(topic, mark.partition)] = [mark.start_offset, mark.end_offset]
    offsets = {group: _offsets(server, group) for group in GROUPS}
    work = {group: _offsets(server, group) for group in WORK_GROUPS}
    verify(world, server, f"the store of backup {backup}")
    worked = {group[0]: _work(world, server, backup, kept, group)
              for group in (desk_clients.DESK, desk_clients.POOL)}
    world.record("restored", b=backup, p=position, kept=kept, offsets=offsets, work=work, worked=worked)
    _repeat(world, server, backup, position, history)


def _offsets(server, group):
    """By place; empty if there is no such group."""
    try:
        found = server.groups.GetOffsets(pb.GetOffsetsRequest(group=group), timeout=PATIENCE_S)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
        return {}
    return {clients.place_name(one.topic, one.partition): one.offset for one in found.offsets}


def _work(world, server, backup, kept, group):
    """Does what a group that acks by event has to do; returns the places that are done then."""
    name, topics, _ = group
    # Those from which nothing goes; with the policy of the backup's time everything of others may.
    places = [place for place in kept if place.split("/")[0] in clients.TOPICS
              and place.split("/")[0] in topics]
    try:
        server.groups.GetGroup(pb.GetGroupRequest(group=name))
    except grpc.RpcError:  # Nobody had joined yet.
        return []
    worker = Worker(server.groups, name, mode=pb.GROUP_MODE_UNSPECIFIED,
                    credits=pb.Credits(events=2**40, bytes=2**40), deliveries_max=1000)
    try:
        given, end = 0, time.monotonic() + PATIENCE_S
        while any(_offsets(server, name).get(place, 0) < kept[place][1]
                  for place in places):
            if time.monotonic() > end or worker.ended:
                raise AssertionError(f"the group does not get to the end: {worker.error}")
            worker._step(0.05)
            worker.take_what_came()
            new, given = worker.events[given:], len(worker.events)
            if new:
                worker.ack_events(new)
                for place, offsets in desk_clients.as_said(new).items():
                    world.record("undone", b=backup, g=name, place=place, o=offsets)
    finally:
        worker.close()
    return places


def _repeat(world, server, backup, position, history):
    """Of each producer of one topic the newest request that the store has, and the next one."""
    newest, oldest = {}, {}
    for answer in history.of("ok"):
        request = history.sent[answer["id"]]
        producer = request.get("producer")
        if producer is None or len({place.split("/")[0] for place in request["parts"]}) > 1:
            continue
        if answer["p"] <= position:
            known = newest.get(producer)
            newest[producer] = max(known or request, request, key=lambda one: one["sequence"])
        else:
            known = oldest.get(producer)
            oldest[producer] = min(known or request, request, key=lambda one: one["sequence"])
    for request in [*newest.values(), *oldest.values()]:
        if "transactor" in request["producer"]:  # One of its requests is a Transact.
            continue
        values = sorted(((value, key) for place in request["parts"] for value, key in zip(
            request["parts"][place], request["keys"][place])),
            key=lambda one: int(one[0].rsplit("/", 1)[1]))
        response = server.events.Append(pb.AppendRequest(
            topic=next(iter(request["parts"])).split("/")[0],
            events=[clients.event_of(value, key) for value, key in values],
            producer=pb.Producer(id=request["producer"], sequence=request["sequence"])),
            timeout=PATIENCE_S)
        answer = clients.answer(response)
        world.record("again", b=backup, id=request["id"], duplicate=answer["duplicate"],
                     ranges=answer["ranges"])
