#!/usr/bin/python3
"""Checks where code lives: who may include whom, and how big files and functions get.

    check_layout.py ROOT

Prints one line for each violation, `file:line: what and why`, and exits with 1 if there is any.
Warnings and the longest functions are printed too; they do not fail.
"""

import pathlib
import re
import sys

import cpp_source

FUNCTION_LINES_MAX = 70
FILE_LINES_WARN = 300
FILE_LINES_MAX = 500
SUFFIXES = {".cc", ".h"}

# What a directory of server/ may include besides itself, lowest first. Directories that share a
# line of the architecture (delivery and groups, rpc and http) do not include each other.
_STORAGE = {"base", "config", "metrics", "storage"}
_SESSIONS = _STORAGE | {"log", "delivery", "groups"}
SERVER_ARROWS = {
    "base": set(),
    "config": {"base"},
    "metrics": {"base"},
    "auth": {"base", "config", "metrics"},
    "storage": {"base", "config", "metrics"},
    "log": _STORAGE,
    "groups": _STORAGE | {"log"},
    "delivery": _STORAGE | {"log"},
    "rpc": _SESSIONS | {"auth"},
    "http": _SESSIONS | {"auth"},
    "app": _SESSIONS | {"auth", "rpc", "http"},
    "main": _SESSIONS | {"auth", "rpc", "http", "app"},
}

CLOCK_FILE = "server/base/system_clock.cc"
_ASKS_THE_TIME = re.compile(
    r"absl::Now\s*\(|\bGetCurrentTimeNanos\s*\(|\b\w*_clock::now\b|\bgettimeofday\s*\("
    r"|\bclock_gettime\s*\(|\bgpr_now\s*\(|(?<![\w.>:])(?:std::|::)?time\s*\(\s*(?:NULL|nullptr|0|&)")


def _server_directory(path):
    """'log' for server/log/x.h, 'main' for a file of server/ itself, None elsewhere."""
    parts = path.split("/")
    if parts[0] != "server":
        return None
    return parts[1] if len(parts) > 2 else "main"


def check_include(path, included):
    """Returns why the file `path` may not include `included`, or None."""
    directory = _server_directory(path)
    if directory is not None:
        return _check_server_include(directory, included)
    if path.startswith(("client/", "examples/")):
        if included.startswith(("server/", "tests/", "bench/")):
            return f"a client knows the contract only, not {included}"
        if path.startswith("client/cpp/") and included.startswith(("client/cli/", "examples/")):
            return f"the library is below its users, not above: {included}"
        if included.startswith("rocksdb/"):
            return f"only server/storage knows RocksDB, not {path.split('/')[0]}"
    return None


def _check_server_include(directory, included):
    if directory not in SERVER_ARROWS:
        return f"server/{directory} has no place in SERVER_ARROWS of tests/layout/check_layout.py"
    if included.startswith(("client/", "examples/", "tests/", "bench/")):
        return f"the server does not depend on {included.split('/')[0]}/"
    target = _server_directory(included)
    if target is not None and target != directory and target not in SERVER_ARROWS[directory]:
        return f"server/{target} is not below server/{directory}"
    if included.startswith("rocksdb/") and directory != "storage":
        return f"only server/storage knows RocksDB, not server/{directory}"
    if included.endswith(".pb.h") and directory != "rpc":
        return f"generated types stop in server/rpc, not in server/{directory}: {included}"
    # app and main start the library; only rpc speaks through it.
    if included.startswith(("grpc/", "grpcpp/")) and directory not in ("rpc", "app", "main"):
        return f"gRPC stops in server/rpc, not in server/{directory}: {included}"
    return None


def check_file(path, text):
    """Returns (errors, warnings, functions) of one file, as lists."""
    errors, warnings = [], []
    for line, included in cpp_source.includes(text):
        reason = check_include(path, included)
        if reason:
            errors.append(f"{path}:{line}: {reason}")
    line_count = text.count("\n")
    if line_count > FILE_LINES_MAX:
        errors.append(f"{path}:1: {line_count} lines, more than {FILE_LINES_MAX}: split it")
    elif line_count > FILE_LINES_WARN:
        warnings.append(f"{path}: {line_count} lines: is it about one thing?")
    if not path.startswith(("server/", "client/", "examples/")):
        return errors, warnings, []
    functions = cpp_source.functions(text)
    for function in functions:
        if function.lines > FUNCTION_LINES_MAX:
            errors.append(f"{path}:{function.line}: {function.name} has {function.lines} lines, "
                          f"more than {FUNCTION_LINES_MAX}")
    if path.startswith("server/") and path != CLOCK_FILE:
        code = cpp_source.without_comments_and_literals(text)
        for match in _ASKS_THE_TIME.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            errors.append(f"{path}:{line}: only {CLOCK_FILE} asks the system for the time")
    return errors, warnings, functions


def source_files(root):
    """The C++ files of the product and its tests, as paths relative to `root`, sorted."""
    for top in ("server", "client", "examples", "bench", "tests"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield path.relative_to(root).as_posix()


def check_tree(root):
    """Returns (errors, warnings, longest functions as (lines, path, name), file count)."""
    errors, warnings, lengths, count = [], [], [], 0
    for path in source_files(root):
        file_errors, file_warnings, functions = check_file(
            path, (root / path).read_text(encoding="utf-8"))
        errors += file_errors
        warnings += file_warnings
        lengths += [(f.lines, f"{path}:{f.line}", f.name) for f in functions]
        count += 1
    return errors, warnings, sorted(lengths, reverse=True), count


def main():
    errors, warnings, lengths, count = check_tree(pathlib.Path(sys.argv[1]))
    if count == 0:
        errors = [f"{sys.argv[1]}: no C++ files found"]
    for warning in warnings:
        print(f"warning: {warning}")
    print(f"longest of {len(lengths)} functions in {count} files:")
    for lines, place, name in lengths[:5]:
        print(f"  {lines:3} lines  {place}  {name}")
    for error in errors:
        print(f"error: {error}")
    print(f"{len(errors)} errors, {len(warnings)} warnings")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
