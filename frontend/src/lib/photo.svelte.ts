/** Takes a photo from a drop, a paste or a choice to an upload id. */
import { ApiProblem, upload } from "./client";
import { strings } from "./strings";

/** First picture file carried by a drop or paste, or null. */
export function pictureIn(data: DataTransfer | null): File | null {
  return [...(data?.files ?? [])].find((file) => file.type.startsWith("image/")) ?? null;
}

/** Whether a drag carries files at all; their types are hidden until the drop in some browsers. */
export function carriesFiles(data: DataTransfer | null): boolean {
  return [...(data?.types ?? [])].includes("Files");
}

export class PhotoIntake {
  busy = $state(false);
  problem = $state.raw<ApiProblem | null>(null);

  /** Uploads `file` and gives its id to `then`; on failure keeps the problem instead. */
  async take(file: File | null, then: (id: string) => void): Promise<void> {
    this.problem = null;
    if (!file) {
      this.problem = new ApiProblem(strings.search.notAnImage, "", 415, "not-an-image", null);
      return;
    }
    this.busy = true;
    try {
      then(await upload(file));
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      this.problem = error;
    } finally {
      this.busy = false;
    }
  }
}
