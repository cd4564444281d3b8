"""Records a second and memory while a Darwin Core Archive of any size is ingested.

`python -m bench.ingest --rows 1000000` prints one line per 100,000 rows: rate, CPU time and highest
memory of the reading process since the last one, then the whole. "all MB" is the memory of the
reading process and of PostgreSQL's together, without PostgreSQL's shared buffers, at its highest
in looks every half second. With `--read` the rows are read and interpreted but not written;
`--archive` keeps the archive for the next time. `--help` lists the options.
"""

import argparse
import asyncio
import csv
import json
import multiprocessing
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import text

from core.db.embedded import serve, server_processes
from core.db.engine import create_engine
from core.db.migrate import migrate
from ingestor.interpret import interpret
from ingestor.run import ingest
from ingestor.sources.dwca import DwcaSource

_DWC = "http://rs.tdwg.org/dwc/terms/"
_TERMS = (
    "occurrenceID", "basisOfRecord", "institutionCode", "collectionCode", "catalogNumber",
    "scientificName", "family", "genus", "specificEpithet", "eventDate", "country", "locality",
    "decimalLatitude", "decimalLongitude", "recordedBy", "sex",
)  # fmt: skip
_COUNTRIES = ("Costa Rica", "Peru", "Ecuador", "Indonesia", "Gabon", "India", "Norway", "Japan")
_FAMILIES = ("Nymphalidae", "Pieridae", "Papilionidae", "Lycaenidae", "Hesperiidae", "Saturniidae")
_META = f"""<archive xmlns="http://rs.tdwg.org/dwc/text/">
<core encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy=""
 ignoreHeaderLines="1" rowType="{_DWC}Occurrence"><files><location>occurrence.txt</location></files>
<id index="0"/>{{fields}}</core>
<extension encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy=""
 ignoreHeaderLines="1" rowType="http://rs.gbif.org/terms/1.0/Multimedia">
<files><location>multimedia.txt</location></files><coreid index="0"/>
<field index="1" term="http://purl.org/dc/terms/identifier"/>
<field index="2" term="http://purl.org/dc/terms/license"/></extension></archive>"""


def record(number: int) -> tuple[str, ...]:
    """One specimen of a collection in which a few thousand species are common to rare."""
    species = int((number * 7919 % 10_007) ** 2 / 40_000)
    genus = f"Genus{species // 12:03}"
    family = _FAMILIES[species // 12 % len(_FAMILIES)]
    day = number * 31 % 365 + 1
    return (
        f"urn:uuid:00000000-0000-4000-8000-{number:012x}",
        "PreservedSpecimen",
        "BNC",
        "ENT",
        f"BNC ENT {number:08}",
        f"{genus.capitalize()} species{species} Author, 18{species % 100:02}",
        family,
        genus.capitalize(),
        f"species{species}",
        f"{1850 + number % 170}-{day % 12 + 1:02}-{day % 28 + 1:02}" if number % 9 else "",
        _COUNTRIES[number % len(_COUNTRIES)],
        f"Valley {number % 5000}, trail {number % 37}, by the river",
        f"{(number * 37 % 180_000) / 1000 - 90:.4f}" if number % 5 else "",
        f"{(number * 91 % 360_000) / 1000 - 180:.4f}" if number % 5 else "",
        f"Collector {number % 700}",
        ("male", "female", "")[number % 3],
    )


def write_archive(folder: Path, rows: int) -> int:
    """Write an unpacked archive with one image a record, links shuffled; returns its bytes."""
    folder.mkdir()
    fields = "".join(f'<field index="{n}" term="{_DWC}{t}"/>' for n, t in enumerate(_TERMS))
    (folder / "meta.xml").write_text(_META.format(fields=fields))
    with (folder / "occurrence.txt").open("w") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE)
        writer.writerow(_TERMS)
        writer.writerows(map(record, range(rows)))
    with (folder / "multimedia.txt").open("w") as file:
        file.write("coreid\tidentifier\tlicense\n")
        for n in _shuffled(rows):
            owner = f"urn:uuid:00000000-0000-4000-8000-{n:012x}"
            file.write(f"{owner}\thttps://images.example.org/{n % 40}/{n:010}.jpg\tCC0\n")
    return sum(each.stat().st_size for each in folder.iterdir())


def _shuffled(count: int) -> Iterator[int]:
    """Every number below `count` once, far from in order."""
    step = 1_000_003 if count % 1_000_003 else 1_000_033
    return (n * step % count for n in range(count))


