/** Filters as the API and the address write them: keys with lists of values, a leading `-` excludes. */

/** In the order in which chips and addresses show them. */
export const FILTER_KEYS = [
  "taxon",
  "dataset",
  "institution",
  "collection",
  "catalog",
  "record",
  "country",
  "bbox",
  "polygon",
  "coordinates",
  "date",
  "month",
  "basis",
  "type_status",
  "sex",
  "life_stage",
  "view",
  "licence",
  "text",
  "missing",
  "atlas",
] as const;

export type FilterKey = (typeof FILTER_KEYS)[number];
export type Filters = Readonly<Partial<Record<FilterKey, readonly string[]>>>;
export type Mark = "include" | "exclude" | null;

export interface Active {
  key: FilterKey;
  /** As it stands in the address. */
  value: string;
  /** Without the sign. */
  bare: string;
  excluded: boolean;
}

/** A minus before these may be that of a number: they are excluded as `-(…)`. */
const RANGES: readonly FilterKey[] = ["bbox", "polygon", "date", "atlas"];
/** Names other parts of the world use for the same filter. */
const ALIASES: Readonly<Record<string, FilterKey>> = { year: "date" };

/** The filters of an address, each value once; empty values are dropped. */
export function readFilters(params: URLSearchParams): Filters {
  const found: Partial<Record<FilterKey, string[]>> = {};
  for (const [name, raw] of params) {
    const key = ALIASES[name] ?? (name as FilterKey);
    const value = raw.trim();
    if (!FILTER_KEYS.includes(key) || !split(key, value).bare) continue;
    const list = (found[key] ??= []);
    if (!list.includes(value)) list.push(value);
  }
  return inOrder(found);
}

/** Adds the filters to an address. */
export function writeFilters(params: URLSearchParams, filters: Filters): void {
  for (const { key, value } of active(filters)) params.append(key, value);
}

/** Every condition, in one fixed order. */
export function active(filters: Filters): Active[] {
  return FILTER_KEYS.flatMap((key) =>
    (filters[key] ?? []).map((value) => ({ key, value, ...split(key, value) })),
  );
}

/** How many conditions there are. */
export function count(filters: Filters): number {
  return active(filters).length;
}

/** Sign and rest of a value: `-Pieridae`, `-(170,-50,-170,50)`, `\-odd`. */
export function split(key: FilterKey, value: string): { bare: string; excluded: boolean } {
  if (RANGES.includes(key)) {
    const inner = /^-\s*\((.*)\)$/.exec(value);
    return { bare: (inner?.[1] ?? value).trim(), excluded: inner !== null };
  }
  if (value.startsWith("-")) return { bare: value.slice(1).trim(), excluded: true };
  return { bare: value.replace(/^\\/, "").trim(), excluded: false };
}

/** A value as it is written to be included or excluded. */
export function signed(key: FilterKey, bare: string, excluded: boolean): string {
  if (RANGES.includes(key)) return excluded ? `-(${bare})` : bare;
  if (excluded) return `-${bare}`;
  return /^[-\\]/.test(bare) ? `\\${bare}` : bare;
}

/** Whether a value is included, excluded, or neither. Capitals do not matter. */
export function markOf(filters: Filters, key: FilterKey, bare: string): Mark {
  const same = active(filters).find(
    (each) => each.key === key && each.bare.toLowerCase() === bare.toLowerCase(),
  );
  return same ? (same.excluded ? "exclude" : "include") : null;
}

/** The filters with one value included, excluded, or (null) neither; its other values stay. */
export function withMark(filters: Filters, key: FilterKey, bare: string, mark: Mark): Filters {
  const others = (filters[key] ?? []).filter(
    (value) => split(key, value).bare.toLowerCase() !== bare.toLowerCase(),
  );
  return withValues(filters, key, [
    ...others,
    ...(mark ? [signed(key, bare, mark === "exclude")] : []),
  ]);
}

/** The filters with all values of a key replaced. */
export function withValues(filters: Filters, key: FilterKey, values: readonly string[]): Filters {
  return inOrder({ ...filters, [key]: values });
}

/** The filters without one condition. */
export function without(filters: Filters, { key, value }: Pick<Active, "key" | "value">): Filters {
  return withValues(
    filters,
    key,
    (filters[key] ?? []).filter((each) => each !== value),
  );
}

/** First tick includes, second excludes, third takes away. */
export function nextMark(mark: Mark): Mark {
  return mark === null ? "include" : mark === "include" ? "exclude" : null;
}

/** Values pasted by a person: one a line, or parted by commas or semicolons; each once. */
export function pasted(text: string): string[] {
  const values = text.split(/[\n\r;,\t]+/).map((value) => value.trim().replace(/\s+/g, " "));
  return [...new Set(values.filter(Boolean))];
}

function inOrder(filters: Partial<Record<FilterKey, readonly string[]>>): Filters {
  return Object.fromEntries(
    FILTER_KEYS.flatMap((key) => (filters[key]?.length ? [[key, filters[key]]] : [])),
  );
}
