"""A stand-in's data on disk: a SQLite file, written before the call is answered.

A killed process loses nothing that it answered, because what it wrote is the kernel's. A power cut may lose
the last moments: `synchronous` is off, which makes a commit some 20 µs instead of a disk's milliseconds.
"""

import sqlite3
import sys
from pathlib import Path

LAYOUT = 2
"""Of the tables of all stand-ins; a file of another is refused."""

BEGIN_WITHOUT = "delete it to begin without, or name another"


def open_kept(path: Path, tables: str) -> sqlite3.Connection:
    """The file, created with these CREATE TABLE statements if it is new; only one process can have it open.

    Exits with a sentence when it can't be used.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=5.0, check_same_thread=False)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        is_new = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone() == (0,)
        if is_new:
            connection.executescript(f"BEGIN; {tables} PRAGMA user_version = {LAYOUT}; COMMIT;")
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
    except (OSError, sqlite3.Error) as error:
        sys.exit(f"the data in {path} can't be used ({error}): {BEGIN_WITHOUT}")
    if layout != LAYOUT:
        sys.exit(f"the data in {path} is of another release: {BEGIN_WITHOUT}")
    return connection
