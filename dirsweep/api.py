"""The public Python API: load and run sweeps, open runs.

Everything heavy is imported when it is used, so ``import dirsweep`` takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

    from dirsweep.config.sweep import SweepSpec
    from dirsweep.report.claims import Claim
    from dirsweep.report.table import Table
    from dirsweep.run.manifest import Manifest
    from dirsweep.run.reader import Run

Library = Literal["arrow", "pandas", "polars"]
#: points per study in the notebook representation of a run
NOTEBOOK_ROWS = 20


def load_sweep(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    synthetic: bool = False,
    preview: bool = False,
) -> SweepSpec:
    """Load a sweep file and check every point that it plans.

    Args:
        path: the YAML file.
        overrides: ``KEY=VALUE`` texts as for ``--set``, e.g. ``base.epochs=2``.
        synthetic: replace the benchmark by drawn images and the backbone by a small one.
        preview: few points per study, one seed, few epochs.

    Raises:
        SpecError: one line with file, dotted key, what is wrong and what would be right.

    Examples:
        >>> sweep = load_sweep("sweep.yaml", ["base.epochs=2"])
        >>> sweep.name
        'example'
        >>> list(sweep.studies)
        ['methods']
    """
    from dirsweep.config.expand import validate
    from dirsweep.config.load import load_sweep as load

    sweep = load(path, overrides, synthetic=synthetic, preview=preview)
    validate(sweep)
    return sweep


def run_sweep(  # noqa: PLR0913 - one parameter per option
    sweep: SweepSpec | str | Path,
    out: str | Path | None = None,
    *,
    inline: bool = False,
    executor: str | None = None,
    address: str | None = None,
    num_cpus: int | None = None,
    retry: Collection[Literal["failed", "stopped"]] = (),
    reuse: bool = True,
    data_changed: bool = False,
) -> OpenRun:
    """Train a sweep, or resume it, and open its run.

    Args:
        sweep: a sweep, or the path of a sweep file.
        out: folder of the run; None for ``runs/NAME``.
        inline: train in this process, without Ray; the same as ``executor="inline"``.
        executor: where trials run, as a file of ``dirsweep.execute`` is called; None for ``ray``.
        address: address of a running Ray cluster; None starts Ray on this machine.
        num_cpus: CPU cores that trials on this machine may use; None for all.
        retry: statuses of ended trials to train again.
        reuse: copy finished equal trials from neighbouring runs.
        data_changed: train finished trials again whose data has changed; otherwise that is refused.

    Returns:
        The run. A trial that failed is a row of ``trials()`` with its error.

    Raises:
        DirSweepError: bad input, before anything is trained; storage that cannot be written.
        RunInterruptedError: the run was interrupted or stopped; finished trials are kept, and the
            same call resumes it.

    Examples:
        >>> run = run_sweep("sweep.yaml", "runs/example", inline=True)
        >>> run.counts()
        {'complete': 4}
    """
    from dirsweep.config.cache_folder import named_cache
    from dirsweep.config.local_path import local_path
    from dirsweep.errors import RunInterruptedError
    from dirsweep.exit_codes import EXIT_INTERRUPTED
    from dirsweep.session import Options, run_on_console

    place = _executor_of(inline, executor, address)
    spec = sweep if not isinstance(sweep, str | Path) else load_sweep(sweep)
    root = local_path(out) if out is not None else Path("runs") / spec.name
    cluster = None
    if place == "ray":
        from dirsweep.execute.ray.cluster import begin

        cluster = begin(Path(spec.source), root, address=address, num_cpus=num_cpus)
    options = Options(
        executor=place,
        cluster=cluster,
        num_cpus=num_cpus,
        retry=frozenset(retry),
        reuse=reuse,
        data_changed=data_changed,
        cache=named_cache(),
    )
    try:
        code = run_on_console(spec, root, options)
    finally:
        if cluster is not None:
            cluster.stop()
    if code == EXIT_INTERRUPTED:
        raise RunInterruptedError(f"{root}: interrupted; finished trials are kept, run it again")
    return open_run(root)


def _executor_of(inline: bool, executor: str | None, address: str | None) -> str:
    """Return the name of the place where trials run.

    Raises:
        DirSweepError: arguments that exclude each other, or no such place.
    """
    from dirsweep.errors import SpecError
    from dirsweep.execute.registry import require_executor

    place = executor or ("inline" if inline else "ray")
    if inline and place != "inline":
        what = f"inline=True and executor={place!r} exclude each other; leave one out"
        raise SpecError(what, key="executor")
    require_executor(place)
    if address is not None and place != "ray":
        what = f"an address is that of a Ray cluster, but executor is {place!r}; leave one out"
        raise SpecError(what, key="address")
    return place


def open_run(path: str | Path) -> OpenRun:
    """Open the folder of a run for reading.

    Args:
        path: the folder, finished or in progress.

    Raises:
        StoreError: not the folder of a run, or its tables are absent or damaged.

    Examples:
        >>> run = open_run("runs/example")
        >>> run.synthetic
        True
    """
    from dirsweep.run.reader import open_run as read

    return OpenRun(read(path))


class OpenRun:
    """A run that is open for reading. ``open_run`` makes it.

    Args:
        run: the run's tables.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def name(self) -> str:
        """Name of the run: that of its folder."""
        return self._run.name

    @property
    def folder(self) -> str:
        """Folder of the run."""
        return str(self._run.paths.root)

    @property
    def synthetic(self) -> bool:
        """Whether the results come from a synthetic benchmark."""
        return self._run.synthetic

    @property
    def studies(self) -> list[str]:
        """Names of the studies."""
        return self._run.studies

    @property
    def manifest(self) -> Manifest:
        """Benchmark, base configuration, objective and studies of the sweep."""
        return self._run.manifest

    def counts(self) -> dict[str, int]:
        """Return the number of trials by status."""
        from collections import Counter

        table = self._run.own_trials()
        ids, statuses = table["trial_id"].to_pylist(), table["status"].to_pylist()
        return dict(Counter(dict(zip(ids, statuses, strict=True)).values()))

    def trials(self, as_: Library = "arrow") -> Any:
        """Return one row per study, point and seed.

        Args:
            as_: ``arrow`` (``pyarrow.Table``), ``pandas`` or ``polars`` (data frames).

        Raises:
            StoreError: the table is absent or damaged.

        Examples:
            >>> trials = open_run("runs/example").trials()
            >>> sorted(set(trials["label"].to_pylist()))
            ['base', 'sqinv']
            >>> open_run("runs/example").trials("pandas")["seed"].nunique()
            2
        """
        return _converted(self._run.trials(), as_)

    def epochs(self, as_: Library = "arrow") -> Any:
        """Return one row per trial and epoch.

        Args:
            as_: as for ``trials``.

        Raises:
            StoreError: the table is absent or damaged.
        """
        return _converted(self._run.epochs(), as_)

    def predictions(self, as_: Library = "arrow") -> Any:
        """Return one row per trial and sample of the validation and test splits, best epoch.

        Args:
            as_: as for ``trials``.

        Raises:
            StoreError: the table is absent or damaged.
        """
        return _converted(self._run.predictions(), as_)

    def points(self, study: str | None = None, as_: Library = "arrow") -> Any:
        """Return one row per point: metrics as mean and deviation over its seeds.

        Test metrics of a search are missing for points that validation did not choose.

        Args:
            study: name of a study; None for all.
            as_: as for ``trials``.

        Raises:
            StoreError: no such study, or no trial is complete.

        Examples:
            >>> points = open_run("runs/example").points("methods")
            >>> points["label"].to_pylist()
            ['base', 'sqinv']
        """
        import pyarrow as pa
        from pyarrow import csv

        from dirsweep.errors import StoreError, did_you_mean
        from dirsweep.report.study_records import study_records

        if study is not None and study not in self.studies:
            hint = did_you_mean(study, self.studies)
            raise StoreError(f"{self.folder}: no study '{study}'; {hint}")
        text = study_records(self._run, None if study is None else [study]).to_csv()
        types = {"study": pa.string(), "label": pa.string()}
        options = csv.ConvertOptions(column_types=types, strings_can_be_null=False)
        return _converted(csv.read_csv(BytesIO(text.encode()), convert_options=options), as_)

    def claims(self) -> list[Claim]:
        """Return what the run shows, as sentences with the trials behind them.

        Raises:
            StoreError: no trial is complete.

        Examples:
            >>> claims = open_run("runs/example").claims()
            >>> {"effect", "null"} <= {claim.kind for claim in claims}
            True
            >>> all(claim.text.startswith("SYNTHETIC DATA: ") for claim in claims)
            True
        """
        from dirsweep.report.claims import claims

        return claims(self._run)

    def table(self, layout: str | None = None, *, published: bool = False) -> Table:
        """Return a table that prints itself as text, Markdown, LaTeX, CSV and HTML.

        Args:
            layout: a published table whose layout is filled with the run's results, e.g.
                ``ranksim/2``; or the name of a study; None for the first study.
            published: show the published number with each result of a published layout.

        Raises:
            StoreError: no such table or study, or no trial is complete.

        Examples:
            >>> table = open_run("runs/example").table("methods")
            >>> table.to_markdown().count("sqinv")
            1
        """
        from dirsweep.report.layout_tables import layout_table
        from dirsweep.report.study_tables import study_tables

        if layout is None or layout in self.studies:
            return study_tables(self._run, None if layout is None else [layout])[0]
        return layout_table(self._run, layout, published=published)

    def __repr__(self) -> str:
        mark = ", SYNTHETIC DATA" if self.synthetic else ""
        counts = ", ".join(f"{num} {status}" for status, num in self.counts().items())
        return f"<dirsweep run '{self.name}' in {self.folder}: trials {counts or 'none'}{mark}>"

    def _repr_html_(self) -> str:
        """Return the tables of the studies for a notebook."""
        from html import escape

        from dirsweep.errors import StoreError
        from dirsweep.report.study_tables import study_tables

        try:
            tables = study_tables(self._run, max_rows=NOTEBOOK_ROWS)
        except StoreError:  # no trial is complete yet
            tables = []
        return f"<p>{escape(repr(self))}</p>" + "".join(table.to_html() for table in tables)


def _converted(table: pa.Table, as_: Library) -> Any:
    if as_ == "arrow":
        return table
    if as_ == "pandas":
        return table.to_pandas()
    if as_ == "polars":
        import polars

        return polars.from_arrow(table)
    raise ValueError(f"as_ must be 'arrow', 'pandas' or 'polars', got {as_!r}")
