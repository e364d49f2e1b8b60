"""Makes tests/conformance/support importable: importing this module is enough."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
