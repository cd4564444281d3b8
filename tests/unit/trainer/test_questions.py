"""Questions in words: their answers, their figures, and what chance would give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidSetting, UnreadableSource
from trainer.questions import Asked, answers, chance, found, read_questions
from trainer.words import Said

EYE = np.eye(4, dtype=np.float32)


def asked(scores, right) -> Asked:
    """Questions with these scores against the rows of the identity."""
    return Asked(np.asarray(scores, np.float32), np.asarray(right, bool))


def test_by_hand():
    scores = [[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0]]
    right = [[1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    got = found(asked(scores, right), EYE)
    assert (got["queries"], got["skipped"]) == (2, 1)
    assert got["recall@10"] == 1.0
    assert got["ap"] == pytest.approx(((1 + 2 / 3) / 2 + 1 / 4) / 2)


def test_recall_counts_at_most_ten():
    right = np.zeros((1, 40), bool)
    right[0, :20] = True
    best = np.linspace(1, 0, 40, dtype=np.float32)[None]
    images = np.eye(40, dtype=np.float32)
    assert found(Asked(best, right), images)["recall@10"] == 1.0
    assert found(Asked(-best, right), images)["recall@10"] == 0.0
    right[0, ::2] = False
    assert found(Asked(best, right), images)["recall@10"] == 0.5


@given(st.integers(0, 2**32 - 1))
def test_average_precision_equals_brute_force(seed):
    rng = np.random.default_rng(seed)
    scores = rng.random((3, 17), np.float32)
    right = rng.random((3, 17)) < 0.3
    right[:, 0] = True
    want = []
    for row, mask in zip(scores, right, strict=True):
        ranked = mask[np.argsort(-row)]
        want.append(np.mean([ranked[: k + 1].mean() for k in np.flatnonzero(ranked)]))
    got = found(Asked(scores, right), np.eye(17, dtype=np.float32))
    assert got["ap"] == pytest.approx(np.mean(want))


def test_chance_is_what_random_scores_give():
    rng = np.random.default_rng(1)
    right = np.zeros((1, 300), bool)
    right[0, :30] = True
    images = np.eye(300, dtype=np.float32)
    runs = [found(Asked(rng.random((1, 300), np.float32), right), images) for _ in range(400)]
    assert np.mean([r["recall@10"] for r in runs]) == pytest.approx(
        chance(right)["recall@10"], abs=0.02
    )
    assert np.mean([r["ap"] for r in runs]) == pytest.approx(chance(right)["ap"], abs=0.03)


def test_a_file_of_questions_asks_for_columns_of_the_data(tmp_path):
    path = tmp_path / "questions.yaml"
    path.write_text(
        "colours: [{ask: red birds, of: {colour: red}}, {ask: grebes, of: {name: g}}]\n"
    )
    groups = read_questions(str(path))
    assert groups["colours"][0] == Said("red birds", {"colour": "red"})
    shown = [{"name": "g", "colour": "red"}, {"name": "h", "colour": "red"}, {"name": "g"}]
    assert answers(groups, shown)["colours"].astype(int).tolist() == [[1, 1, 0], [1, 0, 1]]


@pytest.mark.parametrize("text", ["[1]", "g: 3", "g: [{ask: a}]", "g: [{ask: a, of: {}}]", "g: ["])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "questions.yaml"
    path.write_text(text)
    with pytest.raises(InvalidSetting):
        read_questions(str(path))
    with pytest.raises(UnreadableSource):
        read_questions(str(tmp_path / "none.yaml"))


def test_the_museum_asks_questions_that_no_caption_gives_away():
    groups = read_questions("museum")
    assert set(groups) == {"held_out", "other"}
    assert not {q.text for q in groups["held_out"]} & {q.text for q in groups["other"]}
