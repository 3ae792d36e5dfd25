"""What an agent's answers have to be: any type that pydantic can check, text by default.

Reads an answer's text and says what is wrong with it. Asks no model.
"""

from collections.abc import Mapping
from typing import Any, Generic, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from typing_extensions import TypeVar

from forethought.agent.errors import ConfigError
from forethought.agent.parsing import find_objects, strip_fence
from forethought.agent.schemas import strict

T = TypeVar("T", default=str)


class Output(Generic[T]):
    """The type of an agent's answers.

    Args:
        kind: The type, or an adapter for one; `None` for text as it is written.

    Raises:
        ConfigError: If pydantic knows no schema for the type.
    """

    def __init__(self, kind: type[T] | TypeAdapter[T] | None = None) -> None:
        self._adapter: TypeAdapter[T] | None = None
        self.schema: Mapping[str, Any] | None = None
        """JSON schema of an answer; `None` for plain text."""
        if kind is None or kind is str:
            return
        try:
            self._adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
            self.schema = strict(self._adapter.json_schema())
        except PydanticUserError as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"output_type {kind!r} has no JSON schema: {reason}") from error

    def read(self, text: str) -> T:
        """The answer that a text is.

        The text is JSON, in a code fence or not, or as bare as a number or a word; a single object
        in prose is found too.

        Raises:
            ValueError: If it is none, with what is wrong in one line.
        """
        if self._adapter is None:
            return cast("T", text)
        bare = strip_fence(text)
        try:
            return self._adapter.validate_json(bare)
        except ValidationError as error:
            first = error
        try:
            objects, _ = find_objects(bare)
            return self._adapter.validate_python(objects[0] if len(objects) == 1 else bare)
        except ValidationError as error:
            not_json = first.errors(include_url=False)[0]["type"] == "json_invalid"
            raise ValueError(_complaint(error if not_json else first)) from error

    def problem(self, text: str) -> str:
        """What is wrong with an answer, in one line; empty when it fits."""
        try:
            self.read(text)
        except ValueError as error:
            return str(error)
        return ""


def _complaint(error: ValidationError) -> str:
    parts = [
        f"{'.'.join(str(part) for part in each['loc']) or 'the whole'}: {each['msg']}"
        for each in error.errors(include_url=False)
    ]
    return " ".join("; ".join(parts).split())
