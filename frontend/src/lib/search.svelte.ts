/** Runs the search that the address asks for, one at a time, and remembers the last few answers. */
import { ApiProblem, browse, search } from "./client";
import type { Hit, SearchResult } from "./types";
import { asks, searchKey, type SearchState, shows } from "./url";

const KEEP = 8;

/** What is known of a whole answer: of a search its version, path and timing too. */
export interface Found {
  total: number;
  search: SearchResult | null;
}

/** The first answer and what was fetched after it. */
interface Answer {
  first: Found;
  hits: readonly Hit[];
  next: string | null;
}

/** A page of a search; without a question, of all that passes the filters, unranked. */
async function fetchPage(
  state: SearchState,
  shown: number,
  signal?: AbortSignal,
  cursor?: string,
): Promise<Answer> {
  if (asks(state)) {
    const page = await search(state, signal, cursor);
    return { first: { total: page.total, search: page }, hits: page.hits, next: page.next_cursor };
  }
  const { total, hits, next_cursor } = await browse(state, signal, cursor);
  const unranked = hits.map((hit, at) => ({
    ...hit,
    rank: shown + at + 1,
    score: 0,
    ranks: null,
    group: null,
    folded: [],
  }));
  return { first: { total, search: null }, hits: unranked, next: next_cursor };
}

export class SearchRun {
  #answer = $state.raw<Answer | null>(null);
  problem = $state.raw<ApiProblem | null>(null);
  /** What went wrong with fetching more; the results so far stay. */
  moreProblem = $state.raw<ApiProblem | null>(null);
  loading = $state(false);
  loadingMore = $state(false);
  #answers = new Map<string, Answer>();
  #running: AbortController | null = null;
  #key: string | null = null;
  #state: SearchState | null = null;
  #ended: Promise<void> = Promise.resolve();

  /** What the first page said of the whole. */
  get result(): Found | null {
    return this.#answer?.first ?? null;
  }

  /** Every image so far. */
  get hits(): readonly Hit[] {
    return this.#answer?.hits ?? [];
  }

  /** Whether there is a next page. */
  get canShowMore(): boolean {
    return Boolean(this.#answer?.next);
  }

  /** Shows the answer to `state`; does nothing when it is already shown or on its way. */
  async ask(state: SearchState): Promise<void> {
    const key = shows(state) ? searchKey(state) : "";
    if (key === this.#key) return;
    this.#running?.abort();
    this.#key = key;
    this.#state = state;
    this.problem = this.moreProblem = null;
    this.loadingMore = false;
    const known = this.#answers.get(key);
    if (known || !key) {
      this.#answer = known ?? null;
      this.loading = false;
      return;
    }
    const fetched = this.#fetch(key, state);
    this.#ended = fetched.catch(() => {});
    await fetched;
  }

  /** Resolves when nothing is being searched: results come before all that stands beside them. */
  async rest(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve)); // what starts together is asked first
    await this.#ended;
  }

  /** Forgets what went wrong and asks again. */
  retry(state: SearchState): Promise<void> {
    this.#key = null;
    return this.ask(state);
  }

  /** Adds the next page to what is shown; gives how many images came. */
  async more(): Promise<number> {
    const [answer, key, state] = [this.#answer, this.#key, this.#state];
    if (!answer?.next || !key || !state || this.loading || this.loadingMore) return 0;
    this.loadingMore = true;
    this.moreProblem = null;
    try {
      const shown = answer.hits.length;
      const page = await fetchPage(state, shown, this.#running?.signal, answer.next);
      const hits = [...answer.hits, ...page.hits];
      this.#remember(key, { first: answer.first, hits, next: page.next });
      return page.hits.length;
    } catch (error) {
      if (this.#key !== key) return 0;
      if (!(error instanceof ApiProblem)) throw error;
      this.moreProblem = error;
      return 0;
    } finally {
      if (this.#key === key) this.loadingMore = false;
    }
  }

  async #fetch(key: string, state: SearchState): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    this.loading = true;
    try {
      this.#remember(key, await fetchPage(state, 0, running.signal));
    } catch (error) {
      if (running.signal.aborted) return;
      if (!(error instanceof ApiProblem)) throw error;
      this.#answer = null;
      this.problem = error;
    }
    if (this.#running === running) this.loading = false;
  }

  #remember(key: string, answer: Answer): void {
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    const oldest = this.#answers.keys().next().value;
    if (this.#answers.size > KEEP && oldest !== undefined) this.#answers.delete(oldest);
    if (this.#key === key) this.#answer = answer;
  }
}

/** Lives as long as the page, so that coming back from a record shows the same results at once. */
export const run = new SearchRun();
