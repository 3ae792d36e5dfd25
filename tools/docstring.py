"""Reads Google-style docstrings: the summary and what it says of each argument. Pure."""

import inspect
import re
from collections.abc import Callable
from typing import Any

_SECTION = re.compile(r"^([A-Z][A-Za-z ]+):\s*$")
_ARGUMENT = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")


def read_docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """The text before the first section, and the description of each argument by name."""
    lines = (inspect.getdoc(function) or "").splitlines()
    about: list[str] = []
    arguments: dict[str, list[str]] = {}
    section, indent, current = "", 0, ""
    for line in lines:
        heading = _SECTION.match(line)
        if heading:
            section, indent, current = heading.group(1), 0, ""
        elif not section:
            about.append(line)
        elif section in {"Args", "Arguments", "Parameters"} and line.strip():
            depth = len(line) - len(line.lstrip())
            indent = indent or depth
            match = _ARGUMENT.match(line.strip()) if depth == indent else None
            if match:
                current = match.group(1)
                arguments[current] = [match.group(2)]
            elif current:
                arguments[current].append(line.strip())
    described = {name: " ".join(text).strip() for name, text in arguments.items()}
    return "\n".join(about).strip(), described
