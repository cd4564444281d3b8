/** The results picked out by hand. Not in the address: it is a working pile, not a question. */
import type { Hit } from "./types";

class Selection {
  #picked = $state.raw<ReadonlyMap<string, Hit>>(new Map());

  get hits(): Hit[] {
    return [...this.#picked.values()];
  }

  get size(): number {
    return this.#picked.size;
  }

  has(imageId: string): boolean {
    return this.#picked.has(imageId);
  }

  /** Picks or lets go; gives whether it is picked now. */
  toggle(hit: Hit): boolean {
    const picked = new Map(this.#picked);
    const had = picked.delete(hit.image.id);
    if (!had) picked.set(hit.image.id, hit);
    this.#picked = picked;
    return !had;
  }

  clear(): void {
    this.#picked = new Map();
  }
}

export const selection = new Selection();
