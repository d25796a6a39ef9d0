// docs/results.md from measured tables.

import type { Evaluation, Infeasible, KnownFile, OwnFile, QualityTables } from './qualityRecord.ts';

const INTRODUCTION = `Written by \`npm run bench:quality\`. KL is that of the original’s predictions from the quantized model’s, mean nats per token with its standard error, on text that was not used for calibration. Our plan is what \`plan --imatrix --score --check\` writes: measured, checked and chosen on calibration text alone. Every figure is of an exported file.

The first table of a model has a budget in each row, and the largest file of one type everywhere and of llama.cpp’s mixes that fit into it, each quantized plainly and with our importance matrix. In the second every row is one file size: our plan is no larger than the file it meets, or, where that leaves no room for the name of the matrix, than the same file with it. Rows that a type’s blocks do not divide are stored as llama.cpp stores them: Q2_K and Q3_K as Q4_0, Q4_K as Q5_0, Q5_K as Q5_1, Q6_K as Q8_0, IQ4_XS as IQ4_NL.`;

export function resultsPage(tables: readonly QualityTables[]): string {
  const byRules = tables.some(({ mixesByRules }) => mixesByRules);
  const origin = byRules
    ? 'llama.cpp’s quantizer was not installed: its mixes are made by its published rules in our exporter.'
    : 'Mixes without importance are files of llama.cpp’s own `llama_model_quantize`; with it, the same rules in our exporter.';
  return ['# Measured results', '', INTRODUCTION, '', origin, ...tables.flatMap(section), ''].join('\n');
}

/** What plans went by. */
const SCORES: Readonly<Record<QualityTables['score'], string>> = {
  measuredDivergence: 'the measured divergence of single tensors',
  fisher: 'Fisher information',
};

function section(subject: QualityTables): string[] {
  const { name, texts, context, score } = subject;
  const [tokens = 0] = subject.known.map(({ plain }) => plain.tokens);
  return [
    '',
    `## ${name}`,
    '',
    `${texts}; ${tokens} scored tokens, sequences of ${context}. Our plans go by ${SCORES[score]}.`,
    '',
    ...targetTable(subject),
    '',
    ...equalSizeTable(subject),
  ];
}

function targetTable({ targets, parameters, known: all, own, smallest }: QualityTables): string[] {
  const head = ['bits per weight', 'our plan', '**KL**', 'perplexity', 'uniform: KL, + imatrix', 'mix: KL, + imatrix'];
  const bits = (bytes: number): string => ((bytes * 8) / parameters).toFixed(2);
  let tooSmall = false;
  const rows = targets.flatMap((target) => {
    const budget = Math.floor((target * parameters) / 8);
    const ours = own.find((row) => row.budget === budget);
    if (ours === undefined) return [];
    const within = all.filter((file) => file.bytes <= budget);
    const largest = (kind: string): string => known(within.findLast((file) => file.kind === kind) ?? null);
    const others = [largest('uniform'), largest('mix')];
    if (!isFile(ours)) {
      tooSmall = true;
      return [[target.toFixed(1), `infeasible: ${bits(smallest.bytes)} at least`, '', '', ...others]];
    }
    const { perplexity } = ours;
    return [[target.toFixed(1), size(ours.bytes), `**${kl(ours)}**`, perplexity.toFixed(2), ...others]];
  });
  const { bytes, fixedBytes, why } = smallest;
  const least = `The smallest file of it takes ${bits(bytes)} bits per weight, ${bits(fixedBytes)} of them for metadata, tokenizer and what is never quantized`;
  return [...markdown(head, rows), ...(tooSmall ? ['', `${why === '' ? least : `${least}; ${why}`}.`] : [])];
}

function isFile(row: OwnFile | Infeasible): row is OwnFile {
  return 'bytes' in row;
}

function known(file: KnownFile | null): string {
  if (file === null) return 'none so small';
  return `${label(file)}, ${size(file.bytes)}: ${kl(file.plain)}, ${kl(file.weighted)}`;
}

function label({ kind, name }: KnownFile): string {
  return kind === 'uniform' ? `uniform ${name}` : name;
}

function equalSizeTable({ known: all, own, parameters }: QualityTables): string[] {
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
  const rows = all.flatMap((file) => {
    const { bytes, weightedBytes, plain, weighted } = file;
    const ours = own.filter(isFile).find(({ budget }) => budget === bytes || budget === weightedBytes);
    if (ours === undefined) return [];
    const share = (ours.bytes / bytes - 1) * 100;
    const difference = `ours ${share > 0 ? '+' : '−'}${Math.abs(share).toFixed(2)} %`;
    return [
      [
        `${label(file)}, ${size(bytes)} (${difference})`,
        ((bytes * 8) / parameters).toFixed(2),
        kl(plain),
        kl(weighted),
        `**${kl(ours)}**`,
        change(ours, plain),
        change(ours, weighted),
        `${plain.divergence.p999.toPrecision(2)}, ${ours.divergence.p999.toPrecision(2)}`,
        `${plain.perplexity.toFixed(2)}, ${ours.perplexity.toFixed(2)}`,
        `${agreement(plain)}, ${agreement(ours)}`,
      ],
    ];
  });
  return markdown(head, rows);
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

function agreement({ topAgreement }: Evaluation): string {
  return `${(100 * topAgreement).toFixed(1)} %`;
}

function change(ours: Evaluation, theirs: Evaluation): string {
  const percent = (ours.divergence.mean / theirs.divergence.mean - 1) * 100;
  const text = Math.abs(percent).toFixed(0);
  if (text === '0') return '0 %';
  return `${percent < 0 ? '−' : '+'}${text} %`;
}
