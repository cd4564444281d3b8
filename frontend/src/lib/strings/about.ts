/** What BioCosmos is, what it keeps, who can use it, how to cite it. */
import { plural } from "./format";

const year = new Date().getFullYear();

export const about = {
  about: {
    heading: "About BioCosmos",
    paragraphs: [
      "BioCosmos is an open-source search engine for natural-history collections. It compares what you describe or photograph with every image in the index, using open models of images and language.",
      "A score is the cosine between two vectors. It says what looks alike to one model, and it is not a probability and not a determination.",
      "Records and images belong to the collections that published them. Each picture carries its own licence, rights holder and credit line; a picture whose licence allows no copies is shown only at its source.",
    ],
    sources: {
      heading: "Where the data comes from",
      none: "Nothing has been ingested yet.",
      records: (records: number, images: number) =>
        `${plural(records, "record")}, ${plural(images, "image")}`,
      retrieved: (day: string) => `read on ${day}`,
      licence: (label: string) => `records: ${label}`,
      versions: "The models, with their data, weights and licences, have cards of their own:",
      cards: "embed versions",
    },
    privacy: {
      heading: "Privacy",
      sentences: [
        "No account is needed, no cookies are set, and your choices (colours, sizes, keys) stay in your browser.",
        "Nothing is asked of any other site: no fonts, maps, scripts or counters from elsewhere.",
        "A photo that you send is turned upright, stripped of its place, camera and name, kept under its checksum, and deleted after the hours that the server is set to (24 unless its operator chose otherwise).",
        "What you search for is in the address of the page; the server writes only the path, the time and the answer's status to its log.",
        "Thumbs and corrections are stored with a random word that your browser keeps, so that you can take them back, and with nothing else about you.",
      ],
    },
    access: {
      heading: "Accessibility",
      paragraphs: [
        "We aim at WCAG 2.2 AA. Every page works by keyboard (press ? for the keys), with a screen reader, in light and dark, on a phone, and with motion reduced; colours of the atlas are told apart by colour-blind people.",
        "The map and the atlas are drawings: each has a table with the same content beside it, and all else works where a browser draws neither.",
        "Every page is checked by axe-core in light, dark and on a phone whenever the code changes. Known gap: pictures are described by their name, view and collection only, for nobody has described them in words.",
      ],
    },
    cite: {
      heading: "How to cite",
      software: "The software:",
      line: (origin: string) =>
        `The BioCosmos contributors (${year}). BioCosmos: search for natural-history collections [software]. ${origin}`,
      results:
        "A set of results: press Cite above them. It names every collection with its records, licence and DOI, as text, BibTeX and RIS; an export keeps that with a receipt under a permanent address.",
    },
  },
} as const;
