// docs/results.md from measured tables.

import type { Evaluation, KnownFile, OwnFile } from './qualityRuns.ts';

export interface QualityTables {
  readonly name: string;
  readonly texts: string;
  readonly context: number;
  readonly parameters: number;
  /** Budgets in bits per weight: the largest known files within them beside our plan. */
  readonly targets: readonly {
    readonly bitsPerWeight: number;
    readonly bytes: number;
    readonly ours: OwnFile;
    readonly uniform: KnownFile | null;
    readonly mix: KnownFile | null;
  }[];
  /** Our plan at the size of each known file. */
  readonly equalSize: readonly { readonly known: KnownFile; readonly ours: OwnFile }[];
  /** True where llama.cpp's own quantizer was not installed. */
  readonly mixesByRules: boolean;
}

const INTRODUCTION = `Written by \`npm run bench:quality\`. KL is that of the original’s predictions from the quantized model’s, mean nats per token with its standard error, on text that was not used for calibration. Our plan is what \`plan --imatrix --measure --check\` writes: measured, checked and chosen on calibration text alone. Every figure is of an exported file.

The first table of a model has a budget in each row, and the largest file of one type everywhere and of llama.cpp’s mixes that fit into it, each quantized plainly and with our importance matrix. In the second every row is one file size: our plan is no larger than the file it meets.`;

export function resultsPage(tables: readonly QualityTables[]): string {
  const byRules = tables.some(({ mixesByRules }) => mixesByRules);
  const origin = byRules
    ? 'llama.cpp’s quantizer was not installed: its mixes are made by its published rules in our exporter.'
    : 'Mixes without importance are files of llama.cpp’s own `llama_model_quantize`; with it, the same rules in our exporter.';
  return ['# Measured results', '', INTRODUCTION, '', origin, ...tables.flatMap(section), ''].join('\n');
}

function section(subject: QualityTables): string[] {
  const { name, texts, context, targets, equalSize } = subject;
  const tokens = equalSize[0]?.ours.tokens ?? targets[0]?.ours.tokens ?? 0;
  return [
    '',
    `## ${name[0]?.toUpperCase()}${name.slice(1)}`,
    '',
    `${texts}; ${tokens} scored tokens, sequences of ${context}.`,
    '',
    ...(targets.length === 0 ? ['No file of it is so small as any of the budgets.'] : targetTable(subject)),
    '',
    ...equalSizeTable(subject),
  ];
}

function targetTable({ targets }: QualityTables): string[] {
  const head = ['bits per weight', 'our plan', '**KL**', 'perplexity', 'uniform: KL, + imatrix', 'mix: KL, + imatrix'];
  return markdown(
    head,
    targets.map(({ bitsPerWeight, ours, uniform, mix }) => [
      bitsPerWeight.toFixed(1),
      size(ours.bytes),
      `**${kl(ours)}**`,
      ours.perplexity.toFixed(2),
      known(uniform),
      known(mix),
    ]),
  );
}

function known(file: KnownFile | null): string {
  if (file === null) return 'none so small';
  return `${file.name}, ${size(file.bytes)}: ${kl(file.plain)}, ${kl(file.weighted)}`;
}

function equalSizeTable({ equalSize, parameters }: QualityTables): string[] {
  const head = [
    'size of',
    'bits per weight',
    'its KL',
    'its types + imatrix',
    '**KL of our plan**',
    'against it',
    'against + imatrix',
    '99.9 % KL: its, ours',
    'perplexity: its, ours',
    'same top token: its, ours',
  ];
  return markdown(
    head,
    equalSize.map(({ known: { name, kind, bytes, plain, weighted }, ours }) => [
      `${kind === 'uniform' ? 'uniform ' : ''}${name}, ${size(bytes)} (ours −${((1 - ours.bytes / bytes) * 100).toFixed(2)} %)`,
      ((bytes * 8) / parameters).toFixed(2),
      kl(plain),
      kl(weighted),
      `**${kl(ours)}**`,
      change(ours, plain),
      change(ours, weighted),
      `${plain.divergence.p999.toPrecision(2)}, ${ours.divergence.p999.toPrecision(2)}`,
      `${plain.perplexity.toFixed(2)}, ${ours.perplexity.toFixed(2)}`,
      `${share(plain)}, ${share(ours)}`,
    ]),
  );
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

function kl({ divergence: { mean, error } }: Evaluation): string {
  return `${mean.toPrecision(3)} ± ${error.toPrecision(1)}`;
}

function share({ topAgreement }: Evaluation): string {
  return `${(100 * topAgreement).toFixed(1)} %`;
}

function change(ours: Evaluation, theirs: Evaluation): string {
  const percent = (ours.divergence.mean / theirs.divergence.mean - 1) * 100;
  return `${percent <= 0 ? '−' : '+'}${Math.abs(percent).toFixed(0)} %`;
}
