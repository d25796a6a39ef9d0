// What a calibration measured, as the editor draws it: tables, maps, and the activations of a prompt.

import { QuantscopeError } from '../base/errors.ts';
import { type ActivationStatistics, HIDDEN } from '../calibration/activationStatistics.ts';
import { activationTable } from '../calibration/activationTable.ts';
import { calibrationSet } from '../calibration/calibrationSet.ts';
import { CalibrationStore } from '../calibration/calibrationStore.ts';
import { readCalibrationText } from '../calibration/calibrationText.ts';
import { activationMap, tokenRows } from '../calibration/channelMap.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type Observer, runBlocks } from '../forward/blocks.ts';
import { Decoder } from '../forward/decoder.ts';
import { embedTokens } from '../forward/embed.ts';
import type {
  ActivationMap,
  ActivationStatistic,
  Activations,
  RunSettings,
  TokenMap,
} from '../protocol/calibration.ts';
import { openTokenizer } from '../tokenizer/textTokenizer.ts';
import { freshCalibration } from './calibrating.ts';
import type { OpenModel, Session } from './session.ts';
import { onUnchanged } from './unchanged.ts';

/** @throws USAGE without a measured calibration, FILE_CHANGED for a stale one */
export async function activations(session: Session, model: OpenModel): Promise<Activations> {
  const { checkpoint } = model;
  const { record } = await freshCalibration(model);
  const statistics = await measured(model);
  const { network } = await Decoder.open(checkpoint, session.pool);
  const tokenText = await tokenTexts(checkpoint, record.settings, record.dataHash);
  return { ...activationTable(statistics, network, record.sequences, tokenText), provenance: record.provenance };
}

/** @throws as `activations`, TENSOR_NOT_FOUND for a tap the model does not have */
export async function mapOfActivations(
  model: OpenModel,
  { tap, statistic, width }: { tap: string; statistic: ActivationStatistic; width: number },
): Promise<ActivationMap> {
  const map = activationMap(await measured(model), tap, statistic, width);
  if (map.layers.length > 0) return map;
  throw new QuantscopeError('TENSOR_NOT_FOUND', `${model.checkpoint.name}: nothing was measured at "${tap}"`);
}

async function measured(model: OpenModel): Promise<ActivationStatistics> {
  const { name } = model.checkpoint;
  const { record, statistics } = await freshCalibration(model);
  if (!record.activations)
    throw new QuantscopeError('USAGE', `${name}: ${record.source} holds importance alone; run a calibration`);
  const found = statistics ?? (await (await CalibrationStore.open()).statistics(record.id, name));
  if (found !== null && found.sequences === record.sequences) return found;
  throw new QuantscopeError('USAGE', `${name}: the activations of its calibration are not kept any more; run it again`);
}

/** Texts of the tokens that were run; empty ones where the text is not the same any more. */
async function tokenTexts(
  checkpoint: Checkpoint,
  settings: RunSettings | null,
  dataHash: string,
): Promise<(sequence: number, position: number) => string> {
  try {
    if (settings === null) return () => '';
    const tokenizer = await openTokenizer(checkpoint);
    const set = await calibrationSet(await readCalibrationText(settings.text), tokenizer, settings);
    if (set.dataHash !== dataHash) return () => '';
    return (sequence, position) => tokenizer.show(set.sequences[sequence]?.[position] ?? -1);
  } catch {
    return () => ''; // the text is gone: positions are still right
  }
}

export interface TokenMapWish {
  readonly prompt: string;
  readonly layer: number;
  readonly tap: string;
  readonly width: number;
}

/**
 * Runs a prompt up to a layer. Prompts longer than the model's context are cut there.
 * @throws TENSOR_NOT_FOUND for a layer or tap the model does not have; what running throws
 */
export async function tokenMap(
  session: Session,
  { checkpoint }: OpenModel,
  { prompt, layer, tap, width }: TokenMapWish,
  signal: AbortSignal,
): Promise<TokenMap> {
  return onUnchanged(checkpoint.files, async () => {
    const decoder = await Decoder.open(checkpoint, session.pool);
    const { layers, context } = decoder.network;
    if (layer >= layers)
      throw new QuantscopeError('TENSOR_NOT_FOUND', `${checkpoint.name}: layer ${layer}, the model has ${layers}`);
    const tokenizer = await openTokenizer(checkpoint);
    const begin = tokenizer.begin === null ? [] : [tokenizer.begin];
    const ids = Uint32Array.from([...begin, ...tokenizer.encode(prompt)]).subarray(0, context);
    const hidden = await embedTokens(decoder.parts, [ids], signal);
    const capture = new TapCapture(checkpoint.name, tap);
    await runBlocks(decoder.parts, [hidden], { layers: [0, layer], signal });
    await runBlocks(decoder.parts, [hidden], { layers: [layer, layer + 1], signal, observer: capture });
    const { values, columns } = capture.found;
    return { layer, tap, tokens: [...ids].map((id) => tokenizer.show(id)), ...tokenRows(values, columns, width) };
  });
}

/** Takes one tap's values out of a single run of a block. */
class TapCapture implements Observer {
  readonly #name: string;
  readonly #tap: string;
  #found: { values: Float32Array; columns: number } | null = null;

  constructor(name: string, tap: string) {
    this.#name = name;
    this.#tap = tap;
  }

  get found(): { values: Float32Array; columns: number } {
    if (this.#found === null) throw new QuantscopeError('INTERNAL', `${this.#name}: nothing ran`);
    return this.#found;
  }

  outputs({ graph, taps }: Parameters<Observer['outputs']>[0]): string[] {
    if (this.#tap === HIDDEN) return [];
    // Rows of an expert's input are not tokens of the prompt.
    const found = taps.find(({ name, reached }) => name === this.#tap && reached === undefined);
    if (found === undefined)
      throw new QuantscopeError('TENSOR_NOT_FOUND', `${this.#name}: no tap "${this.#tap}" that sees every token`);
    graph.output('captured', found.value, [null, found.columns]);
    return ['captured'];
  }

  receive(_layer: number, found: Readonly<Record<string, Float32Array>>, batch: { tokens: number }): void {
    const values = (this.#tap === HIDDEN ? found.out : found.captured) ?? new Float32Array();
    this.#found = { values, columns: values.length / batch.tokens };
  }
}
