"""A benchmark of a few sentence pairs, for the tests of the text backbones."""

from __future__ import annotations

from pathlib import Path

from dirsweep.data.sts_b_dir import FILES, STSB, STSBConfig

ROWS = {
    "train": [
        ("A dog runs.", "a DOG is running", 4.5),
        ("It's 5.5 o'clock!", "A dog runs.", 0.2),
        ("dog", "cat", 1.0),
    ],
    "val": [("a zebra runs", "dog", 2.0)],
    "test": [("it is a very long sentence about a dog that runs and runs and runs", "cat", 3.0)],
}


def small_benchmark(folder: Path) -> STSB:
    """``ROWS`` as STS-B-DIR in ``folder``."""
    for name, file in FILES.items():
        lines = [
            "sentence1\tsentence2\tscore",
            *(f"{one}\t{two}\t{score}" for one, two, score in ROWS[name]),
        ]
        (folder / file).write_text("\n".join(lines) + "\n")
    return STSBConfig(root=str(folder)).build(folder)
