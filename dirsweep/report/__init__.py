"""Words and pictures: a run's results as tables, sentences, plots and pages."""
