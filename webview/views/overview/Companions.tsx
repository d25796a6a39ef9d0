// The files beside the weights that belong to the model, each with the one fact worth knowing.

import type { ReactNode } from 'react';
import type { ModelSummary } from '../../../core/protocol/objects.ts';
import { shownName, visibleText } from '../../charts/visibleText.ts';

/** Kinds as people call them; others are shown by their own name. */
const KINDS: Readonly<Record<string, string>> = {
  config: 'configuration',
  generation: 'generation settings',
  tokenizer: 'tokenizer',
  adapter: 'adapter',
  card: 'model card',
};

export function Companions(props: { companions: ModelSummary['companions'] }): ReactNode {
  const { companions } = props;
  if (companions.length === 0) return null;
  return (
    <>
      <h3>Beside the weights</h3>
      <table className="companions" aria-label="Files beside the weights" data-testid="companions">
        <tbody>
          {companions.map(({ name, kind, note }) => (
            <tr key={name}>
              <th scope="row">{shownName(name, 60)}</th>
              <td className="hint">{Object.hasOwn(KINDS, kind) ? KINDS[kind] : visibleText(kind)}</td>
              <td>{visibleText(note)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
