// From plan to file: format, destination, preflight, progress, verified result.

import { type ReactNode, useEffect, useState } from 'react';
import { useModel, useSession, useView } from '../../app/context.ts';
import { failureOf } from '../../app/hostFailure.ts';
import { useSavePlan } from '../../app/useSavePlan.ts';
import { useWeighted } from '../../app/useWeighted.ts';
import { bitsPerWeight, bytes } from '../../charts/numberFormat.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { CheckIcon, CrossIcon } from '../../ui/icons.tsx';
import { Empty, Failed, TaskBar } from '../../ui/states.tsx';
import { Button, Checkbox, Dropdown, TextField } from '../../ui/toolkit.tsx';
import { ExportOutcome } from './ExportOutcome.tsx';
import { JobButtons } from './JobButtons.tsx';
import { RoundingChoice } from './RoundingChoice.tsx';

const FORMATS = [
  { value: 'gguf', label: 'GGUF (llama.cpp)' },
  { value: 'safetensors', label: 'safetensors, BF16 (simulated)' },
] as const;

export function ExportView(): ReactNode {
  const session = useSession();
  const summary = useModel((s) => s.summary);
  const solution = useModel((s) => s.solution);
  const task = useModel((s) => s.tasks.export);
  const preflight = useModel((s) => s.preflight);
  const preflightFailure = useModel((s) => s.preflightFailure);
  const exported = useModel((s) => s.exported);
  const format = useView((v) => v.exportFormat);
  const output = useView((v) => v.output);
  const rounding = useView((v) => v.rounding);
  /** The file the user agreed to lose: another destination asks again. */
  const [replaced, setReplaced] = useState('');
  const overwrite = output !== '' && replaced === output;
  const [pickFailure, setPickFailure] = useState('');
  const save = useSavePlan();
  const weighted = useWeighted();

  // Checks follow the plan and the destination; the solver may move both many times a second.
  useEffect(() => {
    if (solution === null || output === '') return;
    void format;
    void rounding;
    const timer = setTimeout(() => void session.checkExport(), 200);
    return () => clearTimeout(timer);
  }, [session, solution, output, format, rounding]);

  if (solution === null || summary === null) {
    return (
      <Empty>
        <p>An export needs a plan, and a plan needs sensitivity: see the budget bar below.</p>
      </Empty>
    );
  }
  const blocked = format === 'gguf' ? summary.ggufBlocker : null;
  const exists = preflight?.checks.some((check) => check.code === 'OUTPUT_EXISTS') ?? false;
  const passed = preflight?.checks.every((check) => check.ok || (overwrite && check.code === 'OUTPUT_EXISTS')) ?? false;
  const running = task.status === 'running';

  async function pick(): Promise<void> {
    try {
      const suggestedName = suggested(summary?.name ?? 'model', solution?.bitsPerWeight ?? 0, format);
      const { path } = await session.client.call('pickOutput', { format, suggestedName });
      if (path !== null) session.view.set({ output: path });
      setPickFailure('');
    } catch (error) {
      setPickFailure(failureOf(error).message);
    }
  }

  return (
    <article data-testid="export">
      <p className="lead number">
        {bytes(solution.bytes)} at {bitsPerWeight(solution.bitsPerWeight)} bits per weight, from{' '}
        {bytes(summary.fileBytes)}.
      </p>
      <div className="form">
        <span className="form-label">Format</span>
        <Dropdown
          label="Format"
          testId="export-format"
          value={format}
          options={FORMATS}
          disabled={running}
          onChange={(value) => session.view.set({ exportFormat: value, output: '' })}
        />
        <span className="form-label">Destination</span>
        <div className="destination">
          <TextField
            label="Destination file"
            testId="export-output"
            value={output}
            placeholder="choose where to write"
            disabled={running}
            onCommit={(value) => session.view.set({ output: value.trim() })}
          />
          <Button testId="export-pick" disabled={running} onClick={() => void pick()}>
            Choose…
          </Button>
        </div>
      </div>
      {pickFailure === '' ? null : <p className="error">{visibleText(pickFailure)}</p>}
      {format === 'safetensors' ? (
        <p className="hint">
          Weights are quantized, read back and stored as BF16, so that any runtime can score the plan: simulated, not
          smaller.
        </p>
      ) : null}
      <p className="hint spaced" data-testid="export-weighted">
        {weighted === null
          ? 'All columns count alike: the model was not calibrated.'
          : `Columns are weighed by the calibration on ${visibleText(weighted)}.`}
      </p>
      <RoundingChoice disabled={running} />
      {blocked === null ? null : (
        <p className="notice warning inline" role="alert">
          {visibleText(blocked)}
        </p>
      )}
      <h3>Checks before running</h3>
      {output === '' ? (
        <p className="hint">Disk, memory and format are checked once a destination is chosen.</p>
      ) : preflightFailure !== null ? (
        <Failed failure={preflightFailure} action={{ label: 'Check again', run: () => void session.checkExport() }} />
      ) : preflight === null ? (
        <p className="hint" role="status">
          Checking…
        </p>
      ) : (
        <ul className="checks" data-testid="preflight">
          {preflight.checks.map((check) => (
            <li key={check.name} className={check.ok ? 'ok' : 'bad'}>
              {check.ok ? <CheckIcon /> : <CrossIcon />}
              <span className="visually-hidden">{check.ok ? 'passed' : 'failed'}</span>
              <strong>{check.name}</strong>
              <span>{visibleText(check.message)}</span>
            </li>
          ))}
        </ul>
      )}
      {exists ? (
        <Checkbox testId="export-overwrite" checked={overwrite} onChange={(on) => setReplaced(on ? output : '')}>
          Replace the existing file
        </Checkbox>
      ) : null}
      <div className="button-row">
        <Button
          appearance="primary"
          testId="export-run"
          disabled={running || !passed || blocked !== null}
          onClick={() => void session.runExport(overwrite && exists)}
        >
          Quantize and verify
        </Button>
        <JobButtons
          disabled={blocked !== null}
          suggestedName={suggested(summary.name, solution.bitsPerWeight, format)}
        />
        <Button testId="export-save-plan" disabled={running} onClick={save.run}>
          Save plan…
        </Button>
        <span className="hint" role="status">
          {save.message}
        </span>
      </div>
      {running ? (
        <TaskBar task={task} title="Exporting" testId="task-export" onCancel={() => session.cancel('export')} />
      ) : null}
      {task.status === 'cancelled' ? (
        <p className="notice inline" role="status" data-testid="export-cancelled">
          Cancelled. No file was left behind.
        </p>
      ) : null}
      {task.failure === null ? null : <Failed failure={task.failure} />}
      {exported === null ? null : <ExportOutcome result={exported} />}
    </article>
  );
}

function suggested(name: string, bits: number, format: 'gguf' | 'safetensors'): string {
  const stem = name.replace(/\.(gguf|safetensors)$/i, '').replaceAll(/[^\w.-]+/g, '-') || 'model';
  return format === 'gguf'
    ? `${stem}-${bits.toFixed(2)}bpw.gguf`
    : `${stem}-simulated-${bits.toFixed(2)}bpw.safetensors`;
}
