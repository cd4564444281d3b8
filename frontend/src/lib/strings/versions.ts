/** The cards of the embed versions. */
import { number, plural } from "./format";

export const versions = {
  versions: {
    heading: "Embed versions",
    lead: "An embed version is one model, with its weights and its preprocessing, and the vectors it gave to the images. A search runs in one version.",
    coverage: (done: number, all: number) =>
      `${number.format(done)} of ${plural(all, "image")} embedded`,
    use: "Search in this version",
    model: "Model",
    pretrained: "Pretrained",
    dim: "Dimensions",
    index: "Index",
    precision: "Stored as",
    weights: "Weights sha256",
    preprocess: "Preprocessing",
    created: "Created",
    none: "There are no versions yet. Run bin/ingest_embed to make the first.",
  },
} as const;
