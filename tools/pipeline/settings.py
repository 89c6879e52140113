"""The functions' settings, as commands read them from this environment."""

from typing import TypeVar

from pydantic import ValidationError

from shared.settings import Settings, wrong_variables
from tools.errors import UsageError

S = TypeVar("S", bound=Settings)


def settings_of(kind: type[S], project: str) -> S:
    """Raises UsageError that names every wrong variable."""
    try:
        return kind(project_id=project)
    except ValidationError as error:
        raise UsageError(f"{wrong_variables(error)}: correct it, or unset it") from None
