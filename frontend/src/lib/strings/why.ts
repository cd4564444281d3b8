/** Why a result is a result. */
export const why = {
  why: {
    select: "Select",
    unselect: "Selected",
    heading: "Why this result",
    rank: (rank: number, cosine: string) => `Number ${rank} of this list, cosine ${cosine}.`,
    meaning:
      "The cosine says how near two vectors of one model are, from −1 to 1. It is a similarity and not a probability, its range differs between models, and the bar compares it with the best of this list only.",
  },
} as const;
