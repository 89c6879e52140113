"""Online values as entities of a FeatureViewDirectWriteRequest, encoded. Pure.

Each feature is encoded by itself, from one message that is used again for the next, and the pieces are
joined: encoded messages that are concatenated are merged, and their repeated fields appended. Building the
request as a whole costs nearly twice as much, most of it for the time that every feature has a copy of.
Source: https://protobuf.dev/programming-guides/encoding/#last-one-wins
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from shared.clock import to_micros
from shared.gcp.feature_store_messages import Entity
from shared.online import OnlineFeatures
from shared.tables.columns import Value

MAX_KEYS = 300
"""Entities per request: at 8 values each 100 kB and 2 ms of encoding. Much larger requests would hold up the
loop for longer, and one that fails would lose more; much smaller ones need more round trips."""
MAX_BYTES = 1_000_000
"""A request's size, well under gRPC's 4 MB; one entity may be larger."""

_RENEWED_AFTER = 100_000
"""Bytes that one message encodes. It keeps the memory of every value that it ever had until it goes itself
(protobuf's arenas: https://protobuf.dev/reference/cpp/arenas/), and a new one for each entity costs a tenth
of the encoding."""

_FIELDS: Mapping[type, str] = {
    bool: "bool_value",
    float: "double_value",
    int: "int64_value",
    str: "string_value",
}


class EntityEncoder:
    """Encodes entities one after another; holds the messages that it uses again."""

    def __init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        self._encoded = 0
        self._key = Entity()
        self._single = Entity()
        """An entity of one feature and no key."""
        self._feature = self._single.features.add()

    def encode(self, location_id: str, entries: Sequence[OnlineFeatures]) -> bytes:
        """One location's values, each feature's from the newest entry that has it.

        Raises KeyError for a value of a type that the store has not, ValueError for one out of its range.
        """
        if self._encoded > _RENEWED_AFTER:
            self._renew()
        try:
            entity = b"".join(self._pieces(location_id, entries))
        except BaseException:  # what it had encoded before is not counted
            self._renew()
            raise
        self._encoded += len(entity)
        return entity

    def _pieces(self, location_id: str, entries: Sequence[OnlineFeatures]) -> list[bytes]:
        self._key.data_key.key = location_id
        pieces: list[bytes] = [self._key.SerializeToString()]
        if len(entries) == 1:
            return pieces + self._features(entries[0], entries[0].values)
        taken = set[str]()
        for entry in sorted(entries, key=lambda entry: entry.generate_time, reverse=True):
            values = {name: value for name, value in entry.values.items() if name not in taken}
            taken.update(name for name, value in values.items() if value is not None)
            pieces += self._features(entry, values)
        return pieces

    def _features(self, entry: OnlineFeatures, values: Mapping[str, Value]) -> list[bytes]:
        feature = self._feature
        target, encoded = feature.value, self._single.SerializeToString
        target.metadata.generate_time.FromMicroseconds(to_micros(entry.generate_time))
        pieces: list[bytes] = []
        for name, value in values.items():
            if value is None:
                continue
            feature.name = name
            kind = type(value)
            if kind is list:
                target.string_array_value.values[:] = value  # an empty list is a value
            else:
                setattr(target, _FIELDS[kind], value)
            pieces.append(encoded())
        return pieces


def by_location(entries: Iterable[OnlineFeatures]) -> dict[str, list[OnlineFeatures]]:
    """The entries of each location."""
    groups: dict[str, list[OnlineFeatures]] = {}
    for entry in entries:
        groups.setdefault(entry.location_id, []).append(entry)
    return groups


def requests(entities: Iterable[tuple[str, bytes]]) -> Iterator[dict[str, bytes]]:
    """Encoded entities in groups that fit a request, taken from the iterable as they are asked for."""
    group: dict[str, bytes] = {}
    size = 0
    for key, entity in entities:
        if group and (len(group) == MAX_KEYS or size + len(entity) > MAX_BYTES):
            yield group
            group, size = {}, 0
        group[key] = entity
        size += len(entity)
    if group:
        yield group
