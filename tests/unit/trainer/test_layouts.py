"""Data sets as they are delivered become pictures with the right classes, views and ranks."""

import csv

import pytest
from PIL import Image

from core.errors import InvalidSetting, UnreadableSource
from core.settings import Settings
from trainer.config_data import DataSettings
from trainer.sources import read


def picture(path, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, 10, 20)).save(path)


def table(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, rows[0])
        out.writeheader()
        out.writerows(rows)


def collection(source, root, **more):
    return read(DataSettings(source=source, path=str(root), least=1, **more), Settings())


def by_id(found):
    return {item.id: item for item in found.items}


def test_cub_classes_are_common_names_until_a_table_tells_species(tmp_path):
    names = ["001.Black_footed_Albatross/a.jpg", "002.Laysan_Albatross/b.jpg"]
    for shade, name in enumerate(names):
        picture(tmp_path / "images" / name, shade)
    (tmp_path / "images.txt").write_text("".join(f"{i} {n}\n" for i, n in enumerate(names, 1)))
    assert [i.class_name for i in collection("cub", tmp_path).items] == [
        "Black footed Albatross", "Laysan Albatross",
    ]  # fmt: skip
    taxa = tmp_path / "taxa.csv"
    table(taxa, [{"name": "Black footed albatross", "family": "Diomedeidae",
                  "genus": "Phoebastria", "species": "Phoebastria nigripes"}])  # fmt: skip
    item = by_id(collection("cub", tmp_path, taxa=str(taxa)))[names[0]]
    assert item.class_name == "Phoebastria nigripes"
    assert item.common_name == "Black footed Albatross"
    assert item.taxa["family"] == "Diomedeidae"


def test_butterflies_join_subspecies_and_know_views_and_sexes(tmp_path):
    base = tmp_path / "images"
    picture(base / "Nymphalidae" / "aglais_io_io" / "1.png", 1)
    picture(base / "Nymphalidae" / "aglais_io" / "2.png", 2)
    picture(base / "Pieridae" / "pieris_rapae" / "3.png", 3)
    table(tmp_path / "all.csv", [
        {"mask_name": "1.png", "class_dv": "dorsal", "sex": "male"},
        {"mask_name": "2.png", "class_dv": "ventral", "sex": ""},
    ])  # fmt: skip
    found = collection("lepidoptera", tmp_path)
    assert found.taxonomy.names == ("Aglais io", "Pieris rapae")
    assert found.taxonomy.ranks == ("family", "genus", "species")
    assert [i.columns["view"] for i in found.items] == ["ventral", "dorsal", ""]
    assert by_id(found)["Nymphalidae/aglais_io_io/1.png"].columns["sex"] == "male"


def test_nymphalidae_have_no_folders_for_families(tmp_path):
    picture(tmp_path / "images" / "vanessa_atalanta" / "1.png")
    (item,) = collection("nymphalidae", tmp_path).items
    assert (item.class_name, item.taxa["family"]) == ("Vanessa atalanta", "Nymphalidae")


def test_bryozoan_classes_are_genera_with_families_from_a_table(tmp_path):
    picture(tmp_path / "images" / "adeona" / "1.jpg", 1)
    picture(tmp_path / "images" / "bugula" / "2.jpg", 2)
    table(tmp_path / "taxa.csv", [{"name": "Adeona", "family": "Adeonidae"}])
    found = collection("bryozoa", tmp_path, taxa=str(tmp_path / "taxa.csv"))
    assert found.taxonomy.names == ("Adeona", "Bugula")
    assert found.taxonomy.group("family") == ["Adeonidae", ""]


def test_vlm4bio_groups_are_a_level_of_their_own(tmp_path):
    for group, name in (("Fish", "Lepomis gibbosus"), ("Bird", "pica_pica")):
        picture(tmp_path / group / "images" / "a.jpg", len(name))
        table(tmp_path / group / "metadata" / "metadata_10k.csv", [
            {"fileNameAsDelivered": "a.jpg", "scientificName": name},
            {"fileNameAsDelivered": "never.jpg", "scientificName": name},
        ])  # fmt: skip
    found = collection("vlm4bio", tmp_path)
    assert found.taxonomy.names == ("Lepomis gibbosus", "Pica pica")
    assert found.taxonomy.ranks[0] == "class"
    at_taxa = collection("vlm4bio", tmp_path, level="class")
    assert at_taxa.taxonomy.names == ("Actinopterygii", "Aves")
    assert {item.columns["group"] for item in found.items} == {"Fish", "Bird"}


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UnreadableSource, match=r"images\.txt"):
        collection("cub", tmp_path)
    with pytest.raises(UnreadableSource, match="Fish, Bird, Butterfly"):
        collection("vlm4bio", tmp_path)
    with pytest.raises(UnreadableSource, match="no folder"):
        collection("bryozoa", tmp_path)
    picture(tmp_path / "images" / "bugula" / "2.jpg")
    table(tmp_path / "taxa.csv", [{"genus": "Bugula"}])
    with pytest.raises(UnreadableSource, match="no column name"):
        collection("bryozoa", tmp_path, taxa=str(tmp_path / "taxa.csv"))
    with pytest.raises(InvalidSetting, match=r"need data\.path"):
        DataSettings(source="cub")
