"""Whether processes are alive, as the kernel tells it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from dirsweep.execute.ray.servers import is_alive, own_servers


def test_a_process_is_alive_until_it_ends_even_while_nobody_has_waited_for_it() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_alive(os.getpid())
    assert is_alive(child.pid)
    child.kill()
    until = time.monotonic() + 10
    while is_alive(child.pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert not is_alive(child.pid), "a zombie is not alive"
    child.communicate()
    assert not is_alive(child.pid)


def test_servers_of_other_processes_are_not_ours() -> None:
    code = "from dirsweep.execute.ray.servers import own_servers; print(own_servers())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{}"
    assert set(own_servers()) <= {"gcs_server", "raylet"}
