"""The API does what openapi.json says, for sense and for nonsense."""

import json
import random
import re
import subprocess
import sys
import uuid
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.app import create_app
from core.errors import BioCosmosError
from core.settings import Settings
from tests.api import TOKEN, named
from tests.paths import ROOT

pytest_plugins = ("tests.api_fixtures",)

SCHEMA: dict[str, Any] = create_app(Settings(), "postgresql://").openapi()
OPERATIONS = [
    (method, path, operation)
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
]
NAMES = [operation["operationId"] for _, _, operation in OPERATIONS]
NONSENSE = [
    "", " ", "null", "-1", "1e999", "nan", "0", "'; DROP TABLE image; --", "../../etc",
    "%00", "a\0b", "\ud7ff\uffff", "🦋" * 50, "a" * 5000, str(uuid.uuid4()), "f" * 64, "<svg>",
]  # fmt: skip


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = SCHEMA["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def violations(schema: dict[str, Any], value: Any, at: str = "") -> list[str]:
    """Where `value` is not what `schema` says: types, required and unknown keys, enums."""
    schema = resolved(schema)
    if "anyOf" in schema:
        found = [violations(option, value, at) for option in schema["anyOf"]]
        return min(found, key=len)
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is none of {schema['enum']}"]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
             "boolean": bool, "null": type(None)}  # fmt: skip
    kind = schema.get("type")
    if kind and not isinstance(value, kinds[kind]):
        return [f"{at}: {value!r} is no {kind}"]
    if kind == "array":
        items = schema["items"]
        return [v for n, item in enumerate(value) for v in violations(items, item, f"{at}[{n}]")]
    if kind == "object" and "properties" in schema:
        known, required = schema["properties"], schema.get("required", [])
        missing = [f"{at}.{key} is missing" for key in required if key not in value]
        unknown = [f"{at}.{key} is not described" for key in value if key not in known]
        inside = [
            v
            for key in known.keys() & value.keys()
            for v in violations(known[key], value[key], f"{at}.{key}")
        ]
        return missing + unknown + inside
    return []


def conforms(answer: httpx.Response, operation: dict[str, Any]) -> None:
    """The status is described, the body is what that says, and no problem is ours."""
    described = operation["responses"]
    assert answer.status_code != 500, answer.text[:500]
    if str(answer.status_code) in described:
        content = described[str(answer.status_code)]["content"]
        if "application/json" in content:
            assert violations(content["application/json"]["schema"], answer.json()) == []
    else:
        content = described["default"]["content"]["application/problem+json"]
        assert answer.headers["content-type"] == "application/problem+json"
        assert violations(content["schema"], answer.json()) == []
        assert answer.json()["type"].startswith("/problems/")


def test_the_stored_description_is_current():
    stored = json.loads((ROOT / "frontend" / "openapi.json").read_text())
    assert stored == SCHEMA, "run bin/openapi"


def test_every_operation_is_documented():
    page = (ROOT / "docs" / "api.md").read_text()
    for method, path, _ in OPERATIONS:
        assert f"`{method.upper()} {path}`" in page
    for method, path in re.findall(r"`(GET|POST|PUT|DELETE) (/[^`]*)`", page):
        described = path == "/openapi.json" or method.lower() in SCHEMA["paths"].get(path, {})
        assert described, f"docs/api.md: {method} {path}"


def test_the_problems_named_in_the_documentation_exist():
    page = (ROOT / "docs" / "api.md").read_text()
    named_there = {(int(s), t) for s, t in re.findall(r"\| (\d+) \| `/problems/([a-z-]+)`", page)}
    known, left = set(), [BioCosmosError]
    while left:
        error = left.pop()
        left += error.__subclasses__()
        known.add((error.status, error.slug))
    assert named_there - known == {(405, "method-not-allowed")}


def test_every_reference_leads_somewhere():
    for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(SCHEMA)):
        assert name in SCHEMA["components"]["schemas"]


def test_names_are_good_names_in_a_generated_client():
    assert len(set(NAMES)) == len(NAMES)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in NAMES)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/api/v1/search?q=wings&limit=100", "/api/v1/search"),
        (f"/api/v1/search?like={named('image 8')}", "/api/v1/search"),
        (f"/api/v1/records/{named('record 0')}", "/api/v1/records/{id}"),
        ("/api/v1/versions", "/api/v1/versions"),
        ("/api/v1/summary", "/api/v1/summary"),
        ("/healthz", "/healthz"),
        ("/readyz", "/readyz"),
    ],
)
async def test_good_answers_are_as_described(client, address, path):
    answer = await client.get(address)
    assert answer.status_code == 200
    conforms(answer, SCHEMA["paths"][path]["get"])


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
async def test_nonsense_is_answered_as_described(client, method, path, operation):
    chance = random.Random(path)
    for _ in range(40):
        address, query = path, {}
        for parameter in operation.get("parameters", []):
            value = chance.choice(NONSENSE)
            if parameter["in"] == "path":
                value = quote(value, safe="") or "x"
                address = address.replace(f"{{{parameter['name']}}}", value)
            elif parameter["in"] == "query" and chance.random() < 0.35:
                query[parameter["name"]] = value
        body = nonsense_body(chance) if "requestBody" in operation else {}
        headers = {"Authorization": f"Bearer {TOKEN}"} | body.pop("headers", {})
        answer = await client.request(method, address, params=query, headers=headers, **body)
        conforms(answer, operation)


def nonsense_body(chance: random.Random) -> dict[str, Any]:
    """What httpx is to send: a form, a file, JSON, bytes or nothing."""
    names = ("q", "image", "like", "limit", "search_param", "embed_version")
    fields = {name: chance.choice(NONSENSE) for name in names if chance.random() < 0.35}
    form = {"content-type": "multipart/form-data; boundary=b"}
    bodies: list[dict[str, Any]] = [
        {"data": fields},
        {"data": fields, "files": {"image": ("a.jpg", chance.randbytes(200))}},
        {"json": chance.choice([fields, [], None, 3, {"vector": ["a"]}])},
        {"content": chance.randbytes(50), "headers": form},
        {},
    ]
    return chance.choice(bodies)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["q", "image", "like", "image_weight", "embed_version", "limit", "vector", "vector_version"]
KEYS += ["taxon", "bbox", "date", "month", "coordinates", "text"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.dictionaries(st.sampled_from(KEYS), JSON) | JSON)
async def test_any_json_at_all_is_answered_as_described(client, body):
    answer = await client.post(
        "/api/v1/search", content=json.dumps(body), headers={"content-type": "application/json"}
    )
    conforms(answer, SCHEMA["paths"]["/api/v1/search"]["post"])


def test_importing_the_app_does_no_work_and_loads_no_torch():
    code = (
        "import sys, socket\n"
        "def refuse(*a, **k): raise AssertionError('work at import')\n"
        "socket.socket.connect = refuse\n"
        "import backend.app\n"
        "from core.settings import Settings\n"
        "backend.app.create_app(Settings(), 'postgresql://nowhere')\n"
        "assert not {'torch', 'open_clip'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
