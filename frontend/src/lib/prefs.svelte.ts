/** What a visitor chose for this browser: colours, keys, sizes, columns. Storage may be absent. */
import { type ColumnKey, COLUMNS, USUAL } from "./columns";

export type Theme = "system" | "light" | "dark";
const ORDER: Theme[] = ["system", "light", "dark"];

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // The choice then lasts as long as the page.
  }
}

export const prefs = $state({
  theme: ORDER.find((theme) => theme === read("theme")) ?? "system",
  keys: read("keys") !== "off",
  /** Height of a row of pictures in pixels. */
  row: Math.min(380, Math.max(110, Number(read("row")) || 184)),
  columns: readColumns(),
});

function readColumns(): readonly ColumnKey[] {
  const kept = read("columns")?.split(",") ?? [];
  const known = COLUMNS.map((column) => column.key).filter((key) => kept.includes(key));
  return known.length ? known : USUAL;
}

export function chooseSize(row: number): void {
  prefs.row = row;
  write("row", String(row));
}

export function chooseColumns(columns: readonly ColumnKey[]): void {
  prefs.columns = columns;
  write("columns", columns.join(","));
}

export function nextTheme(): void {
  const theme = ORDER[(ORDER.indexOf(prefs.theme) + 1) % ORDER.length] ?? "system";
  prefs.theme = theme;
  write("theme", theme);
  document.documentElement.dataset.theme = theme;
}

export function allowKeys(on: boolean): void {
  prefs.keys = on;
  write("keys", on ? "on" : "off");
}
