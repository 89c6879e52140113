"""Commands for people: the local chain, publishing, querying, the benchmark."""
