// Models with one tensor quantized, followed from its block to the predictions. Stage by stage: the state before a stage
// is computed once, every variant of the stage starts from there, and all of them go through each later block together.

import { type Hidden, type Replaced, runBlocks } from '../forward/blocks.ts';
import { embedTokens } from '../forward/embed.ts';
import { matrixElements, type Placed, placedIn, replacing, type Stage, stagesOf } from './placed.ts';
import { comparePredictions } from './predictions.ts';
import { type Probe, probeOf } from './probe.ts';
import { type Estimate, scaled } from './ratio.ts';
import type { MeasureOptions, ScoredTensor, ScoreRows, TextRun } from './score.ts';
import { compareStates, copyState } from './states.ts';
import { Trunk } from './trunk.ts';
import type { Work } from './work.ts';

/** How far variants are followed: to the end of their own block, through all blocks, or to the predictions. */
export type Depth = 'block' | 'states' | 'predictions';

/** States and quantized weights held at a time; more variants of a stage (experts) take turns. */
const MAX_GROUP_BYTES = 1 << 30;

interface Variant {
  readonly probe: Probe;
  readonly replaced: Replaced;
  readonly hidden: Hidden;
  /** Relative error of the state after its own block and every later one; of the logits for the head. */
  readonly curve: Estimate[];
  divergence: Estimate | null;
}

/** Gives rows of every score that `depth` reaches. @throws as TextScore.measure */
export async function followVariants(run: TextRun, depth: Depth, options: MeasureOptions): Promise<void> {
  const { parts } = run;
  const { layers } = parts.network;
  const { known, signal, onRows, onProgress } = options;
  const total = variantWork(run, depth, known).multiplied;
  let done = 0;
  const step = (states: number, layer: number, stage: Stage): void => {
    done += states * blockElements(run, layer);
    onProgress?.(done, total, nameOf(stage, layers));
  };
  const trunk = new Trunk(run, signal, (layer) => step(1, layer, layer));
  for (const { stage, before, groups } of groupedStages(run, known)) {
    for (const [at, group] of groups.entries()) {
      const origin = await trunk.before(before);
      const variants = await enter(run, stage, group, origin, signal);
      const reference = copyState(origin);
      const states = [reference, ...variants.map(({ hidden }) => hidden)];
      const compare = (): void => {
        for (const { hidden, curve } of variants) curve.push(compareStates(reference, hidden));
      };
      const follow = (from: number, to: number, replaced?: readonly Replaced[]): Promise<void> =>
        runBlocks(parts, states, {
          layers: [from, to],
          replaced,
          signal,
          onLayer(layer) {
            compare();
            step(states.length, layer, stage);
          },
        });
      if (stage === 'embedding') compare();
      if (typeof stage === 'number') {
        await follow(stage, stage + 1, [{}, ...variants.map(({ replaced }) => replaced)]);
        if (at === groups.length - 1) trunk.moveTo(stage + 1, reference);
      }
      if (depth !== 'block') await follow(typeof stage === 'number' ? stage + 1 : before, layers);
      if (depth === 'predictions' || stage === 'head') await predict(run, stage, reference, variants, signal);
      await onRows(rowsOf(variants, depth));
    }
  }
}

/** Variants as they go into the stage's block: its own weights differ, or the state where the embedding does. */
async function enter(
  run: TextRun,
  stage: Stage,
  group: readonly Placed[],
  origin: Hidden,
  signal: AbortSignal | undefined,
): Promise<Variant[]> {
  const variants: Variant[] = [];
  for (const placed of group) {
    const probe = await probeOf(run, placed.tensor, signal);
    const replaced = replacing(placed, probe.values);
    const hidden =
      stage === 'embedding' ? await embedTokens(run.parts, run.sequences, signal, replaced) : copyState(origin);
    variants.push({ probe, replaced, hidden, curve: [], divergence: null });
  }
  return variants;
}

