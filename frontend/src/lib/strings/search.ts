/** The search box and what stands around it. */
import { date, plural, percent } from "./format";

export const search = {
  search: {
    heading: "Search natural-history collections",
    lead: "By words, by photo, or both together.",
    form: "Search specimens",
    placeholder: "Describe a specimen, or drop, paste or choose a photo",
    placeholderShort: "Describe a specimen, or add a photo",
    placeholderPhoto: "Add words",
    input: "Describe a specimen",
    submit: "Search",
    choose: "Choose a photo",
    clear: "Clear words",
    drop: "Drop the photo to search by it",
    uploading: "Sending the photo …",
    notAnImage: "That is not a picture. Choose a JPEG, PNG, WebP or TIFF file.",
    examples: "Begin with a picture",
    groups: "Or look through a group",
    group: (name: string, count: number) => `${name}: ${plural(count, "image")}`,
    example: (label: string) => `More like ${label}`,
  },
  chip: {
    photo: "Your photo",
    like: "From the index",
    record: "All images of a record",
    alt: "The picture searched by",
    replace: "Replace",
    remove: "Remove",
  },
  weight: {
    label: "Words or photo",
    words: "words",
    photo: "photo",
    value: (share: number) => `${percent(1 - share)} words, ${percent(share)} photo`,
  },
  version: {
    label: "Embed version",
    unknown: (name: string) => `${name} (not here)`,
    isDefault: "default",
    together: (count: number) => `${count} versions together, by rank`,
    states: { building: "being built", ready: "ready", retired: "retired" } as Record<
      string,
      string
    >,
  },
  counts: {
    label: "What is in the index",
    line: (s: {
      records: number;
      images: number;
      species: number;
      datasets: number;
      countries: number;
      updated_at: string | null;
      default_version: string | null;
    }) =>
      [
        plural(s.images, "image"),
        plural(s.records, "record"),
        plural(s.species, "species", "species"),
        plural(s.datasets, "dataset"),
        plural(s.countries, "country", "countries"),
        s.updated_at ? `updated ${date(s.updated_at)}` : "",
        s.default_version ? `searched by ${s.default_version}` : "",
      ].filter((part) => part && !part.startsWith("0 ")),
    none: "Nothing has been ingested yet. Run bin/demo, or bin/ingest and bin/ingest_embed.",
  },
} as const;
