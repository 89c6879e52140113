"""Feature values on disk, for a feature store that comes back with its data."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from google.cloud.aiplatform_v1.types import FeatureValue

from tools.standins.feature_store.table import Entity, Stored
from tools.standins.kept import open_kept

_FeatureValue = FeatureValue.pb()
_TABLES = """
CREATE TABLE stored (
  view TEXT, key TEXT, feature TEXT, value BLOB NOT NULL, generated INTEGER NOT NULL,
  PRIMARY KEY (view, key, feature)
) WITHOUT ROWID;
"""


class KeptFeatures:
    """The newest value of every feature."""

    def __init__(self, path: Path) -> None:
        self._file = open_kept(path, _TABLES)

    def load(self) -> Iterator[tuple[Entity, str, Stored]]:
        for view, key, feature, value, generated in self._file.execute("SELECT * FROM stored"):
            yield (view, key), feature, Stored(_FeatureValue.FromString(value), generated)

    def save(self, entity: Entity, features: Mapping[str, Stored]) -> None:
        """Replaces these features of the entity; all or nothing."""
        rows = (
            (*entity, name, stored.value.SerializeToString(), stored.generated)
            for name, stored in features.items()
        )
        with self._file:
            self._file.executemany("INSERT OR REPLACE INTO stored VALUES (?, ?, ?, ?, ?)", rows)

    def close(self) -> None:
        self._file.close()
