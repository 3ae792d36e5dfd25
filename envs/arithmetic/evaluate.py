"""Works out arithmetic written as Python, and nothing else.

Covered: whole and decimal numbers, `+ - * / // % **`, signs, parentheses, and `abs`, `min`, `max`,
`round`. Not covered: names, comparisons, texts, statements, any other call. The expression is read
into a syntax tree and only these nodes are followed; nothing is executed. Its length, its depth and
the size of its numbers are limited, so that no expression takes long.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from forethought.agent.errors import ToolError

Number: TypeAlias = int | float
LONGEST = 300
"""Letters of an expression."""
LARGEST_BITS = 4096
"""Of a whole number, on the way and in the end."""
_DEEPEST = 60
"""Nested parts of an expression."""
_BINARY: Mapping[type[ast.operator], Callable[[Number, Number], Number]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.FloorDiv: operator.floordiv,
        ast.Mod: operator.mod,
        ast.Pow: lambda base, power: _power(base, power),
    }
)
_UNARY: Mapping[type[ast.unaryop], Callable[[Number], Number]] = MappingProxyType(
    {ast.UAdd: operator.pos, ast.USub: operator.neg}
)
_CALLS: Mapping[str, Callable[..., Number]] = MappingProxyType(
    {"abs": abs, "min": min, "max": max, "round": round}
)


def evaluate(expression: str) -> Number:
    """The value of an arithmetic expression.

    Raises:
        ToolError: If it cannot be worked out, in words for whoever wrote it.
    """
    text = expression.strip()
    if len(text) > LONGEST:
        raise ToolError(f"the expression has {len(text)} letters; {LONGEST} are the most")
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ToolError(f"{text!r} is no arithmetic expression") from error
    try:
        return _value(tree.body, 0)
    except ZeroDivisionError as error:
        raise ToolError("division by zero") from error
    except (OverflowError, ValueError, TypeError) as error:
        raise ToolError(f"cannot work that out: {error}") from error


def _value(node: ast.expr, depth: int) -> Number:
    if depth > _DEEPEST:
        raise ToolError("the expression is nested too deeply")
    if isinstance(node, ast.Constant):
        return _checked(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _value(node.left, depth + 1), _value(node.right, depth + 1)
        return _checked(_BINARY[type(node.op)](left, right))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_value(node.operand, depth + 1))
    if isinstance(node, ast.Call):
        return _called(node, depth)
    raise ToolError("only numbers, + - * / // % **, parentheses, abs, min, max, round")


def _called(node: ast.Call, depth: int) -> Number:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in _CALLS or node.keywords or not node.args:
        raise ToolError(f"the only calls are {', '.join(_CALLS)}, with numbers")
    values = [_value(each, depth + 1) for each in node.args]
    if name in {"min", "max"} and len(values) < 2:
        raise ToolError(f"{name} takes two numbers or more")
    return _checked(_CALLS[name](*values))


def _checked(value: object) -> Number:
    """A number of reasonable size, as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ToolError(f"{value!r} is no real number")
    if isinstance(value, int) and value.bit_length() > LARGEST_BITS:
        raise ToolError("the numbers get too large")
    if isinstance(value, float) and not math.isfinite(value):
        raise ToolError("the numbers get too large")
    return value


def _power(base: Number, power: Number) -> Number:
    size = base.bit_length() if isinstance(base, int) else 1
    if isinstance(power, int) and size * abs(power) > LARGEST_BITS:
        raise ToolError("the numbers get too large")
    result: Number = base**power
    return result
