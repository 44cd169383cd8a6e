"""Files of a run are touched in run/storage.py only; other modules name the files they handle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "dirsweep"
DOOR = "run/storage.py"
#: calls of modules that touch the file system, and their exceptions that only compute
MODULES = {
    "os": {
        "open",
        "replace",
        "rename",
        "renames",
        "remove",
        "unlink",
        "mkdir",
        "makedirs",
        "rmdir",
        "removedirs",
        "listdir",
        "scandir",
        "walk",
        "stat",
        "lstat",
        "link",
        "symlink",
        "truncate",
        "ftruncate",
        "fsync",
        "utime",
        "chmod",
    },
    "os.path": {"exists", "lexists", "isfile", "isdir", "getsize", "getmtime", "samefile"},
    "io": {"open", "FileIO"},
    "logging": {"FileHandler"},
    "pa": {"memory_map", "OSFile", "create_memory_map", "input_stream", "output_stream"},
    "np": {"load", "save", "savez", "memmap", "fromfile", "loadtxt", "savetxt"},
    "fcntl": None,
    "shutil": None,
    "tempfile": None,
    "glob": None,
    "mmap": None,
    "zipfile": {"ZipFile"},
    "sqlite3": None,
}
#: methods of pathlib.Path (``exists`` and ``stat`` are methods of others, too)
METHODS = {
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "unlink",
    "mkdir",
    "rmdir",
    "touch",
    "is_file",
    "is_dir",
    "iterdir",
    "glob",
    "rglob",
    "rename",
    "symlink_to",
    "hardlink_to",
    "chmod",
}
#: modules (or the beginning of their names) that handle files which are no run's: what these are
OTHER_FILES = {
    "broken_files.py": "Python files of the package",
    "backbones/": "word vectors, model weights and their caches",
    "bench/": "results of measured processes, in a temporary folder",
    "cli": "the null device, for output that nobody reads",
    "config/": "sweep files and schemas of users",
    "data/": "benchmarks and their caches",
    "estimate/several_plans.py": "sweep files of users",
    "execute/ray/": "/proc, Ray's own folder in the temporary folder, sweep files of users",
    "single_trial.py": "a temporary folder for one trial",
    "published/": "tables of numbers, shipped or given by users",
    "report/html/": "templates, installed with the package",
    "run/output_file.py": "files that users name, for reports and exports",
    "run/provenance.py": "/proc",
    "training/checkpoint.py": "an archive in memory",
    "training/memory.py": "/proc",
}


def _modules() -> dict[str, str]:
    """Name -> code of every file of the package."""
    return {
        file.relative_to(PACKAGE).as_posix(): file.read_text(encoding="utf-8")
        for file in sorted(PACKAGE.rglob("*.py"))
    }


def file_accesses(code: str) -> list[tuple[int, str]]:
    """(line, call) of every call that touches a file system."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    named = [(call.lineno, _touches_files(call.func)) for call in calls]
    return [(line, name) for line, name in named if name is not None]


def _touches_files(function: ast.expr) -> str | None:
    if isinstance(function, ast.Name):
        return "open" if function.id == "open" else None
    if not isinstance(function, ast.Attribute):
        return None
    owner = ast.unparse(function.value)
    if owner in MODULES:
        names = MODULES[owner]
        return f"{owner}.{function.attr}" if names is None or function.attr in names else None
    return f".{function.attr}" if function.attr in METHODS else None


def test_files_of_a_run_are_touched_in_one_place() -> None:
    offences = []
    for module, code in _modules().items():
        if module != DOOR and not module.startswith(tuple(OTHER_FILES)):
            offences += [f"{module}:{line}: {call}" for line, call in file_accesses(code)]
    assert not offences, "use run.folder and run.files instead:\n" + "\n".join(offences)


def test_every_exception_is_needed() -> None:
    touching = [module for module, code in _modules().items() if file_accesses(code)]
    unused = [name for name in OTHER_FILES if not any(m.startswith(name) for m in touching)]
    assert unused == []


@pytest.mark.parametrize(
    ("code", "calls"),
    [
        ("open('a')", ["open"]),
        ("os.replace(a, b); os.path.exists(a); os.getpid()", ["os.replace", "os.path.exists"]),
        ("path.write_text('a')", [".write_text"]),
        ("(root / 'trials').mkdir()", [".mkdir"]),
        ("fcntl.flock(1, 2)", ["fcntl.flock"]),
        ("pa.memory_map(str(file))", ["pa.memory_map"]),
        ("logging.FileHandler(path)", ["logging.FileHandler"]),
        ("paths.outcome.write(b'a'); text.replace('a', 'b'); paths.stop.exists()", []),
    ],
)
def test_what_counts_as_a_file_access(code: str, calls: list[str]) -> None:
    assert [call for _, call in file_accesses(code)] == calls
