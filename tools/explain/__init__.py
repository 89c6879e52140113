"""`cqc explain`: everything that is known about one event."""
