"""Clients of one pipeline, the local chain or a deployed one: where it is and how to reach it."""
