/** The counts beside a search: how many images have which value under the filters. */
import { ApiProblem, fetchFacets, fetchTimeline } from "./client";
import { nameOf } from "./filterlabels";
import { queryString, countQuery } from "./query";
import { run } from "./search.svelte";
import type { FacetName, Facets, Timeline } from "./types";
import type { SearchState } from "./url";

/** Order of the panel; taxa, years and months have parts of their own. */
export const PANEL: readonly FacetName[] = [
  "collection",
  "institution",
  "country",
  "type_status",
  "basis",
  "sex",
  "life_stage",
  "view",
  "licence",
  "dataset",
];

export class Counts {
  facets = $state.raw<Facets | null>(null);
  timeline = $state.raw<Timeline | null>(null);
  problem = $state.raw<ApiProblem | null>(null);
  /** What the server calls the values it has counted so far, by `nameOf`. */
  labels = $state.raw<ReadonlyMap<string, string>>(new Map());
  #running: AbortController | null = null;
  #key: string | null = null;

  /** Counts under the filters of `state`; what is shown stays until the new counts are there. */
  async ask(state: SearchState): Promise<void> {
    const key = queryString(countQuery(state));
    if (key === this.#key) return;
    this.#key = key;
    this.#running?.abort();
    const running = (this.#running = new AbortController());
    this.problem = null;
    try {
      await run.rest();
      if (running.signal.aborted) return;
      const timeline = fetchTimeline(state, running.signal);
      timeline.catch(() => null); // seen below, unless the facets failed first
      this.#keep(await fetchFacets(state, PANEL, running.signal));
      this.timeline = await timeline;
    } catch (error) {
      if (running.signal.aborted) return;
      if (!(error instanceof ApiProblem)) throw error;
      this.problem = error;
      this.facets = null;
      this.#key = null;
    }
  }

  #keep(facets: Facets): void {
    this.facets = facets;
    const labels = new Map(this.labels);
    for (const facet of facets.facets) {
      for (const value of facet.values) labels.set(nameOf(facet.key, value.value), value.label);
    }
    this.labels = labels;
  }
}

/** Lives as long as the page, so that coming back shows the counts at once. */
export const counts = new Counts();
