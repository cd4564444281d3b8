/** Years in bars: wide enough to be told apart, cut at round years. */

export interface YearCount {
  year: number;
  count: number;
}

export interface Bar {
  /** First and last year of the bar. */
  from: number;
  to: number;
  count: number;
}

const WIDTHS = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500];

/** Bars without gaps from the first to the last year, at most `most` of them. */
export function bars(years: readonly YearCount[], most = 60): Bar[] {
  if (!years.length) return [];
  const all = years.map((each) => each.year);
  const [first, last] = [Math.min(...all), Math.max(...all)];
  const width =
    WIDTHS.find((w) => Math.floor(last / w) - Math.floor(first / w) < most) ??
    Math.ceil((last - first + 1) / most);
  const start = Math.floor(first / width) * width;
  const made: Bar[] = [];
  for (let from = start; from <= last; from += width) {
    made.push({ from, to: from + width - 1, count: 0 });
  }
  for (const { year, count } of years) {
    const bar = made[Math.floor((year - start) / width)];
    if (bar) bar.count += count;
  }
  return made;
}

/** The span of years of a `date` condition, open ends as null; null when it is not one of years. */
export function yearsOf(range: string): { from: number | null; to: number | null } | null {
  const [from = "", to = from] = range.split(",").map((part) => part.trim());
  if (!/^(\d{4}(-01-01)?)?$/.test(from) || !/^(\d{4}(-12-31)?)?$/.test(to)) return null;
  return { from: from ? Number(from.slice(0, 4)) : null, to: to ? Number(to.slice(0, 4)) : null };
}

/** A `date` condition of whole years; "" when both ends are open. Turned round when backwards. */
export function rangeOf(from: number | null, to: number | null): string {
  if (from === null && to === null) return "";
  if (from !== null && to !== null && from > to) [from, to] = [to, from];
  return `${padded(from)},${padded(to)}`;
}

/** The bar heights, 0 to 1. A square root, so that the small ones are seen beside the large. */
export function heights(counts: readonly number[]): number[] {
  const most = Math.max(...counts, 1);
  return counts.map((count) => (count > 0 ? Math.max(0.03, Math.sqrt(count / most)) : 0));
}

function padded(year: number | null): string {
  return year === null ? "" : String(year).padStart(4, "0");
}
