/** One value from the server, with its waiting and its failure. */
import { ApiProblem } from "./client";

export class Load<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<ApiProblem | null>(null);
  #turn = 0;

  /** Replaces the value by what `call` gives; an answer overtaken by a later call is dropped. */
  async from(call: () => Promise<T>): Promise<void> {
    const turn = ++this.#turn;
    this.problem = null;
    try {
      const value = await call();
      if (turn === this.#turn) this.value = value;
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      if (turn !== this.#turn) return;
      this.value = null;
      this.problem = error;
    }
  }
}
