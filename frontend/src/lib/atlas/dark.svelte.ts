/** Whether the page is dark just now: colours on a canvas do not follow by themselves. */
import { prefs } from "../prefs.svelte";

const system = typeof matchMedia === "function" ? matchMedia("(prefers-color-scheme: dark)") : null;
const state = $state({ system: system?.matches ?? false });
system?.addEventListener("change", (event) => (state.system = event.matches));

export const darkness = {
  get on(): boolean {
    return prefs.theme === "dark" || (prefs.theme === "system" && state.system);
  },
};
