"""`cqc heal-online`: the online store's values of a range of time, written again from the tables."""
