"""The tables of RankSim (Gong et al., ICML 2022) and ConR (Keramati et al., ICLR 2024) as data.

One CSV file per paper, one line per printed cell; see ``cells.SCHEMA`` for the columns. How each
row was trained is in ``protocols/``, see ``protocol``. What the papers leave open:

- ConR names no re-weighting for the rows of its Tables 1 and 2. Their baselines are RankSim's SQINV
  rows, so the configurations say ``sqinv`` and ``note`` says that it is inferred. Its Tables 6 to
  19 build on plain training.
- RRT trains its first stage without weights, and a fresh last layer with inverse weights
  (RankSim's Appendix A; the released code). Neither paper says in which stage RRT + LDS smooths the
  labels: the configurations smooth the weights of the second, the only ones there are.
- A row that repeats another paper's numbers has that paper's batch size, learning rate and epochs.
- Numbers are kept as printed, also where two tables disagree; ``note`` then names the other number.
- Correlations in percent stay in percent; ``unit`` says so.
"""

from dirsweep.published.matching import match
from dirsweep.published.reader import (
    PublishedTable,
    export,
    parse_name,
    published,
    table_of,
    tables,
)

__all__ = ["PublishedTable", "export", "match", "parse_name", "published", "table_of", "tables"]
