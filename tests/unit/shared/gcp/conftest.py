"""A feature view to write to, and values for it."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.gcp.feature_store import FeatureView
from shared.online import OnlineFeatures
from shared.tables.columns import Value

VIEW = "projects/p/locations/europe-west2/featureOnlineStores/s/featureViews/v"
WHEN = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)

OpenView = Callable[..., FeatureView]


def entry(location: str, after: float = 0, **values: Value) -> OnlineFeatures:
    """Values that came up so many seconds after WHEN."""
    return OnlineFeatures(location, WHEN + timedelta(seconds=after), values or {"page_views": 1})


@pytest.fixture
async def open_view() -> AsyncIterator[OpenView]:
    """Makes views that are closed before the server that they write to."""
    opened: list[FeatureView] = []

    def open_one(try_seconds: float = 5, **options: Any) -> FeatureView:
        opened.append(FeatureView(VIEW, try_seconds, pause=0, **options))
        return opened[-1]

    yield open_one
    for view in opened:
        await view.close()


@pytest.fixture
def view(open_view: OpenView) -> FeatureView:
    return open_view()
