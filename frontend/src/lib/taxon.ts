/** Addresses of taxa. */

/** The page of a taxon: `/taxon/genus:Morpho`. */
export function taxonPath(rank: string, name: string): string {
  return `/taxon/${encodeURIComponent(`${rank}:${name}`).replace("%3A", ":")}`;
}
