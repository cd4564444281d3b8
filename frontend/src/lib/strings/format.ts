/** Numbers and shares as every sentence of the page writes them. */

export const number = new Intl.NumberFormat("en");

/** "1 image", "1,248 images". */
export const plural = (count: number, one: string, many = `${one}s`) =>
  `${number.format(count)} ${count === 1 ? one : many}`;

/** A share of 0 to 1 as whole percent. */
export const percent = (share: number) => `${Math.round(share * 100)} %`;

/** A day as "4 July 2026". */
export const date = (iso: string) =>
  new Date(iso).toLocaleDateString("en-GB", { dateStyle: "long" });
