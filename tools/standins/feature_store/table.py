"""The newest value of every feature, by feature view and entity. Pure: the time is passed in."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.standins.status import InvalidArgument, NotFound

MAX_AHEAD_MICROS = 365 * 24 * 3600 * 1_000_000
"""The furthest ahead that a generate_time may be: a year."""

Entity = tuple[str, str]
"""A feature view and a key in it."""


@dataclass(frozen=True, slots=True)
class WrittenFeature:
    """A value as written; `generated` is in microseconds since the epoch, None if not given."""

    name: str
    value: Any | None
    generated: int | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A value; `generated` is in microseconds since the epoch."""

    value: Any
    generated: int


class FeatureTable:
    """The newest value of each feature wins, by the time it was generated, not written.

    It begins with `values`; `save` gets what each write changes, before it is visible.
    """

    def __init__(
        self,
        values: Iterable[tuple[Entity, str, Stored]] = (),
        save: Callable[[Entity, Mapping[str, Stored]], None] = lambda _, __: None,
    ) -> None:
        self._save = save
        self._entities: dict[Entity, dict[str, Stored]] = {}
        for entity, name, stored in values:
            self._entities.setdefault(entity, {})[name] = stored

    def write(self, view: str, key: str, features: Iterable[WrittenFeature], now: int) -> None:
        """Stores values at least as new as those stored; none if any feature is bad.

        `now` is in microseconds since the epoch. Raises InvalidArgument.
        """
        fresh = dict[str, Stored]()
        _check_key(key)
        for feature in features:
            stored = _checked(feature, now)
            if feature.name not in fresh or fresh[feature.name].generated <= stored.generated:
                fresh[feature.name] = stored
        if not fresh:
            raise InvalidArgument("no features to write")
        entity = self._entities.setdefault((view, key), {})
        newest = {
            name: stored
            for name, stored in fresh.items()
            if name not in entity or entity[name].generated <= stored.generated
        }
        self._save((view, key), newest)
        entity.update(newest)

    def fetch(self, view: str, key: str) -> Mapping[str, Any]:
        """The entity's newest values by feature name. Raises InvalidArgument or NotFound."""
        _check_key(key)
        entity = self._entities.get((view, key))
        if entity is None:
            raise NotFound(f"{view} has no entity {key}")
        return {name: stored.value for name, stored in entity.items()}


def _check_key(key: str) -> None:
    if not key:
        raise InvalidArgument("the data key is empty")


def _checked(feature: WrittenFeature, now: int) -> Stored:
    if not feature.name:
        raise InvalidArgument("a feature has no name")
    if feature.value is None:
        raise InvalidArgument(f"feature {feature.name} has no value")
    generated = now if feature.generated is None else feature.generated
    if generated > now + MAX_AHEAD_MICROS:
        raise InvalidArgument(f"feature {feature.name}: generate_time is more than a year ahead")
    return Stored(feature.value, generated)
