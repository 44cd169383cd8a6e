#!/usr/bin/env bash
# Behaviour: Optuna's fANOVA averages over the linear volume of a range that was searched log-uniformly, so
#   the lower half of all draws of a learning rate in 1e-6 to 1 has 0.1 % of the weight. The same function of
#   the same draws gets another importance when its parameter is written as an exponent.
# Versions: optuna 5.0.0, scikit-learn 1.9.1.
# Output seen:
#   learning rate, log-uniform: 0.23
#   the same as an exponent: 0.99
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "optuna==5.0.0" "scikit-learn==1.9.1"
cat > "$work/probe.py" <<'PY'
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def share(objective, name):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=100)
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.importance.get_param_importances(study, evaluator=evaluator)[name]


def by_rate(trial):
    rate = trial.suggest_float("rate", 1e-6, 1, log=True)
    return 5.0 * (rate < 1e-3) + trial.suggest_float("other", 0, 1)


def by_exponent(trial):
    exponent = trial.suggest_float("exponent", -6, 0)
    return 5.0 * (exponent < -3) + trial.suggest_float("other", 0, 1)


print(f"learning rate, log-uniform: {share(by_rate, 'rate'):.2f}")
print(f"the same as an exponent: {share(by_exponent, 'exponent'):.2f}")
PY
found=$("$work/venv/bin/python" -W ignore "$work/probe.py")
echo "$found"
[ "$found" = "learning rate, log-uniform: 0.23
the same as an exponent: 0.99" ]
