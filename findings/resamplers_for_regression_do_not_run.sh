#!/usr/bin/env bash
# Behaviour: the three packages on PyPI that resample or score imbalanced regression data install
#   beside current pandas and scikit-learn without a complaint of pip (they state no upper bounds),
#   and fail at the first call: smogn and ImbalancedLearningRegression pass quantile(interpolation=),
#   which pandas no longer has; imbalance-metrics imports a private function that scikit-learn has
#   moved. Of this field's packages denseweight runs.
# Versions: smogn 0.1.2, ImbalancedLearningRegression 0.0.2, imbalance-metrics 0.0.6,
#   denseweight 0.1.2, pandas 3.1.1, scikit-learn 1.9.1, numpy 2.4.6.
# Output seen: see the end of this file.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "smogn==0.1.2" "ImbalancedLearningRegression==0.0.2" \
    "imbalance-metrics==0.0.6" "denseweight==0.1.2" "pandas==3.1.1" "scikit-learn==1.9.1" \
    "numpy==2.4.6"
cat > "$work/probe.py" <<'PY'
import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
data = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
data["y"] = rng.exponential(10, 300)


def smogn():
    import smogn

    return smogn.smoter(data=data, y="y")


def iblr():
    import ImbalancedLearningRegression

    return ImbalancedLearningRegression.ro(data=data, y="y")


def metrics():
    from imbalance_metrics import regression_metrics

    return regression_metrics


def denseweight():
    from denseweight import DenseWeight

    return DenseWeight(alpha=1.0).fit(data["y"].to_numpy())


for call in (smogn, iblr, metrics, denseweight):
    try:
        call()
        print(f"{call.__name__}: runs")
    except (TypeError, ImportError) as error:
        print(f"{call.__name__}: {type(error).__name__}: {str(error).split(' from ')[0]}")
PY
found=$("$work/venv/bin/python" -W ignore "$work/probe.py" 2> /dev/null)
echo "$found"
[ "$found" = "smogn: TypeError: quantile() got an unexpected keyword argument 'interpolation'
iblr: TypeError: quantile() got an unexpected keyword argument 'interpolation'
metrics: ImportError: cannot import name '_binary_clf_curve'
denseweight: runs" ]
