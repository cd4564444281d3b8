/** Asks for the names of the photos in the address; goes on asking while the server gets ready. */
import { answer, ApiProblem, client } from "../client";
import type { Get } from "../types";
import { identifyQuery, type IdentifyState } from "./state";

export type Answer = Get<"/api/v1/identify">;
export type Identified = Answer["photos"][number];
export type Rung = Identified["rungs"][number];
export type Candidate = Rung["candidates"][number];
export type EvidenceImage = Identified["neighbours"][number];

const PAUSE = 1500;

export class IdentifyRun {
  result = $state.raw<Answer | null>(null);
  problem = $state.raw<ApiProblem | null>(null);
  /** What the server says it is preparing. */
  preparing = $state("");
  loading = $state(false);
  #key = "";
  #turn = 0;

  /** Shows the names for `state`; does nothing when they are shown or on their way. */
  async ask(state: IdentifyState): Promise<void> {
    const query = identifyQuery(state);
    const key = state.photos.length ? JSON.stringify(query) : "";
    if (key === this.#key) return;
    this.#key = key;
    const turn = ++this.#turn;
    this.problem = null;
    if (!key) {
      this.result = null;
      this.loading = false;
      return;
    }
    this.loading = true;
    try {
      while (turn === this.#turn && !(await this.#tried(query, turn))) {
        await new Promise((wake) => setTimeout(wake, PAUSE));
      }
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      if (turn !== this.#turn) return;
      this.result = null;
      this.problem = error;
    }
    if (turn === this.#turn) {
      this.loading = false;
      this.preparing = "";
    }
  }

  /** Forgets what went wrong and asks again. */
  retry(state: IdentifyState): Promise<void> {
    this.#key = "";
    return this.ask(state);
  }

  /** Drops what is on its way. */
  stop(): void {
    this.#turn += 1;
  }

  async #tried(query: Record<string, string | string[]>, turn: number): Promise<boolean> {
    try {
      // The same address can answer as CSV, which is not asked for here.
      const call = client.GET("/api/v1/identify", { params: { query } as never });
      const result = (await answer(call)) as Answer;
      if (turn === this.#turn) this.result = result;
      return true;
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.slug !== "getting-ready") throw error;
      if (turn === this.#turn) this.preparing = error.detail;
      return false;
    }
  }
}
