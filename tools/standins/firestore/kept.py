"""Documents on disk, for a Firestore that comes back with its data."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.standins.firestore.store import Document
from tools.standins.kept import open_kept

_TABLES = "CREATE TABLE documents (name TEXT PRIMARY KEY, document BLOB NOT NULL) WITHOUT ROWID;"


class KeptDocuments:
    """Every document by its full name."""

    def __init__(self, path: Path) -> None:
        self._file = open_kept(path, _TABLES)

    def load(self) -> Iterator[Any]:
        for (document,) in self._file.execute("SELECT document FROM documents"):
            yield Document.FromString(document)

    def save(self, changed: Mapping[str, Any | None]) -> None:
        """The documents by name, None for a deleted one; all or nothing."""
        written = [
            (name, document.SerializeToString()) for name, document in changed.items() if document is not None
        ]
        deleted = [(name,) for name, document in changed.items() if document is None]
        with self._file:
            self._file.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?)", written)
            self._file.executemany("DELETE FROM documents WHERE name = ?", deleted)

    def close(self) -> None:
        self._file.close()
