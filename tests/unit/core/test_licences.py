import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import licences
from core.licences import describe, parse
from tests.paths import needs_shared
from tests.unit.core.real_rows import licence_statements

ELEMENTS = ("BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND")
VERSIONS = ("", "-1.0", "-2.0", "-2.5", "-3.0", "-4.0", "-3.0-US", "-3.0-IGO", "-2.0-UK")
CODES = [f"CC-{e}{v}" for e, v in itertools.product(ELEMENTS, VERSIONS)] + [
    "CC0-1.0",
    "PDM-1.0",
    "PUBLIC-DOMAIN",
    "GFDL",
    "CDLA-PERMISSIVE",
    "ALL-RIGHTS-RESERVED",
    "UNKNOWN",
]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("http://creativecommons.org/licenses/by/4.0/legalcode", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by-nc/4.0/deed.de", "CC-BY-NC-4.0"),
        ("http://creativecommons.org/licenses/by/4.0/deed.en_US", "CC-BY-4.0"),
        ("HTTPS://CreativeCommons.org/licenses/BY-SA/3.0", "CC-BY-SA-3.0"),
        ("http://creativecommons.org/licenses/by-nc-sa/3.0/us/", "CC-BY-NC-SA-3.0-US"),
        ("http://creativecommons.org/licenses/by/3.0/igo/legalcode", "CC-BY-3.0-IGO"),
        ("http://creativecommons.org/licenses/by-nd-nc/1.0/", "CC-BY-NC-ND-1.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/legalcode", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "PDM-1.0"),
        (
            '<a rel="license" href="http://creativecommons.org/licenses/by-nc-sa/3.0/us/">x</a>',
            "CC-BY-NC-SA-3.0-US",
        ),
        ("CC BY-NC 4.0", "CC-BY-NC-4.0"),
        ("CC-BY-SA", "CC-BY-SA"),
        ("by-nc-sa", "CC-BY-NC-SA"),
        ("cc0", "CC0-1.0"),
        ("CC Zero", "CC0-1.0"),
        ("CC_BY_4_0", "CC-BY-4.0"),
        ("CC_BY_NC_4_0", "CC-BY-NC-4.0"),
        ("CC0_1_0", "CC0-1.0"),
        ("UNSPECIFIED", "UNKNOWN"),
        ("UNSUPPORTED", "UNKNOWN"),
        ("Creative Commons Attribution Share Alike 3.0 Unported", "CC-BY-SA-3.0"),
        ("Attribution-NonCommercial 4.0 International", "CC-BY-NC-4.0"),
        ("Creative Commons Attribution Non-Commercial No Derivatives", "CC-BY-NC-ND"),
        ("Public Domain", "PUBLIC-DOMAIN"),
        ("Not in the public domain", "UNKNOWN"),
        ("Public Domain Mark 1.0", "PDM-1.0"),
        ("All rights reserved", "ALL-RIGHTS-RESERVED"),
        ("© 2010 X", "ALL-RIGHTS-RESERVED"),
        ("Copyright 2012 Some Museum", "ALL-RIGHTS-RESERVED"),
        ("(c) J Doe, some rights reserved (CC BY-NC)", "CC-BY-NC"),
        ("henryb68 (cc-by-sa)", "CC-BY-SA"),
        ("CC0 (dataset); MIT (repository)", "CC0-1.0"),
        ("CC BY 4.0 (media), CC0 (data)", "CC-BY-4.0"),
        ("GFDL", "GFDL"),
        ("http://museum.example/about/copyright-information", "UNKNOWN"),
        ("http://rightsstatements.org/vocab/InC/1.0/", "ALL-RIGHTS-RESERVED"),
        ("by John Smith", "UNKNOWN"),
        ("CC BY-ND-SA 4.0", "UNKNOWN"),
        ("", "UNKNOWN"),
        (None, "UNKNOWN"),
    ],
)
def test_statements_as_they_occur(raw: str | None, code: str) -> None:
    assert parse(raw) == code


@pytest.mark.parametrize("code", CODES)
def test_a_code_parses_to_itself_and_its_label_and_link_lead_back_to_it(code: str) -> None:
    assert parse(code) == code
    licence = describe(code)
    assert licence.code == code
    assert parse(licence.label) == code
    if code.startswith("CC") and any(c.isdigit() for c in code) and "CDLA" not in code:
        assert parse(licence.url) == code


@given(st.text())
def test_any_text_gives_a_code_that_is_stable(raw: str) -> None:
    code = parse(raw)
    assert parse(code) == code
    assert describe(raw) == describe(code)


@given(st.sampled_from(ELEMENTS), st.sampled_from(["1.0", "2.0", "2.5", "3.0", "4.0"]))
def test_the_version_stays_as_published(elements: str, version: str) -> None:
    for raw in (
        f"CC {elements} {version}",
        f"cc_{elements}_{version}".replace("-", "_").replace(".", "_"),
        f"http://creativecommons.org/licenses/{elements.lower()}/{version}/",
    ):
        assert parse(raw) == f"CC-{elements}-{version}"


@pytest.mark.parametrize(
    ("code", "copy", "commercial", "derivatives", "attribution"),
    [
        ("CC0-1.0", True, True, True, False),
        ("CC-BY-4.0", True, True, True, True),
        ("CC-BY-NC-SA-3.0-US", True, False, True, True),
        ("CC-BY-NC-ND", True, False, False, True),
        ("ALL-RIGHTS-RESERVED", False, False, False, True),
        ("UNKNOWN", False, False, False, True),
        (None, False, False, False, True),
    ],
)
def test_what_a_licence_allows(
    code: str | None, copy: bool, commercial: bool, derivatives: bool, attribution: bool
) -> None:
    licence = describe(code)
    assert (
        licence.allows_copy,
        licence.allows_commercial,
        licence.allows_derivatives,
        licence.requires_attribution,
    ) == (copy, commercial, derivatives, attribution)


@needs_shared
def test_every_real_statement_is_known_but_for_two_percent() -> None:
    counts = Counter(parse(statement) for statement in licence_statements())
    total = counts.total()
    assert total > 3000
    assert len(counts) > 15
    assert counts[licences.UNKNOWN] / total < 0.02, counts
