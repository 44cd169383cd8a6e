#!/usr/bin/env bash
# Behaviour: Optuna's samplers ignore failed trials, but two of them draw by the trial's number or by
#   what has ended. A CmaEsSampler draws with its seed plus the trial's number, so a study that is
#   rebuilt from its complete trials alone proposes other points. A QMCSampler that is made anew
#   with one seed for every ask gives the same point for ever while all trials fail.
# Versions: optuna 5.0.0, cmaes 0.13.1, scipy 1.17.1, numpy 2.4.6.
# Output seen: see the end of this file.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "optuna==5.0.0" "cmaes==0.13.1" "scipy==1.17.1" "numpy==2.4.6"
cat > "$work/probe.py" <<'PY'
import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = {"a": FloatDistribution(0.0, 1.0), "b": FloatDistribution(0.0, 1.0)}


def proposal(num_failed):
    """Propose a point after eight complete trials, some failed ones between them."""
    study = optuna.create_study(sampler=optuna.samplers.CmaEsSampler(seed=0, n_startup_trials=1))
    for step in range(8):
        if step < num_failed:
            failed = {"a": 0.9, "b": 0.9}
            study.add_trial(
                optuna.create_trial(state=TrialState.FAIL, params=failed, distributions=SPACE)
            )
        params = {"a": step / 8, "b": 1 - step / 8}
        study.add_trial(optuna.create_trial(params=params, distributions=SPACE, value=params["a"]))
    return study.ask(SPACE).params


print("CMA-ES, same complete trials, two failed ones more:", proposal(0) == proposal(2))

study = optuna.create_study()
points = set()
for _ in range(5):
    study.sampler = optuna.samplers.QMCSampler(seed=0)
    trial = study.ask(SPACE)
    points.add(tuple(trial.params.values()))
    study.tell(trial, state=TrialState.FAIL)
print("QMC, points proposed to five trials that fail:", len(points))
PY
found=$("$work/venv/bin/python" -W ignore "$work/probe.py")
echo "$found"
[ "$found" = "CMA-ES, same complete trials, two failed ones more: False
QMC, points proposed to five trials that fail: 1" ]
