// One ONNX file: the model read field by field, its tensors placed, quantized weights put together.

import { createHash } from 'node:crypto';
import { openByteSource } from '../../io/byteSource.ts';
import type { ReadCheckpoint } from '../format.ts';
import { quoteName } from '../tensorName.ts';
import { listTensors } from './listTensors.ts';
import { locateTensors } from './locate.ts';
import { readModel } from './model.ts';
import { Protobuf } from './protobuf.ts';
import type { OmittedTensor } from './tensorProto.ts';

/** Names shown in the warning about tensors left out. */
const SHOWN_NAMES = 3;

/** @throws every code of model.ts, locate.ts and quantized.ts */
export async function readOnnxFile(path: string, signal: AbortSignal | undefined): Promise<ReadCheckpoint> {
  await using source = await openByteSource(path, signal);
  const { name, sizeBytes, modifiedMs } = source;
  const proto = new Protobuf(source);
  const { reader, metadata, warnings } = await readModel(proto);
  const all = reader.graphs.flatMap((graph) => graph.tensors);
  const { files, locate } = await locateTensors(source, all, signal);
  const listed = listTensors(name, reader.graphs, locate);
  const nothing = createHash('sha256').digest();
  return {
    files: [{ path, sizeBytes, modifiedMs }, ...files],
    headerDigests: [proto.digest.digest(), ...files.map(() => nothing)],
    metadata,
    tensors: listed.tensors,
    warnings: [...warnings, ...leftOut(name, reader.omitted), ...sparse(name, reader.sparse), ...listed.warnings],
    bytesRead: files.reduce((total, file) => total + file.bytesRead, source.bytesRead),
  };
}

/** One line per reason, with the first names. */
function leftOut(file: string, omitted: readonly OmittedTensor[]): string[] {
  const byReason = Map.groupBy(omitted, ({ reason }) => reason);
  return [...byReason].map(([reason, tensors]) => {
    const names = tensors.slice(0, SHOWN_NAMES).map((tensor) => quoteName(tensor.name));
    const rest = tensors.length - names.length;
    const who = `${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
    return `${file}: not listed: ${who} (${reason})`;
  });
}

function sparse(file: string, count: number): string[] {
  return count === 0 ? [] : [`${file}: not listed: ${count} sparse initializers`];
}
