/** What a condition is called on its chip. */
import type { Active } from "./filters";
import { strings } from "./strings";

const words = strings.filters;
const regions = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" });

/** Label of a condition without its sign; `known` holds labels the server gave, by key and value. */
export function labelOf({ key, bare }: Active, known: ReadonlyMap<string, string>): string {
  const given = known.get(nameOf(key, bare));
  if (given) return given;
  switch (key) {
    case "taxon":
      return taxonOf(bare).name;
    case "country":
      return country(bare);
    case "date":
      return dates(bare);
    case "month":
      return months(bare);
    case "bbox":
      return box(bare);
    case "coordinates":
      return bare === "true" ? words.withCoordinates : words.withoutCoordinates;
    case "missing":
      return words.no(words.names[bare] ?? bare);
    case "polygon":
    case "atlas":
      return words.area;
    case "dataset":
    case "record":
      return `${words.names[key] ?? key} ${bare.slice(0, 8)}`;
    default:
      return bare;
  }
}

/** The whole chip, the sign in words. */
export function chipOf(each: Active, known: ReadonlyMap<string, string>): string {
  if (each.key === "missing" && each.excluded)
    return words.some(words.names[each.bare] ?? each.bare);
  const label = labelOf(each, known);
  return each.excluded ? words.not(label) : label;
}

/** Under which name a label of the server is kept. */
export function nameOf(key: string, bare: string): string {
  return `${key}=${bare.toLowerCase()}`;
}

/** Rank and name of a taxon value: `genus:Morpho`, `Nymphalidae`. */
export function taxonOf(bare: string): { rank: string | null; name: string } {
  const [, rank, name] = /^([a-z]+):(.+)$/i.exec(bare) ?? [];
  return name ? { rank: rank ?? null, name } : { rank: null, name: bare };
}

function country(code: string): string {
  if (!/^[a-z]{2}$/i.test(code)) return code;
  return regions.of(code.toUpperCase()) ?? code;
}

function dates(range: string): string {
  const [from = "", to = from] = range.split(",").map((part) => part.trim());
  // Whole years are said as years.
  const [first, last] = [from.replace(/-01-01$/, ""), to.replace(/-12-31$/, "")];
  if (!first) return words.until(last);
  return last ? words.span(first, last) : words.since(first);
}

function months(text: string): string {
  const named = text.split(",").map((month) => words.month.names[Number(month) - 1] ?? month);
  return named.join(", ");
}

function box(text: string): string {
  const [west = 0, south = 0, east = 0, north = 0] = text.split(",").map(Number);
  return words.box.label(
    degrees(west, "E", "W"),
    degrees(south, "N", "S"),
    degrees(east, "E", "W"),
    degrees(north, "N", "S"),
  );
}

/** 12.5°N; one decimal is a chip's worth. */
export function degrees(value: number, plus: string, minus: string): string {
  return `${Math.round(Math.abs(value) * 10) / 10}°${value < 0 ? minus : plus}`;
}
