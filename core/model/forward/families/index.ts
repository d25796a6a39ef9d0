// Every family that can be run, and the one a model belongs to.

import { QuantscopeError } from '../../../base/errors.ts';
import { arrayAt, shown, textAt } from '../../../base/jsonObject.ts';
import type { Family, ModelHeaders, Network } from '../family.ts';
import { Settings } from '../settings.ts';
import { BERT } from './bert.ts';
import { GEMMA } from './gemma.ts';
import { GPT2 } from './gpt2.ts';
import { GPT_NEOX } from './gptNeox.ts';
import { LLAMA } from './llama.ts';
import { OPT } from './opt.ts';
import { PHI3 } from './phi3.ts';

export const FAMILIES: readonly Family[] = [LLAMA, GEMMA, PHI3, GPT2, GPT_NEOX, OPT, BERT];

/** Names a message shows of those without a place. */
const SHOWN_NAMES = 3;

/** @throws UNSUPPORTED_ARCHITECTURE, HEADER_INVALID naming what is missing */
export function describeNetwork(headers: ModelHeaders): Network {
  const architecture = headers.gguf === null ? modelType(headers) : headers.gguf('general.architecture');
  for (const family of FAMILIES) {
    const names = headers.gguf === null ? Object.values(family.classes) : family.gguf;
    const name = names.find((known) => known === architecture);
    if (name !== undefined) return family.network(new Settings(headers, name), headers);
  }
  const known = FAMILIES.map(({ name }) => name).join(', ');
  throw new QuantscopeError(
    'UNSUPPORTED_ARCHITECTURE',
    `${headers.name}: the architecture ${shown(architecture)} cannot be run; ${known} can${unplacedNames(headers)}`,
  );
}

/** The class is more precise than the type: sequence classifiers share the type and have no logits. */
function modelType({ name, config }: ModelHeaders): unknown {
  if (config === null)
    throw new QuantscopeError(
      'UNSUPPORTED_ARCHITECTURE',
      `${name}: running a model needs config.json beside the weights`,
    );
  const type = textAt(config, 'model_type') ?? undefined;
  const [written] = arrayAt(config, 'architectures');
  if (typeof written !== 'string') return type;
  const family = FAMILIES.find(({ classes }) => Object.hasOwn(classes, written));
  return family?.classes[written] ?? written;
}

function unplacedNames({ unplaced }: ModelHeaders): string {
  if (unplaced.length === 0) return '';
  const names = unplaced.slice(0, SHOWN_NAMES).map(shown).join(', ');
  const rest = unplaced.length > SHOWN_NAMES ? ' and others' : '';
  return `. Without a known place: ${names}${rest} (${unplaced.length} tensors). Statistics need no architecture`;
}
