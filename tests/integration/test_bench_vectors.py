"""The vector benchmark measures what it says, on vectors with the shape it says."""

import json
import sys

import numpy as np
import pytest

from bench import museum, vectors
from bench.geometry import Generator


def test_made_vectors_have_the_shape_of_real_ones() -> None:
    world = Generator(4000, 256, seed=3).world(4000, 200)
    rows, lineage = world.pictures, world.lineage
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    cosines = rows[:1000] @ rows[:1000].T
    same = lineage[:1000, None, 4] == lineage[None, :1000, 4]
    other = lineage[:1000, None, 0] != lineage[None, :1000, 0]
    assert cosines[other].mean() == pytest.approx(0.57, abs=0.02)
    assert cosines[same & ~np.eye(1000, dtype=bool)].mean() == pytest.approx(0.82, abs=0.02)
    across = world.queries["text"] @ rows.T
    named = world.asked["text"][:, None, 4] == lineage[None, :, 4]
    elsewhere = world.asked["text"][:, None, 0] != lineage[None, :, 0]
    # the gap and the few strong directions meet at an angle that depends on the seed
    assert across[named].mean() == pytest.approx(0.26, abs=0.05)
    assert across[named].mean() - across[elsewhere].mean() == pytest.approx(0.1, abs=0.04)
    assert (world.queries["text"] @ world.queries["text"].T).mean() > 0.5  # a cone of their own
    for genus in np.unique(lineage[:, 3]):  # a tree: one family a genus
        assert len(np.unique(lineage[lineage[:, 3] == genus, 2])) == 1


def test_filters_keep_what_they_are_said_to() -> None:
    world = Generator(5000, 16, seed=1).world(5000, 10)
    for asked in world.asked["image"]:
        for one_in in (10, 100):
            plain = museum.independent(world, one_in, 3)
            assert plain.passes is not None
            assert plain.passes.mean() == pytest.approx(1 / one_in, rel=0.05)
            own, other = (
                kind(world, one_in, asked) for kind in (museum.correlated, museum.opposed)
            )
            for case in (own, other):
                assert case.passes is not None
                assert 1 / one_in / 8 < case.passes.mean() < 8 / one_in
            assert (world.lineage[own.passes, 0] == asked[0]).all()
            assert (world.lineage[other.passes, 0] != asked[0]).all()


@pytest.mark.slow
def test_a_small_run_to_its_end(tmp_path, monkeypatch, capsys) -> None:
    out = tmp_path / "report.json"
    options = f"--rows 6000 --dim 32 --queries 3 --index hnsw --stored 300 --json {out}".split()
    options += ["--home", str(tmp_path / "kept"), "--shares", "100 %", "1 %"]
    monkeypatch.setattr(sys, "argv", ["vectors", *options, "--prepare"])
    vectors.main()
    made = (tmp_path / "kept" / "vectors.npy").stat().st_mtime_ns
    monkeypatch.setattr(sys, "argv", ["vectors", *options])
    vectors.main()
    assert (tmp_path / "kept" / "vectors.npy").stat().st_mtime_ns == made
    monkeypatch.setattr(sys, "argv", ["vectors", *options, "--seed", "9"])
    with pytest.raises(ValueError, match="was prepared for"):
        vectors.main()
    report = json.loads(out.read_text())
    engines = {"postgres hnsw", "memory", "faiss flat", "faiss ivf", "faiss hnsw", "hnswlib"}
    assert {row["engine"] for row in report["results"]} == engines
    assert len(report["results"]) == len(engines) * 2 * (1 + 3)
    for row in report["results"]:
        if row["engine"] in ("postgres hnsw", "memory"):
            assert set(row["paths"]) == {"memory" if row["engine"] == "memory" else "exact"}
    for row in report["results"]:
        if row["engine"] in ("postgres hnsw", "memory", "faiss flat"):
            assert row["recall@10"] >= 0.95  # exact, but for vectors as good as equally near
        assert 0 < row["p50_ms"] <= row["p95_ms"]
    storing = report["storing"]
    assert set(storing) == {"copy", "filling", "exact", "hnsw", "filling_to_copy"}
    assert all(storing[into]["per_s"] > 0 for into in ("copy", "filling", "exact", "hnsw"))
    assert report["index"]["hnsw"]["mb"]["index"] > 0 < report["predecessor"]["theirs_ms"]
    for rows in report["http"].values():
        assert [bool(row["filters"]) for row in rows] == [False, True, True]
        assert all(0 < row["p50_ms"] <= row["p95_ms"] for row in rows)
    assert "memory" in capsys.readouterr().out
