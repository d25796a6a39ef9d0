// Streams a drafted file into place: head, then every tensor's rows as the workers finish them, in order.

import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { tensorAt, tensorSource } from '../checkpoint/tensorSource.ts';
import type { AtomicFile } from '../io/atomicFile.ts';
import type { Importance } from '../quant/importance.ts';
import type { EncodeRows } from './encodeTensor.ts';
import type { DraftTensor, ExportDraft, ExportInput, ExportRun, TensorRows } from './exporter.ts';
import { orderedRuns } from './orderedRuns.ts';
import { rowChunks } from './rowChunks.ts';

/** @throws NON_FINITE, DISK_FULL, FILE_TRUNCATED, CANCELLED */
export async function writeDraft(
  { checkpoint, importance }: Pick<ExportInput, 'checkpoint' | 'importance'>,
  draft: ExportDraft,
  file: AtomicFile,
  run: ExportRun,
): Promise<void> {
  const { tensors, totalBytes, head } = draft;
  const chunks = orderedRuns<EncodeRows, Uint8Array>(
    run.pool,
    'encodeTensor',
    inputs(checkpoint, tensors, importance),
    run.signal,
  );
  try {
    await file.write(head);
    for (const tensor of tensors) {
      const end = file.writtenBytes + tensor.bytes;
      if (tensor.source instanceof Uint8Array) await file.write(tensor.source);
      while (file.writtenBytes < end) {
        const next = await chunks.next();
        if (next.done === true) break;
        await file.write(next.value);
        run.onProgress?.(file.writtenBytes, totalBytes, tensor.name);
      }
      if (file.writtenBytes !== end)
        throw new QuantscopeError('INTERNAL', `${tensor.name}: wrote up to byte ${file.writtenBytes}, planned ${end}`);
      if (tensor.paddingBytes > 0) await file.write(new Uint8Array(tensor.paddingBytes));
    }
  } finally {
    await chunks.return();
  }
  if (file.writtenBytes !== totalBytes)
    throw new QuantscopeError('INTERNAL', `wrote ${file.writtenBytes} bytes, planned ${totalBytes}`);
}

function* inputs(
  checkpoint: Checkpoint,
  tensors: readonly DraftTensor[],
  importance: Importance | undefined,
): Generator<EncodeRows> {
  for (const { source } of tensors)
    if (!(source instanceof Uint8Array)) yield* tensorInputs(checkpoint, source, importance);
}

function* tensorInputs(
  checkpoint: Checkpoint,
  wanted: TensorRows,
  importance: Importance | undefined,
): Generator<EncodeRows> {
  const { name } = tensorAt(checkpoint, wanted.tensor);
  const source = tensorSource(checkpoint, wanted.tensor);
  const { columns, steps } = wanted;
  const weights = importance?.columns(wanted.tensor);
  const own = weights?.length === columns ? { importance: weights } : {};
  const headRows = wanted.permutedHeads === 0 ? 0 : wanted.rows / wanted.permutedHeads;
  for (const { firstRow, rows } of rowChunks(wanted.rows, columns, headRows)) {
    yield { name, source, columns, firstRow, rows, steps, headRows, ...own };
  }
}
