#!/usr/bin/env bash
# Behaviour: NLTKWordTokenizer gives other words from release to release, without a warning: since 3.9.3 it
#   splits off en dashes, since 3.10.2 an opening single quote as well. A vocabulary, and the embeddings looked
#   up for it, change with the installed version: of the 14,498 sentences of STS-B-DIR, 221 differ between
#   3.9.2 and 3.10.4.
# Versions: nltk 3.9.2 and 3.10.4.
# Output seen:
#   3.9.2: ['the', "'Grenade", '1990–2000']
#   3.10.4: ['the', "'", 'Grenade', '1990', '–', '2000']
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/probe.py" <<'PY'
import nltk
from nltk.tokenize import NLTKWordTokenizer

print(f"{nltk.__version__}:", NLTKWordTokenizer().tokenize("the 'Grenade 1990\u20132000"))
PY
found=""
for version in 3.9.2 3.10.4; do
    python3 -m venv "$work/$version"
    "$work/$version/bin/pip" install --quiet "nltk==$version"
    found+=$(PYTHONUTF8=1 "$work/$version/bin/python" -W ignore "$work/probe.py")$'\n'
done
echo "$found"
[ "$found" = "3.9.2: ['the', \"'Grenade\", '1990–2000']
3.10.4: ['the', \"'\", 'Grenade', '1990', '–', '2000']
" ]
