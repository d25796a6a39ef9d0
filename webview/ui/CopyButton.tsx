// Puts text on the clipboard and says so; the text is made only when asked for.

import { type ReactNode, useEffect, useState } from 'react';
import { Button } from './toolkit.tsx';

const SAID_MS = 2000;

export function CopyButton(props: { testId: string; children: ReactNode; text(): string }): ReactNode {
  const [outcome, setOutcome] = useState('');
  useEffect(() => {
    if (outcome === '') return;
    const timer = setTimeout(() => setOutcome(''), SAID_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(props.text());
      setOutcome('Copied');
    } catch {
      // The workbench refuses while another window has the focus.
      setOutcome('The clipboard refused');
    }
  }
  return (
    <span className="copy">
      <span className="hint" role="status">
        {outcome}
      </span>
      <Button className="small" testId={props.testId} onClick={() => void copy()}>
        {props.children}
      </Button>
    </span>
  );
}
