/** The search box that is on the page, for what is elsewhere and leads to it. */

interface Handle {
  /** Puts the caret into it. */
  focus: () => void;
  /** Opens the browser's choice of a file. */
  choose: () => void;
}

let current: Handle | null = null;

export const box = {
  /** Tells of the box shown; returns what forgets it again. */
  set(handle: Handle): () => void {
    current = handle;
    return () => {
      if (current === handle) current = null;
    };
  },
  focus: () => current?.focus(),
  choose: () => current?.choose(),
};
