#!/usr/bin/env bash
# Behaviour: a second checkout that is first on PYTHONPATH is completed, module by module, from an
#   editable install of the same package. A module that was deleted or renamed in the checkout
#   still imports, from the other tree, so tests of the checkout pass although its code is broken.
# Versions: setuptools 80.9.0 (PEP 660 editable install of a flat layout), Python 3.11.
# Why: the installed finder answers for every name below the package that the path finder does not
#   find, not only for the package itself.
# Output seen:
#   package from second, old_name from first
#   without the finder: No module named 'pkg.old_name'
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "setuptools==80.9.0"

mkdir -p "$work/first/pkg"
cat > "$work/first/pyproject.toml" <<'TOML'
[build-system]
requires = ["setuptools==80.9.0"]
build-backend = "setuptools.build_meta"
[project]
name = "pkg"
version = "1"
[tool.setuptools.packages.find]
include = ["pkg*"]
TOML
: > "$work/first/pkg/__init__.py"
echo "tree = 'first'" > "$work/first/pkg/old_name.py"
cp -r "$work/first" "$work/second"
mv "$work/second/pkg/old_name.py" "$work/second/pkg/new_name.py"
"$work/venv/bin/pip" install --quiet --no-build-isolation --editable "$work/first"

cd "$work"
cat > probe.py <<'PY'
import sys
from pathlib import Path

import pkg
from pkg import old_name

tree = lambda module: Path(module.__file__).parts[-3]
print(f"package from {tree(pkg)}, old_name from {tree(old_name)}")
sys.meta_path[:] = [f for f in sys.meta_path if "Editable" not in getattr(f, "__name__", "")]
for name in ("pkg.old_name", "pkg"):
    del sys.modules[name]
try:
    import pkg.old_name
except ModuleNotFoundError as error:
    print("without the finder:", error)
PY
found=$(PYTHONPATH="$work/second" "$work/venv/bin/python" probe.py)
echo "$found"
[ "$found" = "package from second, old_name from first
without the finder: No module named 'pkg.old_name'" ]
