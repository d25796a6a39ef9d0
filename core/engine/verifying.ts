// Verification of two files on disk, neither of which needs to be open in an editor.

import { openCheckpoint } from '../checkpoint/open.ts';
import { verifyExport } from '../export/verify/verifyExport.ts';
import type { VerifyReport } from '../protocol/objects.ts';
import { progressReporter } from './progress.ts';
import type { Session } from './session.ts';
import { onUnchanged } from './unchanged.ts';

export async function verifyFiles(
  session: Session,
  original: string,
  exported: string,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const [from, to] = await Promise.all([openCheckpoint(original, { signal }), openCheckpoint(exported, { signal })]);
  const onProgress = progressReporter(null, 'verify', (event) => session.emit('progress', event));
  return onUnchanged([...from.files, ...to.files], () => verifyExport(from, to, session.pool, { signal, onProgress }));
}
