"""HTTP/2 by hand: what no library would send, and so cheap that one process can flood a server.

Header blocks are literals without compression; answers are only looked through for what counts.
"""

import select
import socket
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 3, 4
WINDOW_MAX = 2**31 - 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + \
        struct.pack(">I", stream) + payload


def settings(**values):
    """settings(window=0, table=0): the ones that matter here."""
    numbers = {"window": INITIAL_WINDOW_SIZE, "table": HEADER_TABLE_SIZE}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", numbers[name], value)
                                          for name, value in values.items()))


def hpack_integer(value, prefix_bits, first=0):
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes((first | value,))
    out = bytearray((first | limit,))
    value -= limit
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def literal(name, value, first=0):
    """A header field as text; `first` 0x40 puts it into the dynamic table."""
    name, value = (part.encode() if isinstance(part, str) else part for part in (name, value))
    return bytes((first,)) + hpack_integer(len(name), 7) + name + hpack_integer(len(value), 7) + \
        value


def call_headers(path, timeout=None, *more):
    """The header block of a gRPC call; `timeout` as in "2S" or "300m"."""
    fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
              ("te", "trailers"), ("content-type", "application/grpc")]
    if timeout is not None:
        fields.append(("grpc-timeout", timeout))
    return b"".join(literal(*field) for field in (*fields, *more))


def message(data):
    """A gRPC message: not compressed, and its length."""
    return struct.pack(">BI", 0, len(data)) + data


def data_frames(stream, data, end=True, size=16384):
    pieces = [data[at:at + size] for at in range(0, len(data), size)] or [b""]
    return b"".join(frame(DATA, END_STREAM if end and n == len(pieces) - 1 else 0, stream, piece)
                    for n, piece in enumerate(pieces))


class Connection:
    """A socket with HTTP/2's preface sent. Streams are numbered by hand: 1, 3, 5, ..."""

    def __init__(self, port, preface=PREFACE + settings(table=0), patience_s=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=patience_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if preface:
            self.socket.sendall(preface)
        self._poll = select.poll()  # select() knows only 1024 descriptors.
        self._poll.register(self.socket, select.POLLIN)
        self._unread = b""
        self.sent_bytes = 0

    def send(self, *frames):
        """Blocks while the server does not read; raises OSError once it has closed."""
        for piece in frames:
            self.socket.sendall(piece)
            self.sent_bytes += len(piece)

    def frames(self, wait_s=0):
        """(kind, flags, stream, payload) of what has come; raises EOFError when it was closed."""
        while self._poll.poll(1000 * wait_s):
            wait_s = 0
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("closed by the server")
            self._unread += data
        found, at = [], 0
        while len(self._unread) - at >= 9:
            size = int.from_bytes(self._unread[at:at + 3], "big")
            if len(self._unread) - at - 9 < size:
                break
            kind, flags = self._unread[at + 3:at + 5]
            stream = int.from_bytes(self._unread[at + 5:at + 9], "big")
            found.append((kind, flags, stream, self._unread[at + 9:at + 9 + size]))
            at += 9 + size
        self._unread = self._unread[at:]
        return found

    def until_frame(self, kind, patience_s=20):
        """The first frame of a kind; others are dropped."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            for found in self.frames(0.1):
                if found[0] == kind:
                    return found
        raise TimeoutError(f"no frame {kind}")

    def close(self):
        self.socket.close()
