/** The status page: the pipeline, jobs, hosts, coverage, versions. */
import { number, percent, plural } from "./format";

export const status = {
  heading: "Status",
  lead: (records: number, images: number) =>
    `${plural(records, "record")}, ${plural(images, "image link")}. What has become of them, and what is being done.`,
  loading: "Counting …",
  stale: "The server does not answer; these are the last counts.",
  again: "Try again",
  updated: (seconds: number) => `Counted anew every ${seconds} seconds.`,
  pipeline: {
    heading: "The way of the images",
    stages: {
      fetched: "Fetched",
      valid: "Valid",
      here: "Image here",
      thumbnail: "Thumbnail",
      embedded: "Embedded",
      indexed: "Indexed",
      atlas: "On the atlas",
    },
    meanings: {
      fetched: "An answer came that was no error",
      valid: "It is a picture that can be read",
      here: "A copy is stored, be it for embedding only",
      thumbnail: "The licence allows to show a copy",
      embedded: "It has a vector in the default version",
      indexed: "Searches find it by the version's index, or by comparing with all",
      atlas: "It has a place on the version's map",
    },
    of: (count: number) => `of ${number.format(count)}`,
    rate: (rate: number) =>
      rate >= 0.95
        ? `${number.format(Math.round(rate))}/s`
        : `${number.format(Math.round(rate * 60))}/min`,
    left: (text: string) => `${text} left`,
    version: (name: string) => `The last three stages are those of the default version, ${name}.`,
    noVersion: "There is no default version yet.",
  },
  jobs: {
    heading: "Jobs",
    all: "All",
    filter: "Show jobs by state",
    states: {
      queued: "Waiting",
      running: "Running",
      done: "Done",
      failed: "Failed",
      cancelled: "Cancelled",
    },
    stopping: "Stopping",
    kinds: {
      ingest: "Read a source",
      download: "Fetch images",
      embed: "Embed",
      index: "Index",
      project: "Draw the atlas",
      export: "Export",
      sync: "Sync",
      train: "Train",
    } as Record<string, string>,
    none: "No jobs in this state.",
    progress: (done: number, total: number | null) =>
      total === null ? number.format(done) : `${number.format(done)} of ${number.format(total)}`,
    progressOf: (label: string) => `Progress of ${label}`,
    queuedAt: (ago: string) => `asked for ${ago}`,
    startedAt: (ago: string) => `started ${ago}`,
    finishedAt: (ago: string) => `ended ${ago}`,
    took: (text: string) => `took ${text}`,
    attempts: (count: number) => `attempt ${number.format(count)}`,
    heartbeat: (text: string) => `worker last heard of ${text} ago`,
    silent: (text: string) => `no sign of its worker for ${text}`,
    noWorker: "Jobs wait, but no worker is running. Start one:",
    more: "Show earlier jobs",
    details: "What it said",
    detailsOf: (label: string) => `What it said: ${label}`,
    events: "Events",
    noEvents: "Nothing yet.",
    troubles: "Most frequent reasons for what is missing",
    trouble: (count: number, reason: string) => `${number.format(count)} × ${reason}`,
    from: (host: string | null) => (host === null ? "" : `from ${host}`),
    result: "What it came to",
    levels: { info: "note", warning: "warning", error: "error" },
    retry: "Retry",
    cancel: "Cancel",
    retryOf: (label: string) => `Retry ${label}`,
    cancelOf: (label: string) => `Cancel ${label}`,
    retried: "Queued again",
    cancelled: "Asked to stop",
  },
  empty: {
    heading: "Nothing has been loaded yet",
    lead: "To see everything work, draw the sample museum:",
    demo: "bin/demo",
    own: "Or bring in a collection of your own, and embed it:",
    ingest: "bin/ingest dwca archive.zip",
    embed: "bin/ingest_embed --model=ViT-B-32 --pretrained=laion2b_s34b_b79k",
    worker: "bin/worker",
    command: "the command",
  },
  hosts: {
    heading: "Hosts",
    lead: "How the servers that images come from are asked, and what they said.",
    none: "No other host has been asked.",
    table: "Hosts with their pace and trouble",
    columns: {
      host: "Host",
      waiting: "Still to be had",
      pace: "Requests a second",
      breaker: "State",
      requests: "Requests",
      errors: "Errors",
      trouble: "Last trouble",
    },
    paceOf: (pace: string, most: string) => (pace === most ? pace : `${pace} of ${most}`),
    breakers: { closed: "Open to us", open: "Left in peace", half_open: "Being tried" },
    rest: (text: string) => `for ${text}`,
    here: "this machine",
    reasons: "Why images are missing",
    reasonTable: "Reasons with how often they occurred and an example",
    reasonColumns: {
      count: "Images",
      state: "State",
      reason: "Reason",
      host: "Host",
      sample: "One of them",
    },
    states: {
      retry: "Tried again later",
      gone: "Gone",
      blocked: "Refused",
      invalid: "No usable picture",
    } as Record<string, string>,
  },
  coverage: {
    heading: "Coverage",
    lead: "Which share of each dataset's images has a vector, by embed version.",
    table: "Datasets by embed versions",
    dataset: "Dataset",
    images: "Images",
    none: "There are no datasets yet.",
    share: (done: number, all: number) =>
      all === 0 ? "–" : percent(Math.floor((100 * done) / all) / 100),
    cell: (done: number, all: number) => `${number.format(done)} of ${plural(all, "image")}`,
    missing: (title: string) => `What is missing of ${title}`,
    parts: (ok: number, waiting: number, missing: number) =>
      `${number.format(ok)} here, ${number.format(waiting)} still to be had, ${number.format(missing)} not to be had`,
    lacking: (count: number, version: string) =>
      count === 0
        ? `none to embed in ${version}`
        : `${number.format(count)} to embed in ${version}`,
  },
  versions: {
    heading: "Embed versions",
    table: "Embed versions and how much they cover",
    columns: {
      version: "Version",
      state: "State",
      embedded: "Embedded",
      dim: "Dimensions",
      index: "Index",
      action: "Default",
    },
    states: { building: "Being built", ready: "Ready", retired: "Retired" } as Record<
      string,
      string
    >,
    indexes: {
      exact: "none: compares with all",
      ivfflat: "ivfflat",
      hnsw: "hnsw",
    } as Record<string, string>,
    isDefault: "Default",
    make: "Make default",
    makeOf: (name: string) => `Make ${name} the default`,
    made: (name: string) => `${name} is the default now`,
    none: "There are no versions yet.",
  },
  operator: {
    heading: "For operators",
    lead: "With the operator's token you can start, retry and cancel jobs, and choose the default version. It stays in this tab.",
    token: "Operator's token",
    use: "Use it",
    forget: "Forget the token",
    on: "Operator actions are on.",
    source: "Read a source",
    sources: {
      gbif: "GBIF: a taxon",
      idigbio: "iDigBio: a record query",
      dwca: "Darwin Core Archive: link, or path on the server",
      iiif: "IIIF: manifest or collection",
    },
    asked: {
      gbif: "Name or key of the taxon",
      idigbio: 'Record query, such as {"genus":"papilio"}',
      dwca: "Link or path",
      iiif: "Link",
    },
    kind: "Where from",
    limit: "At most so many records (optional)",
    start: "Start",
    sync: "Bring what changed",
    download: "Fetch images",
    started: (label: string) => `Queued: ${label}`,
    notJson: "That is no JSON object.",
  },
} as const;

/** "4 s", "12 min", "3 h", "2 days". */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return plural(Math.round(seconds / 86400), "day");
}

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** "just now", "4 minutes ago", "yesterday". */
export function ago(at: string, now: number): string {
  const seconds = Math.max(0, (now - Date.parse(at)) / 1000);
  if (seconds < 45) return "just now";
  if (seconds < 45 * 60) return RELATIVE.format(-Math.round(seconds / 60), "minute");
  if (seconds < 22 * 3600) return RELATIVE.format(-Math.round(seconds / 3600), "hour");
  return RELATIVE.format(-Math.round(seconds / 86400), "day");
}
