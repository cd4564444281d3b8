/** What a search gave. */
import { number, plural } from "./format";

export const results = {
  results: {
    label: "Results",
    heading: (shown: number, total: number) =>
      shown < total
        ? `The ${number.format(shown)} nearest of ${plural(total, "image")}`
        : `All ${plural(total, "image")}, nearest first`,
    time: (ms: number) => `${(ms / 1000).toFixed(ms < 100 ? 3 : 2)} s`,
    paths: { exact: "compared with every image", ivfflat: "ivfflat index", hnsw: "hnsw index" },
    loading: "Searching …",
    slow: "The first search in a version loads its model.",
    more: (count: number) => `Show ${count}`,
    end: "Nearest does not mean alike: a search always finds something.",
    emptyTitle: "No image can be searched in this version",
    emptyText:
      "The version has no embeddings yet. Choose another version, or run bin/ingest_embed.",
    similar: "More like this",
    similarTo: (name: string) => `More like this: ${name}`,
    unnamed: "Unidentified",
    noRecord: "Image without a record",
    noCopy: "Shown only at its source",
    noPicture: "No readable picture",
    open: "opens the source",
  },
  score: {
    tip: (cosine: string) => `Cosine ${cosine}. Similarity, not probability.`,
    label: (rank: number, cosine: string) =>
      `Rank ${rank}, similarity ${cosine}, not a probability`,
  },
  licence: { unknown: "Licence not stated" },
} as const;
