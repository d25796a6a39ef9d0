// Everything that can be known to fail before the first byte is written.

import { dirname, resolve } from 'node:path';
import { availableMemory } from 'node:process';
import { bytesText } from '../base/byteText.ts';
import { isQuantscopeError, QuantscopeError } from '../base/errors.ts';
import { MAX_ARENA_BYTES } from '../base/limits.ts';
import { matrixShape } from '../checkpoint/checkpoint.ts';
import { imatrixBlocker } from '../checkpoint/imatrixDetails.ts';
import { createAtomicFile } from '../io/atomicFile.ts';
import { freeBytes } from '../io/diskSpace.ts';
import { checkUnchanged } from '../io/fileIdentity.ts';
import { checkOutputIsNew, checkOutputIsNotInput } from '../io/outputPath.ts';
import type { Rounding } from '../quant/rounding/rounding.ts';
import type { ExportCheck, ExportDraft, Exporter, ExportInput } from './exporter.ts';
import { inputsOf } from './inputsOf.ts';
import { CHUNK_ELEMENTS } from './rowChunks.ts';

/** Source, permuted copy, float32 and result of one element, at their widest. */
const SCRATCH_BYTES_PER_ELEMENT = 8 + 8 + 4 + 4;

export interface Preflight {
  readonly checks: readonly ExportCheck[];
  readonly ok: boolean;
  /** Predicted size of the file; 0 when it could not be laid out. */
  readonly bytes: number;
}

/**
 * Runs every check, also after one failed, so that all causes are told at once.
 *
 * @param presentBytes of the output that an earlier attempt has written
 */
export async function preflight(
  exporter: Exporter,
  input: ExportInput,
  threads: number,
  presentBytes = 0,
): Promise<Preflight> {
  const { checkpoint, output } = input;
  const blocker = imatrixBlocker(checkpoint);
  const checks: ExportCheck[] =
    blocker === null
      ? await exporter.preflight(input)
      : [{ name: 'Format', ok: false, message: `${checkpoint.name}: ${blocker}`, code: 'UNSUPPORTED_ARCHITECTURE' }];
  const inputs = checkpoint.files.map(({ path }) => path);
  let draft: ExportDraft | undefined;
  if (checks.every(({ ok }) => ok)) {
    checks.push(
      await attempt('Plan', async () => {
        draft = await exporter.draft(input);
        return [`${bytesText(draft.totalBytes)} in ${draft.tensors.length} tensors`, ...draft.warnings].join('; ');
      }),
    );
  }
  checks.push(
    await attempt('Source', async () => {
      await checkUnchanged(checkpoint.files);
      return `${inputs.length} ${inputs.length === 1 ? 'file' : 'files'}, unchanged since opened`;
    }),
    await attempt('Output', async () => {
      await checkOutputIsNotInput(output, inputsOf(checkpoint));
      if (!input.overwrite) await checkOutputIsNew(output);
      return `${output}${input.overwrite ? '' : ' is new'}`;
    }),
  );
  if (checks.every(({ ok }) => ok)) {
    checks.push(
      await attempt('Folder', async () => {
        await (await createAtomicFile(output)).discard();
        return `${dirname(resolve(output))} can be written`;
      }),
      await attempt('Disk space', () => {
        const missing = Math.max(0, (draft?.totalBytes ?? 0) - presentBytes);
        return diskSpace(output, missing + (input.rounding?.diskBytes ?? 0));
      }),
    );
  }
  checks.push(await attempt('Memory', async () => memory(input, threads)));
  const { rounding } = input;
  if (rounding !== undefined) checks.push(await attempt('Rounding', async () => roundingMemory(rounding)));
  return { checks, ok: checks.every(({ ok }) => ok), bytes: draft?.totalBytes ?? 0 };
}

/** @throws the first failing check */
export function throwIfFailed({ checks }: Preflight): void {
  const failed = checks.find(({ ok }) => !ok);
  if (failed !== undefined) throw new QuantscopeError(failed.code, failed.message);
}

async function attempt(name: string, check: () => Promise<string>): Promise<ExportCheck> {
  try {
    return { name, ok: true, message: await check(), code: 'INTERNAL' };
  } catch (error) {
    if (!isQuantscopeError(error)) throw error;
    return { name, ok: false, message: error.message, code: error.code };
  }
}

async function diskSpace(output: string, bytes: number): Promise<string> {
  const free = await freeBytes(dirname(resolve(output)));
  if (bytes > free) throw new QuantscopeError('DISK_FULL', `${output}: ${bytes} bytes wanted, ${free} free`);
  return `${bytesText(bytes)} wanted, ${bytesText(free)} free`;
}

function memory({ checkpoint }: ExportInput, threads: number): string {
  const widest = checkpoint.tensors.reduce((most, tensor) => Math.max(most, matrixShape(tensor).columns), 0);
  const perWorker = Math.max(widest, CHUNK_ELEMENTS) * SCRATCH_BYTES_PER_ELEMENT;
  if (perWorker > MAX_ARENA_BYTES)
    throw new QuantscopeError(
      'MEMORY_LIMIT',
      `a row of ${widest} elements needs ${perWorker} bytes, the limit is ${MAX_ARENA_BYTES}`,
    );
  const wanted = perWorker * threads;
  const free = availableMemory();
  if (wanted > free)
    throw new QuantscopeError(
      'MEMORY_LIMIT',
      `${threads} workers need ${bytesText(wanted)}, ${bytesText(free)} are free`,
    );
  return `${threads} workers need at most ${bytesText(wanted)}, ${bytesText(free)} are free`;
}

function roundingMemory({ method, dataset, chunks, tensors, others, memoryBytes }: Rounding): string {
  const free = availableMemory();
  const needs = `${bytesText(memoryBytes)} of memory, ${bytesText(free)} are free`;
  if (memoryBytes > free)
    throw new QuantscopeError('MEMORY_LIMIT', `${method} needs ${needs}: use fewer or shorter sequences`);
  const [first] = others;
  const more = others.length > 1 ? ` and ${others.length - 1} more` : '';
  const left = first === undefined ? '' : `; ${first.name}${more} as without it: ${first.reason}`;
  return `${tensors} tensors by ${method} on ${chunks} sequences of ${dataset}, with ${needs}${left}`;
}
