/** Photos: cropping, and what to move away from. */
import { percent } from "./format";

export const photo = {
  crop: {
    button: "Crop",
    heading: "Crop the picture",
    lead: "Drag the frame or its corners. With the keyboard: arrows move it, Shift and arrows change its size.",
    frame: "Part of the picture to search by",
    where: (x: number, y: number, w: number, h: number) =>
      `${percent(w)} by ${percent(h)}, from ${percent(x)} left and ${percent(y)} top`,
    apply: "Search by this part",
    whole: "The whole picture",
    cancel: "Cancel",
    failed: "The picture could not be cropped.",
  },
  camera: "Take a photo",
  less: {
    add: "Add “less like”",
    label: "Less like",
    input: "Words to move away from",
    placeholder: "moth, grey …",
    submit: "Add",
    remove: (what: string) => `No longer less like ${what}`,
    picture: "this picture",
    weight: "How far to move away",
    value: (share: number) => `${percent(share)} away`,
  },
} as const;
