"""Strict reading of settings: YAML and overrides into a tree of frozen dataclasses.

A key that does not exist, a value of the wrong type and a key given twice are errors that name the
place and, where there is one, the key that was probably meant.
"""

import dataclasses
import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from core.errors import InvalidSetting

T = TypeVar("T")
_SUFFIX = {"k": 10**3, "M": 10**6, "G": 10**9}
_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kMG])")


class _Strict(yaml.SafeLoader):
    """YAML without keys given twice."""


def _mapping(loader: _Strict, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise InvalidSetting(f"{key!r} is given twice{node.start_mark}")
    return loader.construct_mapping(node, deep=True)


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse(text: str) -> Any:
    """Read YAML; raises InvalidSetting where it is not YAML or gives a key twice."""
    try:
        return yaml.load(text, _Strict)
    except yaml.YAMLError as error:
        raise InvalidSetting(f"not YAML: {' '.join(str(error).split())}") from error


def override(settings: Any, change: str) -> Any:
    """A copy of parsed settings with one "a.b.0.c=value" applied; the value is read as YAML."""
    path, equals, value = change.partition("=")
    if not equals or not path:
        raise InvalidSetting(f"an override reads key.key=value, not {change!r}")
    return assign(settings, path, parse(value))


def assign(settings: Any, path: str, value: Any) -> Any:
    """A copy of parsed settings with `value` at "a.b.0.c"."""
    return _put(settings, path.split("."), value, path)


def build(cls: type[T], settings: Any, where: str = "") -> T:
    """Make `cls`, a dataclass, of parsed settings, with nothing left over and nothing guessed."""
    if not isinstance(settings, Mapping):
        raise InvalidSetting(f"{where or 'the settings'} must be a mapping, not {settings!r}")
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in settings:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(fields)}"
            raise InvalidSetting(f"no setting {_join(where, str(key))}: {hint}")
    values = {k: _value(hints[k], v, _join(where, k)) for k, v in settings.items()}
    missing = [name for name, f in fields.items() if name not in values and _required(f)]
    if missing:
        raise InvalidSetting(f"{_join(where, missing[0])} must be given")
    try:
        return cls(**values)
    except InvalidSetting as error:
        raise InvalidSetting(f"{where}: {error.detail}" if where else error.detail) from error


def when(key: str, *values: object) -> dict[str, Any]:
    """Field metadata: the field has an effect only where the field `key` has one of `values`."""
    return {"when": (key, values)}


def inert(settings: Any, where: str = "") -> list[str]:
    """Settings that differ from their default and yet have no effect, with the reason."""
    found = []
    for f in dataclasses.fields(settings):
        value, name = getattr(settings, f.name), _join(where, f.name)
        key, values = f.metadata.get("when", (None, ()))
        make = f.default_factory
        default = f.default if make is dataclasses.MISSING else make()
        if key and getattr(settings, key) not in values and value != default:
            wanted = " or ".join(map(str, values))
            found.append(f"{name} has no effect: {key} is {getattr(settings, key)}, not {wanted}")
            continue
        parts = value if isinstance(value, tuple) else (value,)
        for i, part in enumerate(parts):
            if dataclasses.is_dataclass(part):
                found += inert(part, f"{name}.{i}" if isinstance(value, tuple) else name)
    return found


def content_hash(settings: Any) -> str:
    """16 hex digits of the settings' meaning: spelling, order and defaults make no difference."""
    text = json.dumps(dataclasses.asdict(settings), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def dump(settings: Any) -> str:
    """YAML of all settings, defaults included; reading it back gives the same."""
    return yaml.safe_dump(json.loads(json.dumps(dataclasses.asdict(settings))), sort_keys=False)


def _value(kind: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _one_of(inner, value, where)
    if origin is Literal:
        if value in inner and type(value) in {type(option) for option in inner}:
            return value
        near = difflib.get_close_matches(str(value), [str(option) for option in inner], n=1)
        hint = f", did you mean {near[0]}?" if near else ""
        raise InvalidSetting(f"{where} must be one of {', '.join(map(str, inner))}{hint or ''}")
    if origin is tuple:
        if not isinstance(value, list):
            raise InvalidSetting(f"{where} must be a list, not {value!r}")
        return tuple(_value(inner[0], part, f"{where}.{i}") for i, part in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise InvalidSetting(f"{where} must be a mapping, not {value!r}")
        return {str(k): _value(inner[1], v, f"{where}.{k}") for k, v in value.items()}
    if dataclasses.is_dataclass(kind):
        return build(kind, value, where)  # type: ignore[arg-type]
    return _scalar(kind, value, where)


def _one_of(kinds: Sequence[Any], value: Any, where: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    errors = []
    for kind in kinds:
        if kind is not NoneType:
            try:
                return _value(kind, value, where)
            except InvalidSetting as error:
                errors.append(error)
    raise (
        errors[0]
        if len(errors) == 1
        else InvalidSetting(" / ".join(error.detail for error in errors))
    )


def _scalar(kind: type, value: Any, where: str) -> Any:
    if kind is int and isinstance(value, str) and (found := _COUNT.fullmatch(value)):
        count = float(found[1]) * _SUFFIX[found[2]]
        value = int(count) if count.is_integer() else value
    if kind is float and not isinstance(value, bool) and isinstance(value, int | float | str):
        # YAML 1.1 reads 1e-5 as text.
        try:
            return float(value)
        except ValueError:
            pass
    elif type(value) is kind:
        return value
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    raise InvalidSetting(f"{where} must be {names[kind]}, not {value!r}")


def _put(settings: Any, path: list[str], value: Any, whole: str) -> Any:
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(settings, list):
        if not key.isdecimal() or int(key) >= len(settings):
            raise InvalidSetting(f"{whole}: no item {key!r}, the list has {len(settings)}")
        at = int(key)
        return [*settings[:at], _put(settings[at], rest, value, whole), *settings[at + 1 :]]
    inside = dict(settings) if isinstance(settings, Mapping) else {}
    inside[key] = _put(inside.get(key), rest, value, whole)
    return inside


def _required(f: "dataclasses.Field[Any]") -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
