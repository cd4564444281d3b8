"""Options of bin/ingest_embed."""

import pytest

from ingestor import embed_cli


@pytest.mark.parametrize(
    "spell", [lambda name: name, lambda name: "--" + name[2:].replace("-", "_")]
)
def test_both_spellings_of_every_option(spell):
    given = {
        "--model": "M",
        "--pretrained": "P",
        "--embed-version": "V",
        "--batch-size": "7",
        "--device": "cpu",
        "--limit": "9",
        "--image-mean": "0.5",
        "--image-std": "0.1,0.2,0.3",
        "--interpolation": "bilinear",
        "--resize-mode": "squash",
        "--where": "country=BR",
    }
    argv = [f"{spell(name)}={value}" for name, value in given.items()] + [
        spell("--dry-run"),
        "--compile",
    ]
    options = vars(embed_cli.parser().parse_args(argv))
    assert options == {
        "model": "M",
        "pretrained": "P",
        "embed_version": "V",
        "batch_size": 7,
        "device": "cpu",
        "limit": 9,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.1, 0.2, 0.3],
        "interpolation": "bilinear",
        "resize_mode": "squash",
        "dry_run": True,
        "compile": True,
        "enqueue": False,
        "where": [("country", "BR")],
    }


def test_the_version_is_called_default_unless_named():
    assert embed_cli.parser().parse_args(["--model=M"]).embed_version == "default"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--model=M", "--modle=x"], "unrecognized arguments: --modle=x"),
        (["--modle=x"], "unrecognized arguments: --modle=x"),
        ([], "--model is required"),
        (["--model=M", "--limit=0"], "'0' is not a whole number above 0"),
        (["--model=M", "--image-mean=a"], "neither one number nor three"),
        (["--model=M", "--embed=x"], "unrecognized arguments: --embed=x"),
        (["--model=M", "--where=contry=BR"], "'contry' is not a filter; did you mean country?"),
        (["--model=M", "--where=country"], "'country' is not KEY=VALUE, such as country=BR"),
        (["--model=M", "--where=month=13"], "'13' is not a month"),
    ],
)
def test_a_mistake_shows_the_whole_help(argv, says, capsys):
    with pytest.raises(SystemExit) as stopped:
        embed_cli.main(argv)
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert says in shown.err
    assert all(name in shown.err for name in ("--pretrained", "--resize-mode", "--dry-run"))
