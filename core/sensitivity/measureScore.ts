// Measures a score of every tensor that lacks it: rows from disk first, then the others, saved as they come.

import { createHash } from 'node:crypto';
import { throwIfCancelled } from '../base/cancellation.ts';
import { checkUnchanged } from '../io/fileIdentity.ts';
import type { ScoreId } from '../protocol/calibration.ts';
import type { Provenance } from '../protocol/objects.ts';
import { isQuantizable } from '../quant/ggufTypes.ts';
import { natsPerUnit } from './nats.ts';
import { placedTensors } from './placed.ts';
import { scoreOf } from './registry.ts';
import type { RoundTripSource } from './roundTrip.ts';
import type { MeasureOptions, Score, ScoredTensor, TextRun } from './score.ts';
import { ScoreCache } from './scoreCache.ts';
import type { Work } from './work.ts';

/** What a text score runs on, with what names it in results. */
export interface NamedRun extends TextRun {
  /** For people: "notes.txt, seed 1". */
  readonly source: string;
  /** SHA-256 of the tokens. */
  readonly dataHash: string;
}

export interface ScoreRun extends Pick<MeasureOptions, 'signal' | 'onProgress'> {
  /** Receives each tensor once, known ones first. */
  readonly onRows?: ((rows: readonly ScoredTensor[]) => void) | undefined;
  /** False neither reads nor writes results on disk. */
  readonly cache?: boolean | undefined;
}

export interface ScoreTable {
  readonly score: ScoreId;
  /** Changes with everything the rows depend on. */
  readonly key: string;
  readonly rows: ReadonlyMap<number, ScoredTensor>;
  /** How many rows came from disk. */
  readonly cached: number;
  /** Nats per unit of `value` of a tensor's probe; null for scores no plan goes by. */
  readonly nats: number | null;
  readonly provenance: Provenance;
}

/**
 * Numbers do not depend on where earlier runs stopped.
 * @param source a run for scores that need text
 * @throws CANCELLED (what was measured is kept), FILE_CHANGED, and what the score throws
 */
export async function measureScore(
  score: Score,
  source: RoundTripSource | NamedRun,
  { signal, onProgress, onRows, cache = true }: ScoreRun = {},
): Promise<ScoreTable> {
  const { checkpoint } = source;
  const stores = new Map<ScoreId, ScoreCache>();
  const storeOf = async (id: ScoreId): Promise<ScoreCache> => {
    const store = stores.get(id) ?? (await ScoreCache.open(cache ? cacheKey(scoreOf(id) ?? score, source) : null));
    stores.set(id, store);
    return store;
  };
  const own = await storeOf(score.id);
  const cached = own.rows.size;
  if (cached > 0) onRows?.([...own.rows.values()]);
  const options: MeasureOptions = {
    known: (tensor) => own.rows.has(tensor),
    signal,
    onProgress,
    async onRows(found) {
      throwIfCancelled(signal, score.name);
      await checkUnchanged(checkpoint.files);
      for (const [id, rows] of Object.entries(found) as [ScoreId, readonly ScoredTensor[]][]) {
        const store = await storeOf(id);
        store.add(rows);
        await store.save();
        if (id === score.id) onRows?.(rows);
      }
    },
  };
  if (score.needs === 'weights') await score.measure(source, options);
  else await score.measure(textRun(source), options);
  if (score.plans === 'proportional' && own.nats === undefined) {
    own.nats = await natsPerUnit(textRun(source), own.rows, signal);
    await own.save();
  }
  const nats = score.plans === 'nats' ? 1 : (own.nats ?? null);
  return {
    score: score.id,
    key: cacheKey(score, source),
    rows: own.rows,
    cached,
    nats,
    provenance: provenanceOf(score, source, own),
  };
}

/** What is there of a score already, and what measuring the rest takes. */
export interface ScoreState {
  readonly known: number;
  readonly of: number;
  readonly work: Work;
}

export async function scoreState(score: Score, source: RoundTripSource | NamedRun): Promise<ScoreState> {
  const { rows } = await ScoreCache.open(cacheKey(score, source));
  const known = (tensor: number): boolean => rows.has(tensor);
  if (score.needs === 'weights') {
    const of = source.checkpoint.tensors.filter(isQuantizable).length;
    return { known: rows.size, of, work: score.work(source, known) };
  }
  const run = textRun(source);
  return { known: rows.size, of: placedTensors(run.parts).size, work: score.work(run, known) };
}

/** What a score of the same model depends on besides the model. */
function cacheKey(score: Score, source: RoundTripSource | NamedRun): string {
  const { checkpoint, importance } = source;
  const data = score.needs === 'text' ? textOf(source) : null;
  const parts = [checkpoint.fingerprint, importance?.id ?? 'plain', data];
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
  return `${score.id}-v${score.version}-${hash}`;
}

function textOf(source: RoundTripSource | NamedRun): unknown {
  const { dataHash, sequences } = textRun(source);
  return [dataHash, sequences.length];
}

function textRun(source: RoundTripSource | NamedRun): NamedRun {
  if ('parts' in source) return source;
  throw new RangeError('this score needs a running model and a text');
}

function provenanceOf(score: Score, source: RoundTripSource | NamedRun, { at, rows }: ScoreCache): Provenance {
  const probes = [...new Set([...rows.values()].map(({ probe }) => probe))].join(' or ');
  const weighted = source.importance === undefined ? '' : `, quantized with importance ${source.importance.name}`;
  const facts = [`${score.formula}, each tensor alone as ${probes}${weighted}`];
  if (score.needs === 'text') {
    const { sequences, source: name, dataHash } = textRun(source);
    facts.push(
      `${sequences.length} sequences of ${sequences[0]?.length ?? 0} tokens from ${name}, sha256 ${dataHash.slice(0, 16)}`,
      'standard errors over sequences',
    );
  }
  return { kind: 'measured', method: facts.join('; '), at, fingerprint: source.checkpoint.fingerprint };
}
