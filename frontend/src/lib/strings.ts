/** Every word a visitor reads, in one place. */

const number = new Intl.NumberFormat("en");
const plural = (count: number, one: string, many = `${one}s`) =>
  `${number.format(count)} ${count === 1 ? one : many}`;
const percent = (share: number) => `${Math.round(share * 100)} %`;

export const strings = {
  name: "BioCosmos",
  title: (page: string) => (page ? `${page} · BioCosmos` : "BioCosmos"),
  skip: "Skip to content",
  nav: { label: "Main", search: "Search", versions: "Versions", about: "About" },
  theme: {
    label: (theme: string) => `Colour theme: ${theme}. Change`,
    names: { system: "as the system", light: "light", dark: "dark" } as Record<string, string>,
  },
  search: {
    heading: "Search natural-history collections",
    lead: "By words, by photo, or both together.",
    form: "Search specimens",
    placeholder: "Describe a specimen, or drop, paste or choose a photo",
    placeholderPhoto: "Add words",
    input: "Describe a specimen",
    submit: "Search",
    choose: "Choose a photo",
    clear: "Clear words",
    drop: "Drop the photo to search by it",
    uploading: "Sending the photo …",
    notAnImage: "That is not a picture. Choose a JPEG, PNG, WebP or TIFF file.",
    examples: "Begin with a picture",
    example: (label: string) => `More like ${label}`,
  },
  chip: {
    photo: "Your photo",
    like: "From the index",
    alt: "The picture searched by",
    replace: "Replace",
    remove: "Remove",
  },
  weight: {
    label: "Words or photo",
    words: "words",
    photo: "photo",
    value: (share: number) => `${percent(1 - share)} words, ${percent(share)} photo`,
  },
  version: {
    label: "Embed version",
    unknown: (name: string) => `${name} (not here)`,
    isDefault: "default",
    states: { building: "being built", ready: "ready", retired: "retired" } as Record<
      string,
      string
    >,
  },
  counts: {
    label: "What is in the index",
    line: (s: {
      records: number;
      images: number;
      species: number;
      datasets: number;
      countries: number;
    }) =>
      [
        plural(s.images, "image"),
        plural(s.records, "record"),
        plural(s.species, "species", "species"),
        plural(s.datasets, "dataset"),
        plural(s.countries, "country", "countries"),
      ].filter((part) => !part.startsWith("0 ")),
    none: "Nothing has been ingested yet. Run bin/demo, or bin/ingest and bin/ingest_embed.",
  },
  results: {
    label: "Results",
    heading: (shown: number, total: number) =>
      shown < total
        ? `The ${number.format(shown)} nearest of ${plural(total, "image")}`
        : `All ${plural(total, "image")}, nearest first`,
    time: (ms: number) => `${(ms / 1000).toFixed(ms < 100 ? 3 : 2)} s`,
    paths: { exact: "compared with every image", ivfflat: "ivfflat index", hnsw: "hnsw index" },
    loading: "Searching …",
    slow: "The first search in a version loads its model.",
    more: (count: number) => `Show ${count}`,
    end: "Nearest does not mean alike: a search always finds something.",
    emptyTitle: "No image can be searched in this version",
    emptyText:
      "The version has no embeddings yet. Choose another version, or run bin/ingest_embed.",
    similar: "More like this",
    similarTo: (name: string) => `More like this: ${name}`,
    unnamed: "Unidentified",
    noRecord: "Image without a record",
    noCopy: "Shown only at its source",
    noPicture: "No readable picture",
    open: "opens the source",
  },
  score: {
    tip: (cosine: string) => `Cosine ${cosine}. Similarity, not probability.`,
    label: (rank: number, cosine: string) =>
      `Rank ${rank}, similarity ${cosine}, not a probability`,
  },
  licence: { unknown: "Licence not stated" },
  record: {
    drawer: "Record",
    close: "Close",
    page: "Open as a page",
    previous: "Previous result",
    next: "Next result",
    loading: "Loading the record …",
    pictures: "Images of this record",
    picture: (at: number, of: number, view: string | null) =>
      `Image ${at} of ${of}${view ? `, ${view}` : ""}`,
    full: "Full size",
    atSource: "See it at the source",
    withoutCopy: "The licence of this image does not allow us to show a copy.",
    noPictures: "This record has no images.",
    rights: "Image rights",
    licence: "Licence",
    holder: "Rights holder",
    creator: "Creator",
    credit: "Credit line",
    citation: "Cite this record",
    flags: "Quality flags",
    flagsNone: "No quality flags.",
    data: "Record",
    interpreted: "Interpreted",
    asWritten: "As written",
    verbatim: (count: number) => `Everything as written at the source (${plural(count, "field")})`,
    taxonomy: "Classification",
    dataset: "Dataset",
    source: "Record at the source",
    retrieved: (date: string) => `Retrieved ${date}`,
    copy: (what: string) => `Copy ${what}`,
    copied: "Copied",
    copyFailed: "Copying is not allowed here. Select the text instead.",
  },
  versions: {
    heading: "Embed versions",
    lead: "An embed version is one model, with its weights and its preprocessing, and the vectors it gave to the images. A search runs in one version.",
    coverage: (done: number, all: number) =>
      `${number.format(done)} of ${plural(all, "image")} embedded`,
    use: "Search in this version",
    model: "Model",
    pretrained: "Pretrained",
    dim: "Dimensions",
    index: "Index",
    precision: "Stored as",
    weights: "Weights sha256",
    preprocess: "Preprocessing",
    created: "Created",
    none: "There are no versions yet. Run bin/ingest_embed to make the first.",
  },
  about: {
    heading: "About BioCosmos",
    paragraphs: [
      "BioCosmos is an open-source search engine for natural-history collections. It compares what you describe or photograph with every image in the index, using open models of images and language.",
      "A score is the cosine between two vectors. It says what looks alike to one model, and it is not a probability and not a determination.",
      "Records and images belong to the collections that published them. Each picture carries its own licence, rights holder and credit line; a picture whose licence allows no copies is shown only at its source.",
      "A photo that you search by is kept for a short time under its checksum and is then deleted. No account is needed and the page asks nothing of any other site.",
    ],
  },
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
