"""One file per command of `cqc`: its declaration, and the whole of it where it has no room of its own.

`--help` imports every file here, so whatever is slow to import (pydantic, rich, Google's clients) is imported
when a command runs.
"""
