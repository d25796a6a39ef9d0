// What is this model: sizes, dtype and role mix, what lies beside the weights, metadata.

import type { ReactNode } from 'react';
import { useModel } from '../../app/context.ts';
import { MixBar } from '../../charts/MixBar.tsx';
import { bitsPerWeight, bytes, count, grouped, seconds } from '../../charts/numberFormat.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { Companions } from './Companions.tsx';
import { Metadata } from './Metadata.tsx';

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
      {summary.ggufBlocker === null ? null : (
        <p className="notice inline">No GGUF export: {visibleText(summary.ggufBlocker)}</p>
      )}
      <h3>Stored types</h3>
      <MixBar label="dtype" parts={summary.dtypes.map((d) => mix(d, d.dtype))} />
      <h3>Roles</h3>
      <MixBar label="role" parts={summary.roles.map((r) => mix(r, r.role))} />
      <Companions companions={summary.companions} />
      <Metadata summary={summary} />
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
