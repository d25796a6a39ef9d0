// Which model this is, in one line, with the provenance of the numbers below.

import type { ReactNode } from 'react';
import type { Calibration } from '../../core/protocol/calibration.ts';
import { FORMAT_NAMES } from '../../core/protocol/display.ts';
import { bitsPerWeight, bytes, count, grouped } from '../charts/numberFormat.ts';
import { shownName, visibleText } from '../charts/visibleText.ts';
import { useModel, useSession, useView } from './context.ts';

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
    FORMAT_NAMES[summary.format],
    ...(summary.architecture !== null || summary.imatrix === null
      ? [summary.architecture ?? 'unknown architecture']
      : []),
    summary.layers > 0 ? `${grouped(summary.layers)} ${summary.layers === 1 ? 'layer' : 'layers'}` : 'no layers',
    `${grouped(summary.tensorCount)} ${summary.tensorCount === 1 ? 'tensor' : 'tensors'}`,
    ...(summary.files > 1 ? [`${grouped(summary.files)} files`] : []),
  ];
  const size = [dtype === null ? 'stored' : dtype.dtype, bytes(summary.fileBytes), 'bytes'] as const;
  const figures: readonly (readonly [label: string, text: string, id: string])[] =
    summary.imatrix === null
      ? [
          ['parameters', count(summary.parameters), 'parameters'],
          size,
          ['bits/weight', bitsPerWeight(summary.bitsPerWeight), 'bpw'],
        ]
      : [['columns', count(summary.dtypes.reduce((sum, { parameters }) => sum + parameters, 0)), 'columns'], size];
  return (
    <header className="header">
      <h1 title={visibleText(summary.path)}>{shownName(summary.name, 60)}</h1>
      <p className="header-facts">{facts.join(' · ')}</p>
      <dl className="header-figures">
        {figures.map(([label, text, id]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd data-testid={`header-${id}`}>{text}</dd>
          </div>
        ))}
      </dl>
      {summary.imatrix === null ? <CalibrationPill /> : null}
      <Provenance stale={stale} task={task} importance={summary.imatrix !== null} />
    </header>
  );
}

/** What the model was run on, and the way to run it. */
function CalibrationPill(): ReactNode {
  const session = useSession();
  const calibration = useModel((s) => s.calibration);
  const running = useModel((s) => s.tasks.calibration.status === 'running');
  const open = useView((v) => v.inspector === 'calibration');
  const [text, look] = running
    ? ['calibrating…', 'quiet']
    : calibration === null || calibration === undefined
      ? ['Calibrate…', 'quiet']
      : calibration.stale
        ? ['calibration stale', 'warning']
        : [calibrationText(calibration), ''];
  return (
    <button
      type="button"
      className={`pill action ${look}`}
      aria-pressed={open}
      data-testid="open-calibration"
      title={calibration == null ? 'Run the model on text' : visibleText(calibration.provenance.method)}
      onClick={() => session.view.set((v) => ({ inspector: v.inspector === 'calibration' ? 'model' : 'calibration' }))}
    >
      {text}
    </button>
  );
}

function calibrationText({ kind, source, sequences, settings }: Calibration): string {
  const amount = settings === null ? '' : ` · ${grouped(sequences)} × ${grouped(settings.context)}`;
  return `${kind === 'measured' ? 'calibrated' : 'imatrix'} · ${shownName(source, 28)}${amount}`;
}

function Provenance(props: {
  importance: boolean;
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
      {kind} · every {props.importance ? 'column' : 'weight'}
    </span>
  );
}
