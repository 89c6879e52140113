"""`nox -s demo`: the whole chain at work, and the reconciliation that shows it lost nothing."""
