"""Run every command of the README in a copy of the project; CI calls this, pytest does not.

    python tests/readme_commands.py FOLDER

CI installs the package in a step of its own. Commands that read STS-B-DIR are skipped, with a
message, where the data is absent.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
INSTALLATION = "pip install"


def commands(readme: str) -> list[str]:
    """Return the lines of every ``bash`` block."""
    return [
        line
        for block in re.findall(r"```bash\n(.*?)```", readme, re.S)
        for line in block.splitlines()
        if line
    ]


def main(folder: Path) -> None:
    """Run the commands in order.

    Args:
        folder: for the copy of the project; must not exist.

    Raises:
        CalledProcessError: a command failed.
    """
    ignored = shutil.ignore_patterns(".git", "runs", "*.egg-info", ".*_cache", "__pycache__")
    shutil.copytree(PROJECT, folder, ignore=ignored)
    data = Path(os.environ.get("DIRSWEEP_DATA", PROJECT.parent / "shared" / "data")).resolve()
    environment = {**os.environ, "DIRSWEEP_DATA": str(data)}
    for command in commands((PROJECT / "README.md").read_text()):
        if command.startswith(INSTALLATION):
            continue
        if "stsb" in command and not (data / "sts-b-dir").is_dir():
            print(f"\n$ {command}\n(skipped: no STS-B-DIR in {data})", flush=True)
            continue
        print(f"\n$ {command}", flush=True)
        began = time.monotonic()
        subprocess.run(command, shell=True, check=True, cwd=folder, env=environment)
        print(f"({time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
