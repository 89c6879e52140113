"""`cqc redrive`: dead letters, an edit, the current code's verdict, and the mark that it was done."""
