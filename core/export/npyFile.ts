// A float64 array as NumPy reads it (numpy/lib/format.py, version 1.0): magic, header padded to 64 bytes, numbers.

import { createAtomicFile } from '../io/atomicFile.ts';

const ALIGNMENT = 64;
const FIXED_BYTES = 10; // magic, version, u16 length of the header

/** @param shape row-major. @returns bytes written. @throws DISK_FULL, OUTPUT_INVALID, FILE_UNREADABLE */
export async function writeNpy(path: string, shape: readonly number[], values: Float64Array): Promise<number> {
  const header = headerBytes(shape);
  const expectedBytes = header.length + values.byteLength;
  await using file = await createAtomicFile(path, { expectedBytes });
  await file.write(header);
  await file.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  await file.sync();
  await file.commit();
  return expectedBytes;
}

/** Typed arrays have the machine's byte order, little-endian on all that Node supports but one: the header says which. */
function headerBytes(shape: readonly number[]): Uint8Array {
  const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  const dimensions = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const facts = `{'descr': '${little ? '<' : '>'}f8', 'fortran_order': False, 'shape': (${dimensions}), }`;
  const length = Math.ceil((FIXED_BYTES + facts.length + 1) / ALIGNMENT) * ALIGNMENT - FIXED_BYTES;
  const bytes = new Uint8Array(FIXED_BYTES + length);
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0]);
  new DataView(bytes.buffer).setUint16(8, length, true);
  bytes.set(new TextEncoder().encode(`${facts.padEnd(length - 1)}\n`), FIXED_BYTES);
  return bytes;
}
