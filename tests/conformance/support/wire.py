"""Protobuf's wire format by hand: to send what no encoder would, and to see bytes as they came."""


def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(field, wire_type):
    return varint(field << 3 | wire_type)


def text(field, value):
    """A length-delimited field: bytes, text or an encoded message."""
    value = value.encode() if isinstance(value, str) else bytes(value)
    return tag(field, 2) + varint(len(value)) + value


def number(field, value):
    return tag(field, 0) + varint(value)


def _read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(field number, wire type, value, whole entry with its tag) of each field in a message."""
    at = 0
    while at < len(data):
        begin = at
        key, at = _read_varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _read_varint(data, at)
        elif kind == 2:
            size, at = _read_varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            size = {1: 8, 5: 4}[kind]
            value, at = data[at:at + size], at + size
        yield key >> 3, kind, value, data[begin:at]
