"""Every test of the command line against a real server: python3 cli_test.py.

TIDEMARK_BIN_DIR names the directory with `tidemarkd` and `tidemark`.
"""

import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent

if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    tests = unittest.TestLoader().discover(str(HERE), pattern="cli_*_test.py", top_level_dir=str(HERE))
    result = unittest.TextTestRunner(verbosity=2).run(tests)
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
