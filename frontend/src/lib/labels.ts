/** Short labels made of several fields that often say the same thing twice. */
import type { RecordSummary } from "./types";

/** Where a specimen is kept: its codes and number, each said once; else its dataset. */
export function keptAt(
  record: Pick<
    RecordSummary,
    "institution_code" | "collection_code" | "catalog_number" | "dataset"
  >,
): string {
  const number = record.catalog_number ?? "";
  const codes = [record.institution_code, record.collection_code].filter(
    (code): code is string => Boolean(code) && !words(number).includes(code ?? ""),
  );
  return [...codes, number].filter(Boolean).join(" ") || record.dataset.title;
}

/** A version and the last part of its model's name, unless they are the same. */
export function versionLabel(name: string, model: string, note = ""): string {
  const short = model.split("/").at(-1) ?? model;
  return name + (note && ` (${note})`) + (short === name ? "" : ` · ${short}`);
}

function words(text: string): string[] {
  return text.split(/[^\p{L}\p{N}]+/u);
}
