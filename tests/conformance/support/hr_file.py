"""Real HR events that may lie beside the repository: ../shared/data/hr-events.jsonl."""

import json

from google.protobuf import timestamp_pb2

from .stubs import ROOT, pb

PATH = ROOT.parent / "shared" / "data" / "hr-events.jsonl"
MISSING = f"{PATH} is not there: the part of this test that needs it is left out"


def exists():
    return PATH.exists()


def lines():
    """The CloudEvents of the file, as dictionaries."""
    with open(PATH, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def events():
    """The same as messages."""
    made = []
    for line in lines():
        time = timestamp_pb2.Timestamp()
        time.FromJsonString(line["time"])
        made.append(pb.Event(id=line["id"], source=line["source"], type=line["type"],
                             key=line["subject"], time=time, content_type=line["datacontenttype"],
                             data=json.dumps(line["data"]).encode()))
    return made
