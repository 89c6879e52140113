"""`cqc doctor`: live checks of a pipeline, with verdicts and the commands that fix what is wrong."""