async function predict(
  { parts }: TextRun,
  stage: Stage,
  reference: Hidden,
  variants: readonly Variant[],
  signal: AbortSignal | undefined,
): Promise<void> {
  // Blocks and head may name different weights alike; a tied embedding is in the head, too.
  const inHead = typeof stage !== 'number';
  const changed = variants.map(({ hidden, replaced }) => ({ hidden, replaced: inHead ? replaced : {} }));
  const changes = await comparePredictions(parts, [{ hidden: reference }, ...changed], signal);
  for (const [at, variant] of variants.entries()) {
    const change = changes[at];
    if (change === undefined) continue;
    variant.divergence = change.divergence;
    if (stage === 'head') variant.curve.push(change.logits);
  }
}

function rowsOf(variants: readonly Variant[], depth: Depth): ScoreRows {
  const rows = (of: (variant: Variant) => (Estimate & { curve?: number[] }) | null | undefined): ScoredTensor[] =>
    variants.flatMap((variant) => {
      const { tensor, type, relativeError } = variant.probe;
      const found = of(variant);
      return found ? [{ tensor: tensor.index, probe: type, relativeError, ...found }] : [];
    });
  const blockOutputError = rows(({ curve }) => curve[0]);
  if (depth === 'block') return { blockOutputError };
  const propagatedError = rows(({ curve }) => {
    const last = curve.at(-1);
    return last && { ...last, curve: curve.map(({ value }) => value) };
  });
  if (depth === 'states') return { blockOutputError, propagatedError };
  // The divergence is quadratic in small changes, so that divergence over relative error is a constant of the tensor.
  const measuredDivergence = rows(
    ({ divergence, probe }) =>
      divergence && (probe.relativeError > 0 ? scaled(divergence, 1 / probe.relativeError) : { value: 0, error: 0 }),
  );
  return { blockOutputError, propagatedError, measuredDivergence };
}

/** What `followVariants` does, counted. */
export function variantWork(
  run: Pick<TextRun, 'parts' | 'sequences'>,
  depth: Depth,
  known: MeasureOptions['known'],
): Work {
  const { layers } = run.parts.network;
  const work = { quantized: 0, loaded: 0, multiplied: 0, compared: 0 };
  const through = (states: number, from: number, to: number): void => {
    for (let layer = from; layer < to; layer++) {
      work.loaded += blockElements(run, layer);
      work.multiplied += states * blockElements(run, layer);
    }
  };
  let trunk = 0;
  for (const { stage, before, groups } of groupedStages(run, known)) {
    for (const group of groups) {
      through(1, trunk, before);
      trunk = Math.max(trunk, before);
      const states = group.length + 1;
      for (const { tensor } of group) work.quantized += tensor.elements;
      if (typeof stage === 'number') through(states, stage, stage + 1);
      if (depth !== 'block') through(states, typeof stage === 'number' ? stage + 1 : before, layers);
      if (depth === 'predictions' || stage === 'head') work.compared += states;
    }
    if (groups.length > 0 && typeof stage === 'number') trunk = stage + 1;
  }
  return work;
}

interface StageGroups {
  readonly stage: Stage;
  /** The layer whose input the stage's variants start from. */
  readonly before: number;
  readonly groups: readonly (readonly Placed[])[];
}

function groupedStages(run: Pick<TextRun, 'parts' | 'sequences'>, known: MeasureOptions['known']): StageGroups[] {
  const { network } = run.parts;
  const stateBytes = run.sequences.length * (run.sequences[0]?.length ?? 0) * network.width * 4;
  return stagesOf(run.parts).map((stage) => {
    const groups: Placed[][] = [];
    let left = 0;
    for (const placed of placedIn(run.parts, stage)) {
      if (known(placed.tensor.index)) continue;
      const bytes = stateBytes + placed.tensor.elements * 4;
      if (groups.length === 0 || bytes > left) {
        groups.push([]);
        left = MAX_GROUP_BYTES;
      }
      groups.at(-1)?.push(placed);
      left -= bytes;
    }
    return { stage, before: stage === 'embedding' ? 0 : stage === 'head' ? network.layers : stage, groups };
  });
}

function blockElements({ parts }: Pick<TextRun, 'parts'>, layer: number): number {
  return matrixElements(parts.network.block(layer).weights);
}

function nameOf(stage: Stage, layers: number): string {
  return typeof stage === 'number' ? `layer ${stage + 1} of ${layers}` : stage;
}
