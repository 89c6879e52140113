"""The only importers of the Google clients, one file each."""
