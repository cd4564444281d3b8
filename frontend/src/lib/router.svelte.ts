/** Where we are. Links are ordinary links; this only keeps the page from reloading. */

export const here = $state({ path: location.pathname, search: location.search });

function follow(): void {
  here.path = location.pathname;
  here.search = location.search;
}

/** Opens an address of ours. `mark` is kept with the history entry, see `mark()`. */
export function go(
  address: string,
  { replace = false, mark = history.state as unknown }: { replace?: boolean; mark?: unknown } = {},
): void {
  if (replace) history.replaceState(mark, "", address);
  else history.pushState(mark, "", address);
  const moved = location.pathname !== here.path;
  follow();
  if (moved) window.scrollTo(0, 0);
}

/** What `go` kept with the present history entry. */
export function mark(): unknown {
  return history.state as unknown;
}

function isPlainClick(event: MouseEvent): boolean {
  return (
    event.button === 0 &&
    !event.defaultPrevented &&
    !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
  );
}

/** Listens to links (a `data-mark` on one is kept with the entry it makes) and to back and forward; returns what stops it. */
export function startRouter(): () => void {
  const onClick = (event: MouseEvent) => {
    const link = (event.target as Element).closest?.("a");
    if (!link || !isPlainClick(event) || link.target || link.hasAttribute("download")) return;
    const to = new URL(link.href, location.href);
    if (to.origin !== location.origin || to.pathname.startsWith("/api/")) return;
    if (to.hash) return;
    event.preventDefault();
    go(to.pathname + to.search, { mark: link.dataset.mark ?? null });
  };
  document.addEventListener("click", onClick);
  window.addEventListener("popstate", follow);
  return () => {
    document.removeEventListener("click", onClick);
    window.removeEventListener("popstate", follow);
  };
}
