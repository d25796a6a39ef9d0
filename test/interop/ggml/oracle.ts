// The real ggml as an oracle: its quantizers and dequantizers called through koffi from node-llama-cpp's prebuilt library.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type DType, dtypeOfGgml, storedBytes } from '../../../core/tensor/dtype.ts';

export interface Oracle {
  /**
   * `ggml_quantize_chunk`: what llama-quantize writes.
   * @param ggmlType id in `enum ggml_type`
   * @param src rows × columns, row-major
   * @param imatrix `columns` importance weights, or null
   */
  quantizeChunk(
    ggmlType: number,
    src: Float32Array,
    rows: number,
    columns: number,
    imatrix: Float32Array | null,
  ): Uint8Array;
  /** As `quantizeChunk`, into a buffer of the caller's: nothing is allocated, so that it can be timed. */
  quantizeChunkInto(
    ggmlType: number,
    src: Float32Array,
    dst: Uint8Array,
    rows: number,
    columns: number,
    imatrix: Float32Array | null,
  ): void;
  /** `quantize_row_NAME_ref`, e.g. `quantizeRowRef('Q4_0', row)`; F16 and BF16 use ggml_fp32_to_*_row. */
  quantizeRowRef(name: DType, src: Float32Array): Uint8Array;
  /** `dequantize_row_NAME`; F16 and BF16 use ggml_*_to_fp32_row. */
  dequantize(name: DType, bytes: Uint8Array, elements: number): Float32Array;
}

type Call = (...args: unknown[]) => unknown;
interface Library {
  func(definition: string): Call;
}

const require = createRequire(new URL('../package.json', import.meta.url));
const LIBRARY = 'bins/linux-x64/libggml-base.so';
let loaded: Oracle | null | undefined;

/** @returns the library, or null (after printing why) where test/interop is not installed. */
export function loadOracle(): Oracle | null {
  if (loaded === undefined) loaded = load();
  return loaded;
}

function load(): Oracle | null {
  let library: Library;
  try {
    const main = require.resolve('@node-llama-cpp/linux-x64');
    const path = [join(dirname(main), LIBRARY), join(dirname(main), '..', LIBRARY)].find((p) => existsSync(p));
    if (path === undefined) throw new Error(`${LIBRARY} is not in the package`);
    const koffi = require('koffi') as { load(path: string): Library };
    library = koffi.load(path);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    console.log(`skipped: ggml to compare with is not installed (npm ci in test/interop): ${reason}`);
    return null;
  }
  return bind(library);
}

function bind(library: Library): Oracle {
  const chunk = library.func(
    'size_t ggml_quantize_chunk(int type, const float *src, void *dst, int64_t start, int64_t nrows, int64_t n_per_row, const float *imatrix)',
  );
  const init = library.func('void ggml_quantize_init(int type)');
  const ready = new Set<number>();
  const named = new Map<string, Call>();
  const rowFunction = (definition: string): Call => {
    const known = named.get(definition) ?? library.func(definition);
    named.set(definition, known);
    return known;
  };

  const quantizeChunkInto: Oracle['quantizeChunkInto'] = (type, src, dst, rows, columns, imatrix) => {
    if (src.length < rows * columns) throw new RangeError(`${src.length} elements for ${rows} x ${columns}`);
    if (imatrix !== null && imatrix.length < columns) throw new RangeError(`${imatrix.length} weights for ${columns}`);
    if (!ready.has(type)) {
      init(type); // the lattice types search tables that this builds
      ready.add(type);
    }
    const written = Number(chunk(type, src, dst, 0, rows, columns, imatrix));
    if (written > dst.length) throw new RangeError(`ggml wrote ${written} bytes into ${dst.length}`);
  };

  return {
    quantizeChunkInto,
    quantizeChunk(type, src, rows, columns, imatrix) {
      const dst = new Uint8Array(chunkBytes(type, rows * columns));
      quantizeChunkInto(type, src, dst, rows, columns, imatrix);
      return dst;
    },
    quantizeRowRef(name, src) {
      const dst = new Uint8Array(storedBytes(name, src.length));
      const routine = PLAIN_ENCODE[name] ?? `quantize_row_${cName(name)}_ref`;
      rowFunction(`void ${routine}(const float *x, void *y, int64_t k)`)(src, dst, src.length);
      return dst;
    },
    dequantize(name, bytes, elements) {
      if (bytes.length < storedBytes(name, elements))
        throw new RangeError(`${bytes.length} bytes for ${elements} ${name}`);
      const out = new Float32Array(elements);
      const routine = PLAIN_DECODE[name] ?? `dequantize_row_${cName(name)}`;
      rowFunction(`void ${routine}(const void *x, float *y, int64_t k)`)(bytes, out, elements);
      return out;
    },
  };
}

const PLAIN_ENCODE: Partial<Record<DType, string>> = { F16: 'ggml_fp32_to_fp16_row', BF16: 'ggml_fp32_to_bf16_row' };
const PLAIN_DECODE: Partial<Record<DType, string>> = { F16: 'ggml_fp16_to_fp32_row', BF16: 'ggml_bf16_to_fp32_row' };

/** Q4_K is q4_K in C, IQ4_XS is iq4_xs. */
function cName(name: DType): string {
  return name.toLowerCase().replace(/^(q\d)_k$/, '$1_K');
}

function chunkBytes(ggmlType: number, elements: number): number {
  const name = dtypeOfGgml(ggmlType);
  if (name === undefined) throw new RangeError(`ggml type ${ggmlType} is unknown`);
  return storedBytes(name, elements);
}
