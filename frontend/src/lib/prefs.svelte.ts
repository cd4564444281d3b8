/** What a visitor chose for this browser: colours and single-key shortcuts. Storage may be absent. */

export type Theme = "system" | "light" | "dark";
const ORDER: Theme[] = ["system", "light", "dark"];

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // The choice then lasts as long as the page.
  }
}

export const prefs = $state({
  theme: ORDER.find((theme) => theme === read("theme")) ?? "system",
  keys: read("keys") !== "off",
});

export function nextTheme(): void {
  const theme = ORDER[(ORDER.indexOf(prefs.theme) + 1) % ORDER.length] ?? "system";
  prefs.theme = theme;
  write("theme", theme);
  document.documentElement.dataset.theme = theme;
}

export function allowKeys(on: boolean): void {
  prefs.keys = on;
  write("keys", on ? "on" : "off");
}
