"""Descriptions of models' members: the docstrings below them, read from the source when the OpenAPI document is made.

`use_attribute_docstrings` of pydantic does the same, but at every start.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel


def describe_members(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Add the descriptions to a model's JSON schema."""
    for each in reversed(model.__mro__):
        for name, text in _docstrings(each.__module__).get(each.__qualname__, {}).items():
            if name in model.model_fields:
                schema["properties"][model.model_fields[name].alias or name]["description"] = text


@cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    """Return the docstrings of a module of ours: by class, by member."""
    if module.partition(".")[0] != __name__.partition(".")[0]:
        return {}
    classes = ast.parse(inspect.getsource(sys.modules[module])).body
    return {each.name: _of_members(each) for each in classes if isinstance(each, ast.ClassDef)}


def _of_members(definition: ast.ClassDef) -> dict[str, str]:
    found = {}
    for member, below in pairwise(definition.body):
        match member, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
            case _:
                pass
    return found
