/** What went wrong and what to do. */
export const problem = {
  problem: {
    titleOf: (status: number) =>
      status >= 500 ? "The server could not answer" : "The request was not understood",
    noDetail: "No reason was given.",
    offline: "BioCosmos cannot be reached",
    offlineDetail: "Check the connection, or whether the server is running, and try again.",
    request: (id: string) => `Request ${id}`,
    again: "Try again",
    startAgain: "Start a new search",
    useDefault: "Use the default version",
    chooseAgain: "Choose the photo again",
    withoutPhoto: "Search without the picture",
    expiredTitle: "The photo is no longer kept",
    expiredDetail: "Photos are deleted after a while. Choose it again to repeat this search.",
    likeGoneTitle: "That image is not in the index",
    toSearch: "Go to the search page",
    pageTitle: "There is no such page",
    pageDetail: "The address may be mistyped.",
  },
} as const;
