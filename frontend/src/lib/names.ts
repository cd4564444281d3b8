/** Scientific names as the codes set them: italic from genus down, author and rank marks upright. */

export interface NamePart {
  text: string;
  italic: boolean;
}

export interface NameFields {
  scientific_name?: string | null;
  canonical_name?: string | null;
  authorship?: string | null;
  taxon_rank?: string | null;
  vernacular_name?: string | null;
}

const ITALIC_RANKS =
  /^(sub|infra)?(genus|species|specific|generic)|^(section|series|variety|varietas|form|forma)$/i;
const UPRIGHT_WORD =
  /^(×|x|cf\.?|aff\.?|nr\.?|sp\.?|spp\.?|subsp\.?|ssp\.?|var\.?|subvar\.?|f\.?|forma|cv\.?|agg\.?|s\.l\.|s\.str\.|\?)$/i;

/** Whether names of this rank are set in italics; an unstated rank counts as italic for two words. */
export function isItalic(rank: string | null | undefined, name: string): boolean {
  if (rank) return ITALIC_RANKS.test(rank);
  return /^[A-Z][a-z-]+ (× ?)?[a-z]/.test(name);
}

/** The name cut into runs of one typeface, in reading order and with the spaces kept. */
export function nameParts(fields: NameFields, withAuthor = true): NamePart[] {
  const full = fields.scientific_name?.trim() ?? "";
  const name = fields.canonical_name?.trim() || full;
  if (!name) return [];
  const author = withAuthor ? authorOf(full, name, fields.authorship?.trim() ?? "") : "";
  const parts = isItalic(fields.taxon_rank, name) ? markWords(name) : [upright(name)];
  return author ? join([...parts, upright(` ${author}`)]) : parts;
}

/** The name as one line of text, or null when the record has none. */
export function plainName(fields: NameFields): string | null {
  const text = nameParts(fields)
    .map((part) => part.text)
    .join("");
  return text || fields.vernacular_name?.trim() || null;
}

function authorOf(full: string, name: string, stated: string): string {
  if (stated) return name.endsWith(stated) ? "" : stated;
  return full.startsWith(`${name} `) ? full.slice(name.length).trim() : "";
}

function markWords(name: string): NamePart[] {
  const words = name.split(/\s+/);
  return join(
    words.map((word, at) => ({
      text: (at ? " " : "") + word,
      italic: !UPRIGHT_WORD.test(word),
    })),
  );
}

function upright(text: string): NamePart {
  return { text, italic: false };
}

function join(parts: NamePart[]): NamePart[] {
  const joined: NamePart[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (last && last.italic === part.italic) last.text += part.text;
    else joined.push({ ...part });
  }
  return joined;
}
