"""What the online store serves is declared once, and exists in the tables that it is synced from."""

from shared.online import EVENT_FEATURE_NAMES, EVENT_FEATURES, WINDOW_FEATURES
from shared.tables.columns import CATEGORY_COLUMNS, REALTIME_FEATURES, REALTIME_FEATURES_AGGREGATED


def test_every_column_of_an_event_is_served_except_its_keys_and_times() -> None:
    columns = {column.name for column in REALTIME_FEATURES.columns}
    assert columns - EVENT_FEATURE_NAMES == {
        *("event_id", "location_id", "event_timestamp", "processing_timestamp", "publish_timestamp"),
        *("pipeline_version", "is_late"),
    }
    assert columns >= EVENT_FEATURE_NAMES


def test_each_category_has_a_group_beside_the_derived_features() -> None:
    assert list(EVENT_FEATURES) == ["derived", *CATEGORY_COLUMNS]


def test_window_features_are_columns_of_a_pane() -> None:
    assert set(WINDOW_FEATURES.values()) <= {column.name for column in REALTIME_FEATURES_AGGREGATED.columns}


def test_a_feature_name_is_in_one_group_only() -> None:
    """A feature view holds the features of all its groups under their names alone."""
    names = [name for group in EVENT_FEATURES.values() for name in group] + list(WINDOW_FEATURES)
    assert len(set(names)) == len(names)
    assert all(name.startswith("window_") for name in WINDOW_FEATURES)
