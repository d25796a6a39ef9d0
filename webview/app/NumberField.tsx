// A whole number in a field: taken on Enter or leaving, marked while it is none, set back when left wrong.

import { type ReactNode, useState } from 'react';
import { TextField } from '../ui/toolkit.tsx';
import { parseWhole } from './parseWhole.ts';

export function NumberField(props: {
  label: string;
  testId: string;
  value: number;
  least: number;
  most: number;
  disabled?: boolean;
  onChange(value: number): void;
}): ReactNode {
  const { label, testId, value, least, most, disabled = false, onChange } = props;
  const [text, setText] = useState<string | null>(null);
  const wrong = text !== null && parseWhole(text, least, most) === null;
  return (
    <TextField
      label={`${label}, ${least} to ${most}`}
      testId={testId}
      className={wrong ? 'number-field invalid' : 'number-field'}
      title={`${least} to ${most}`}
      value={text ?? String(value)}
      disabled={disabled}
      onInput={setText}
      onCommit={(entry) => {
        const parsed = parseWhole(entry, least, most);
        if (parsed !== null && parsed !== value) onChange(parsed);
        setText(null);
      }}
    />
  );
}
