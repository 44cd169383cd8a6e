"""A cluster of two machines that both see the run's folder; here both are this one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dirsweep.errors import DirSweepError
from dirsweep.execute.ray.cluster import begin
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run
from tests.flow.driving import (
    Command,
    begun,
    check_finished,
    check_sound,
    command,
    epochs_done,
    run_here,
    same_results,
    small_sweep,
)

pytestmark = pytest.mark.ray

POINTS = {"p": {"points": [{}, {"reweighting": "sqinv"}], "seeds": [0, 1]}}
LONG = {"base": {"epochs": 12}, "resources": {"cpu": 1, "checkpoint_every_s": 0}}


class Machines:
    """Two nodes of one CPU each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        self.second = self.cluster.add_node(num_cpus=1)
        self.cluster.wait_for_nodes()

    @property
    def address(self) -> str:
        return str(self.cluster.address)


@pytest.fixture
def machines() -> Iterator[Machines]:
    found = Machines()
    yield found
    found.cluster.shutdown()


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def in_the_middle(driver: Command, root: Path, count: int) -> dict[str, int]:
    """Trial -> its worker, once so many run at a time and have an epoch behind them."""

    def look() -> dict[str, int] | None:
        running = {
            i: RunPaths(root).trial(i).log.holder()
            for i in begun(root)
            if 1 <= epochs_done(root, i) < 9
        }
        found = {i: pid for i, pid in running.items() if pid is not None}
        return found if len(found) == count else None

    found: dict[str, int] = driver.when(look, f"{count} trials at a time")
    return found


def test_a_machine_is_lost_and_no_trial_with_it(machines: Machines, tmp_path: Path) -> None:
    root, file = tmp_path / "run", small_sweep(tmp_path, POINTS, **LONG)
    with command(
        "run", file, "--out", root, "--address", machines.address, "--no-reuse", folder=tmp_path
    ) as driver:
        running = in_the_middle(driver, root, 2)
        parents = {parent(pid) for pid in running.values()}
        assert len(parents) == 2, "a worker on each machine"
        lost = machines.second.all_processes["raylet"][0].process.pid
        (hit,) = (trial_id for trial_id, pid in running.items() if parent(pid) == lost)
        machines.cluster.remove_node(machines.second, allow_graceful=False)
        assert driver.ends() == 0, driver.stderr
    check_sound(root)
    run = check_finished(root, 4)
    assert {row["trial_id"]: row["attempts"] for row in run.trials().to_pylist()}[hit] == 2
    assert run_here(file, tmp_path / "elsewhere" / "run") == 0
    same_results(run, open_run(tmp_path / "elsewhere" / "run"))
    assert "Traceback" not in driver.stderr


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("127.0.0.1:1", "no Ray cluster there (Connection refused)"),
        ("127.0.0.1:port", "expected auto, host:port or ray://host:port"),
        ("127.0.0.1", "expected auto, host:port or ray://host:port"),
        ("no.such.host.invalid:6379", "the host name is not known ("),
    ],
)
def test_no_cluster_there(tmp_path: Path, address: str, complaint: str) -> None:
    def connect() -> None:
        cluster = begin(small_sweep(tmp_path, POINTS), None, address=address, num_cpus=None)
        assert cluster is not None
        cluster.wait()

    with pytest.raises(DirSweepError) as caught:
        connect()
    assert str(caught.value).startswith(f"--address {address}: {complaint}")
    assert caught.value.exit_code == 2


def test_confirming_where_no_cluster_is(tmp_path: Path) -> None:
    assert run_here(small_sweep(tmp_path, POINTS), tmp_path / "run") == 0
    with command(
        "confirm", tmp_path / "run", "--address", "127.0.0.1:1", folder=tmp_path
    ) as driver:
        assert driver.ends(120) == 2
    assert "no Ray cluster there (Connection refused)" in driver.stderr.splitlines()[-1]
    assert "Traceback" not in driver.stderr


def test_a_ray_that_does_not_start(tmp_path: Path) -> None:
    file, nested = small_sweep(tmp_path, POINTS), tmp_path / ("long" * 30)
    nested.mkdir()
    arguments = ("run", file, "--out", tmp_path / "run")
    with command(*arguments, folder=tmp_path, env={"RAY_TMPDIR": str(nested)}) as driver:
        assert driver.ends(120) == 2
    last = driver.stderr.splitlines()[-1]
    assert last.startswith("dirsweep: Ray does not start here: ")
    assert "AF_UNIX path length" in last
    assert "Traceback" not in driver.stderr


def test_interrupted_twice_while_ray_starts(tmp_path: Path) -> None:
    # many epochs: on a loaded machine the interruptions may come when trials train already
    file = small_sweep(tmp_path, POINTS, base={"epochs": 1000})
    with command("run", file, "--out", tmp_path / "run", folder=tmp_path) as driver:
        # the command has been loaded and holds the run's folder; Ray takes seconds more
        driver.when((tmp_path / "run" / "spec.yaml").exists, "the run's folder")
        driver.interrupt()
        time.sleep(0.3)
        if driver.process.poll() is None:
            driver.interrupt()
        code = driver.ends(60)
        assert code == 130, driver.stderr
    assert "Traceback" not in driver.stderr
