// Which model this is, in one line, with the provenance of the numbers below.

import type { ReactNode } from 'react';
import { bitsPerWeight, bytes, count, grouped } from '../charts/numberFormat.ts';
import { shownName, visibleText } from '../charts/visibleText.ts';
import { useModel } from './context.ts';

export function Header(): ReactNode {
  const summary = useModel((s) => s.summary);
  const task = useModel((s) => s.tasks.statistics);
  const stale = useModel((s) => s.stale !== null);
  if (summary === null) return null;
  const dtype = summary.dtypes.reduce<(typeof summary.dtypes)[number] | null>(
    (most, d) => (most === null || d.parameters > most.parameters ? d : most),
    null,
  );
  const facts = [
    summary.format,
    summary.architecture ?? 'unknown architecture',
    summary.layers > 0 ? `${grouped(summary.layers)} ${summary.layers === 1 ? 'layer' : 'layers'}` : 'no layers',
    `${grouped(summary.tensorCount)} ${summary.tensorCount === 1 ? 'tensor' : 'tensors'}`,
    ...(summary.files > 1 ? [`${grouped(summary.files)} files`] : []),
  ];
  return (
    <header className="header">
      <h1 title={visibleText(summary.path)}>{shownName(summary.name, 60)}</h1>
      <p className="header-facts">{facts.join(' · ')}</p>
      <dl className="header-figures">
        <div>
          <dt>parameters</dt>
          <dd data-testid="header-parameters">{count(summary.parameters)}</dd>
        </div>
        <div>
          <dt>{dtype === null ? 'stored' : dtype.dtype}</dt>
          <dd data-testid="header-bytes">{bytes(summary.fileBytes)}</dd>
        </div>
        <div>
          <dt>bits/weight</dt>
          <dd data-testid="header-bpw">{bitsPerWeight(summary.bitsPerWeight)}</dd>
        </div>
      </dl>
      <Provenance stale={stale} task={task} />
    </header>
  );
}

function Provenance(props: {
  stale: boolean;
  task: { status: string; provenance: { kind: string; method: string; at: string } | null };
}): ReactNode {
  const { stale, task } = props;
  if (stale)
    return (
      <span className="pill warning" data-testid="provenance">
        stale
      </span>
    );
  if (task.provenance === null)
    return (
      <span className="pill quiet" data-testid="provenance">
        headers only
      </span>
    );
  const { kind, method, at } = task.provenance;
  return (
    <span className="pill" data-testid="provenance" title={`${visibleText(method)}, ${visibleText(at)}`}>
      {kind} · every weight
    </span>
  );
}
