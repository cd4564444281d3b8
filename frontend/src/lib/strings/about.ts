/** What BioCosmos is. */
export const about = {
  about: {
    heading: "About BioCosmos",
    paragraphs: [
      "BioCosmos is an open-source search engine for natural-history collections. It compares what you describe or photograph with every image in the index, using open models of images and language.",
      "A score is the cosine between two vectors. It says what looks alike to one model, and it is not a probability and not a determination.",
      "Records and images belong to the collections that published them. Each picture carries its own licence, rights holder and credit line; a picture whose licence allows no copies is shown only at its source.",
      "A photo that you search by is kept for a short time under its checksum and is then deleted. No account is needed and the page asks nothing of any other site.",
    ],
  },
} as const;
