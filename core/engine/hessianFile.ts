// XᵀX of what one weight multiplies, measured on a text and written for NumPy.

import { QuantscopeError } from '../base/errors.ts';
import { prepareRun } from '../calibration/calibrationRun.ts';
import { collectHessians, type Hessian } from '../calibration/hessian.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { inputsOf } from '../export/inputsOf.ts';
import { writeNpy } from '../export/npyFile.ts';
import { type Parts, runBlocks } from '../forward/blocks.ts';
import { embedTokens } from '../forward/embed.ts';
import { checkOutputIsNew, checkOutputIsNotInput } from '../io/outputPath.ts';
import type { RunSettings } from '../protocol/calibration.ts';
import type { OpenModel, Session } from './session.ts';
import { onUnchanged } from './unchanged.ts';

export interface HessianWish {
  /** Name of the weight. */
  readonly tensor: string;
  readonly output: string;
  readonly overwrite: boolean;
  readonly settings: RunSettings;
}

export interface WrittenHessian extends Omit<Hessian, 'values'> {
  readonly output: string;
  readonly bytes: number;
  readonly dataHash: string;
}

/** @throws TENSOR_NOT_FOUND, MEMORY_LIMIT, OUTPUT_EXISTS, OUTPUT_IS_INPUT, CANCELLED, and what running throws */
export async function writeHessian(
  session: Session,
  { checkpoint }: OpenModel,
  { tensor, output, overwrite, settings }: HessianWish,
  signal: AbortSignal,
): Promise<WrittenHessian> {
  await checkOutputIsNotInput(output, inputsOf(checkpoint));
  if (!overwrite) await checkOutputIsNew(output);
  return onUnchanged(checkpoint.files, async () => {
    const { decoder, set } = await prepareRun(checkpoint, session.pool, settings);
    const { parts } = decoder;
    const { layer, tap } = inputOf(parts, checkpoint, tensor);
    const hidden = await embedTokens(parts, set.sequences, signal);
    await runBlocks(parts, [hidden], { layers: [0, layer], signal });
    let found: Hessian | null = null;
    await collectHessians(parts, hidden, {
      layers: [layer, layer + 1],
      taps: ({ name }) => name === tap,
      onHessian: (hessian) => {
        found = hessian;
      },
      signal,
    });
    if (found === null) throw new QuantscopeError('INTERNAL', `${checkpoint.name}: nothing was measured at ${tap}`);
    const { values, columns, rows }: Hessian = found;
    const bytes = await writeNpy(output, [columns, columns], values);
    return { layer, tap, columns, rows, output, bytes, dataHash: set.dataHash };
  });
}

/** The input of the linear layer that holds the weight. @throws TENSOR_NOT_FOUND */
function inputOf({ network, weights }: Parts, { name, tensors }: Checkpoint, wanted: string) {
  const refuse = (fact: string): never => {
    throw new QuantscopeError('TENSOR_NOT_FOUND', `${name}: ${fact}`);
  };
  const tensor = tensors.find((one) => one.name === wanted) ?? refuse(`no tensor is called ${wanted}`);
  const { layer } = tensor;
  if (layer === null) return refuse(`${wanted} lies outside the layers`);
  const graph = network.block(layer).graph({ sequences: 1, tokens: 1 });
  const own = graph.taps.filter(({ modules }) =>
    modules.some((module) => weights.place(layer, module)?.tensor.index === tensor.index),
  );
  const [tap] = own;
  if (tap === undefined) return refuse(`${wanted} multiplies no input of its own`);
  if (own.length > 1) return refuse(`${wanted} holds ${own.length} experts, which have an input each`);
  return { layer, tap: tap.name };
}
