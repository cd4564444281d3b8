/** The columns of the results table: Darwin Core terms that every hit carries, and how they sort. */
import { keptAt } from "./labels";
import type { Hit, RecordSummary } from "./types";

type Plain = keyof {
  [K in keyof RecordSummary as RecordSummary[K] extends string | number | null ? K : never]: true;
};

export type ColumnKey = "rank" | "score" | "view" | "licence" | "dataset" | "image_id" | Plain;

export interface Column {
  key: ColumnKey;
  /** Right-aligned, sorted as a number, largest first to begin with. */
  numeric: boolean;
  value: (hit: Hit) => string | number | null;
}

const of = (key: Plain, numeric = false): Column => ({
  key,
  numeric,
  value: (hit) => hit.record?.[key] ?? null,
});

export const COLUMNS: readonly Column[] = [
  { key: "rank", numeric: true, value: (hit) => hit.rank },
  { key: "score", numeric: true, value: (hit) => hit.score },
  of("scientific_name"),
  of("vernacular_name"),
  of("order"),
  of("family"),
  of("genus"),
  of("catalog_number"),
  of("institution_code"),
  of("collection_code"),
  of("event_date"),
  of("country"),
  of("locality"),
  of("recorded_by"),
  of("decimal_latitude", true),
  of("decimal_longitude", true),
  of("coordinate_uncertainty_m", true),
  { key: "view", numeric: false, value: (hit) => hit.image.view },
  { key: "licence", numeric: false, value: (hit) => hit.image.licence.label },
  { key: "dataset", numeric: false, value: (hit) => hit.record?.dataset.title ?? null },
  of("id"),
  { key: "image_id", numeric: false, value: (hit) => hit.image.id },
];

/** What is shown before anybody chose. */
export const USUAL: readonly ColumnKey[] = [
  "rank",
  "score",
  "scientific_name",
  "family",
  "catalog_number",
  "event_date",
  "country",
  "locality",
  "recorded_by",
  "licence",
];

export interface Order {
  key: ColumnKey;
  down: boolean;
}

/** The hits in the order of a column; what says nothing comes last either way. Stable. */
export function sorted(hits: readonly Hit[], order: Order | null): readonly Hit[] {
  const column = COLUMNS.find((each) => each.key === order?.key);
  if (!column || !order) return hits;
  const sign = order.down ? -1 : 1;
  return [...hits].sort((one, other) => {
    const [a, b] = [column.value(one), column.value(other)];
    if (a === null || a === "") return b === null || b === "" ? 0 : 1;
    if (b === null || b === "") return -1;
    return sign * compare(a, b);
  });
}

/** Where a hit is kept, for a spoken label of its row. */
export function rowLabel(hit: Hit): string {
  return hit.record ? keptAt(hit.record) : (hit.image.title ?? hit.image.id);
}

const words = new Intl.Collator("en", { numeric: true });

function compare(a: string | number, b: string | number): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return words.compare(String(a), String(b));
}
