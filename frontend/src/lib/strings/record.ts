/** A record, on its page and in the drawer. */
import { plural } from "./format";

export const record = {
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
} as const;
