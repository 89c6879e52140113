"""`nox -s bench`: what an event costs `parse` and `features`, against a no-op function of the same server."""
