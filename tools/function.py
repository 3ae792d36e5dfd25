"""Typed functions as tools: the signature and the docstring are the schema.

Arguments are checked before the function runs, and the result is turned into text of bounded
length. A plain function runs in a thread, so that it holds up nothing else; one that takes no time
can stay on the event loop. After its `timeout` an `async` function is cancelled; a thread cannot be
stopped, so the call is abandoned and the model is told, as it is when a cancelled function does not
end. No sandbox: a tool can do whatever its code can, and an `async` one that never awaits anything
holds up the loop and its own deadline.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_origin, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_json

from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.protocols import RunContext
from forethought.tools.deadlines import check_seconds, in_time
from forethought.tools.docstring import read_docstring
from forethought.tools.threads import heard_on_loop, in_thread

LIMIT = 8000
"""Longest result, characters."""


class FunctionTool:
    """A function that an agent can call; calling the object calls the function.

    Args:
        function: Plain or `async`; every parameter has a type and a description, but a first one
            annotated `RunContext`, which the model does not see.
        name: What the model calls it; the function's name by default.
        limit: Longest result in characters; the rest is cut off with a note.
        timeout: Seconds after which a call is given up; `None` for no limit.
        inline: Whether a plain function runs on the event loop and not in a thread. For functions
            that return at once; a `timeout` cannot hold there.
        outside: Whether the results are texts that nobody vouches for, such as web pages or mail.

    Raises:
        ConfigError: If the signature or the docstring cannot be turned into a schema, or an option
            cannot work.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        limit: int = LIMIT,
        timeout: float | None = None,
        inline: bool = False,
        outside: bool = False,
    ) -> None:
        waits = inspect.iscoroutinefunction(function)
        if inspect.isasyncgenfunction(function):
            raise ConfigError("tool: an async generator has no one result; return a list instead")
        if limit < 1:
            raise ConfigError(f"tool: limit must be 1 or more, not {limit}")
        if timeout is not None:
            check_seconds("tool: timeout", timeout)
        if timeout is not None and inline and not waits:
            raise ConfigError("tool: an inline function cannot be timed out; leave one of them out")
        self.name = name or str(getattr(function, "__name__", ""))
        if not self.name.isidentifier():
            raise ConfigError(f"tool {self.name!r}: the name must be a Python identifier")
        self.description, described = read_docstring(function)
        if not self.description:
            raise ConfigError(f"tool {self.name!r} has no docstring; say in it what the tool does")
        self.outside = outside
        self._function = function
        self._limit = limit
        self._timeout = timeout
        self._threaded = not (waits or inline)
        hints = _hints(self.name, function)
        self._in_context = _takes_context(self.name, function, hints)
        self._names, self._arguments = _arguments(
            self.name, function, hints, described, skip=int(self._in_context)
        )
        self.schema: Mapping[str, Any] = _untitled(self._arguments.model_json_schema())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"FunctionTool({self.name})"

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Check the arguments, run the function and give its result as text.

        Raises:
            ToolError: If the arguments are wrong, the time is up, or the function says so.
        """
        return await self.call_in(RunContext(None), arguments)

    async def call_in(self, context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
        """As `call`, within a run.

        Raises:
            ToolError: As `call`.
        """
        try:
            checked = self._arguments.model_validate(dict(arguments))
        except ValidationError as error:
            raise ToolError(_complaint(error)) from error
        given = {self._names[field]: getattr(checked, field) for field in checked.model_fields_set}
        if self._in_context:
            context = heard_on_loop(context) if self._threaded else context
            work = partial(self._function, context, **given)
        else:
            work = partial(self._function, **given)
        text = self._from_thread(work) if self._threaded else self._text(work())
        if self._timeout is None:
            return await text
        return await in_time(text, self._timeout, stops=not self._threaded)

    async def _from_thread(self, work: Callable[[], Any]) -> str:
        """What the function returns in a thread, made text there: a generator runs only then."""

        def words() -> Any:
            result = work()
            return result if inspect.isawaitable(result) else (self._words(result),)

        result = await in_thread(words)
        return str(result[0]) if isinstance(result, tuple) else await self._text(result)

    async def _text(self, result: Any) -> str:
        """The result as text, awaited where it has to be: a plain function may return that too."""
        while inspect.isawaitable(result):
            result = await result
        return self._words(result)

    def _words(self, result: Any) -> str:
        return bounded(_as_text(result), self._limit)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(
    *,
    name: str | None = None,
    limit: int = LIMIT,
    timeout: float | None = None,
    inline: bool = False,
    outside: bool = False,
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    limit: int = LIMIT,
    timeout: float | None = None,
    inline: bool = False,
    outside: bool = False,
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a typed function a tool; use it bare or with options.

    Args:
        function: Plain or `async`; its Google-style docstring describes every argument. A first
            parameter annotated `RunContext` gets the run it is called in.
        name: What the model calls it; the function's name by default.
        limit: Longest result in characters; the rest is cut off with a note.
        timeout: Seconds after which a call is given up; `None` for no limit.
        inline: Whether a plain function runs on the event loop and not in a thread. For functions
            that return at once.
        outside: Whether the results are texts that nobody vouches for, such as web pages or mail.

    Raises:
        ConfigError: If a parameter lacks a type or a description, or has no schema.
    """
    if function is None:
        return partial(
            FunctionTool, name=name, limit=limit, timeout=timeout, inline=inline, outside=outside
        )
    return FunctionTool(function)


def bounded(text: str, limit: int) -> str:
    """The text, cut at `limit` characters with a note of how much there was."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[cut: the first {limit} of {len(text)} characters are shown]"


def _hints(name: str, function: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigError(f"tool {name!r}: a type hint cannot be resolved: {error}") from error


def _takes_context(name: str, function: Callable[..., Any], hints: Mapping[str, Any]) -> bool:
    """Whether the first parameter is the run's context; no other one may be."""
    keys = [
        key
        for key in inspect.signature(function).parameters
        if (get_origin(hints.get(key)) or hints.get(key)) is RunContext
    ]
    if not keys:
        return False
    if keys != [next(iter(inspect.signature(function).parameters))]:
        raise ConfigError(f"tool {name!r}: the RunContext must be its first parameter and only one")
    return True


def _arguments(
    name: str,
    function: Callable[..., Any],
    hints: Mapping[str, Any],
    described: Mapping[str, str],
    skip: int,
) -> tuple[dict[str, str], type[BaseModel]]:
    """Field names to parameter names, and a model that checks the arguments.

    Fields are numbered and aliased, so that a parameter may be called `json` or `schema`. The first
    `skip` parameters are not the model's.
    """
    parameters = list(inspect.signature(function).parameters.items())
    seen = {key for key, _ in parameters[:skip]}
    names: dict[str, str] = {}
    fields: dict[str, Any] = {}
    for number, (key, parameter) in enumerate(parameters[skip:]):
        _check_parameter(name, parameter, hints, described)
        default = ... if parameter.default is parameter.empty else parameter.default
        names[f"a{number}"] = key
        fields[f"a{number}"] = (
            hints[key],
            Field(default, alias=key, description=described[key]),
        )
    unknown = set(described) - set(names.values()) - seen
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
