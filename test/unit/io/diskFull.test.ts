// A disk that fills while an output is written: one clear error, no partial file, the old output untouched.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { onTinyDisk } from '../../fixtures/fullDisk.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const folder = temporaryFolder();

test('ENOSPC becomes DISK_FULL naming the file, the bytes wanted and free', ({ skip }) => {
  const printed = onTinyDisk(folder, 1024 * 1024, join(import.meta.dirname, 'fillDisk.ts'));
  if (printed === null) return skip('no small disk can be mounted here');
  const { failure, left } = JSON.parse(printed);
  expect(failure.code).toBe('DISK_FULL');
  expect(failure.message).toMatch(/^out\.gguf: the disk is full, \d{6,7} bytes wanted, \d+ free$/);
  expect(left).toEqual(['out.gguf']);
});
