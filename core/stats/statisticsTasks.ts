// What worker threads do for the statistics: whole small tensors in batches, and parts of large ones.

import type { TaskContext } from '../kernels/task.ts';
import type { TensorSource } from '../tensor/storage.ts';
import type { Beyond, Limits } from './figures.ts';
import { type FirstPart, firstPass } from './firstPass.ts';
import { type Layout, layoutOf, type Rect } from './layout.ts';
import { Merge } from './mergeParts.ts';
import { lookAgain, secondPass } from './secondPass.ts';
import type { TensorProfile, TensorStatistics } from './statisticsTypes.ts';

export interface StatisticsItem {
  readonly tensor: number;
  readonly source: TensorSource;
}

export interface TensorResult {
  readonly tensor: number;
  readonly statistics: TensorStatistics;
  readonly profile: TensorProfile;
}

export interface PartInput {
  readonly source: TensorSource;
  readonly part: number;
}

/** Task `statistics`: tensors that are one part each. @throws CANCELLED, FILE_TRUNCATED, DTYPE_UNKNOWN */
export function statisticsTask(input: { items: readonly StatisticsItem[] }, context: TaskContext): TensorResult[] {
  return input.items.map(({ tensor, source }) =>
    context.kernels.arena.scoped(() => wholeTensor(tensor, source, context)),
  );
}

/** Task `statisticsPart`: the first pass over one part of `layoutOf(source)`. */
export function statisticsPartTask({ source, part }: PartInput, context: TaskContext): FirstPart {
  const layout = layoutOf(source);
  return firstPass(context, source, layout, partAt(layout, part), 0);
}

/** Task `statisticsLook`: the second look at one part. */
export function statisticsLookTask(
  { source, part, limits }: PartInput & { limits: Limits },
  context: TaskContext,
): Beyond {
  const layout = layoutOf(source);
  return secondPass(context, source, layout, partAt(layout, part), limits);
}

function wholeTensor(tensor: number, source: TensorSource, context: TaskContext): TensorResult {
  const { arena } = context.kernels;
  const layout = layoutOf(source);
  const merge = new Merge(source, layout);
  const elements = source.rows * source.columns;
  const keep = layout.patterns === 0 && elements > 0 ? arena.alloc(elements * 4 + 64) : 0;
  layout.parts.forEach((part, i) => {
    merge.add(
      i,
      arena.scoped(() => firstPass(context, source, layout, part, keep)),
    );
  });
  const limits = merge.limits();
  if (limits !== null && elements > 0) merge.addLook(lookAgain(context, keep, elements, limits));
  return { tensor, ...merge.finish() };
}

function partAt(layout: Layout, part: number): Rect {
  const rect = layout.parts[part];
  if (rect === undefined) throw new RangeError(`part ${part} of ${layout.parts.length}`);
  return rect;
}
