/** The atlas: a map of what looks alike to a version. */
import { number, percent, plural } from "./format";

export const atlas = {
  heading: "Atlas",
  lead: (version: string) => `What looks alike to ${version}`,
  caveat: "Near points look alike to this model. Axes and long distances mean nothing.",
  made: (method: string, fitted: number, placed: number, seed: number, date: string) =>
    `${method}, of ${plural(fitted, "image")}` +
    (placed ? `, ${number.format(placed)} more placed among their nearest` : "") +
    `; seed ${seed}, ${date}.`,
  waiting: (count: number) => `${plural(count, "image")} embedded since then: not on the map yet.`,
  loading: "Loading the map …",
  drawing: "Map of images",
  help: "Drag to move, scroll or pinch to come nearer. L draws around points, + and − zoom, 0 shows all, the arrow keys move, Esc lets go.",
  noneTitle: "This version has no atlas yet",
  noneText: (name: string) =>
    `An operator makes it with bin/versions project ${name}. Other versions may have one.`,
  noWebgl:
    "This browser draws no points (it lacks WebGL 2). The picture shows how many images lie where, and the regions below are links.",
  density: "Density of images on the map",
  tools: "Map tools",
  lasso: "Draw around points (L)",
  lassoing: "Drawing: drag around the points. Esc stops.",
  move: "Move the map",
  nearer: "Nearer (+)",
  farther: "Farther (−)",
  whole: "Show all (0)",
  colour: "Colour by",
  colourings: {
    order: "order",
    family: "family",
    genus: "genus",
    species: "species",
    collection: "collection",
    institution: "institution",
    dataset: "dataset",
    country: "country",
    decade: "decade",
    view: "view",
    sex: "sex",
    life_stage: "life stage",
    licence: "licence",
    score: "likeness to the query",
  } as Record<string, string>,
  level: (share: number, least: number | null) =>
    (share < 1 ? `nearest ${percent(share)}` : "all others") +
    (least === null || share >= 1 ? "" : `, ${least.toFixed(2)} and more`),
  legend: "Colours",
  legendOf: (by: string) => `Colours by ${by}; press one to hide or show its points`,
  others: "Others",
  missing: "Not stated",
  asTable: "Regions as a table",
  onlyPassing: (count: number, of: number) =>
    `${number.format(count)} of ${plural(of, "image")} match the filters; the others are faint.`,
  everything: (count: number) => plural(count, "image"),
  nearest: (count: number) =>
    `The ${number.format(count)} nearest to the query stand out; the ring is the first.`,
  pictures: (count: number) => `${plural(count, "picture")} shown in place of points.`,
  elsewhere: (version: string) =>
    `The images that were selected on the atlas of ${version} stand out.`,
  dropQuery: "Drop the query",
  dropFilters: "Drop the filters",
  selection: {
    heading: (count: number) => `${plural(count, "image")} selected`,
    none: "Draw around points, or take a region of the table, to see what lies there.",
    counting: "Counting …",
    more: (facet: string) => `Most common by ${facet}`,
    share: (inside: number, all: number) =>
      `${number.format(inside)} of ${number.format(all)} on the map`,
    filter: "Use as filter",
    exporting: "Export",
    citing: "Cite",
    clear: "Let go",
    pictures: "Pictures from the selection",
    selected: (count: number) => `${plural(count, "image")} selected on the map`,
    facets: {
      species: "species",
      family: "family",
      collection: "collection",
      country: "country",
    } as Record<string, string>,
  },
  regions: {
    heading: "Regions",
    caption: "Where one taxon prevails, the largest regions first",
    name: "Taxon",
    rank: "Rank",
    count: "Images",
    choose: (name: string) => `Select the region of ${name}`,
    select: "Select",
    level: "Names of",
  },
  unidentified: "Unidentified",
} as const;
