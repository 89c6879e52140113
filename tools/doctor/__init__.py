"""`cqc doctor`: live checks of a pipeline, each with a verdict and the command that fixes it."""
