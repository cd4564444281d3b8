/** Where an arrow key leads in a grid whose rows hold different numbers of pictures. */

export interface Box {
  left: number;
  right: number;
  top: number;
}

/** Index to move to from `at`, or `at` itself at an edge or for another key. */
export function nextIndex(boxes: readonly Box[], at: number, key: string): number {
  const last = boxes.length - 1;
  if (key === "ArrowLeft") return Math.max(0, at - 1);
  if (key === "ArrowRight") return Math.min(last, at + 1);
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key === "ArrowDown") return inNextRow(boxes, at, 1);
  if (key === "ArrowUp") return inNextRow(boxes, at, -1);
  return at;
}

function inNextRow(boxes: readonly Box[], at: number, step: 1 | -1): number {
  const from = boxes[at];
  if (!from) return at;
  const beyond = (box: Box) => (box.top - from.top) * step > 1;
  const tops = boxes.filter(beyond).map((box) => box.top);
  if (tops.length === 0) return at;
  const row = step > 0 ? Math.min(...tops) : Math.max(...tops);
  const middle = (from.left + from.right) / 2;
  let found = at;
  let nearest = Infinity;
  boxes.forEach((box, index) => {
    const away = Math.abs((box.left + box.right) / 2 - middle);
    if (Math.abs(box.top - row) > 1 || away >= nearest) return;
    [found, nearest] = [index, away];
  });
  return found;
}
