"""`nox -s load`: what the chain does under a load that does not wait for it, and in an outage under load."""
