/** The search box and the results that are on the page, for what is elsewhere and leads to them. */

interface Box {
  /** Puts the caret into it. */
  focus: () => void;
  /** Opens the browser's choice of a file. */
  choose: () => void;
}

interface Answer {
  /** Brings the keyboard to the best result. */
  focus: () => void;
}

/** One thing at a time; `set` gives what forgets it again. */
function place<T>() {
  let current: T | null = null;
  return {
    set(thing: T): () => void {
      current = thing;
      return () => {
        if (current === thing) current = null;
      };
    },
    get: () => current,
  };
}

const boxes = place<Box>();
const answers = place<Answer>();

export const box = {
  set: boxes.set,
  focus: () => boxes.get()?.focus(),
  choose: () => boxes.get()?.choose(),
};

export const results = {
  set: answers.set,
  focus: () => answers.get()?.focus(),
};
