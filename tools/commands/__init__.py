"""What each command of `cqc` does; the command line itself is tools/cli.py."""
