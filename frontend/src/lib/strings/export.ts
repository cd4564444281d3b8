/** Taking a set away, citing it, and the receipt of an export. */
import { number, percent, plural } from "./format";

const UNITS = ["bytes", "kB", "MB", "GB"];

/** Bytes as people say them: 1.2 MB. */
export function size(bytes: number): string {
  let at = 0;
  while (bytes >= 1000 && at < UNITS.length - 1) {
    bytes /= 1000;
    at += 1;
  }
  return `${at && bytes < 10 ? bytes.toFixed(1) : number.format(Math.round(bytes))} ${UNITS[at]}`;
}

export const exporting = {
  title: "Export",
  cite: "Cite",
  counting: "Counting what is in the set …",
  what: (images: number, records: number, datasets: number) =>
    `${plural(images, "image")} of ${plural(records, "record")} from ${plural(datasets, "dataset")}`,
  version: (name: string) => `Embed version ${name}`,
  empty: "No image is in this set; there is nothing to export.",
  format: "Format",
  formats: [
    ["csv", "Table (CSV)", "A row for each image, with its record, rights and addresses."],
    [
      "dwca",
      "Darwin Core Archive",
      "Records with all their images of the set, as GBIF and others read them.",
    ],
    [
      "images",
      "List of images",
      "Addresses, pixel sizes, checksums and credit lines, to fetch the pictures.",
    ],
    ["parquet", "Table (Parquet)", "The same table for programs, with vectors if wanted."],
  ] as [format: "csv" | "dwca" | "images" | "parquet", name: string, text: string][],
  vectors: "With the vectors of the embed version (emb)",
  nearest: "How many of the nearest",
  estimate: (bytes: number) => `About ${size(bytes)}`,
  start: "Make the file",
  starting: "Asking for it …",
  licences: "Licences of the images",
  datasets: "Datasets in it",
  records: "Records",
  images: "Images",
  share: (part: number) => percent(part),
  gated: "Addresses of copies are given only where the licence of the picture allows one.",
  citation: "Citation",
  text: "Text",
  copyText: "the citation",
  copyBibtex: "Copy BibTeX",
  copyRis: "Copy RIS",
  permanent: "For a permanent link with a checksum, export the set: its receipt stays.",
  derived: "Records per GBIF dataset, for a derived-dataset DOI",
  derivedHelp: "Paste these lines at gbif.org/derived-dataset/register to get a DOI of your own.",
  receipt: {
    heading: "Receipt",
    title: (format: string) => `Export: ${format}`,
    loading: "Loading the receipt …",
    states: {
      waiting: "Waiting for its turn",
      running: "Being made",
      done: "Ready",
      failed: "Could not be made",
    } as Record<string, string>,
    progress: (done: number, total: number) =>
      total ? `${number.format(done)} of ${plural(total, "row")} written` : "Counting …",
    download: (bytes: number) => `Download (${size(bytes)})`,
    removed:
      "The file is no longer kept; this receipt stays. Export the same again from the search.",
    keptUntil: (date: string) => `The file is kept until ${date}; this receipt stays for good.`,
    file: "File",
    checksum: "sha256",
    set: "The set",
    query: "Query",
    everything: "Every image of the version",
    again: "Open this search",
    listed: "A fixed list: the images that were nearest, or chosen, on that day.",
    version: "Embed version",
    model: "Model",
    weights: "Weights sha256",
    made: "Exported",
    program: "Program",
    link: "Permanent link",
    copyLink: "the link",
    ready: "The file is ready.",
    failed: "The file could not be made.",
  },
} as const;
