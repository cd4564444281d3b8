/** Runs the search that the address asks for, one at a time, and remembers the last few answers. */
import { ApiProblem, search } from "./client";
import type { SearchResult } from "./types";
import { asks, searchKey, type SearchState } from "./url";

const KEEP = 8;

export class SearchRun {
  result = $state.raw<SearchResult | null>(null);
  problem = $state.raw<ApiProblem | null>(null);
  loading = $state(false);
  #answers = new Map<string, SearchResult>();
  #running: AbortController | null = null;
  #key: string | null = null;

  /** Shows the answer to `state`; does nothing when it is already shown or on its way. */
  async ask(state: SearchState): Promise<void> {
    const key = asks(state) ? searchKey(state) : "";
    if (key === this.#key) return;
    this.#running?.abort();
    this.#key = key;
    this.problem = null;
    const known = this.#answers.get(key);
    if (known || !key) {
      this.result = known ?? null;
      this.loading = false;
      return;
    }
    await this.#fetch(key, state);
  }

  /** Forgets what went wrong and asks again. */
  retry(state: SearchState): Promise<void> {
    this.#key = null;
    return this.ask(state);
  }

  async #fetch(key: string, state: SearchState): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    this.loading = true;
    try {
      const result = await search(state, running.signal);
      this.#remember(key, result);
      if (this.#key === key) this.result = result;
    } catch (error) {
      if (running.signal.aborted) return;
      if (!(error instanceof ApiProblem)) throw error;
      this.result = null;
      this.problem = error;
    }
    if (this.#running === running) this.loading = false;
  }

  #remember(key: string, result: SearchResult): void {
    this.#answers.set(key, result);
    const oldest = this.#answers.keys().next().value;
    if (this.#answers.size > KEEP && oldest !== undefined) this.#answers.delete(oldest);
  }
}

/** Lives as long as the page, so that coming back from a record shows the same results at once. */
export const run = new SearchRun();
