// Which text a model is run on, and how much of it: shared by calibration and by measuring plans.

import { type ReactNode, useState } from 'react';
import { MAX_CONTEXT, MAX_SEQUENCES, type RunSettings, type TextSource } from '../../core/protocol/calibration.ts';
import { shownName, visibleText } from '../charts/visibleText.ts';
import { Button, Dropdown } from '../ui/toolkit.tsx';
import { useSession } from './context.ts';
import { failureOf } from './hostFailure.ts';
import { NumberField } from './NumberField.tsx';

/** Fewer tokens than this predict nothing. */
const MIN_CONTEXT = 8;
const MAX_SEED = 2 ** 31 - 1;

export function RunSettingsForm(props: {
  id: string;
  settings: RunSettings;
  disabled: boolean;
  onChange(settings: RunSettings): void;
}): ReactNode {
  const { id, settings, disabled, onChange } = props;
  const session = useSession();
  const [failure, setFailure] = useState('');
  const { text } = settings;
  // Who goes back to the sample finds the file still in the list.
  const [lastFile, setLastFile] = useState(text.kind === 'file' ? text.path : null);
  const options = [
    { value: 'sample', label: 'Bundled sample' },
    ...(lastFile === null ? [] : [{ value: 'file', label: shownName(baseName(lastFile), 40) }]),
  ];

  function show(kind: string): void {
    if (kind === 'sample') onChange({ ...settings, text: { kind } });
    if (kind === 'file' && lastFile !== null) onChange({ ...settings, text: { kind, path: lastFile } });
  }

  async function pick(): Promise<void> {
    setFailure('');
    try {
      const { path } = await session.client.call('pickFile', { kind: 'text' });
      if (path === null) return;
      setLastFile(path);
      onChange({ ...settings, text: { kind: 'file', path } });
    } catch (error) {
      setFailure(failureOf(error).message);
    }
  }

  const number = (name: 'context' | 'sequences' | 'seed', label: string, least: number, most: number): ReactNode => (
    <NumberField
      label={label}
      testId={`${id}-${name}`}
      value={settings[name]}
      least={least}
      most={most}
      disabled={disabled}
      onChange={(value) => onChange({ ...settings, [name]: value })}
    />
  );

  return (
    <div className="run-settings">
      <span className="form-label">Text</span>
      <div className="destination">
        <Dropdown
          label="Text the model is run on"
          testId={`${id}-text`}
          value={text.kind as string}
          options={options}
          disabled={disabled}
          {...(text.kind === 'file' ? { title: visibleText(text.path) } : {})}
          onChange={show}
        />
        <Button testId={`${id}-pick`} disabled={disabled} onClick={() => void pick()}>
          Choose…
        </Button>
      </div>
      <span className="form-label">Amount</span>
      <div className="run-amount">
        {number('sequences', 'Sequences', 1, MAX_SEQUENCES)}
        <span className="hint" title="sequences of so many tokens">
          ×
        </span>
        {number('context', 'Tokens a sequence', MIN_CONTEXT, MAX_CONTEXT)}
        <span className="hint">tokens, seed</span>
        {number('seed', 'Seed', 0, MAX_SEED)}
      </div>
      {failure === '' ? null : (
        <p className="error" role="alert">
          {visibleText(failure)}
        </p>
      )}
    </div>
  );
}

export function textName(text: TextSource): string {
  return text.kind === 'sample' ? 'bundled sample' : baseName(text.path);
}

export function baseName(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? path;
}
