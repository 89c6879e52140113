"""Document names, as Firestore writes them."""

from tools.standins.status import InvalidArgument

MAX_ID_BYTES = 1_500


def document_path(name: str, database: str) -> list[str]:
    """The parts of `name` below the database: collection, id, collection, id, … Raises InvalidArgument."""
    prefix = f"{database}/documents/"
    if not name.startswith(prefix):
        raise InvalidArgument(f'Document name "{name}" is not in "{database}".')
    parts = name[len(prefix) :].split("/")
    if len(parts) % 2:
        raise InvalidArgument(f'Document name "{name}" names a collection: it lacks a document id.')
    for part in parts:
        _check_part(name, part)
    return parts


def _check_part(name: str, part: str) -> None:
    if part in ("", ".", ".."):
        raise InvalidArgument(f'Document name "{name}" contains a resource id "{part}".')
    if part.startswith("__") and part.endswith("__"):
        raise InvalidArgument(f'Resource id "{part}" is invalid because it is reserved.')
    if len(part.encode()) > MAX_ID_BYTES:
        raise InvalidArgument(f"The id {part[:20]}… is longer than {MAX_ID_BYTES} bytes.")


def split(name: str) -> tuple[str, str]:
    """The full name of the document's collection, and the document's id."""
    collection, _, document_id = name.rpartition("/")
    return collection, document_id


def name_bytes(parts: list[str]) -> int:
    """The name's share of a document's size."""
    return 16 + sum(len(part.encode()) + 1 for part in parts)
