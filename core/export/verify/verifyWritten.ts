// A file just written, before it gets its name: re-opened, its types as drafted, its values those of the original.

import { QuantscopeError } from '../../base/errors.ts';
import { openCheckpoint } from '../../checkpoint/open.ts';
import type { VerifyReport } from '../../protocol/objects.ts';
import type { ExportDraft, ExportInput, ExportRun } from '../exporter.ts';
import { verifyExport } from './verifyExport.ts';

/**
 * @param path where the bytes are now; `input.output` is what they will be called
 * @throws VERIFY_FAILED, CANCELLED
 */
export async function verifyWritten(
  input: Pick<ExportInput, 'checkpoint' | 'output'>,
  draft: ExportDraft,
  path: string,
  run: ExportRun,
): Promise<VerifyReport> {
  const { checkpoint } = input;
  const exported = await openCheckpoint(path, run.signal === undefined ? {} : { signal: run.signal });
  const written = new Map(exported.tensors.map((tensor) => [tensor.name, tensor.dtype]));
  for (const { name, type } of draft.tensors) {
    const found = written.get(name);
    if (found !== type)
      throw new QuantscopeError(
        'VERIFY_FAILED',
        `${input.output}: ${name} was to be ${type}, the file has ${found ?? 'none'}`,
      );
  }
  const report = await verifyExport(checkpoint, exported, run.pool, {
    signal: run.signal,
    onProgress: (doneBytes, totalBytes, name) =>
      run.onProgress?.(draft.totalBytes + doneBytes, draft.totalBytes + totalBytes, `verifying ${name}`),
  });
  if (!report.ok) throw new QuantscopeError('VERIFY_FAILED', `${input.output}: ${fault(report)}`);
  return report;
}

function fault({ missing, tensors }: VerifyReport): string {
  if (missing.length > 0) return `${missing.length} tensors are missing, the first is ${missing[0]}`;
  const shape = tensors.find(({ status }) => status === 'shape');
  if (shape !== undefined) return `${shape.exportedName} has another shape than ${shape.name}`;
  const broken = tensors.find(({ maxError }) => !Number.isFinite(maxError));
  return `${broken?.exportedName ?? 'a tensor'} holds values that are not finite`;
}
