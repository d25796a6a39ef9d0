// docs/results.md from measured tables.

interface Point {
  readonly perplexity: number;
  readonly tokens: number;
  readonly divergence: { readonly mean: number; readonly error: number; readonly p999: number };
}

export interface QualityTable {
  readonly name: string;
  readonly texts: string;
  readonly context: number;
  readonly parameters: number;
  readonly rows: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly ourBytes: number;
    /** llama.cpp's own file. */
    readonly plain: Point;
    /** The same types, quantized with the importance matrix. */
    readonly weighted: Point;
    readonly ours: Point;
  }[];
}

const HEAD = [
  'size',
  'bits per weight',
  'KL of llama.cpp',
  'same types + imatrix',
  '**KL of our plan**',
  'against llama.cpp',
  'against + imatrix',
  '99.9 % KL: theirs, ours',
  'perplexity: theirs, ours',
];

export function resultsPage(tables: readonly QualityTable[]): string {
  return [
    '# Measured results',
    '',
    'Written by `npm run bench:quality`. Every row is one file size: a mix that llama.cpp’s own `llama_model_quantize` made, the same choice of types quantized again with our importance matrix, and our plan (`plan --imatrix --measure`) for a file that is no larger. KL is that of the original’s predictions from the quantized model’s, mean nats per token with its standard error, on text that was not used for calibration.',
    ...tables.flatMap(section),
    '',
  ].join('\n');
}

function section({ name, texts, context, parameters, rows }: QualityTable): string[] {
  const [first] = rows;
  const lines = rows.map((row) => {
    const { plain, weighted, ours } = row;
    return [
      `${row.name}, ${(row.bytes / 1e6).toFixed(2)} MB (ours −${((1 - row.ourBytes / row.bytes) * 100).toFixed(2)} %)`,
      ((row.bytes * 8) / parameters).toFixed(2),
      kl(plain),
      kl(weighted),
      `**${kl(ours)}**`,
      change(ours, plain),
      change(ours, weighted),
      `${plain.divergence.p999.toFixed(3)}, ${ours.divergence.p999.toFixed(3)}`,
      `${plain.perplexity.toFixed(2)}, ${ours.perplexity.toFixed(2)}`,
    ];
  });
  return [
    '',
    `## ${name[0]?.toUpperCase()}${name.slice(1)}`,
    '',
    `${texts}; ${first?.plain.tokens ?? 0} scored tokens, sequences of ${context}.`,
    '',
    `| ${HEAD.join(' | ')} |`,
    `| ${HEAD.map(() => '---').join(' | ')} |`,
    ...lines.map((cells) => `| ${cells.join(' | ')} |`),
  ];
}

function kl({ divergence: { mean, error } }: Point): string {
  return `${mean.toPrecision(3)} ± ${error.toPrecision(1)}`;
}

function change(ours: Point, theirs: Point): string {
  const percent = (ours.divergence.mean / theirs.divergence.mean - 1) * 100;
  return `${percent <= 0 ? '−' : '+'}${Math.abs(percent).toFixed(0)} %`;
}
