#!/usr/bin/env bash
# Behaviour: model_copy(update=...) of a pydantic model copies what functools.cached_property has
#   stored, so the copy answers with the value of the original. The answer depends on whether the
#   property was read before the copy, and the stale copy still compares equal to a fresh model.
# Versions: pydantic 2.14.4, Python 3.11.
# Output seen:
#   read before the copy: x=5 double=2 equal to a fresh model: True
#   not read before the copy: x=5 double=10 equal to a fresh model: True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pydantic==2.14.4"
cat > "$work/probe.py" <<'PY'
from functools import cached_property

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    model_config = ConfigDict(frozen=True)
    x: int

    @cached_property
    def double(self) -> int:
        return 2 * self.x


for read in (True, False):
    model = Model(x=1)
    if read:
        model.double
    copy = model.model_copy(update={"x": 5})
    when = "read" if read else "not read"
    print(f"{when} before the copy: x={copy.x} double={copy.double} "
          f"equal to a fresh model: {copy == Model(x=5)}")
PY
found=$("$work/venv/bin/python" "$work/probe.py")
echo "$found"
[ "$found" = "read before the copy: x=5 double=2 equal to a fresh model: True
not read before the copy: x=5 double=10 equal to a fresh model: True" ]
