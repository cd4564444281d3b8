/** Colours of points: eight that colour-blind people tell apart, a scale for decades, and greys. */

/** After Okabe and Ito (2008), a little darker or lighter to stand out from each page. */
const LIGHT = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#b8860b",
  "#cc6699",
  "#56a4d9",
  "#7a4fa3",
  "#5b6b2f",
];
const DARK = [
  "#4ba3e3",
  "#f0803c",
  "#2fc79a",
  "#e6c229",
  "#ee95bd",
  "#9fd6ff",
  "#b995e0",
  "#b5c96a",
];
const SCALE_LIGHT = ["#440154", "#3b528b", "#21918c", "#4fb34b", "#b5a800"];
const SCALE_DARK = ["#8a6bd1", "#5f8fd6", "#35b5ad", "#7bd66b", "#f2e34c"];
const OTHER = { light: "#8f918a", dark: "#8b8e86" };
const MISSING = { light: "#c4c4bc", dark: "#565952" };

/** Colours for so many values; `ordered` ones lie on a scale from old to new. */
export function palette(values: number, ordered: boolean, dark: boolean): string[] {
  const few = dark ? DARK : LIGHT;
  const scale = dark ? SCALE_DARK : SCALE_LIGHT;
  const tone = dark ? "dark" : "light";
  const own = Array.from({ length: values }, (_, at) =>
    ordered
      ? between(scale, values > 1 ? at / (values - 1) : 0)
      : (few[at % few.length] ?? OTHER[tone]),
  );
  return [...own, OTHER[tone], MISSING[tone]];
}

function between(scale: readonly string[], share: number): string {
  const at = share * (scale.length - 1);
  const low = Math.min(scale.length - 2, Math.floor(at));
  const [a, b] = [channels(scale[low] ?? ""), channels(scale[low + 1] ?? "")];
  const mixed = a.map((value, i) => Math.round(value + ((b[i] ?? value) - value) * (at - low)));
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/** Red, green, blue from 0 to 255 of `#rrggbb`. */
export function channels(colour: string): number[] {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}
