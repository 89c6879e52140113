"""`nox -s audit`: known vulnerabilities of what is deployed and of what the tools run with."""
