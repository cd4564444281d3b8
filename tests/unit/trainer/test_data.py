"""Pictures from folders, tables and the museum; packs; variations; batches of a whole run."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from core.encoders.preprocess import Preprocess
from core.errors import Conflict, InvalidSetting, UnreadableSource
from core.settings import Settings
from tests.paths import TINY
from trainer import dist, typed
from trainer.augment import augment
from trainer.config import Config
from trainer.config_data import AugmentSettings, CaptionSettings, DataSettings
from trainer.launch import Place
from trainer.look import look
from trainer.network import load as load_network
from trainer.packs import enlarged, make_pack, pack_path, read_pack, staged
from trainer.prepared import Prepared, divide, token_count
from trainer.sources import read
from trainer.splits import write_split

SETTINGS = Settings()
HERE = Place(0, 1, torch.device("cpu"))
PLAIN = Preprocess((16, 16), (0.5,) * 3, (0.5,) * 3)


def picture(path, colour, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(abs(hash(str(path))) % 2**32).integers(0, 40, (*size[::-1], 3))
    Image.fromarray((noise + np.array(colour)).astype(np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    for i in range(4):
        picture(root / "Pica_pica" / f"{i}.png", (150, 0, 0))
        picture(root / "Pica_nuttalli" / "more" / f"{i}.jpg", (0, 150, 0))
    picture(root / "Corvus_corax" / "only.png", (0, 0, 150))
    (root / "Pica_pica" / "notes.txt").write_text("no picture")
    return root


def test_a_folder_names_its_classes(folder):
    found = read(DataSettings("folder", str(folder)), SETTINGS)
    assert found.taxonomy.names == ("Pica nuttalli", "Pica pica")
    assert found.taxonomy.ranks == ("genus", "species")
    assert found.taxonomy.taxa[1] == ("Pica", "Pica pica")
    assert [i.id for i in found.items][0] == "Pica_nuttalli/more/0.jpg"
    assert found.items[0].open().size == (40, 30)
    assert all(len(item.sha256) == 64 for item in found.items)
    every = read(DataSettings("folder", str(folder), least=1), SETTINGS)
    assert len(every.taxonomy.names) == 3
    with pytest.raises(UnreadableSource, match="no class has 9"):
        read(DataSettings("folder", str(folder), least=9), SETTINGS)
    with pytest.raises(UnreadableSource, match="no folder"):
        read(DataSettings("folder", str(folder / "none")), SETTINGS)


def test_a_table_names_taxa_specimens_and_columns(folder):
    table = folder / "table.csv"
    table.write_text(
        "image,genus,species,common_name,specimen,view\n"
        "Pica_pica/0.png,Pica,Pica pica,magpie,A,dorsal\n"
        "Pica_pica/1.png,Pica,Pica pica,magpie,A,ventral\n"
        "Pica_pica/2.png,Pica,,,B,ventral\n"
        "Corvus_corax/only.png,Corvus,Corvus corax,,C,\n"
    )
    found = read(DataSettings("table", str(table), least=1), SETTINGS)
    assert found.taxonomy.names == ("Corvus corax", "Pica pica")
    assert found.common_names == {"Pica pica": "magpie"}
    assert found.samples.specimens == ("C", "A", "A")
    assert found.columns([2, 0]) == {"view": ["ventral", ""]}
    genera = read(DataSettings("table", str(table), level="genus", least=1), SETTINGS)
    assert genera.taxonomy.names == ("Corvus", "Pica")
    with pytest.raises(InvalidSetting, match="no rank 'tribe'"):
        read(DataSettings("table", str(table), level="tribe"), SETTINGS)
    table.write_text("image,species\nnone.png,Pica pica\n")
    with pytest.raises(UnreadableSource, match="names none.png"):
        read(DataSettings("table", str(table)), SETTINGS)
    table.write_text("file,species\n")
    with pytest.raises(UnreadableSource, match="no column image"):
        read(DataSettings("table", str(table)), SETTINGS)


def test_a_pack_holds_what_the_preprocessing_gives_and_names_what_it_could_not_read(folder):
    (folder / "Pica_pica" / "9.png").write_bytes(b"no picture")
    items = read(DataSettings("folder", str(folder)), SETTINGS).items
    wide = enlarged(PLAIN, 1.25)
    path = pack_path(folder / "packs", items, wide, "")
    make_pack(path, items, wide, 2)
    pack = read_pack(path)
    assert pack.pixels.shape == (9, 20, 20, 3)
    assert pack.unreadable == {"Pica_pica/9.png"}
    for i in (0, 4):
        assert np.array_equal(pack.pixels[i], wide(items[i].open()))
    before = path.stat().st_mtime_ns
    make_pack(path, items, wide, 2)
    assert path.stat().st_mtime_ns == before
    assert pack_path(folder, items[1:], wide, "") != pack_path(folder, items, wide, "")
    assert pack_path(folder, items, PLAIN, "").name != path.name


def test_a_pack_is_copied_to_a_near_disk_once(folder, tmp_path):
    items = read(DataSettings("folder", str(folder)), SETTINGS).items
    path = pack_path(tmp_path / "far", items, PLAIN, "")
    make_pack(path, items, PLAIN, 1)
    near = staged(path, tmp_path / "near")
    assert np.array_equal(read_pack(near).pixels, read_pack(path).pixels)
    begun = near.stat().st_mtime_ns
    assert staged(path, tmp_path / "near") == near
    assert near.stat().st_mtime_ns == begun
    near.write_bytes(near.read_bytes()[:100])
    assert np.array_equal(read_pack(staged(path, tmp_path / "near")).pixels, read_pack(path).pixels)


def test_a_variation_is_a_function_of_its_seed():
    pixels = np.random.default_rng(0).integers(0, 255, (24, 24, 3)).astype(np.uint8)
    own = AugmentSettings(crop=0.5, mirror=True, jitter=0.5)
    first, again, other = (augment(pixels, (16, 16), own, seed) for seed in (1, 1, 2))
    assert first.shape == (16, 16, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_variation_is_none():
    pixels = np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    assert np.array_equal(augment(pixels, (16, 16), AugmentSettings(crop=1.0), 5), pixels)


def test_a_mirrored_picture_is_mirrored_half_the_time():
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, 0] = 200
    own = AugmentSettings(crop=1.0, mirror=True)
    turned = [augment(pixels, (8, 8), own, seed)[0, -1, 0] == 200 for seed in range(200)]
    assert 70 < sum(turned) < 130


@pytest.mark.parametrize(
    "own",
    [{"jitter": 1.0, "hue": 0.2}, {"sharpen": 1.0, "sharpness": 3.0}, {"blur": 1.0, "radius": 2.0}],
)
def test_hues_edges_and_blur_vary_and_follow_from_the_seed(own):
    rows, columns = np.indices((16, 16))
    pixels = np.stack([rows * 15, columns * 15, (rows // 4 + columns // 4) % 2 * 200], -1)
    pixels = pixels.astype(np.uint8)
    changed = AugmentSettings(crop=1.0, brightness=0, contrast=0, saturation=0, **own)
    made = [augment(pixels, (16, 16), changed, seed) for seed in range(6)]
    assert np.array_equal(made[0], augment(pixels, (16, 16), changed, 0))
    assert len({picture.tobytes() for picture in made}) > 3
    assert not np.array_equal(made[1], pixels)
    assert np.abs(made[1].astype(int) - pixels).mean() < 100


def config(packs, *changes):
    settings = typed.parse(f"""
