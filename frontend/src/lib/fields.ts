/** Which interpreted fields a record shows, in which order, and which term they were read from. */

import type { RecordDetail } from "./types";

type Key = Exclude<keyof RecordDetail, "verbatim" | "issues" | "images" | "dataset" | "taxonomy">;

interface Field {
  key: Key;
  label: string;
  terms: string[];
}

export interface FieldRow {
  label: string;
  value: string;
  /** The words of the source, only where they differ from the interpretation. */
  written: string | null;
}

const field = (key: Key, label: string, ...terms: string[]): Field => ({ key, label, terms });

const FIELDS: Field[] = [
  field("vernacular_name", "Common name", "vernacularName"),
  field("taxon_rank", "Rank", "taxonRank"),
  field("identified_by", "Identified by", "identifiedBy"),
  field("type_status", "Type status", "typeStatus"),
  field("sex", "Sex", "sex"),
  field("life_stage", "Life stage", "lifeStage"),
  field("event_start", "Date", "eventDate", "verbatimEventDate", "year"),
  field("recorded_by", "Collected by", "recordedBy"),
  field("country", "Country", "country"),
  field("state_province", "State or province", "stateProvince"),
  field("county", "County", "county"),
  field("locality", "Locality", "locality", "verbatimLocality"),
  field("decimal_latitude", "Latitude", "decimalLatitude", "verbatimLatitude"),
  field("decimal_longitude", "Longitude", "decimalLongitude", "verbatimLongitude"),
  field("coordinate_uncertainty_m", "Uncertainty (m)", "coordinateUncertaintyInMeters"),
  field("geodetic_datum", "Datum", "geodeticDatum"),
  field("information_withheld", "Withheld", "informationWithheld"),
  field("basis_of_record", "Basis of record", "basisOfRecord"),
  field("preparations", "Preparations", "preparations"),
  field("institution_code", "Institution", "institutionCode"),
  field("collection_code", "Collection", "collectionCode"),
  field("catalog_number", "Catalogue number", "catalogNumber"),
  field("occurrence_id", "Occurrence id", "occurrenceID"),
];

/** Rows with an interpreted or a written value, in the order of `FIELDS`. */
export function fieldRows(
  record: Partial<RecordDetail>,
  verbatim: Record<string, unknown>,
): FieldRow[] {
  const written = new Map(
    Object.entries(verbatim).map(([key, value]) => [plain(key), show(value)]),
  );
  return FIELDS.flatMap(({ key, label, terms }) => {
    const value = key === "event_start" ? interval(record) : show(record[key]);
    const source = terms.map((term) => written.get(plain(term))).find(Boolean) ?? null;
    if (!value && !source) return [];
    return [{ label, value, written: saysTheSame(source, value) ? null : source }];
  });
}

/** The days a date covers: a year alone is the whole year, never one invented day. */
function interval({ event_start: start, event_end: end }: Partial<RecordDetail>): string {
  if (!start) return show(end);
  return end && end !== start ? `${start} – ${end}` : start;
}

/** Whether they differ only in how a number or an interval is spelt: 1.50 and 1.5, / and –. */
function saysTheSame(source: string | null, value: string): boolean {
  if (source === null || source.replace("/", " – ") === value) return true;
  return value !== "" && Number(source) === Number(value);
}

/** One spelling for `dwc:eventDate`, `http://…/eventDate`, `Event date` and `event_date`. */
function plain(term: string): string {
  return (term.split(/[/:#]/).at(-1) ?? term).toLowerCase().replace(/[^a-z]/g, "");
}

function show(value: unknown): string {
  return value === null || value === undefined ? "" : String(value).trim();
}
