/** Naming photos: intake, ladder, evidence, batch. */
import { number, percent, plural } from "./format";

export const identify = {
  heading: "Identify",
  lead: "Photos to names, rank by rank, as far as the specimens of this museum carry.",
  caveat: "Scores compare candidates; they are not probabilities. Not a determination.",
  kept: "Photos are stripped of place, camera and name, and forgotten after a while.",
  intake: {
    label: "Photos to be named",
    invite: "Drop, paste or choose photos",
    choose: "Choose photos",
    more: "Add photos",
    camera: "Take a photo",
    sending: (count: number) => `Sending ${plural(count, "photo")} …`,
    crop: (name: string) => `Crop ${name}`,
    remove: (name: string) => `Remove ${name}`,
    clear: "Remove all",
    tooMany: (most: number) => `At most ${most} photos are named at once; the rest were left out.`,
    stored: "An image of the museum",
    record: "A record of the museum",
    photo: (at: number) => `Photo ${at}`,
  },
  options: {
    method: "By",
    methods: {
      both: "both",
      text: "text prompts",
      specimens: "nearest specimens",
    },
    methodTips: {
      both: "A mean of the two, weighted as named this museum's own photos best",
      text: "Zero-shot: the names of the museum's taxa as text, compared with the photo",
      specimens: "The ten nearest specimens vote for their names",
    },
    certainty: "Certainty",
    more: "Where, when, within, labels",
    latitude: "Latitude",
    longitude: "Longitude",
    locate: "Use my place",
    noPlace: "The browser gives no place.",
    month: "Month",
    anyMonth: "any",
    months: [
      "January",
      "February",
      "March",
      "April",
      "May",
      "June",
      "July",
      "August",
      "September",
      "October",
      "November",
      "December",
    ],
    within: "Only within",
    withinHint: "a name of any rank: Nymphalidae, genus:Morpho, -Pieridae",
    labels: "Labels of your own",
    labelsHint: "one a line; “Luna moth = moth” adds labels up in bins",
    apply: "Apply",
  },
  waiting: "Naming the photos …",
  preparing: "Getting ready",
  again: "Try again",
  ladder: {
    label: (name: string) => `Ladder of ${name}`,
    stops: (rank: string) => `Supported to ${rank}`,
    none: "Not supported even to kingdom",
    noneText:
      "Nothing in this museum is enough like it, or too few of its photos are named to tell.",
    threshold: (certainty: number) =>
      `Stops where fewer than ${percent(certainty)} of trials with like evidence were right.`,
    support: (share: number | null) =>
      share === null ? "not measured" : `${percent(share)} of like trials right`,
    unnamed: "not named by the evidence",
    above: "supported",
    below: "beyond the evidence",
    stop: "the ladder stops here",
    candidates: (rank: string) => `Candidates for ${rank}`,
    score: (score: number) => `${percent(score)} of the evidence`,
    votes: (count: number, of: number) => `${count} of ${of} nearest specimens`,
    boost: (near: number, km: number, season: number) =>
      [
        near ? `${plural(near, "record")} within ${number.format(km)} km` : "",
        season ? `${plural(season, "record")} in season` : "",
      ]
        .filter(Boolean)
        .join(", "),
    leftOut: (count: number) =>
      count === 1
        ? "This photo is in the museum: its own specimen is left out of the evidence."
        : `This photo is in the museum: its ${count} specimens are left out of the evidence.`,
    ranks: {
      kingdom: "kingdom",
      phylum: "phylum",
      class: "class",
      order: "order",
      family: "family",
      genus: "genus",
      species: "species",
    },
  },
  evidence: {
    heading: (name: string) => `Evidence for ${name}`,
    photo: "Your photo",
    none: "None of the nearest specimens is of this taxon. These are its nearest:",
    nothing: "The museum has no picture of it in this version.",
    search: "Search with this photo within the taxon",
    from: (collections: string) => `From ${collections}`,
    km: (km: number) => `${number.format(Math.round(km))} km away`,
    enlarge: "Enlarge all",
    reduce: "Reduce",
    open: "Show the evidence",
    taxon: "About the taxon",
  },
  labels: { heading: "Your labels", bins: "Your bins" },
  trials: {
    heading: "How far this can be trusted here",
    lead: (photos: number) =>
      `${plural(photos, "photo")} of the museum were named as strangers, their own specimens left out:`,
    reached: (rank: string, share: number, right: number | null) =>
      `${rank}: reached by ${percent(share)}${right === null ? "" : `, right in ${percent(right)}`}`,
    text: (share: number) => `Text prompts count for ${percent(share)}, specimens for the rest.`,
  },
  table: {
    heading: "All photos",
    photo: "Photo",
    answer: "Answer",
    rank: "Rank",
    support: "Support",
    best: "Best species",
    score: "Score",
    none: "none supported",
    download: "CSV",
    downloadTip: "Candidates as CSV, with the columns of pybioclip",
  },
} as const;
