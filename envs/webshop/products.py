"""The products of a WebShop folder: read, checked and brought into one form.

Knows the two files `products_1000.json` and `items_ins_v2_1000.json` of WebShop's small release
(Yao et al. 2022, arXiv 2207.01206). They are not part of this package: the product text was
collected from a shop's pages and carries no licence of its own. `FORETHOUGHT_DATA` names the folder
that holds `webshop_1k/`. Knows nothing of goals, searches or rewards.
"""

import os
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from forethought.agent.errors import DataError
from forethought.envs.options import data_folder

FOLDER = "webshop_1k"
PRODUCTS = "products_1000.json"
LABELS = "items_ins_v2_1000.json"
NO_PRICE = 100.0
"""Dollars that a product without a price costs, as in WebShop."""
_BETWEEN_CATEGORIES = "\u203a"
_AMOUNT = re.compile(r"\$([\d,]+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """What the shop knows of one product; equal to itself alone."""

    asin: str
    """Its id in the shop."""
    title: str
    description: str
    """Empty where the data has none."""
    features: tuple[str, ...]
    """Bullet points; may be empty."""
    price: float
    """Dollars. One number, drawn once from the id where the data gives a range."""
    rating: float | None
    """Stars, 1 to 5."""
    options: Mapping[str, tuple[str, ...]]
    """Values on offer by the name of the option, in the order of the page, lower case; the data
    names a few twice."""
    category: str
    query: str
    """The search that the product was found with when the data was collected."""
    path: frozenset[str]
    """Names on the way to it in the shop's tree of categories."""
    attributes: tuple[str, ...]
    """What was mined from its text; not shown to the shopper."""
    request: str
    """The instruction's first part; empty for products that nobody is sent for."""
    wanted: tuple[str, ...]
    """The attributes that the instruction asks for."""
    text: str
    """Title, features and description, lower case, one a line."""


class _Choice(BaseModel):
    value: str


class _Row(BaseModel):
    asin: str
    name: str
    full_description: str
    small_description: list[str] | str
    pricing: str
    customization_options: dict[str, list[_Choice] | None] | str
    category: str
    query: str
    product_category: str
    average_rating: float | str = ""


class _Label(BaseModel):
    attributes: list[str]
    instruction: str = ""
    instruction_attributes: list[str] = []


T = TypeVar("T")
_ROWS = TypeAdapter(list[_Row])
_LABELS = TypeAdapter(dict[str, _Label])


def shop_folder() -> Path:
    """Where the products lie.

    Raises:
        ConfigError: If `FORETHOUGHT_DATA` is not set, or holds no such folder.
    """
    return data_folder(FOLDER, "WebShop's products are", PRODUCTS, LABELS)


def read_products(folder: str | os.PathLike[str] | None = None) -> tuple[Product, ...]:
    """All products, in the order of the file.

    Args:
        folder: Holds both files; found by `data_folder` when left out.

    Raises:
        ConfigError: If the data set cannot be found.
        DataError: If a file cannot be read, or is not of that form.
    """
    place = Path(folder) if folder is not None else shop_folder()
    rows = _read(place / PRODUCTS, _ROWS)
    labels = _read(place / LABELS, _LABELS)
    if not rows:
        raise DataError(f"{place / PRODUCTS} holds no product")
    if len({row.asin for row in rows}) < len(rows):
        raise DataError(f"{place / PRODUCTS} names a product twice")
    return tuple(_product(row, labels.get(row.asin)) for row in rows)


def _read(path: Path, kind: TypeAdapter[T]) -> T:
    try:
        return kind.validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(f"{path} is not WebShop's: {where}: {first['msg']}") from error


def _product(row: _Row, label: _Label | None) -> Product:
    points = row.small_description
    features = tuple(filter(None, map(_plain, [points] if isinstance(points, str) else points)))
    title, description = _plain(row.name), _plain(row.full_description)
    rating = row.average_rating
    return Product(
        asin=row.asin,
        title=title,
        description=description,
        features=features,
        price=price_of(row.pricing, row.asin),
        rating=rating if isinstance(rating, float) else None,
        options=_options(row),
        category=row.category,
        query=row.query.lower().strip(),
        path=frozenset(part.strip() for part in row.product_category.split(_BETWEEN_CATEGORIES)),
        attributes=tuple(label.attributes) if label else (),
        request=_plain(label.instruction) if label else "",
        wanted=tuple(label.instruction_attributes) if label else (),
        text="\n".join((title, " ".join(features), description)).lower(),
    )


def price_of(tag: str, asin: str) -> float:
    """Dollars that a price tag means: its amount, one inside its range, or `NO_PRICE`."""
    amounts = [float(amount.replace(",", "")) for amount in _AMOUNT.findall(tag)][:2]
    if not amounts:
        return NO_PRICE
    if len(amounts) == 1:
        return amounts[0]
    return round(random.Random(f"price {asin}").uniform(*amounts), 2)


def _options(row: _Row) -> Mapping[str, tuple[str, ...]]:
    offered = row.customization_options
    if isinstance(offered, str):
        return MappingProxyType({})
    return MappingProxyType(
        {
            _plain(name).lower(): tuple(
                _plain(choice.value.replace("/", " | ")).lower() for choice in choices
            )
            for name, choices in offered.items()
            if choices
        }
    )


def _plain(text: str) -> str:
    """One line, single spaces."""
    return " ".join(text.split())
