"""`cqc tail`: events as they become rows or dead letters, by looks at the tables."""
