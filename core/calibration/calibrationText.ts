// The text a model is run on: a file of the user, or the sample that comes with the product.

import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { MAX_EVALUATION_TEXT_BYTES } from '../base/limits.ts';
import { sampleTextPath } from '../io/productFile.ts';
import { readTextFile } from '../io/textFile.ts';
import type { TextSource } from '../protocol/calibration.ts';
import { textOf } from './documents.ts';

/**
 * media/calibration.txt: some 50 kB in three languages, all in the public domain, from the files of Project Gutenberg:
 * Austen, Pride and Prejudice (1813); Madison, The Federalist No. 10 (1787); Whitehead, An Introduction to Mathematics
 * (1911); Kafka, Die Verwandlung (1915); Voltaire, Candide (1759). Line breaks inside paragraphs are taken out.
 */
const SAMPLE_NAME = 'bundled sample';

export interface CalibrationText {
  readonly text: string;
  /** For people: a file's name. */
  readonly name: string;
  /** SHA-256 of the text. */
  readonly sha256: string;
}

/** @throws FILE_NOT_FOUND, FILE_UNREADABLE, FILE_EMPTY, HEADER_TOO_LARGE, HEADER_INVALID naming lines, TEXT_TOO_SHORT */
export async function readCalibrationText(source: TextSource): Promise<CalibrationText> {
  const path = source.kind === 'sample' ? sampleTextPath() : source.path;
  const text = textOf(basename(path), await readTextFile(path, MAX_EVALUATION_TEXT_BYTES));
  const name = source.kind === 'sample' ? SAMPLE_NAME : basename(path);
  return { text, name, sha256: createHash('sha256').update(text).digest('hex') };
}
