from core.darwincore import ISSUES, parse_record
from core.licences import describe, parse
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "data.md").read_text("utf-8")


def table(heading: str) -> list[list[str]]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_tells_every_issue_in_the_same_words() -> None:
    assert {name.strip("`"): words for name, words in table("Issues")} == ISSUES


def test_the_page_names_every_column_and_no_other() -> None:
    named = {
        column.strip("`") for row in table("Columns of a record") for column in row[0].split(", ")
    }
    assert named == set(parse_record({"sex": "male"}).as_columns())


def test_the_page_is_right_about_licences() -> None:
    for codes, _, copy in table("Licences"):
        for code in codes.replace("…", "").split(","):
            if code := code.strip().strip("`"):
                assert parse(code) == code
                assert describe(code).allows_copy == copy.startswith("yes"), code
                assert describe(code).requires_attribution == (copy != "yes"), code
