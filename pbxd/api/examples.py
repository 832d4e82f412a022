"""Examples in the OpenAPI document: made from the schemas, with values that a reader recognizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]
_DEEPEST: Final = 12  # schemas in one another
_MOMENT: Final = "2026-11-29T09:00:00.000000Z"
_BY_NAME: Final[Mapping[str, Any]] = {
    "id": 7, "version": 3, "seq": 4711, "total": 1, "number": "+74951234567", "extension": "101", "agent": "101",
    "manager": "101", "actor": "101", "owner": None, "created_by": "101", "manager_name": "Иванова Анна",
    "actor_name": "Иванова Анна", "name": "Фронкин Игорь", "company": "ООО «Ромашка»", "queue": "sales",
    "language": "ru", "email": "igor@example.org", "mobile": "+79161234567", "did": "+74951234567",
    "department": "Продажи", "departments": ["Продажи"], "queues": ["sales"], "target": "8 495 123-45-67",
    "title": "OK", "pbx": "pbx", "linkedid": "1469918176.1", "next": None, "after": "", "label": "работа",
    "file": "клиенты.xlsx", "who": "101", "login": "101", "password": "correct horse battery staple",
    "tags": ["опт"], "position": "директор", "comment": "звонить после обеда", "site": "example.org",
    "address": "Москва, Тверская, 1", "undo_first": None, "contact": None, "url": "https://crm.example.org/pbxd",
    "emails": ["igor@example.org"], "numbers": None, "errors_file": "/api/v1/imports/7/errors.xlsx", "role": "agent",
    "call": "01KB6V6ZJ5X2W7Q3M8N4C0T9RD", "channel": "trunk-00000001", "position_before": 3, "n": 1,
    "format": "csv", "If-Match": '"7"', "Idempotency-Key": "5a1c0f0e-6f0b-4a53-9d54-1f2f0a8f2b1c",
}  # fmt: skip
_TYPES: Final = {str: "string", int: "integer", bool: "boolean", type(None): "null"}
_BY_FORMAT: Final[Mapping[str, Any]] = {"date-time": _MOMENT, "date": "1980-12-31", "binary": "…"}


def _plain(schema: Schema) -> Any:  # noqa: ANN401 - JSON
    """Return a value that is neither a list nor an object."""
    match schema.get("type"):
        case "boolean":
            return bool(schema.get("default", True))
        case "integer" | "number":
            return schema.get("minimum") or 1
        case "string":
            return _BY_FORMAT.get(schema.get("format", ""), schema.get("default") or "text")
        case _:
            return None


class Examples:
    """Makes examples of the schemas of one document."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        """`definitions`: those that `$ref` names."""
        self._definitions = definitions

    def of(self, schema: Schema, name: str = "", depth: int = 0) -> Any:  # noqa: ANN401 - JSON
        """Return a value that a schema allows; `name`: of the member it is for."""
        schema = self._resolved(schema)
        given = [*schema.get("examples", ()), *(schema[word] for word in ("example", "const") if word in schema)]
        if name in _BY_NAME and self._fits(_BY_NAME[name], schema):
            given.append(_BY_NAME[name])
        given += schema.get("enum", ())
        if given:
            return given[0]
        choices = schema.get("anyOf", [])
        if choices:
            return self.of(next((each for each in choices if each.get("type") != "null"), choices[0]), name, depth + 1)
        kind = schema.get("type")
        if kind == "array":
            return self._array(schema, name, depth)
        return self._object(schema, depth) if kind == "object" else _plain(schema)

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        if depth > _DEEPEST or schema.get("maxItems") == 0:
            return []
        members = schema.get("prefixItems") or [schema.get("items", {})]
        return [self.of(each, name.removesuffix("s"), depth + 1) for each in members]

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        """Return an object: what it must have, and what has an example of its own."""
        members = schema.get("properties", {})
        if not members:
            values = schema.get("additionalProperties")
            return {"name": self.of(values, "", depth + 1)} if isinstance(values, dict) else {}
        needed = set(schema.get("required", ()))
        shown = [each for each in members if each in needed or "examples" in members[each]] or list(members)
        return {each: self.of(members[each], each, depth + 1) for each in shown}

    def _resolved(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        return {**self._definitions[schema["$ref"].rpartition("/")[2]], **beside}

    def _fits(self, value: Any, schema: Schema) -> bool:  # noqa: ANN401 - JSON
        """Tell whether a value is of a schema's type."""
        schema = self._resolved(schema)
        if "anyOf" in schema:
            return any(self._fits(value, each) for each in schema["anyOf"])
        if "enum" in schema:
            return value in schema["enum"]
        if isinstance(value, list):
            return schema.get("type") == "array" and all(self._fits(each, schema.get("items", {})) for each in value)
        kind = _TYPES.get(type(value), "")
        return schema.get("type") == kind and (kind != "string" or "format" not in schema)
