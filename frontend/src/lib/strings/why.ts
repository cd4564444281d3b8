/** Why a result is a result. */
export const why = {
  why: {
    select: "Select",
    unselect: "Selected",
    heading: "Why this result",
    loading: "Asking the model …",
    failed: "The reasons could not be had. The score above stands.",
    byPart: "How alike each part of the query is",
    parts: {
      words: (label: string) => `“${label}”`,
      picture: (label: string) => label || "The picture",
      less: (label: string) => `Less like ${label ? `“${label}”` : "a picture"}`,
    },
    sees: "Words the model sees in the picture",
    seesMeaning: "Of the words this museum knows, those nearer to the picture than to others here.",
    above: (cosine: string) => `${cosine} nearer than the average picture`,
    shared: "In common with what was asked",
    named: "Named in the query",
    rank: (rank: number, cosine: string) => `Number ${rank} of this list, cosine ${cosine}.`,
    fused: (rank: number, ranks: Record<string, number>) =>
      `Number ${rank} of this list: ${Object.entries(ranks)
        .map(([version, at]) => `number ${at} in ${version}`)
        .join(", ")}.`,
    fusedMeaning:
      "Several versions answered. Their cosines cannot be compared, so their ranks were added up: 1 / (60 + rank).",
    meaning:
      "The cosine says how near two vectors of one model are, from −1 to 1. It is a similarity and not a probability, its range differs between models, and the bar compares it with the best of this list only.",
  },
} as const;
