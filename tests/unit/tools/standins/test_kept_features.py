"""Feature values on disk: the newest wins across processes, and a refused write leaves nothing."""

from pathlib import Path

import pytest
from google.cloud.aiplatform_v1.types import FeatureValue

from tools.standins.feature_store.kept import KeptFeatures
from tools.standins.feature_store.table import FeatureTable, WrittenFeature
from tools.standins.status import InvalidArgument

NOW = 1_700_000_000_000_000
KEY = "1-1"


def written(name: str, value: str | None, generated: int) -> WrittenFeature:
    content = None if value is None else FeatureValue.pb()(string_value=value)
    return WrittenFeature(name, content, generated)


def test_an_older_value_does_not_replace_one_that_an_earlier_process_had(tmp_path: Path) -> None:
    kept = KeptFeatures(tmp_path / "data")
    table = FeatureTable(kept.load(), kept.save)
    table.write("view", KEY, [written("a", "new", NOW), written("b", "old", NOW - 2)], NOW)
    kept.close()
    for _ in range(2):
        kept = KeptFeatures(tmp_path / "data")
        table = FeatureTable(kept.load(), kept.save)
        table.write("view", KEY, [written("a", "old", NOW - 1), written("b", "new", NOW - 1)], NOW)
        values = table.fetch("view", KEY)
        assert {name: value.string_value for name, value in values.items()} == {"a": "new", "b": "new"}
        kept.close()


def test_of_a_refused_write_nothing_is_kept(tmp_path: Path) -> None:
    kept = KeptFeatures(tmp_path / "data")
    with pytest.raises(InvalidArgument):
        FeatureTable(save=kept.save).write(
            "view", KEY, [written("a", "x", NOW), written("b", None, NOW)], NOW
        )
    assert list(kept.load()) == []
    kept.close()
