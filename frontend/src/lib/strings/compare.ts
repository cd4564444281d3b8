/** Comparing versions: columns, judgements, query sets. */
import { number, percent, plural } from "./format";

const share = (value: number | null) => (value === null ? "–" : percent(value));

export const compare = {
  heading: "Compare versions",
  lead: "The same question put to several embed versions. Thumbs say which of them answers better.",
  views: { label: "What to compare", columns: "One query", sets: "Query sets" },
  pick: (at: number) => `Version ${at}`,
  add: "Add a version",
  remove: (name: string) => `Take ${name} away`,
  onlyOne:
    "There is only one embed version that can be searched. Make another with bin/ingest_embed, then compare them here.",
  ask: "Search for something to compare the answers.",
  loading: "Asking each version in turn …",
  facts: (model: string, dim: number) => `${model} · ${number.format(dim)} numbers`,
  time: (ms: number) => `${number.format(Math.round(ms))} ms`,
  differences: "Only differences",
  same: "All versions show the same images at the same ranks.",
  summary: {
    label: "How much the versions agree",
    pair: "Versions",
    overlap10: "First 10 in common",
    overlap50: "First 50 in common",
    rbo: "Rank-biased overlap",
    rboTip: "1: the same images in the same order; the first ranks weigh most (p = 0.9)",
    species: "Same species",
    genus: "Same genus",
    family: "Same family",
    taxaTip: "Share of the first ten results that show the same taxon",
    versus: (a: string, b: string) => `${a} and ${b}`,
    share,
    score: (value: number | null) => (value === null ? "–" : value.toFixed(2)),
  },
  change: {
    up: (ranks: number, than: string) => `${plural(ranks, "rank")} higher than in ${than}`,
    down: (ranks: number, than: string) => `${plural(ranks, "rank")} lower than in ${than}`,
    equal: (than: string) => `the same rank as in ${than}`,
    fresh: (depth: number, than: string) => `not among the first ${depth} of ${than}`,
    new: "new",
  },
  judge: {
    up: (name: string) => `${name} answers the query`,
    down: (name: string) => `${name} does not answer the query`,
    said: { up: "Judged as an answer", down: "Judged as no answer", none: "Judgement taken back" },
  },
  tally: {
    heading: "Judgements",
    none: "Nothing is judged yet for these versions. Use the thumbs under the pictures.",
    here: "This query",
    all: "All queries",
    line: (judged: number, a: string, winsA: number, b: string, winsB: number, ties: number) =>
      `On ${plural(judged, "judged result")} ${a} wins ${number.format(winsA)}, ${b} wins ${number.format(winsB)}, ${number.format(ties)} ${ties === 1 ? "tie" : "ties"}.`,
    odds: (name: string, low: number, high: number) =>
      `Of the decided results ${name} wins ${percent(low)} to ${percent(high)} (95 % interval).`,
    queries: (winsA: number, winsB: number, p: number | null) =>
      `By queries ${number.format(winsA)} to ${number.format(winsB)}${p === null ? "" : `, p = ${p < 0.001 ? "< 0.001" : p.toFixed(3)} (sign test)`}.`,
    how: "A good result speaks for the version that ranks it higher, a bad one against it.",
  },
  sets: {
    none: "No query set is saved yet. Put a query to the versions, then save it to a set.",
    choose: "Query set",
    queries: (count: number) => plural(count, "query", "queries"),
    run: "Run the set",
    running: (done: number, total: number) => `${done} of ${total} queries`,
    delete: "Delete the set",
    deleteSure: (name: string) => `Delete the query set “${name}”? Judgements stay.`,
    table: "Queries by measures",
    query: "Query",
    ndcg: (version: string) => `nDCG@10 ${version}`,
    ndcgTip: "Of the judged results; – where none is known to be good",
    overlap: (a: string, b: string) => `First 10 in common: ${a}, ${b}`,
    rbo: (a: string, b: string) => `Rank-biased overlap: ${a}, ${b}`,
    ms: (version: string) => `Time ${version}`,
    sortBy: (column: string) => `Sort by ${column}`,
    mean: "Mean",
    drop: (label: string) => `Remove ${label} from the set`,
    saveHeading: "Keep this query",
    saveName: "Name of the set",
    save: "Save to the set",
    saved: (name: string, count: number) =>
      `Saved: “${name}” has ${plural(count, "query", "queries")}`,
    noUploads:
      "A query with an uploaded photo cannot be kept: uploads are forgotten after a while.",
    like: "like a picture",
  },
} as const;
