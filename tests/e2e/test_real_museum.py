"""Real photographs through the whole system: folder, ingest, embed, REST."""

import csv
import json
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
import pytest
from dwca.read import DwCAReader
from PIL import Image

from tests.museums import BIRD, GBIF_DOWNLOAD
from tests.paths import SHARED_DATA, needs_shared

pytestmark = [needs_shared, pytest.mark.slow]
IMAGES = SHARED_DATA / "images"


def rows() -> list[dict[str, str]]:
    """The rows of the real table, one an image."""
    with (IMAGES / "records.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def by_picture(client: httpx.Client, path: Path, version: str, limit: int) -> list[dict]:
    """Hits for one file sent as the query."""
    answer = client.post(
        "/api/v1/search",
        data={"embed_version": version, "limit": limit},
        files={"image": (path.name, path.read_bytes())},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["hits"]


@pytest.fixture
def client(real_server):
    with httpx.Client(base_url=real_server, timeout=60) as client:
        yield client


@pytest.fixture
def birds(bird_server):
    with httpx.Client(base_url=bird_server, timeout=60) as client:
        yield client


def downloaded() -> tuple[int, int]:
    """Records and datasets of the real GBIF download, by another reader."""
    with DwCAReader(str(GBIF_DOWNLOAD)) as archive:
        keys = [row.data["http://rs.gbif.org/terms/1.0/datasetKey"] for row in archive]
    return len(keys), len(set(keys))


def test_every_row_and_image_arrived(client):
    summary = client.get("/api/v1/summary").json()
    records, datasets = downloaded()
    assert summary["images"] == len(rows())
    assert summary["records"] == len({row["occurrenceID"] for row in rows()}) + records
    assert summary["datasets"] == len({row["collectionCode"] for row in rows()}) + datasets


def test_the_exact_picture_returns_itself_first(client):
    for row in rows()[::25]:
        path = IMAGES / row["file"]
        first = by_picture(client, path, "specimen-tiny", 1)[0]
        assert first["score"] >= 0.999, row["file"]
        found = client.get(first["image"]["image_url"]).content
        assert found == path.read_bytes()


@pytest.mark.parametrize("version", ["birds", "specimen-tiny"])
def test_the_same_species_is_found_above_chance(client, version):
    """The nearest other specimen of two mimicking butterflies, against a draw among them."""
    butterflies = [r for r in rows() if r["collectionCode"] == "nhm_heliconius_hoyal_cuthill"]
    species = Counter(row["scientificName"] for row in butterflies)
    chance = sum((number / len(butterflies)) ** 2 for number in species.values())
    queries = butterflies[::4]
    right = 0
    for row in queries:
        hits = by_picture(client, IMAGES / row["file"], version, 8)
        other = next(h for h in hits if h["record"]["catalog_number"] != row["catalogNumber"])
        right += (other["record"]["canonical_name"] or "").startswith(row["scientificName"])
    assert right / len(queries) >= chance + 0.1


def bare_recall(birds_rows: list[dict[str, str]]) -> float:
    """Recall@1 of the bare model, with nothing of ours between it and the files."""
    import open_clip
    import torch
    from open_clip.transform import image_transform
    from safetensors.torch import load_file

    open_clip.add_model_config(BIRD)
    model = open_clip.create_model(BIRD.stem, load_weights=False)
    model.load_state_dict(
        {k: v.float() for k, v in load_file(BIRD.with_suffix(".safetensors")).items()}
    )
    model.eval()
    half = (128 / 255,) * 3
    transform = image_transform(224, is_train=False, mean=half, std=half, interpolation="bilinear")
    tokenize = open_clip.get_tokenizer(BIRD.stem)
    pictures = torch.stack(
        [transform(Image.open(IMAGES / r["file"]).convert("RGB")) for r in birds_rows]
    )
    texts = tokenize([f"a photo of {row['vernacularName']}" for row in birds_rows])
    with torch.inference_mode():
        image = model.encode_image(pictures, normalize=True)
        text = model.encode_text(texts, normalize=True)
    best = (text @ image.T).argmax(1).numpy()
    return float((best == np.arange(len(birds_rows))).mean())


def test_a_photo_of_a_bird_by_name_as_often_as_the_bare_model(birds):
    wanted = [row for row in rows() if row["collectionCode"] == "wikimedia_birds"]
    right = 0
    for row in wanted:
        answer = birds.get(
            "/api/v1/search",
            params={
                "q": f"a photo of {row['vernacularName']}",
                "embed_version": "birds",
                "limit": 1,
            },
        ).json()
        right += answer["hits"][0]["record"]["vernacular_name"] == row["vernacularName"]
    assert right / len(wanted) >= bare_recall(wanted) >= 0.90


def test_two_versions_of_different_dimension_are_chosen_per_request(birds):
    versions = {v["embed_version"]: v for v in birds.get("/api/v1/versions").json()["versions"]}
    assert versions["birds"]["dim"] == 512
    assert versions["specimen-tiny"]["dim"] != 512
    answers = [
        birds.get(
            "/api/v1/search", params={"q": "a photo of a Mallard", "embed_version": name}
        ).json()
        for name in ("birds", "specimen-tiny")
    ]
    assert [a["embed_version"]["embed_version"] for a in answers] == ["birds", "specimen-tiny"]
    assert json.dumps(answers[0]["hits"]) != json.dumps(answers[1]["hits"])
