// What is this model: sizes, dtype and role mix, metadata, warnings.

import type { ReactNode } from 'react';
import { useModel } from '../../app/context.ts';
import { MixBar } from '../../charts/MixBar.tsx';
import { bitsPerWeight, bytes, count, grouped, seconds } from '../../charts/numberFormat.ts';
import { shownName, visibleText } from '../../charts/visibleText.ts';
import { WarningIcon } from '../../ui/icons.tsx';

export function OverviewView(): ReactNode {
  const summary = useModel((s) => s.summary);
  const measured = useModel((s) => s.tasks.statistics);
  if (summary === null) return null;
  const mix = (part: { tensors: number; parameters: number; bytes: number }, name: string) => ({
    name,
    tensors: part.tensors,
    parameters: part.parameters,
    bytes: bytes(part.bytes),
  });
  return (
    <article data-testid="overview">
      <dl className="figure-grid large">
        <div>
          <dt>parameters</dt>
          <dd>{count(summary.parameters)}</dd>
        </div>
        <div>
          <dt>tensor data</dt>
          <dd>{bytes(summary.bytes)}</dd>
        </div>
        <div>
          <dt>bits per weight</dt>
          <dd>{bitsPerWeight(summary.bitsPerWeight)}</dd>
        </div>
        <div>
          <dt>tensors</dt>
          <dd>{grouped(summary.tensorCount)}</dd>
        </div>
      </dl>
      {summary.warnings.length === 0 ? null : (
        <section aria-label="Warnings" className="warnings" data-testid="warnings">
          {summary.warnings.map((warning) => (
            <p key={warning} className="notice warning inline">
              <WarningIcon /> {visibleText(warning)}
            </p>
          ))}
        </section>
      )}
      {summary.ggufBlocker === null ? null : (
        <p className="notice inline">GGUF export is not possible: {visibleText(summary.ggufBlocker)}</p>
      )}
      <h3>Stored types</h3>
      <MixBar label="dtype" parts={summary.dtypes.map((d) => mix(d, d.dtype))} />
      <h3>Roles</h3>
      <MixBar label="role" parts={summary.roles.map((r) => mix(r, r.role))} />
      <h3>
        Metadata{' '}
        <span className="hint number">
          {grouped(summary.metadataCount)} {summary.metadataCount === 1 ? 'entry' : 'entries'}
        </span>
      </h3>
      {summary.metadata.length === 0 ? (
        <p className="hint">The file carries none.</p>
      ) : (
        <table className="metadata" aria-label="Metadata">
          <tbody>
            {summary.metadata.map(({ key, value }) => (
              <tr key={key}>
                <th scope="row">{shownName(key, 60)}</th>
                <td>{shownName(value, 160)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {summary.metadataCount > summary.metadata.length && summary.metadata.length > 0 ? (
        <p className="hint number">first {summary.metadata.length} shown</p>
      ) : null}
      <p className="hint number foot-note">
        Opened in {summary.openMs.toFixed(0)} ms from {bytes(summary.bytesRead)} of headers
        {summary.files > 1 ? ` in ${grouped(summary.files)} files` : ''}
        {measured.status === 'done' ? `; every weight measured in ${seconds(measured.seconds)}` : ''}
        {measured.cached > 0
          ? ` (${measured.cached === measured.total ? 'all' : grouped(measured.cached)} from cache)`
          : ''}
        .
      </p>
    </article>
  );
}
