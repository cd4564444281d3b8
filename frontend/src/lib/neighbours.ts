/** Which results come before and after the one in the drawer. */
import type { Hit } from "./types";
import type { SearchState } from "./url";

export interface Opened {
  open: string;
  pic: string;
}

type Listed = {
  image: Pick<Hit["image"], "id">;
  record: Pick<NonNullable<Hit["record"]>, "id"> | null;
};

/** Null at an end of the list, and on both sides when the open record is not in it. */
export function neighbours(
  hits: readonly Listed[],
  { open, pic }: Pick<SearchState, "open" | "pic">,
): { previous: Opened | null; next: Opened | null } {
  const listed = hits.flatMap((hit) =>
    hit.record ? [{ open: hit.record.id, pic: hit.image.id }] : [],
  );
  const at = listed.findIndex((hit) => hit.open === open && (!pic || hit.pic === pic));
  if (at < 0) return { previous: null, next: null };
  return { previous: listed[at - 1] ?? null, next: listed[at + 1] ?? null };
}
