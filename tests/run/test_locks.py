from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dirsweep.errors import StoreError
from dirsweep.run.folder import RunPaths
from dirsweep.run.locks import lock_run


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"), lock_run(RunPaths(tmp_path / "file")):
        pass


def test_second_driver_is_refused(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    with lock_run(paths):
        words = rf"in use by another dirsweep \(pid {os.getpid()} on .* since 2"
        with pytest.raises(StoreError, match=words), lock_run(paths):
            pass
    with lock_run(paths):
        pass


def test_the_lock_goes_with_a_killed_driver(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    program = (
        "import pathlib, sys, time\n"
        "from dirsweep.run.folder import RunPaths\n"
        "from dirsweep.run.locks import lock_run\n"
        "with lock_run(RunPaths(pathlib.Path(sys.argv[1]))):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    driver = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    assert driver.stdout.readline() == "held\n"
    with pytest.raises(StoreError, match=f"pid {driver.pid} on"), lock_run(paths):
        pass
    driver.kill()
    driver.wait()
    driver.stdout.close()
    began = time.monotonic()
    with lock_run(paths):
        assert time.monotonic() - began < 1
