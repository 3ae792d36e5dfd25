import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from forethought.agent.errors import ConfigError, ToolError
from forethought.tools.function import FunctionTool, bounded, tool


class Place(BaseModel):
    city: str
    title: str = "Dr"


@tool
def stock(item: str, *, json: int = 3, schema: Literal["a", "b"] = "a") -> dict[str, Any]:
    """Units left in the warehouse.

    Looks them up.

    Args:
        item: Catalogue name,
            as printed: exactly.
        json (int): A number.
        schema: One of two.

    Returns:
        item: Not an argument.
    """
    return {"item": item, "json": json, "schema": schema}


async def test_signature_and_docstring_are_the_schema() -> None:
    assert stock.name == "stock"
    assert stock.description == "Units left in the warehouse.\n\nLooks them up."
    assert stock.schema == {
        "additionalProperties": False,
        "properties": {
            "item": {"description": "Catalogue name, as printed: exactly.", "type": "string"},
            "json": {"default": 3, "description": "A number.", "type": "integer"},
            "schema": {
                "default": "a",
                "description": "One of two.",
                "enum": ["a", "b"],
                "type": "string",
            },
        },
        "required": ["item"],
        "type": "object",
    }
    assert await stock.call({"item": "x", "json": "4"}) == '{"item":"x","json":4,"schema":"a"}'
    assert stock("y", json=1) == {"item": "y", "json": 1, "schema": "a"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "item: Field required"),
        ({"item": 3}, "item: Input should be a valid string"),
        ({"item": "x", "json": "many"}, "json: Input should be a valid integer"),
        ({"item": "x", "colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"item": "x", "schema": "c"}, "schema: Input should be 'a' or 'b'"),
    ],
)
async def test_wrong_arguments_are_for_the_model_to_correct(
    arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ToolError) as caught:
        await stock.call(arguments)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_richer_types_and_async_functions() -> None:
    @tool(name="visit", limit=50)
    async def go(
        place: Place, times: Annotated[list[int], Field(max_length=2)], note: str | None = None
    ) -> Place:
        """Go there.

        Args:
            place: Where.
            times: When.
            note: What for.
        """
        await asyncio.sleep(0)
        assert isinstance(place, Place)
        return place

    assert go.name == "visit"
    assert go.schema["$defs"]["Place"]["properties"]["title"] == {"default": "Dr", "type": "string"}
    assert await go.call({"place": {"city": "Ulm"}, "times": [1]}) == '{"city":"Ulm","title":"Dr"}'
    with pytest.raises(ToolError, match=r"place\.city: Field required"):
        await go.call({"place": {}, "times": [1]})
    long = await go.call({"place": {"city": "U" * 99}, "times": []})
    assert len(long) < 110
    assert long.endswith("[cut: the first 50 of 123 characters are shown]")


def test_bounded() -> None:
    assert bounded("abc", 3) == "abc"
    assert bounded("abcd", 3) == "abc\n[cut: the first 3 of 4 characters are shown]"


async def test_results_without_json_are_in_pythons_words() -> None:
    @tool
    def odd() -> object:
        """Something."""
        return object

    assert await odd.call({}) == "<class 'object'>"
    assert odd.schema["properties"] == {}


def no_docstring(a: int) -> int:
    return a


def no_type(a) -> int:  # type: ignore[no-untyped-def]
    """Do.

    Args:
        a: A.
    """
    return 1


def no_description(a: int, b: int) -> int:
    """Do.

    Args:
        a: A.
    """
    return a


def many(*a: int) -> int:
    """Do.

    Args:
        a: A.
    """
    return 1


def described_twice(a: int) -> int:
    """Do.

    Args:
        a: A.
        c: C.
    """
    return a


def strange(a: Callable[[int], int]) -> int:
    """Do.

    Args:
        a: A.
    """
    return a(1)


def unresolved(a: "Nowhere") -> int:  # type: ignore[name-defined]  # noqa: F821
    """Do.

    Args:
        a: A.
    """
    return 1


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (no_docstring, "'no_docstring' has no docstring"),
        (no_type, "a has no type"),
        (no_description, "b has no description; add a line 'b: ...' under 'Args:'"),
        (many, "a must be an ordinary or keyword-only parameter"),
        (described_twice, r"describes arguments it does not have: \['c'\]"),
        (strange, "a type has no JSON schema"),
        (unresolved, "a type hint cannot be resolved"),
        (lambda: 1, "the name must be a Python identifier"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_told_when_defined(
    function: Callable[..., Any], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        tool(function)
    assert "\n" not in str(caught.value)


def test_a_limit_that_cannot_work() -> None:
    with pytest.raises(ConfigError, match="limit"):
        FunctionTool(no_description, limit=0)
