/** The frame around every page: name, navigation, theme, keys. */
export const frame = {
  name: "BioCosmos",
  title: (page: string) => (page ? `${page} · BioCosmos` : "BioCosmos"),
  skip: "Skip to content",
  nav: {
    label: "Main",
    search: "Search",
    identify: "Identify",
    atlas: "Atlas",
    compare: "Compare",
    status: "Status",
    versions: "Versions",
    about: "About",
    menu: "Menu",
  },
  page: { loading: "Loading the page …", failed: "The page could not be loaded" },
  theme: {
    label: (theme: string) => `Colour theme: ${theme}. Change`,
    names: { system: "as the system", light: "light", dark: "dark" } as Record<string, string>,
  },
  keys: {
    heading: "Keys",
    button: "Keys",
    allow: "Use single-key shortcuts",
    list: [
      ["/", "Go to the search box"],
      ["← → ↑ ↓", "Move between the results"],
      ["Enter", "Open the record"],
      ["S", "More like this"],
      ["Esc", "Close"],
      ["?", "Show these keys"],
    ],
  },
} as const;
