// A disk that fills during an export, and one that was too full from the start.

import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { onTinyDisk } from '../../fixtures/fullDisk.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const SCRIPT = fileURLToPath(new URL('diskFullExport.ts', import.meta.url));

it('fails with DISK_FULL and leaves nothing of its own', ({ skip }) => {
  // The export has 5.6 MB, the stranger 3 MB.
  const printed = onTinyDisk(temporaryFolder(), 7_000_000, SCRIPT);
  if (printed === null) return skip('no small disk can be mounted here');
  const full = { code: 'DISK_FULL', message: expect.stringMatching(/model\.gguf.*5613952/) };
  expect(JSON.parse(printed)).toEqual({
    during: { failure: full, left: ['stranger'] },
    before: { failure: full, left: ['stranger'] },
  });
});
