"""Clients of one pipeline, local or deployed: where it is and how to reach it."""
