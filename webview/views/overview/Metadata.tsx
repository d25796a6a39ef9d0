// What the file says about itself, key by key.

import type { ReactNode } from 'react';
import type { ModelSummary } from '../../../core/protocol/objects.ts';
import { grouped } from '../../charts/numberFormat.ts';
import { shownName } from '../../charts/visibleText.ts';

export function Metadata(props: { summary: ModelSummary }): ReactNode {
  const { metadata, metadataCount } = props.summary;
  return (
    <>
      <h3>
        Metadata{' '}
        <span className="hint number">
          {grouped(metadataCount)} {metadataCount === 1 ? 'entry' : 'entries'}
        </span>
      </h3>
      {metadata.length === 0 ? (
        <p className="hint">The file carries none.</p>
      ) : (
        <table className="metadata" aria-label="Metadata">
          <tbody>
            {metadata.map(({ key, value }) => (
              <tr key={key}>
                <th scope="row">{shownName(key, 60)}</th>
                <td>{shownName(value, 160)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {metadataCount > metadata.length && metadata.length > 0 ? (
        <p className="hint number">first {metadata.length} shown</p>
      ) : null}
    </>
  );
}
