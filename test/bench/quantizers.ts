// Quantizers against ggml_quantize_chunk: one thread each, the same matrix, taking turns in one process.

import { encodeFromF32 } from '../../core/kernels/encode.ts';
import { type Kernels, loadKernels } from '../../core/kernels/wasm.ts';
import { GGUF_TARGETS, type GgufTarget, targetBytes } from '../../core/quant/ggufTypes.ts';
import { dtypeInfo } from '../../core/tensor/dtype.ts';
import { columnWeights, quantizerInput } from '../fixtures/quantizerInputs.ts';
import { loadOracle, type Oracle } from '../interop/ggml/oracle.ts';
import type { BenchRow } from './benchRow.ts';

const COLUMNS = 4096;
const ROWS = 32;
const ELEMENTS = ROWS * COLUMNS;
/** Turns per type; each turn repeats a fast kernel until it has run this long. */
const TURNS = 5;
const TURN_MS = 40;

export async function bench(): Promise<BenchRow[]> {
  const kernels = await loadKernels();
  const oracle = loadOracle();
  const src = quantizerInput('gaussian', ELEMENTS);
  return GGUF_TARGETS.filter((type) => type !== 'F32').flatMap((type) => {
    const weightings = ['F16', 'BF16', 'Q8_0'].includes(type) ? (['none'] as const) : (['none', 'plain'] as const);
    return weightings.map((weighting) => measure(type, src, columnWeights(weighting, COLUMNS), kernels, oracle));
  });
}

/** What issue 2 aims at: the float types have no aim. */
function aimedRatio(type: GgufTarget): number | undefined {
  if (type === 'F16' || type === 'BF16') return undefined;
  return /_K$|^IQ4/.test(type) ? 2 : 1;
}

function measure(
  type: GgufTarget,
  src: Float32Array,
  weights: Float32Array | null,
  kernels: Kernels,
  oracle: Oracle | null,
): BenchRow {
  const { arena } = kernels;
  return arena.scoped(() => {
    const bytes = targetBytes(type, ROWS, COLUMNS);
    const from = arena.alloc(src.byteLength);
    const to = arena.alloc(bytes);
    const weightsAt = arena.alloc(COLUMNS * 4);
    arena.f32(from, ELEMENTS).set(src);
    if (weights !== null) arena.f32(weightsAt, COLUMNS).set(weights);
    const theirBytes = new Uint8Array(bytes);
    const id = dtypeInfo(type).ggml ?? -1;
    const ours = (): void => encodeFromF32(kernels, type, from, to, ROWS, COLUMNS, weights === null ? 0 : weightsAt);
    const theirs = (): void => oracle?.quantizeChunkInto(id, src, theirBytes, ROWS, COLUMNS, weights);

    for (const began = performance.now(); performance.now() - began < 5 * TURN_MS; ) ours(); // until it is optimized
    let [ourMs, theirMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let turn = 0; turn < TURNS; turn++) {
      ourMs = Math.min(ourMs, fastest(ours));
      if (oracle !== null) theirMs = Math.min(theirMs, fastest(theirs));
    }
    const name = `quantize ${type}${weights === null ? '' : ' weighted'}`;
    const speed = { name, value: ELEMENTS / ourMs / 1e3, unit: 'M elements/s' };
    if (oracle === null) return { ...speed, note: 'ggml is not installed here' };
    const ratio = theirMs / ourMs;
    const identical = Buffer.compare(arena.u8(to, bytes), theirBytes) === 0;
    const note = `${ratio.toFixed(2)} × ggml (${(ELEMENTS / theirMs / 1e3).toFixed(1)}), ${identical ? 'same bytes' : 'OTHER BYTES'}`;
    const aimed = aimedRatio(type);
    if (aimed === undefined) return { ...speed, note };
    return { ...speed, aim: `≥ ${aimed} × ggml`, pass: ratio >= aimed && identical, note };
  });
}

/** Fastest of the calls that fit a turn: other processes only ever add time. */
function fastest(call: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  const began = performance.now();
  do {
    const from = performance.now();
    call();
    least = Math.min(least, performance.now() - from);
  } while (performance.now() - began < TURN_MS);
  return least;
}
