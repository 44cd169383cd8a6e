"""Claims about a run: sentences with their evidence and the trials behind them.

A difference is claimed when its p-value, corrected for the comparisons of its family, is below
0.05; otherwise it is called not separable. From one seed nothing is claimed. The sign of a claim
says whether something came out better or worse.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from dirsweep.analysis.claims import run_evidence, study_evidence
from dirsweep.analysis.effects import ALL_STUDIES
from dirsweep.analysis.measurements import DEFAULT_RESAMPLING, Resampling
from dirsweep.report.claim_sentences import (
    Kind,
    Sentence,
    Verdict,
    sentences_of_effects,
    sentences_of_left_out,
    sentences_of_study,
)
from dirsweep.report.markdown import escape
from dirsweep.run.reader import Run

FORMATS = ("console", "md", "json")
#: how to read a p-value next to its interval
CORRECTED = (
    "p-values and 95 % intervals are of one comparison, the same wherever it is reported; in "
    "brackets: corrected (Holm) for the comparisons named, which decides what is separable"
)
#: how to read the signs
SIGNS = (
    "better, worse: than what it is compared with, separable after correction; no sign: nothing is "
    "separable, or nothing is compared"
)
#: trials printed per claim on the console
MAX_TRIALS = 6
MARK = "SYNTHETIC DATA: "


@dataclass(frozen=True)
class Claim:
    """One sentence about a run.

    Attributes:
        study: the study it is about.
        kind: the kind of evidence it rests on.
        text: the sentence; on synthetic data it begins with ``MARK``.
        verdict: whether something came out better or worse; empty where nothing is separable.
        trial_ids: the trials behind it.
        synthetic: whether the numbers come from a synthetic benchmark.
    """

    study: str
    kind: Kind
    text: str
    verdict: Verdict
    trial_ids: tuple[str, ...]
    synthetic: bool

    @property
    def claimed(self) -> bool:
        """Whether it claims that something differs from something else."""
        return bool(self.verdict)


def claims(
    run: Run,
    studies: Sequence[str] | None = None,
    *,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> list[Claim]:
    """Return everything that may be claimed, study by study.

    Args:
        run: the run.
        studies: by default all, and what each technique does over all of them.
        resampling: number of draws and seed.

    Raises:
        StoreError: no trial is complete.
    """
    run.require_finished()
    found = claims_of_run(run, resampling=resampling) if studies is None else []
    for study in run.studies if studies is None else studies:
        sentences = sentences_of_study(study_evidence(run, study, resampling=resampling))
        found += [_claim(run, study, sentence) for sentence in sentences]
    return found


def claims_of_run(run: Run, *, resampling: Resampling = DEFAULT_RESAMPLING) -> list[Claim]:
    """Return what each technique does over all planned studies.

    The list is empty where fewer than two studies are planned, and from one seed.
    """
    evidence = run_evidence(run, resampling=resampling)
    sentences = [
        *sentences_of_effects(evidence.effects),
        *sentences_of_left_out(ALL_STUDIES, evidence.left_out),
    ]
    return [_claim(run, ALL_STUDIES, sentence) for sentence in sentences]


def _claim(run: Run, study: str, sentence: Sentence) -> Claim:
    return Claim(
        study=study,
        kind=sentence.kind,
        text=f"{MARK if run.synthetic else ''}{sentence.text}",
        verdict=sentence.verdict,
        trial_ids=tuple(dict.fromkeys(sentence.trial_ids)),
        synthetic=run.synthetic,
    )


# ---- formats


def rendered(found: Sequence[Claim], format: str = "console", *, title: str = "") -> str:
    """Return the claims as text, grouped by study where there are several.

    Args:
        found: the claims.
        format: ``console`` with one line of trials each, ``md``, or ``json`` (a list of objects).
        title: a heading above them; JSON has none.

    Raises:
        ValueError: there is no such format.
    """
    if format == "json":
        listed = [asdict(claim) | {"claimed": claim.claimed} for claim in found]
        return json.dumps(listed, indent=2, ensure_ascii=False)
    if format not in FORMATS:
        raise ValueError(f"unknown format '{format}' (known: {', '.join(FORMATS)})")
    lines = [f"# {escape(title)}" if format == "md" else title, ""] if title else []
    several = len({claim.study for claim in found}) > 1
    above: str | None = None
    for claim in found:
        if several and claim.study != above:
            lines += _study_heading(claim.study, format, first=above is None)
            above = claim.study
        text = below_its_study(claim) if several else claim.text
        lines += _item(claim, text, format)
    notes = legend(found)
    if notes:
        lines += ["", *(f"{note}  " if format == "md" else note for note in notes)]
    return "\n".join(lines)


def _study_heading(study: str, format: str, *, first: bool) -> list[str]:
    gap = [] if first else [""]
    return [*gap, f"## {escape(study)}", ""] if format == "md" else [*gap, study]


def _item(claim: Claim, text: str, format: str) -> list[str]:
    """The claim with a second line for its trials."""
    line = f"- {_sign(claim, format)}{escape(text) if format == 'md' else text}"
    if not claim.trial_ids:
        return [line]
    trials = " ".join(claim.trial_ids)
    if format == "console" and len(claim.trial_ids) > MAX_TRIALS:
        num_more = len(claim.trial_ids) - MAX_TRIALS
        shown = " ".join(claim.trial_ids[:MAX_TRIALS])
        trials = f"{shown} and {num_more} more (all in --format json)"
    return [line, f"  trials: {trials}"]


def _sign(claim: Claim, format: str) -> str:
    """``better: ``, bold in Markdown; nothing where nothing is separable."""
    if not claim.verdict:
        return ""
    return f"**{claim.verdict}:** " if format == "md" else f"{claim.verdict}: "


def legend(found: Sequence[Claim]) -> list[str]:
    """Return how to read the signs and the p-values of claims, as far as they have any."""
    notes = [SIGNS] if any(claim.verdict for claim in found) else []
    return [*notes, CORRECTED] if compares(found) else notes


def compares(found: Sequence[Claim]) -> bool:
    """Return whether a claim states a p-value."""
    return any(" p = " in claim.text or " p < " in claim.text for claim in found)


def below_its_study(claim: Claim) -> str:
    """Return the sentence without the study's name, for use below a heading."""
    start, _, rest = claim.text.partition(f"{claim.study}: ")
    return f"{start}{rest[:1].upper()}{rest[1:]}" if rest and start in ("", MARK) else claim.text
