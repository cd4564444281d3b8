/** Addresses that are pasted where words are expected. */

const RECORD = /^\/(?:api\/v1\/records|record)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/?$/i;

/** The record whose page (of this site) `text` is the address of; null for anything else. */
export function ownRecord(text: string, origin: string): string | null {
  const typed = text.trim();
  if (!/^https?:\/\/\S+$/.test(typed) || !URL.canParse(typed)) return null;
  const address = new URL(typed);
  const opened = address.searchParams.get("open");
  const path = opened && address.pathname === "/" ? `/record/${opened}` : address.pathname;
  return address.origin === origin ? (RECORD.exec(path)?.[1]?.toLowerCase() ?? null) : null;
}