model: {{id: "{TINY}"}}
data: {{source: museum, specimens: 260, reduce: 0.3, packs: "{packs}"}}
sample: {{batch: 12}}
captions: {{templates: ["{{sci}}", "a photo of {{a}} {{com}}"]}}
split: {{preset: plan, known: 0.1, unknown: {{}}}}
""")
    for change in changes:
        settings = typed.override(settings, change)
    return typed.build(Config, settings)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    own = config(tmp_path_factory.mktemp("packs"))
    released = load_network(own.model, own.seed)
    return own, Prepared(own, SETTINGS, released, HERE, lambda _: None)


def test_batches_of_the_museum_depend_on_seed_and_step_only(prepared, monkeypatch):
    own, ready = prepared
    part = ready.part(["train"], margin=1.14)
    assert part.pixels(np.array([0])).shape[1:] == (128, 128, 3)
    load = ready.loader(part, ready.facts(part))
    first, again, next_one = load(3), load(3), load(4)
    assert first.pixels.shape == (12, 112, 112, 3)
    assert torch.equal(first.pixels, again.pixels)
    assert torch.equal(first.tokens, again.tokens)
    assert not torch.equal(first.pixels, next_one.pixels)
    shares = []
    for rank in range(3):
        monkeypatch.setattr(ready, "_place", Place(rank, 3, torch.device("cpu")))
        shares.append(ready.loader(part, ready.facts(part))(3))
    assert dist.world_size() == 1
    assert torch.equal(torch.cat([share.pixels for share in shares]), first.pixels)
    assert torch.equal(torch.cat([share.tokens for share in shares]), first.tokens)


def test_specimens_stay_together_and_held_out_pictures_are_as_released(prepared):
    _, ready = prepared
    held = ready.part(["val_id"])
    assert held.pixels(np.array([0])).shape[1:] == (112, 112, 3)
    split, samples = ready.divided.split, ready.collection.samples
    specimen = dict(zip(samples.ids, samples.specimens, strict=True))
    sides = [{specimen[i] for i in split.partitions[name]} for name in ("train", "val_id")]
    assert not sides[0] & sides[1]
    with pytest.raises(InvalidSetting, match="no pictures"):
        ready.part(["val_ood.genus"])


def test_unreadable_pictures_are_left_out_and_the_others_stay_themselves(folder, tmp_path):
    (folder / "Pica_pica" / "00.png").write_bytes(b"no picture")
    own = config(
        tmp_path / "packs",
        f"data={{source: folder, path: {folder}, packs: {tmp_path / 'packs'}}}",
        "split={preset: plan, known: 0, unknown: {}, leaks: say}",
    )
    said = []
    ready = Prepared(own, SETTINGS, load_network(own.model, 1), HERE, said.append)
    part = ready.part(["train"])
    assert said[-1] == "1 pictures cannot be read and are left out"
    assert len(part.classes) == 8
    for place, position in enumerate(part.positions):
        item = ready.collection.items[position]
        wanted = ready._released.preprocess(item.open())
        assert np.array_equal(part.pixels(np.array([place]))[0], wanted)


def test_texts_that_would_be_cut_are_refused(prepared):
    own, ready = prepared
    assert token_count(ready._released.tokenizer, "a b c") == 5
    long = replace(own, captions=CaptionSettings(templates=("a " * 30 + "{sci}",)))
    with pytest.raises(
        InvalidSetting, match=r"the longest caption has \d\d tokens and .* reads 32"
    ):
        Prepared(long, SETTINGS, ready._released, HERE, lambda _: None)


def test_a_tree_gives_phylogenetic_targets(prepared, tmp_path):
    own, ready = prepared
    part = ready.part(["train"], margin=1.14)
    assert ready.facts(part).covariance is None
    names = ready.collection.taxonomy.names
    tree = tmp_path / "tree.nwk"
    tips = [name.replace(" ", "_") for name in names]
    tree.write_text(f"(({tips[0]}:1,{tips[1]}:1):1,{','.join(f'{tip}:2' for tip in tips[2:])});")
    data = replace(own.data, tree=str(tree))
    ready = Prepared(replace(own, data=data), SETTINGS, ready._released, HERE, lambda _: None)
    found = ready.facts(part).covariance
    assert (found[0, 1], found[0, 2], found[0, 0]) == (1, 0, 2)
    tree.write_text("(a:1,b:1);")
    with pytest.raises(UnreadableSource, match="are not in the tree"):
        ready.facts(part)
    data = replace(data, tree=str(tmp_path / "none"))
    ready = Prepared(replace(own, data=data), SETTINGS, ready._released, HERE, lambda _: None)
    with pytest.raises(UnreadableSource, match="cannot read the tree"):
        ready.facts(part)


def test_trees_that_lack_classes_are_refused_trimmed_or_mended(prepared, tmp_path):
    _, ready = prepared
    names = ready.collection.taxonomy.names
    tree = tmp_path / "tree.nwk"
    tips = ",".join(f"{name.replace(' ', '_')}:1" for name in names[:-3])
    tree.write_text(f"({tips});")
    loss = "loss=[{kind: sigmoid, target: phylogenetic}]"
    changes = [f"data.tree={tree}", loss]

    def facts(how):
        own = config(ready._config.data.packs, *changes, f"data.tree_lacks={how}")
        made = Prepared(own, SETTINGS, ready._released, HERE, lambda _: None)
        return made, made.facts(made.part(["train"], margin=1.14))

    with pytest.raises(UnreadableSource, match=r"3 of \d+ classes are not in the tree"):
        facts("refuse")
    grafted, known = facts("graft")
    assert grafted.collection.taxonomy.names == names
    assert known.covariance.shape == (len(names),) * 2
    assert facts("leave out")[0].collection.taxonomy.names == names[:-3]


def test_a_trial_takes_a_few_pictures_of_each_partition(prepared):
    own, ready = prepared
    few = Prepared(
        config(own.data.packs, "split.small=12"), SETTINGS, ready._released, HERE, lambda _: None
    )
    sizes = {name: len(ids) for name, ids in few.divided.split.partitions.items()}
    assert all(6 <= size <= 24 for size in sizes.values())
    whole = ready.divided.split.partitions
    assert set(few.divided.split.partitions["train"]) < set(whole["train"])


def test_the_look_of_a_batch_is_drawn_and_its_colours_told(prepared, tmp_path):
    own, ready = prepared
    found = look(own, SETTINGS, tmp_path / "sheet.png", lambda _: None)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (4 * 112, 3 * (112 + 14))
    part = ready.part(["train"], margin=1.14)
    pixels = part.pixels(np.arange(len(part.rows))) / 255
    assert found.mean == pytest.approx(pixels.mean((0, 1, 2)), abs=1e-4)
    assert found.std == pytest.approx(pixels.std((0, 1, 2)), abs=1e-4)


def test_copies_on_both_sides_are_refused_and_a_split_can_be_given(folder, tmp_path):
    own = config(
        tmp_path / "packs",
        f"data={{source: folder, path: {folder}}}",
        "split={preset: plan, known: 0.2, unknown: {}, leaks: near}",
    )
    found = divide(own, SETTINGS)
    write_split(found.split, tmp_path / "split.json")
    given = typed.build(
        Config,
        typed.override(
            {"model": {"id": "x"}, "data": {"source": "folder", "path": str(folder)}},
            f"split.file={tmp_path / 'split.json'}",
        ),
    )
    assert divide(given, SETTINGS).split == found.split
    one, two = found.split.partitions["train"][0], found.split.partitions["test_id"][0]
    Image.open(folder / one).save(folder / one)
    (folder / two).write_bytes((folder / one).read_bytes())
    with pytest.raises(Conflict, match="the same file"):
        divide(given, SETTINGS)
    with pytest.raises(InvalidSetting, match="data must be given"):
        divide(typed.build(Config, {"model": {"id": "x"}}), SETTINGS)
