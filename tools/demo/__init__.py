"""`nox -s demo`: the whole chain at work, and a reconciliation that shows that nothing was lost."""
