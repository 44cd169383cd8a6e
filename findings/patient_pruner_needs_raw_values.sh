#!/usr/bin/env bash
# Behaviour: optuna.pruners.PatientPruner never ends a trial that reports its best value so far, the
#   usual series of a trainer that keeps its best epoch. It prunes only where the best of the last
#   patience + 1 reports is strictly worse than the best before them, and a best-so-far series never
#   gets worse. A plateau of raw values that are exactly equal is not ended either.
# Versions: optuna 5.0.0.
# Output seen (patience 1, eight reports, minimise):
#   raw, getting worse: ended at step 3
#   best so far of the same values: never ended
#   constant values: never ended
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "optuna==5.0.0"
cat > "$work/probe.py" <<'PY'
from itertools import accumulate

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def ended(values):
    study = optuna.create_study(pruner=optuna.pruners.PatientPruner(None, patience=1))
    trial = study.ask()
    for step, value in enumerate(values):
        trial.report(value, step)
        if trial.should_prune():
            return f"ended at step {step}"
    return "never ended"


raw = [1.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1]
print("raw, getting worse:", ended(raw))
print("best so far of the same values:", ended(list(accumulate(raw, min))))
print("constant values:", ended([0.5] * 8))
PY
found=$("$work/venv/bin/python" -W ignore "$work/probe.py")
echo "$found"
[ "$found" = "raw, getting worse: ended at step 3
best so far of the same values: never ended
constant values: never ended" ]
