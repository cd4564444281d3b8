/** How fast a job goes, from what it said of itself over the last half minute. */

const WINDOW = 30_000;

interface Look {
  at: number;
  done: number;
}

export class Rates {
  #seen = new Map<string, Look[]>();

  /** Takes a look at a job's progress; returns things a second, null while that is not known. */
  look(id: string, done: number, at: number): number | null {
    let looks = this.#seen.get(id) ?? [];
    if ((looks.at(-1)?.done ?? 0) > done) looks = []; // another part of the work has begun
    looks = [...looks.filter((each) => at - each.at <= WINDOW), { at, done }];
    this.#seen.set(id, looks);
    const [first] = looks;
    if (!first || at - first.at < 1000) return null;
    return ((done - first.done) * 1000) / (at - first.at);
  }

  /** Forgets all jobs but these. */
  keep(ids: Iterable<string>): void {
    const wanted = new Set(ids);
    for (const id of this.#seen.keys()) if (!wanted.has(id)) this.#seen.delete(id);
  }
}
