"""Titles of the papers' tables, in our own words."""

from __future__ import annotations

TITLES: dict[tuple[str, int], str] = {
    ("ranksim", 1): "RankSim on top of four base methods, with LDS and FDS, on IMDB-WIKI-DIR",
    ("ranksim", 2): "RankSim on top of four base methods, with LDS and FDS, on AgeDB-DIR",
    ("ranksim", 3): "RankSim on top of four base methods, with LDS and FDS, on STS-B-DIR",
    ("ranksim", 4): "Penalties between label and feature ranks",
    ("ranksim", 5): "Similarity functions in feature space",
    ("ranksim", 6): "One example per distinct label or the whole batch",
    ("ranksim", 7): "Table 1 with the squared error added, IMDB-WIKI-DIR",
    ("ranksim", 8): "Table 2 with squared error and baselines at batch size 64 added, AgeDB-DIR",
    ("ranksim", 9): "Table 3 with absolute error and rank correlation added, STS-B-DIR",
    ("ranksim", 10): "Sensitivity to gamma and lambda on AgeDB-DIR",
    ("ranksim", 11): "Sensitivity to gamma and lambda on IMDB-WIKI-DIR",
    ("ranksim", 12): "Batch sizes 64, 128 and 256 on AgeDB-DIR",
    ("conr", 1): "ConR on top of LDS, FDS and RankSim in every combination, AgeDB-DIR",
    ("conr", 2): "ConR on top of LDS, FDS and RankSim in every combination, IMDB-WIKI-DIR",
    ("conr", 3): "ConR on top of LDS, FDS and Balanced MSE, depth estimation",
    ("conr", 4): "ConR on top of LDS, FDS and Balanced MSE, gaze estimation",
    ("conr", 5): "Time of the forward pass and of training",
    ("conr", 6): "ConR with one component removed at a time, AgeDB-DIR",
    ("conr", 7): "ConR on top of RRT, Focal-R and Balanced MSE, both age benchmarks",
    ("conr", 8): "ConR with one component removed at a time, IMDB-WIKI-DIR",
    ("conr", 9): "ConR with one component removed at a time, NYUD2-DIR",
    ("conr", 10): "ConR with one component removed at a time, MPIIGaze-DIR",
    ("conr", 11): "Weights of regression (alpha) and contrast (beta), AgeDB-DIR",
    ("conr", 12): "Weights of regression (alpha) and contrast (beta), IMDB-WIKI-DIR",
    ("conr", 13): "Weights of regression (alpha) and contrast (beta), NYUD2-DIR",
    ("conr", 14): "Weights of regression (alpha) and contrast (beta), MPIIGaze-DIR",
    ("conr", 15): "Pushing power (eta), AgeDB-DIR",
    ("conr", 16): "Pushing power (eta), IMDB-WIKI-DIR",
    ("conr", 17): "Pushing power (eta), NYUD2-DIR",
    ("conr", 18): "Pushing power (eta), MPIIGaze-DIR",
    ("conr", 19): "MoCo v1, MoCo v2 and ConR on top of plain training",
}


def title_of(paper: str, table: int) -> str:
    """Return the title; for a user's own table, its paper and number."""
    return TITLES.get((paper, table), f"Table {table} of {paper}")
