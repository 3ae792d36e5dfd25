"""Typed functions as tools: the signature and the docstring are the schema.

Arguments are checked before the function runs, and the result is turned into text of bounded
length. A plain function runs on the event loop: make it `async` if it waits. No sandbox: a tool can
do whatever its code can.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_json

from forethought.agent.errors import ConfigError, ToolError
from forethought.tools.docstring import read_docstring

LIMIT = 8000
"""Longest result, characters."""


class FunctionTool:
    """A function that an agent can call; calling the object calls the function.

    Args:
        function: Plain or `async`; every parameter has a type and a description.
        name: What the model calls it; the function's name by default.
        limit: Longest result in characters; the rest is cut off with a note.

    Raises:
        ConfigError: If the signature or the docstring cannot be turned into a schema.
    """

    def __init__(
        self, function: Callable[..., Any], *, name: str | None = None, limit: int = LIMIT
    ) -> None:
        if limit < 1:
            raise ConfigError(f"tool: limit must be 1 or more, not {limit}")
        self.name = name or str(getattr(function, "__name__", ""))
        if not self.name.isidentifier():
            raise ConfigError(f"tool {self.name!r}: the name must be a Python identifier")
        self.description, described = read_docstring(function)
        if not self.description:
            raise ConfigError(f"tool {self.name!r} has no docstring; say in it what the tool does")
        self._function = function
        self._limit = limit
        self._names, self._arguments = _arguments(self.name, function, described)
        self.schema: Mapping[str, Any] = _untitled(self._arguments.model_json_schema())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"FunctionTool({self.name})"

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Check the arguments, run the function and give its result as text.

        Raises:
            ToolError: If the arguments are wrong, or the function says so.
        """
        try:
            checked = self._arguments.model_validate(dict(arguments))
        except ValidationError as error:
            raise ToolError(_complaint(error)) from error
        given = {self._names[field]: getattr(checked, field) for field in checked.model_fields_set}
        result = self._function(**given)
        if inspect.isawaitable(result):
            result = await result
        return bounded(_as_text(result), self._limit)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(
    *, name: str | None = None, limit: int = LIMIT
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(
    function: Callable[..., Any] | None = None, /, *, name: str | None = None, limit: int = LIMIT
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a typed function a tool; use it bare or with options.

    Args:
        function: Plain or `async`; its Google-style docstring describes every argument.
        name: What the model calls it; the function's name by default.
        limit: Longest result in characters; the rest is cut off with a note.

    Raises:
        ConfigError: If a parameter lacks a type or a description, or has no schema.
    """
    if function is None:
        return lambda inner: FunctionTool(inner, name=name, limit=limit)
    return FunctionTool(function)


def bounded(text: str, limit: int) -> str:
    """The text, cut at `limit` characters with a note of how much there was."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[cut: the first {limit} of {len(text)} characters are shown]"


def _arguments(
    name: str, function: Callable[..., Any], described: Mapping[str, str]
) -> tuple[dict[str, str], type[BaseModel]]:
    """Field names to parameter names, and a model that checks the arguments.

    Fields are numbered and aliased, so that a parameter may be called `json` or `schema`.
    """
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigError(f"tool {name!r}: a type hint cannot be resolved: {error}") from error
    names: dict[str, str] = {}
    fields: dict[str, Any] = {}
    for number, (key, parameter) in enumerate(inspect.signature(function).parameters.items()):
        _check_parameter(name, parameter, hints, described)
        default = ... if parameter.default is parameter.empty else parameter.default
        names[f"a{number}"] = key
        fields[f"a{number}"] = (
            hints[key],
            Field(default, alias=key, description=described[key]),
        )
    unknown = set(described) - set(names.values())
    if unknown:
        raise ConfigError(f"tool {name!r} describes arguments it does not have: {sorted(unknown)}")
    try:
        model = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
        model.model_json_schema()
    except PydanticUserError as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"tool {name!r}: a type has no JSON schema: {reason}") from error
    return names, model


def _check_parameter(
    name: str,
    parameter: inspect.Parameter,
    hints: Mapping[str, Any],
    described: Mapping[str, str],
) -> None:
    key = parameter.name
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise ConfigError(f"tool {name!r}: {key} must be an ordinary or keyword-only parameter")
    if key not in hints:
        raise ConfigError(f"tool {name!r}: {key} has no type; annotate it")
    if not described.get(key):
        raise ConfigError(
            f"tool {name!r}: {key} has no description; add a line '{key}: ...' under 'Args:' in "
            "its docstring"
        )


def _untitled(schema: Any) -> Any:
    """The schema without the titles that pydantic makes from names, which cost tokens."""
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: (
            {name: _untitled(value) for name, value in content.items()}
            if key in {"properties", "$defs"}
            else _untitled(content)
        )
        for key, content in schema.items()
        if key != "title"
    }


def _complaint(error: ValidationError) -> str:
    """What is wrong with each argument, on one line."""
    parts = [
        f"{'.'.join(str(part) for part in each['loc']) or 'arguments'}: {each['msg']}"
        for each in error.errors(include_url=False)
    ]
    return "; ".join(parts)


def _as_text(result: Any) -> str:
    """Text as it is, anything else as JSON, or in Python's words where it has none."""
    if isinstance(result, str):
        return result
    try:
        return to_json(result, indent=None).decode()
    except PydanticSerializationError:
        return str(result)
