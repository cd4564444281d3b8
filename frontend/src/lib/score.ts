/** What a cosine may honestly be shown as: a length relative to the best of the same list. */

/** Share of the bar to fill, 0 to 1. Nothing at or below zero is drawn as similar. */
export function barShare(score: number, best: number): number {
  if (!(best > 0) || !(score > 0)) return 0;
  return Math.min(1, score / best);
}

/** A cosine with three decimals and a real minus sign. */
export function cosineText(score: number): string {
  return score
    .toFixed(3)
    .replace(/^-(0\.000)$/, "$1")
    .replace("-", "−");
}
