// Facts of group-wise quantization that packings share: group sizes and lists of groups.

import type { StoredTensor } from '../format.ts';
import { invalid, type PackingContext, shapeText } from './packing.ts';

/**
 * Columns that share a scale.
 *
 * @param claimed group size of the configuration; −1 means all columns; ignored when it gives another number of groups
 * @throws PACKING_INVALID when no group size gives `groups` groups
 */
export function groupSizeOf(
  context: PackingContext,
  scales: StoredTensor,
  groups: number,
  columns: number,
  claimed: number | null,
): number {
  if (groups < 1) invalid(context, scales, `has the shape ${shapeText(scales)}: no groups for ${columns} columns`);
  const size = claimed === -1 ? columns : claimed;
  if (size !== null && size > 0 && Math.ceil(columns / size) === groups) return size;
  if (columns % groups !== 0) {
    const fact = `has the shape ${shapeText(scales)}: ${groups} groups do not divide ${columns} columns`;
    invalid(context, scales, fact);
  }
  return columns / groups;
}

/**
 * Whether columns are reordered: their group is listed rather than ⌊column / group size⌋.
 *
 * @returns false for a list that says what is so anyway, and for one that holds −1 (never set)
 * @throws PACKING_INVALID for a group beyond `groups`
 */
export function isReordered(context: PackingContext, list: StoredTensor, groups: number, groupSize: number): boolean {
  const bytes = context.contents(list);
  // Too long to look at beforehand: taken as it is, and checked where it is used.
  if (bytes === undefined) return true;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let reordered = false;
  let unset = false;
  for (let column = 0; column * 4 < bytes.length; column++) {
    const group = view.getInt32(column * 4, true);
    if (group === -1) unset = true;
    else if (group < 0 || group >= groups) {
      invalid(context, list, `puts column ${column} into group ${group}, there are ${groups}`);
    }
    if (group !== Math.floor(column / groupSize)) reordered = true;
  }
  return reordered && !unset;
}

/** "groups of 128", "per channel" */
export function groupText(groupSize: number, columns: number): string {
  return groupSize >= columns ? 'per channel' : `groups of ${groupSize}`;
}