class Meter:
    """Prints a line every so many rows."""

    def __init__(self, every: int, rows: int) -> None:
        self._every, self._rows = every, rows
        self._begun = self._since = time.monotonic()
        self._used = time.process_time()
        self._done = 0
        self.steps: list[dict[str, Any]] = []
        highest_memory()

    def __call__(self, done: int, _: int | None = None) -> None:
        """Hear how many rows are done."""
        if done // self._every == self._done // self._every and done < self._rows:
            return
        now = time.monotonic()
        step = {
            "rows": done,
            "rows per second": round((done - self._done) / (now - self._since)),
            "CPU ms per row": round(
                (time.process_time() - self._used) / (done - self._done) * 1e3, 3
            ),
            "peak MB": round(highest_memory() / 1e6, 1),
        }
        self.steps.append(step)
        print(json.dumps(step), flush=True)
        self._done, self._since, self._used = done, now, time.process_time()

    @property
    def seconds(self) -> float:
        """Seconds in all."""
        return time.monotonic() - self._begun


def highest_memory() -> int:
    """The most bytes this process had resident since the last call (Linux: VmHWM)."""
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
    Path("/proc/self/clear_refs").write_text("5")
    return peak


class Watch(threading.Thread):
    """Looks at the memory of a process and of a database's, until `stop` is set."""

    def __init__(self, process: int, home: Path) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._data = home.resolve() / "postgres"
        self.stop = threading.Event()
        self.highest = 0
        """Bytes: shares of what is shared, without what processes share by shared memory."""

    def run(self) -> None:
        """Look every half second."""
        while not self.stop.wait(0.5):
            processes = [self._process, *(each.pid for each in server_processes(self._data))]
            self.highest = max(self.highest, sum(map(own_memory, processes)))


def own_memory(process: int) -> int:
    """Bytes that a process has resident, its shares of files included, shared memory not."""
    with suppress(OSError):  # it has ended
        said = Path(f"/proc/{process}/smaps_rollup").read_text()
        kilobytes = re.findall(r"^Pss_(?:Anon|File): +(\d+) kB", said, re.MULTILINE)
        return sum(map(int, kilobytes)) * 1024
    return 0


async def read(folder: Path, home: Path, meter: Meter) -> None:
    """Read and interpret every row, and write none."""
    done = 0
    with DwcaSource(folder, home / "unpacked") as source:
        async for page in source.pages():
            await asyncio.to_thread(interpret, page, source)
            done += page.read
            meter(done)


async def write(folder: Path, home: Path, url: str, meter: Meter) -> int:
    """Ingest; returns the bytes of the database."""
    engine = create_engine(url)
    with DwcaSource(folder, home / "unpacked") as source:
        await ingest(engine, source, progress=meter)
    async with engine.connect() as connection:
        size = await connection.scalar(text("SELECT pg_database_size(current_database())"))
    await engine.dispose()
    return int(size or 0)


def measure(options: argparse.Namespace, folder: Path, home: Path, url: str, told: Any) -> None:
    """Run in a process of its own, whose memory is nobody else's."""
    meter = Meter(options.every, options.rows)
    if options.read:
        asyncio.run(read(folder, home, meter))
        size = 0
    else:
        size = asyncio.run(write(folder, home, url, meter))
    told.send(
        {
            "rows": options.rows,
            "rows per second": round(options.rows / meter.seconds),
            "seconds": round(meter.seconds, 1),
            "peak MB": max(step["peak MB"] for step in meter.steps),
            "peak MB, first and last step": [meter.steps[n]["peak MB"] for n in (0, -1)],
            "database GB": round(size / 1e9, 2),
        }
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--every", type=int, default=100_000, help="rows between two lines")
    parser.add_argument("--read", action="store_true", help="read and interpret only")
    parser.add_argument(
        "--archive", type=Path, help="folder of an archive of so many rows; made where it is not"
    )
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="biocosmos-bench-") as folder,
        serve(Path(folder)) as url,
    ):
        migrate(url)
        home = Path(folder)
        archive = options.archive or home / "archive"
        if not archive.exists():
            size = write_archive(archive, options.rows)
            print(json.dumps({"archive MB": round(size / 1e6, 1)}), flush=True)
        hear, told = context.Pipe(duplex=False)
        child = context.Process(target=measure, args=(options, archive, home, url, told))
        child.start()
        told.close()
        watch = Watch(child.pid or 0, home)
        watch.start()
        found = hear.recv()
        watch.stop.set()
        print(json.dumps(found | {"all MB": round(watch.highest / 1e6, 1)}, indent=2))
        child.join()


if __name__ == "__main__":
    main()
