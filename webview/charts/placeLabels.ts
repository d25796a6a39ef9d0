// Labels beside points without covering other labels or points; a label that finds no room is left out.

export interface LabelledPoint {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

export interface PlacedLabel {
  readonly x: number;
  readonly y: number;
  readonly anchor: 'start' | 'end';
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const CHARACTER_WIDTH = 6.6;
const LINE_HEIGHT = 11;
const POINT_RADIUS = 4;
/** Offsets tried in order: right, above, below, then the left side, then further out. */
const OFFSETS = [
  [8, 4],
  [7, -5],
  [7, 13],
  [-8, 4],
  [-7, -5],
  [-7, 13],
  [12, -14],
  [-12, 22],
] as const;

/**
 * @param first  index that is placed before all others (the chosen point must keep its label)
 * @returns one entry per point; null where no offset is free inside [left, right]
 */
export function placeLabels(
  points: readonly LabelledPoint[],
  bounds: { left: number; right: number; top: number; bottom: number },
  first = -1,
): (PlacedLabel | null)[] {
  const taken: Box[] = points.map((p) => around(p.x, p.y));
  const order = points.map((_, i) => i).sort((a, b) => Number(b === first) - Number(a === first));
  const placed: (PlacedLabel | null)[] = points.map(() => null);
  for (const i of order) {
    const point = points[i];
    if (point === undefined) continue;
    for (const [dx, dy] of OFFSETS) {
      const label: PlacedLabel = { x: point.x + dx, y: point.y + dy, anchor: dx > 0 ? 'start' : 'end' };
      const box = boxOf(label, point.text);
      const inside =
        box.left >= bounds.left && box.right <= bounds.right && box.top >= bounds.top && box.bottom <= bounds.bottom;
      if (!inside || taken.some((other, j) => j !== i && overlap(box, other))) continue;
      placed[i] = label;
      taken.push(box);
      break;
    }
  }
  return placed;
}

function around(x: number, y: number): Box {
  return { left: x - POINT_RADIUS, right: x + POINT_RADIUS, top: y - POINT_RADIUS, bottom: y + POINT_RADIUS };
}

function boxOf(label: PlacedLabel, text: string): Box {
  const width = text.length * CHARACTER_WIDTH;
  const left = label.anchor === 'start' ? label.x : label.x - width;
  return { left, right: left + width, top: label.y - LINE_HEIGHT + 2, bottom: label.y + 2 };
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
