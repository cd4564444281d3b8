"""Darwin Core rows of the sample specimens, as messy as real ones."""

import calendar
import random
import uuid

from core.sample.places import COLLECTION_OF, COLLECTORS, PLACES
from core.sample.specimens import Specimen

NAMESPACE = uuid.UUID("5a3b1c7e-0d7e-5b1f-9c55-2f6a1de0c0de")
Row = dict[str, str]


def occurrence_id(seed: int, number: int) -> str:
    """Stable id of a record: a museum's seed and the specimen's number."""
    return f"urn:uuid:{uuid.uuid5(NAMESPACE, f'{seed}-{number}')}"


def _date(rng: random.Random) -> Row:
    """Mostly good dates; about one in four is partial, a range, impossible or prose."""
    year, month = rng.randint(1850, 2020), rng.randint(1, 12)
    day = rng.randint(1, calendar.monthrange(year, month)[1])
    full = f"{year}-{month:02d}-{day:02d}"
    roll = rng.random()
    if roll < 0.74:
        good = {"eventDate": full, "year": str(year), "month": str(month), "day": str(day)}
        return good | {"verbatimEventDate": f"{day}.{month}.{year}"}
    if roll < 0.80:
        return {"eventDate": str(year), "year": str(year), "verbatimEventDate": str(year)}
    if roll < 0.86:
        partial = f"{year}-{month:02d}"
        return {"eventDate": partial, "year": str(year), "month": str(month)}
    if roll < 0.91:
        last = calendar.monthrange(year, month)[1]
        span = f"{year}-{month:02d}-01/{year}-{month:02d}-{last}"
        return {"eventDate": span, "verbatimEventDate": f"1-{last} {calendar.month_abbr[month]}"}
    if roll < 0.94:
        return {"eventDate": f"31 Feb {year}", "verbatimEventDate": f"31 Feb {year}"}
    if roll < 0.97:
        return {"verbatimEventDate": rng.choice(("summer", "before 1900", "[illegible]", "s.d."))}
    return {}


def _place(rng: random.Random) -> Row:
    """A place with its point; some lack the point, some have it withheld."""
    place = rng.choice(PLACES)
    row = {
        "country": place.country,
        "countryCode": place.code,
        "stateProvince": place.province,
        "locality": place.locality,
    }
    roll = rng.random()
    if roll < 0.15:
        return row
    if roll < 0.20:
        return row | {"informationWithheld": "Coordinates withheld to protect a threatened species"}
    point = {
        "decimalLatitude": f"{place.latitude + rng.gauss(0, 0.25):.4f}",
        "decimalLongitude": f"{place.longitude + rng.gauss(0, 0.25):.4f}",
        "geodeticDatum": rng.choice(("WGS84", "WGS84", "EPSG:4326", "NAD27", "")),
        "coordinateUncertaintyInMeters": rng.choice(("", "30", "250", "1000", "25000")),
    }
    if roll < 0.23:
        point = {k: v[:-3] if k.startswith("decimal") else v for k, v in point.items()}
        point["dataGeneralizations"] = "Coordinates rounded to 0.1 degree"
    return row | point


def _name(specimen: Specimen, rng: random.Random) -> Row:
    s = specimen.species
    row = {
        "scientificName": f"{s.name} {s.authorship}",
        "scientificNameAuthorship": s.authorship,
        "taxonRank": "species",
        "kingdom": s.kingdom,
        "phylum": s.phylum,
        "class": s.class_,
        "order": s.order,
        "family": s.family,
        "genus": s.genus,
        "specificEpithet": s.epithet,
        "vernacularName": s.common_name,
        "taxonID": s.key,
    }
    if rng.random() < 0.02:  # left at the genus by a careful curator
        row |= {"scientificName": s.genus, "taxonRank": "genus", "taxonID": s.genus.lower()}
        row |= {"specificEpithet": "", "scientificNameAuthorship": "", "vernacularName": ""}
    return row


def _sex(plan: str, rng: random.Random) -> Row:
    if plan == "plant":
        return {"reproductiveCondition": "in flower"}
    row = {"lifeStage": rng.choice(("adult", "adult", "adult", "Adult", ""))}
    if plan in ("scallop", "snail"):
        return row
    return row | {"sex": rng.choice(("male", "female", "male", "female", "Female", "♂", "", ""))}


def record_row(seed: int, specimen: Specimen) -> Row:
    """One occurrence as Darwin Core terms; absent terms are left out."""
    rng = random.Random(f"record-{seed}-{specimen.seed}")
    plan = specimen.species.traits.plan
    home = COLLECTION_OF[plan]
    number = f"{home.institution_code} {home.collection_code} {specimen.number:06d}"
    row = {
        "occurrenceID": occurrence_id(seed, specimen.number),
        "basisOfRecord": "PreservedSpecimen",
        "institutionCode": home.institution_code,
        "collectionCode": home.collection_code,
        "catalogNumber": number,
        "datasetID": home.key,
        "datasetName": home.title,
        "license": home.licence,
        "rightsHolder": home.rights_holder,
        "recordedBy": rng.choice(COLLECTORS),
        "typeStatus": rng.choices(("", "holotype", "paratype", "Syntype"), (90, 2, 6, 2))[0],
        "individualCount": "1",
        "modified": f"20{rng.randint(10, 24)}-{rng.randint(1, 12):02d}-15",
    }
    return row | _name(specimen, rng) | _date(rng) | _place(rng) | _sex(plan, rng)
