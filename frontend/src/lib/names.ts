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
export function nameParts(fields: NameFields, author = true): NamePart[] {
  const full = fields.scientific_name?.trim() ?? "";
  const name = fields.canonical_name?.trim() || full;
  if (!name) return [];
  const who = author ? authorOf(full, name, fields.authorship?.trim() ?? "") : "";
  const parts = isItalic(fields.taxon_rank, name) ? markWords(name) : [upright(name)];
  return who ? withAuthor(parts, who) : parts;
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
  const words = name.split(/\s+/).map((text) => ({ text, italic: !UPRIGHT_WORD.test(text) }));
  return words.reduce<NamePart[]>(addWord, []);
}

/** Adds a word to the run before it; the space between two typefaces is upright. */
function addWord(runs: NamePart[], word: NamePart): NamePart[] {
  const last = runs.at(-1);
  if (last?.italic === word.italic) last.text += ` ${word.text}`;
  else {
    if (last && !last.italic) last.text += " ";
    runs.push({ ...word, text: last?.italic ? ` ${word.text}` : word.text });
  }
  return runs;
}

function withAuthor(parts: NamePart[], author: string): NamePart[] {
  const last = parts.at(-1);
  if (!last || last.italic) return [...parts, upright(` ${author}`)];
  return [...parts.slice(0, -1), upright(`${last.text} ${author}`)];
}

function upright(text: string): NamePart {
  return { text, italic: false };
}
