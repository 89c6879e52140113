"""One file per command of `cqc`: its declaration, and all of it unless it has its own room.

`--help` imports every file here, so whatever is slow to import (pydantic, rich, Google's clients) is imported
when a command runs.
"""
