// `quantscope export`: carry a plan out, verified before the file gets its name.

import { MAX_PLAN_CHARACTERS, parsePlan } from '../../allocation/planDocument.ts';
import { matchPlan } from '../../allocation/planMatch.ts';
import { bytesText } from '../../base/byteText.ts';
import { QuantscopeError } from '../../base/errors.ts';
import { EXPORTERS } from '../../export/registry.ts';
import { readTextFile } from '../../io/textFile.ts';
import { type ExportFormat, zExportFormat } from '../../protocol/objects.ts';
import { exportModel } from '../exporting.ts';
import { importanceFor } from '../importanceFile.ts';
import type { Command } from './command.ts';
import { ROUNDING_OPTIONS, ROUNDING_USAGE, roundingOption, roundingText } from './roundingOptions.ts';
import { printable } from './text.ts';
import { verifyText } from './verify.ts';

export const exportCommand: Command = {
  name: 'export',
  summary: 'write the quantized model a plan describes',
  positionals: ['FILE|DIR|INDEX.json'],
  usage: ` --plan NAME.quantplan.json --format ${Object.keys(EXPORTERS).join('|')} -o OUT [--imatrix FILE|none]${ROUNDING_USAGE} [--overwrite]`,
  options: {
    plan: { type: 'string' },
    format: { type: 'string' },
    output: { type: 'string', short: 'o' },
    imatrix: { type: 'string' },
    ...ROUNDING_OPTIONS,
    overwrite: { type: 'boolean' },
  },
  async run({ session, positionals: [path = ''], values, signal }) {
    const { plan: planPath, output } = values;
    if (typeof planPath !== 'string') throw new QuantscopeError('USAGE', 'export: --plan is missing');
    if (typeof output !== 'string') throw new QuantscopeError('USAGE', 'export: -o is missing');
    const format = readFormat(values.format);
    const plan = parsePlan(await readTextFile(planPath, MAX_PLAN_CHARACTERS), planPath);
    const model = await session.open(path, signal);
    const warnings = matchPlan(plan, model.checkpoint, planPath);
    const importance = await importanceFor(session, model, values.imatrix, signal);
    const gptq = await roundingOption(session, async () => model, values, 'export');
    const result = await exportModel(
      session,
      model,
      { plan, format, output, overwrite: values.overwrite === true, importance, gptq },
      signal,
    );
    return {
      ok: true,
      json: { ...result, simulated: format === 'safetensors', importance: importance?.name ?? null, warnings },
      text: () =>
        [
          ...warnings.map((warning) => `warning: ${printable(warning)}`),
          `written: ${printable(result.output)}, ${bytesText(result.bytes)}, ${result.bitsPerWeight.toFixed(3)} bits per weight, ${result.seconds.toFixed(1)} s`,
          ...(importance === undefined ? [] : [`columns weighed by ${printable(importance.name)}`]),
          ...(result.rounding === undefined ? [] : [roundingText(result.rounding)]),
          ...(format === 'safetensors'
            ? ['simulated: quantized values stored as BF16, so that any runtime can score them']
            : []),
          verifyText(result.verify),
        ].join('\n'),
    };
  },
};

function readFormat(value: unknown): ExportFormat {
  const parsed = zExportFormat.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new QuantscopeError('USAGE', `export: --format is one of ${zExportFormat.options.join(', ')}`);
}
