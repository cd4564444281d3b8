/** What several parts of the page show: the versions, the summary, and the spoken message. */
import { fetchSummary, fetchVersions } from "./client";
import { Load } from "./load.svelte";
import { run } from "./search.svelte";
import type { Summary, Version } from "./types";

export const versions = new Load<Version[]>();
export const summary = new Load<Summary>();

/** Asks again on every visit of a page: an ingest may be running. */
export function refreshShared(): void {
  void versions.from(() => run.rest().then(fetchVersions));
  void summary.from(() => run.rest().then(fetchSummary));
}

export const spoken = $state({ text: "" });

/** Says a short sentence through the polite live region. */
export function announce(text: string): void {
  spoken.text = text;
}
