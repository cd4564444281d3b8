/** The search box and what stands around it. */
import { plural, percent } from "./format";

export const search = {
  search: {
    heading: "Search natural-history collections",
    lead: "By words, by photo, or both together.",
    form: "Search specimens",
    placeholder: "Describe a specimen, or drop, paste or choose a photo",
    placeholderPhoto: "Add words",
    input: "Describe a specimen",
    submit: "Search",
    choose: "Choose a photo",
    clear: "Clear words",
    drop: "Drop the photo to search by it",
    uploading: "Sending the photo …",
    notAnImage: "That is not a picture. Choose a JPEG, PNG, WebP or TIFF file.",
    examples: "Begin with a picture",
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
    }) =>
      [
        plural(s.images, "image"),
        plural(s.records, "record"),
        plural(s.species, "species", "species"),
        plural(s.datasets, "dataset"),
        plural(s.countries, "country", "countries"),
      ].filter((part) => !part.startsWith("0 ")),
    none: "Nothing has been ingested yet. Run bin/demo, or bin/ingest and bin/ingest_embed.",
  },
} as const;
